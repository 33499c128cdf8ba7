"""FCOS: every place of five levels tells how far the edges of its box are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from torch import Tensor, nn
from torchvision.models.detection.fcos import FCOS

from hilum.models.detection.head import bare
from hilum.models.detection.levels import (
    COUNT,
    STRIDES,
    Anchors,
    Levels,
    inside,
    lost_by_image,
)
from hilum.models.detection.suppression import surest
from hilum.models.detection.targets import Targets

REACH = 2.0
"""Distances to the edges before anything is learnt, in strides of a level."""


class Fcos(Levels):
    """torchvision's FCOS head on a pyramid.

    Args:
        channels: of the maps of :attr:`strides`.
        kinds: how many kinds of boxes.
        width: channels of the pyramid and the head, a multiple of 32.
        size: rows and columns of the images.

    Source:
        Tian et al. 2019, FCOS: fully convolutional one-stage object detection.
    """

    parts = ("classification", "box", "centre")

    def __init__(
        self,
        channels: Sequence[int],
        kinds: int,
        *,
        width: int,
        size: tuple[int, int],
    ) -> None:
        super().__init__(channels, width)
        sides = tuple((STRIDES[0] * 2**level,) for level in range(COUNT))
        self.anchors = Anchors(sides, ((1.0,),) * COUNT)
        self.net = FCOS(bare(width), kinds, anchor_generator=self.anchors)
        # Distances pass a ReLU: begun at zero, half of the places would never learn.
        last = self.net.head.get_submodule("regression_head.bbox_reg")
        nn.init.constant_(cast("Tensor", last.bias), REACH)

    def losses(self, maps: Sequence[Tensor], targets: Targets, size: tuple[int, int]) -> Tensor:
        """Focal loss, generalised IoU loss and how central a place is, a place that has a box."""
        anchors = [self.anchors.on(maps)]
        places = [one.shape[2] * one.shape[3] for one in maps]

        def lose(given: Any, mine: dict[str, Tensor]) -> dict[str, Tensor]:
            return self.net.compute_loss(given, mine, anchors, places)

        return lost_by_image(lose, self.net.head(list(maps)), targets, len(self.parts))

    def candidates(self, maps: Sequence[Tensor], size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """The surest places of each kind; the score is √(kind × central)."""
        raw = self.net.head(list(maps))
        anchors = self.anchors.on(maps)
        boxes = inside(self.net.box_coder.decode(raw["bbox_regression"], anchors), size)
        scores = (raw["cls_logits"].sigmoid() * raw["bbox_ctrness"].sigmoid()).sqrt()
        return surest(boxes.unsqueeze(1), scores.transpose(1, 2))
