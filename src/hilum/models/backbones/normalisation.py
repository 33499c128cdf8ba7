"""Other normalisation in the place of a backbone's own."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hilum.errors import RecipeError
from hilum.models.backbones.backbone import Backbone

KINDS = ("batch", "group", "instance", "layer", "none")
Norm = nn.BatchNorm2d | nn.GroupNorm | nn.InstanceNorm2d | nn.LayerNorm

GROUPS = 32
"""Groups of group normalisation at most (Wu & He 2018, section 4.1)."""
FEWEST = 4
"""Channels a group at least: with one, it would be instance normalisation."""


def replace_normalisation(backbone: Backbone, kind: str) -> list[str]:
    """Put another normalisation in the place of every one that a backbone has.

    Scale and offset of each channel are carried over, and an activation that timm joins to a
    normalisation stays. What each kind takes mean and variance over:

    - "batch": the images of a batch, a channel at a time (Ioffe & Szegedy 2015)
    - "group": groups of channels of one image; at most 32 groups of at least 4 (Wu & He 2018)
    - "instance": one channel of one image (Ulyanov et al. 2016)
    - "layer": all channels and places of one image: group normalisation with one group
    - "none": nothing. Scale and offset stay, those of batch normalisation joined with its
      statistics, so that the network computes what it computed in evaluation.

    Args:
        backbone: changed in place.
        kind: one of the five.

    Returns:
        Names of the modules replaced.

    Raises:
        RecipeError: the kind is unknown, or the backbone has no normalisation, one of a kind of its
            own, or one that works on tokens.
    """
    if kind not in KINDS:
        raise RecipeError(f"Unknown normalisation {kind!r}; known: {', '.join(KINDS)}.")
    net = backbone.net
    norms = {n: m for n, m in net.named_modules() if isinstance(m, Norm)}
    others = [n for n, m in net.named_modules() if _looks_like_one(m)]
    if others or not norms:
        what = f"normalisation of a kind of its own ({others[0]})" if others else "none"
        raise RecipeError(
            f"normalisation = {kind!r} cannot be: {backbone.name} has {what}. Leave it out."
        )
    channels_last = _channels_last(backbone, norms)
    before = set(net.state_dict())
    for name, norm in norms.items():
        if kind == "batch" and isinstance(norm, nn.BatchNorm2d):
            continue
        new = _replacement(norm, kind)
        new.channels_last = name in channels_last
        parent, _, child = name.rpartition(".")
        setattr(net.get_submodule(parent), child, new.train(norm.training))
    backbone.removed |= before - set(net.state_dict())
    return list(norms)


class _Around(nn.Module):
    """What timm joins to a normalisation, and the order of dimensions."""

    channels_last = False
    drop: nn.Module
    act: nn.Module

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (torch's name)
        if not self.channels_last:
            return self.act(self.drop(super().forward(input)))
        first = input.permute(0, 3, 1, 2)
        return self.act(self.drop(super().forward(first))).permute(0, 2, 3, 1)


class _Scale(nn.Module):
    """A factor and an offset for each channel of a map [batch, channels, h, w]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (torch's name)
        return input * self.weight[:, None, None] + self.bias[:, None, None]


class BatchNorm(_Around, nn.BatchNorm2d):
    """Batch normalisation, then what was joined to it."""


class GroupNorm(_Around, nn.GroupNorm):
    """Group normalisation, then what was joined to it."""


class Scale(_Around, _Scale):
    """No normalisation, only scale and offset, then what was joined to it."""


def _replacement(old: Norm, kind: str) -> BatchNorm | GroupNorm | Scale:
    scale = old.weight if old.weight is not None else torch.ones(_width(old))
    offset = old.bias if old.bias is not None else torch.zeros(_width(old))
    width = len(scale)
    new: BatchNorm | GroupNorm | Scale
    if kind == "batch":
        new = BatchNorm(width)
    elif kind == "none":
        new = Scale(width)
        if isinstance(old, nn.BatchNorm2d) and old.running_var is not None:
            assert old.running_mean is not None
            scale = scale / torch.sqrt(old.running_var + old.eps)
            offset = offset - old.running_mean * scale
    else:
        new = GroupNorm({"layer": 1, "instance": width, "group": groups(width)}[kind], width)
    with torch.no_grad():
        new.weight.copy_(scale)
        new.bias.copy_(offset)
    new.drop = getattr(old, "drop", nn.Identity())
    new.act = getattr(old, "act", nn.Identity())
    return new


def groups(width: int) -> int:
    """How many groups group normalisation makes of so many channels."""
    most = min(GROUPS, max(1, width // FEWEST))
    return next(n for n in range(most, 0, -1) if width % n == 0)


def _width(norm: Norm) -> int:
    if isinstance(norm, nn.LayerNorm):
        return norm.normalized_shape[-1]
    return norm.num_channels if isinstance(norm, nn.GroupNorm) else norm.num_features


def _channels_last(backbone: Backbone, norms: dict[str, Norm]) -> set[str]:
    """Names of those whose input ends with the channels; raises where it is no map."""
    outputs = backbone.trace().outputs
    last: set[str] = set()
    for name, norm in norms.items():
        layout = None if backbone.tokens else backbone.layout(outputs.get(name))
        if layout is None or layout.width != _width(norm):
            raise RecipeError(
                f"normalisation cannot be replaced in {backbone.name}: {name} works on tokens, "
                f"not on a map. Leave it out, or choose a convolutional network."
            )
        if layout.kind == "channels-last":
            last.add(name)
    return last


def _looks_like_one(module: nn.Module) -> bool:
    named = "norm" in type(module).__name__.lower() and not isinstance(module, Norm)
    return named and bool(list(module.parameters(recurse=False)))
