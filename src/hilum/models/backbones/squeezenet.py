"""SqueezeNet 1.0 and 1.1 (Iandola et al. 2016), features only, from torchvision."""

from __future__ import annotations

from typing import Any

import torchvision
from torch import Tensor, nn


class SqueezeNet(nn.Module):
    """Fire modules 2 to 9 with their stem; names as torchvision's, ``features.0`` to ``.12``.

    Args:
        version: "1_0", stem of 7 × 7, or "1_1", stem of 3 × 3 and earlier pooling.
    """

    def __init__(self, version: str) -> None:
        super().__init__()
        features = torchvision.models.SqueezeNet(version).features
        colour: Any = features[0]
        features[0] = nn.Conv2d(1, colour.out_channels, colour.kernel_size, colour.stride)
        self.features = features

    def forward_features(self, image: Tensor) -> Tensor:
        """The map [batch, 512, h, w] of images [batch, 1, rows, columns]."""
        return self.features(image)

    def group_matcher(self, *, coarse: bool = False) -> dict[str, Any]:
        """How parameters fall into layers, as timm's networks say it: a Fire module each."""
        del coarse
        return {"stem": r"^features\.0", "blocks": r"^features\.(\d+)"}


def squeezenet1_0() -> SqueezeNet:
    """SqueezeNet 1.0."""
    return SqueezeNet("1_0")


def squeezenet1_1() -> SqueezeNet:
    """SqueezeNet 1.1."""
    return SqueezeNet("1_1")
