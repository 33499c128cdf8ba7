"""A network without its classifier: from a grey image to a feature map."""

from __future__ import annotations

from torch import Tensor, nn

from hilum.errors import RecipeError
from hilum.models.backbones.layout import Layout, as_map, layout_of
from hilum.models.backbones.prune import prune
from hilum.models.backbones.trace import Trace, trace


class Reached(Exception):
    """Carries the features out of a network at the place where it was cut."""

    def __init__(self, features: Tensor) -> None:
        super().__init__()
        self.features = features


class Backbone(nn.Module):
    """Images [batch, 1, rows, columns] → map [batch, width, h, w].

    Every parameter that it holds takes part in the map: what lies behind, as a classifier, is
    removed.

    Attributes:
        name: as :func:`~hilum.models.backbones.build_backbone` knows it.
        net: the network, untrained; the names of places and parameters are those of its modules.
        size: rows and columns that the network was designed for, in pixels.
        width: channels of the map.
        end: how the network lays its features out, before they are turned into a map.
        tokens: whether it works on tokens, as transformers do.
        held: names of the modules that are frozen.
        removed: names of parameters and buffers that the network as published has and this has
            not, as they lie behind its end or its normalisation was replaced. A file of weights
            may hold them.

    Raises:
        RecipeError: the network gives no feature map.
    """

    def __init__(self, name: str, net: nn.Module, *, size: tuple[int, int]) -> None:
        super().__init__()
        self.name = name
        self.net = net
        self.size = size
        self.held: frozenset[str] = frozenset()
        whole = self.trace()
        self.tokens = isinstance(whole.result, Tensor) and whole.result.ndim == 3
        layout = self.layout(whole.result)
        if layout is None:
            raise RecipeError(f"{name} gives no feature map [batch, channels, h, w].")
        self.end = layout
        self.removed = prune(net, whole)

    @property
    def width(self) -> int:
        """Channels of the map."""
        return self.end.width

    def forward(self, image: Tensor) -> Tensor:
        """The map [batch, width, h, w] of images [batch, 1, rows, columns].

        Raises:
            RecipeError: the network does not take images of that size.
        """
        try:
            features = self.features(image)
        except (AssertionError, RuntimeError, ValueError):
            self.check(image.shape[2], image.shape[3])
            raise
        return as_map(features, self.end, image.shape[2], image.shape[3])

    def features(self, image: Tensor) -> Tensor:
        """What the network gives for images, in its own layout."""
        try:
            return self.net.forward_features(image)  # type: ignore[operator]
        except Reached as reached:
            return reached.features

    def trace(self) -> Trace:
        """One pass of an image of the network's own size, without numbers."""
        return trace(self.net, self.features, self.size)

    def layout(self, features: object) -> Layout | None:
        """How features of the network's own size are laid out; None where they are no map."""
        if not isinstance(features, Tensor):
            return None
        prefix = int(getattr(self.net, "num_prefix_tokens", 0) or 0)
        return layout_of(tuple(features.shape), self.size, tokens=self.tokens, prefix=prefix)

    def places(self, seen: Trace | None = None) -> tuple[str, ...]:
        """Names of modules at which it can be cut, in the order of the forward pass.

        These do something, are called once in a pass, and give a map.

        Args:
            seen: its trace, where the caller has one.
        """
        seen = seen or self.trace()
        idle = {n for n, m in self.net.named_modules() if type(m) is nn.Identity}
        once = [n for n, at in seen.entered.items() if n and len(at) == 1 and n not in idle]
        maps = [n for n in once if n in seen.left and self.layout(seen.outputs.get(n))]
        return tuple(sorted(maps, key=seen.left.__getitem__))

    def check(self, rows: int, columns: int) -> None:
        """Refuse images of a size that the network does not take.

        Raises:
            RecipeError: they are too small, or the network takes one size only.
        """
        if self.takes(rows, columns):
            return
        got = f"got {rows} × {columns}"
        if rows % self.step or columns % self.step:
            raise RecipeError(
                f"{self.name} needs images whose rows and columns are multiples of {self.step}, "
                f"{got}."
            )
        smallest = self.smallest_input()
        if min(rows, columns) < smallest < min(self.size):
            raise RecipeError(
                f"{self.name} needs images of {smallest} × {smallest} pixels at least, {got}."
            )
        raise RecipeError(
            f"{self.name} takes images of {self.size[0]} × {self.size[1]} pixels only, {got}."
        )

    def takes(self, rows: int, columns: int) -> bool:
        """Whether images of a size go through."""

        def run(image: Tensor) -> Tensor:
            return as_map(self.features(image), self.end, rows, columns)

        try:
            trace(self.net, run, (rows, columns))
        except (AssertionError, RuntimeError, ValueError):
            return False
        return True

    @property
    def step(self) -> int:
        """What rows and columns must be multiples of: the patches of a transformer on tokens."""
        patch = getattr(getattr(self.net, "patch_embed", None), "patch_size", 1)
        side = patch[0] if isinstance(patch, tuple) else patch
        return int(side) if self.tokens else 1

    def smallest_input(self) -> int:
        """The side of the smallest square image that goes through, in pixels."""
        low, high = 0, min(self.size) // self.step
        while high - low > 1:
            middle = (low + high) // 2
            if self.takes(middle * self.step, middle * self.step):
                high = middle
            else:
                low = middle
        return high * self.step

    def train(self, mode: bool = True) -> Backbone:
        """Training mode, but for what is frozen: that works as in evaluation."""
        super().train(mode)
        for name in self.held:
            self.net.get_submodule(name).training = False
        return self
