"""RetinaNet: nine anchors a place on five levels, each scored and moved."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from torch import Tensor, nn
from torchvision.models.detection.retinanet import RetinaNet, RetinaNetHead

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

SIDE = 2.5
"""Sides of the smallest anchor of a level, in its strides. Four, as published, are made for
pictures of 800 pixels; radiographs are read at 300 to 500."""

SHAPES = (0.5, 1.0, 2.0)
"""Height over width of anchors."""

GROUPS = 32
"""Channels are normalised in so many groups, as no batch is large enough for statistics."""


class Retina(Levels):
    """torchvision's RetinaNet head, group normalised, on a pyramid.

    Args:
        channels: of the maps of :attr:`strides`.
        kinds: how many kinds of boxes.
        width: channels of the pyramid and the head, a multiple of 32.
        size: rows and columns of the images.

    Source:
        Lin et al. 2017, Focal loss for dense object detection.
    """

    parts = ("classification", "box")

    def __init__(
        self,
        channels: Sequence[int],
        kinds: int,
        *,
        width: int,
        size: tuple[int, int],
    ) -> None:
        super().__init__(channels, width)
        self.anchors = Anchors(
            tuple(
                tuple(SIDE * STRIDES[0] * 2 ** (level + third / 3) for third in range(3))
                for level in range(COUNT)
            ),
            (SHAPES,) * COUNT,
        )
        each = self.anchors.num_anchors_per_location()[0]
        head = RetinaNetHead(width, each, kinds, norm_layer=partial(nn.GroupNorm, GROUPS))
        self.net = RetinaNet(bare(width), kinds, anchor_generator=self.anchors, head=head)

    def losses(self, maps: Sequence[Tensor], targets: Targets, size: tuple[int, int]) -> Tensor:
        """Focal loss and L1 loss of the moves, an anchor that has a box."""
        anchors = [self.anchors.on(maps)]

        def lose(given: Any, mine: dict[str, Tensor]) -> dict[str, Tensor]:
            return self.net.compute_loss(given, mine, anchors)

        return lost_by_image(lose, self.net.head(list(maps)), targets, len(self.parts))

    def candidates(self, maps: Sequence[Tensor], size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """The surest anchors of each kind, moved."""
        raw = self.net.head(list(maps))
        anchors = self.anchors.on(maps)
        moves = raw["bbox_regression"]
        flat = anchors.expand(moves.shape[0], -1, -1).reshape(-1, 4)
        boxes = self.net.box_coder.decode_single(moves.flatten(0, 1), flat).view(moves.shape)
        scores = raw["cls_logits"].sigmoid().transpose(1, 2)
        return surest(inside(boxes, size).unsqueeze(1), scores)
