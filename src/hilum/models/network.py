"""A backbone with a linear head whose evidence can be seen on the picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import timm
import torch
from torch import Tensor, nn

from hilum.errors import RecipeError
from hilum.models import WEIGHTS
from hilum.registry import unknown


class Forward(NamedTuple):
    """Everything that one pass gives.

    Attributes:
        logits: [batch, findings].
        features: [batch, width], the averaged feature map.
        cams: [batch, findings, h, w]; the mean over h and w plus the head's bias is the logit.
    """

    logits: Tensor
    features: Tensor
    cams: Tensor


class Network(nn.Module):
    """Backbone → feature map → average → dropout → linear.

    Args:
        backbone: timm name of a convolutional network; one grey channel in.
        findings: number of outputs.
        dropout: share of features dropped in training, in [0, 1).

    Raises:
        RecipeError: timm knows no such network, or it has no feature map.
    """

    def __init__(self, backbone: str, findings: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.backbone = build_backbone(backbone)
        self.drop = nn.Dropout(dropout)
        self.head = nn.Linear(_width(self.backbone, backbone), findings)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, image: Tensor) -> Tensor:
        """Logits [batch, findings] of images [batch, 1, rows, columns]."""
        return self.head(self.drop(self.map(image).mean((2, 3))))

    def everything(self, image: Tensor) -> Forward:
        """Logits, features and class activation maps (Zhou et al. 2016, eq. 2) in one pass."""
        features = self.map(image)
        cams = torch.einsum("bchw,fc->bfhw", features, self.head.weight)
        pooled = features.mean((2, 3))
        return Forward(self.head(pooled), pooled, cams)

    def upto(self, image: Tensor, cut: str) -> Tensor:
        """What the backbone's module ``cut`` gives for images, without computing what follows."""
        with _hook(self.backbone, cut, _leave), torch.no_grad():
            try:
                self.map(image)
            except _Left as left:
                return left.activation
        raise RecipeError(f"The backbone does not use its module {cut!r}.")

    def beyond(self, activation: Tensor, cut: str) -> Tensor:
        """Logits from what :meth:`upto` gave.

        The modules before ``cut`` see a token image of a few pixels, and their result is put
        aside; this holds for any backbone in which all that follows depends on ``cut`` alone.
        """
        return self.head(self.drop(self.map_beyond(activation, cut).mean((2, 3))))

    def map_beyond(self, activation: Tensor, cut: str) -> Tensor:
        """The feature map [batch, channels, h, w] from what :meth:`upto` gave."""
        token = torch.zeros(1, 1, 32, 32, device=activation.device)
        with _hook(self.backbone, cut, lambda *_: activation):
            return self.map(token)

    def map(self, image: Tensor) -> Tensor:
        """The feature map [batch, channels, h, w] of images."""
        return self.backbone.forward_features(image)  # type: ignore[operator]


class _Left(Exception):
    """Carries an activation out of a forward pass."""

    def __init__(self, activation: Tensor) -> None:
        super().__init__()
        self.activation = activation


def _leave(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
    raise _Left(output)


@contextmanager
def _hook(
    network: nn.Module, name: str, hook: Callable[[nn.Module, object, Tensor], Tensor]
) -> Iterator[None]:
    handle = network.get_submodule(name).register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def build_backbone(name: str) -> nn.Module:
    """A timm network without its classifier, untrained, for one grey channel.

    Raises:
        RecipeError: timm knows no such network.
    """
    if not timm.is_model(name):
        raise RecipeError(unknown("backbone", name, timm.list_models()))
    if name not in WEIGHTS:
        return timm.create_model(name, pretrained=False, in_chans=1, num_classes=0)
    card = WEIGHTS.resolve(name)
    network = timm.create_model(
        name, pretrained=False, in_chans=1, num_classes=0, **card.timm_options
    )
    card.adapt(network)
    return network


def freeze(network: Network, upto: str) -> list[str]:
    """Stop a backbone from learning, from its input up to a named module.

    Frozen parameters get no gradient. Batch normalisation of the whole network keeps the
    statistics that it came with: on few images they are better than what a batch gives.

    Args:
        network: changed in place.
        upto: name of a direct or nested module of the backbone ("blocks.2"), inclusive; "" freezes
            nothing.

    Returns:
        Names of the frozen parameters.

    Raises:
        RecipeError: the backbone has no such module; the message says which it has.
    """
    if not upto:
        return []
    modules = dict(network.backbone.named_modules())
    if upto not in modules:
        raise RecipeError(unknown("module of the backbone", upto, [m for m in modules if m]))
    last = {id(p) for p in modules[upto].parameters()}
    frozen: list[str] = []
    pending: list[tuple[str, nn.Parameter]] = []
    # Parameters are registered in the order of the forward pass in every timm network.
    for name, parameter in network.backbone.named_parameters():
        pending.append((name, parameter))
        if id(parameter) in last:
            for earlier, value in pending:
                value.requires_grad = False
                frozen.append(earlier)
            pending = []
    return frozen


def _width(network: nn.Module, name: str) -> int:
    was_training = network.training
    network.eval()
    with torch.no_grad():
        features = network.forward_features(torch.zeros(1, 1, 96, 96))  # type: ignore[operator]
    network.train(was_training)
    if features.ndim != 4 or not hasattr(network, "num_features"):
        raise RecipeError(f"{name} gives no feature map [batch, channels, h, w]; choose another.")
    return int(features.shape[1])
