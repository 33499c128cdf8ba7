"""Feature pyramid of five levels and their anchors, for torchvision's heads."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelP6P7

from hilum.models.detection.head import BoxHead
from hilum.models.detection.targets import Targets

STRIDES = (8, 16, 32)
"""Of the stages that the pyramid is built on; each of two more levels doubles the last."""

COUNT = len(STRIDES) + 2
"""Levels of the pyramid."""


class Anchors(AnchorGenerator):
    """Anchors around the middle of each place, where torchvision's lie around its corner."""

    def forward(self, image_list: ImageList, feature_maps: list[Tensor]) -> list[Tensor]:
        """Anchors [n, 4] of each image, level by level, place by place."""
        one = self.on(feature_maps)
        return [one] * len(image_list.image_sizes)

    def on(self, maps: Sequence[Tensor]) -> Tensor:
        """Anchors [n, 4] on maps of the pyramid's levels, in pixels of the input."""
        found: list[Tensor] = []
        for level, (one, base) in enumerate(zip(maps, self.cell_anchors, strict=True)):
            h, w = one.shape[2:]
            stride = STRIDES[0] * 2**level
            x = (torch.arange(w, device=one.device) + 0.5) * stride
            y = (torch.arange(h, device=one.device) + 0.5) * stride
            down, across = torch.meshgrid(y, x, indexing="ij")
            middle = torch.stack([across, down, across, down], 2).view(-1, 1, 4)
            found.append((middle + base.to(one.device).view(1, -1, 4)).reshape(-1, 4))
        return torch.cat(found)


class Levels(BoxHead):
    """What torchvision's heads have in common: maps of five levels, losses image by image.

    Args:
        channels: of the maps of strides 8, 16 and 32.
        width: channels of the pyramid.

    Source:
        Lin et al. 2017, Feature pyramid networks for object detection.
    """

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()
        self.strides, self.width = STRIDES, width
        self.pyramid = FeaturePyramidNetwork(
            list(channels), width, extra_blocks=LastLevelP6P7(width, width)
        )

    @staticmethod
    def strides_for(size: tuple[int, int]) -> tuple[int, ...]:
        """Strides of the maps that it wants, whatever the size of the images."""
        return STRIDES

    def merged(self, maps: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Five levels; two of them coarser than the last stage."""
        return tuple(self.pyramid(OrderedDict(zip("012", maps, strict=True))).values())


def as_torchvision(targets: Targets, image: int, *, first: int = 0) -> list[dict[str, Tensor]]:
    """Targets of one image as torchvision takes them.

    Args:
        targets: of a batch.
        image: position in it.
        first: label of the first kind.
    """
    boxes, kinds = targets.of(image)
    return [{"boxes": boxes.float(), "labels": kinds + first}]


def by_image(losses: Sequence[Tensor | None], parts: int, like: Tensor) -> Tensor:
    """Losses [B, parts] of images; 0 where there are none."""
    nothing = like.float().sum() * 0.0 if like.numel() else like.new_zeros(())
    filled = [nothing.abs().expand(parts) if one is None else one.float() for one in losses]
    return torch.stack(filled)


def lost_by_image(
    lose: Callable[[Any, dict[str, Tensor]], dict[str, Tensor]],
    raw: dict[str, Tensor],
    targets: Targets,
    parts: int,
) -> Tensor:
    """Losses [B, parts] of a head of torchvision's, an image at a time; 0 where none looked.

    Args:
        lose: targets as torchvision has them, and outputs of one image → losses by name.
        raw: outputs of the head, [B, …], with "cls_logits".
        targets: of all images.
        parts: how many losses there are.
    """
    found: list[Tensor | None] = []
    for at, known in enumerate(targets.annotated.tolist()):
        mine = {name: one[at : at + 1].float() for name, one in raw.items()}
        lost = lose(as_torchvision(targets, at), mine) if known else None
        found.append(None if lost is None else torch.stack(list(lost.values())))
    return by_image(found, parts, raw["cls_logits"])


def inside(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Boxes [..., 4] cut at the edge of the picture."""
    high, wide = size
    return torch.minimum(boxes.clamp(min=0.0), boxes.new_tensor([wide, high, wide, high]))
