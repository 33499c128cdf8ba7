"""A network that draws: maps of structures from the stages of a backbone.

The decoder is a feature pyramid (Lin et al. 2017): from the coarsest stage down, each stage is
brought to one width by a 1 × 1 convolution, the coarser sum is enlarged and added, and a
depthwise-separable 3 × 3 convolution smooths. Group normalisation (Wu & He 2018) keeps no
statistics of a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from hilum.errors import RecipeError
from hilum.models.backbones import Backbone

GROUPS = 8
"""Channels are normalised in so many groups."""

HALVED = 2
"""Maps have so many times fewer rows and columns than the input."""

RARE = 1e-3
"""Smallest share of a picture that a structure is taken to cover before anything is learnt."""


class Segmenter(nn.Module):
    """Backbone → feature pyramid → one map of logits a structure, at half the input's size.

    Args:
        backbone: one of timm's convolutional networks, whole or cut; it gives the coarsest map,
            and its stages before that the finer ones.
        structures: names of the maps.
        width: channels of the pyramid, a multiple of 8.

    Raises:
        RecipeError: the backbone gives no maps of its stages, or begins at another stride than 2.
    """

    def __init__(self, backbone: Backbone, structures: Sequence[str], *, width: int = 64) -> None:
        super().__init__()
        if width % GROUPS:
            raise RecipeError(f"the decoder's width is a multiple of {GROUPS}, got {width}")
        self.structures = tuple(structures)
        self.backbone = backbone
        self.stages, channels = stages_of(backbone)
        self.head = Pyramid((*channels, backbone.width), len(self.structures), width)

    def forward(self, image: Tensor) -> Tensor:
        """Logits [B, structures, rows / 2, columns / 2] of images [B, 1, rows, columns].

        Rows and columns are even.
        """
        found: dict[str, Tensor] = {}

        def put(name: str) -> Any:
            def hook(_module: nn.Module, _inputs: object, output: Tensor) -> None:
                found[name] = output

            return hook

        hooks = [
            self.backbone.net.get_submodule(name).register_forward_hook(put(name))
            for name in self.stages
        ]
        try:
            end = self.backbone(image)
        finally:
            for one in hooks:
                one.remove()
        return self.head([*(found[name] for name in self.stages), end])

    def start(self, areas: NDArray[np.float32], mask: NDArray[np.bool_]) -> None:
        """Let the untrained decoder give every pixel the share that a structure covers.

        Args:
            areas: share of each picture that a structure covers, [rows, structures].
            mask: where it was drawn at all, [rows, structures].
        """
        share = (areas * mask).sum(0) / np.maximum(mask.sum(0), 1)
        share = np.clip(share, RARE, 1 - RARE).astype(np.float32)
        self.head.start(torch.from_numpy(np.log(share / (1 - share))))


class Merging(nn.Module):
    """Maps of several sizes → one map of the size of the finest.

    Args:
        channels: of the maps, the finest first.
        width: channels of the map that comes out, a multiple of 8.
    """

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(n, width, 1) for n in channels)
        self.context = nn.ModuleList(
            separable(width, dilation=step) for step in (1, 2, 4)
        )  # the coarsest map sees the whole picture
        self.smooth = nn.ModuleList(separable(width) for _ in channels)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """[B, width, h, w] of maps [B, channels, h, w], the finest first."""
        down = self.lateral[-1](maps[-1])
        for block in self.context:
            down = down + block(down)
        down = down + down.mean((2, 3), keepdim=True)
        down = self.smooth[-1](down)
        for at in range(len(maps) - 2, -1, -1):
            larger = functional.interpolate(
                down, size=maps[at].shape[2:], mode="bilinear", align_corners=False
            )
            down = self.smooth[at](larger + self.lateral[at](maps[at]))
        return down


class Pyramid(Merging):
    """Maps of several sizes → one map a structure, of the size of the finest.

    Args:
        channels: of the maps, the finest first.
        structures: number of maps that come out.
        width: channels within.
    """

    def __init__(self, channels: Sequence[int], structures: int, width: int) -> None:
        super().__init__(channels, width)
        self.last = nn.Conv2d(width, structures, 1)
        nn.init.zeros_(self.last.weight)
        nn.init.constant_(cast("Tensor", self.last.bias), -1.0)  # mostly background

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Logits [B, structures, h, w] of maps [B, channels, h, w], the finest first."""
        return self.last(super().forward(maps))

    @torch.no_grad()
    def start(self, bias: Tensor) -> None:
        """Begin with given log-odds [structures] everywhere."""
        self.last.weight.zero_()
        cast("Tensor", self.last.bias).copy_(bias)


def stages_of(backbone: Backbone) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Modules of a backbone that end its stages, the finest first, and their channels.

    The stage of the backbone's own end is not among them.

    Raises:
        RecipeError: the network does not tell its stages, or begins at another stride than 2.
    """
    info = getattr(backbone.net, "feature_info", None)
    rows: list[dict[str, Any]] = list(getattr(info, "info", info) or ())
    seen = backbone.trace()
    places = set(backbone.places(seen))
    shapes = {row["module"]: seen.outputs.get(row["module"]) for row in rows}
    if backbone.end.kind != "map" or not rows:
        raise RecipeError(
            f"{backbone.name} gives no maps of its stages; choose a convolutional network of timm."
        )
    result = seen.result
    assert isinstance(result, Tensor)
    finer = [
        row
        for row in rows
        if row["module"] in places and _high(shapes[row["module"]]) > int(result.shape[2])
    ]
    if not finer:
        raise RecipeError(
            f"{backbone.name} ends before its second stage; cut it later (model.cut)."
        )
    if finer[0]["reduction"] != HALVED:
        raise RecipeError(
            f"{backbone.name} begins at a stride of {finer[0]['reduction']}; {HALVED} is needed "
            f"for maps of half the input's size."
        )
    return tuple(row["module"] for row in finer), tuple(int(row["num_chs"]) for row in finer)


def _high(output: object) -> int:
    return int(output.shape[2]) if isinstance(output, Tensor) else 0


def separable(width: int, *, dilation: int = 1) -> nn.Sequential:
    """A depthwise 3 × 3 and a 1 × 1 convolution, group normalisation, ReLU."""
    return nn.Sequential(
        nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation, groups=width, bias=False),
        nn.Conv2d(width, width, 1, bias=False),
        nn.GroupNorm(GROUPS, width),
        nn.ReLU(),
    )
