"""Faster R-CNN: places worth a look first, then what lies there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.roi_heads import RoIHeads, fastrcnn_loss
from torchvision.models.detection.rpn import (
    RegionProposalNetwork,
    RPNHead,
    concat_box_prediction_layers,
)
from torchvision.ops import MultiScaleRoIAlign, roi_align

from hilum.models.detection.levels import (
    COUNT,
    STRIDES,
    Anchors,
    Levels,
    as_torchvision,
    by_image,
    inside,
)
from hilum.models.detection.retinanet import SHAPES, SIDE
from hilum.models.detection.suppression import kept, surest
from hilum.models.detection.targets import Targets

LOOKED_AT = 100
"""Places an image that are looked at."""

BEFORE = 400
"""Places an image that are compared with each other, the surest."""

APART = 0.7
"""Intersection over union above which the less sure of two places is not looked at."""

POOLED = 7
"""Fields a side of what is seen of a place."""

SAMPLES = 2
"""Samples a side of a field."""

MIDDLE = 112
"""Side in pixels from which a place is looked at on the second level, half of what was published
for pictures of 800 pixels."""

HIDDEN = 256
"""Numbers of the two layers that judge a place."""


class Proposed(NamedTuple):
    """Places worth a look.

    Attributes:
        anchors: [n, 4].
        objectness: logits [B, n].
        moves: [B, n, 4].
    """

    anchors: Tensor
    objectness: Tensor
    moves: Tensor


class FasterRcnn(Levels):
    """torchvision's region proposal network and heads of regions, on a pyramid.

    In a graph every image has the same number of places that are looked at, so that shapes do not
    change; those that were suppressed get the score 0.

    Args:
        channels: of the maps of :attr:`strides`.
        kinds: how many kinds of boxes.
        width: channels of the pyramid.
        size: rows and columns of the images.

    Source:
        Ren et al. 2015, Faster R-CNN; on the levels of Lin et al. 2017.
    """

    parts = ("objectness", "proposal", "classification", "box")

    def __init__(
        self,
        channels: Sequence[int],
        kinds: int,
        *,
        width: int,
        size: tuple[int, int],
    ) -> None:
        super().__init__(channels, width)
        sides = tuple((SIDE * STRIDES[0] * 2**level,) for level in range(COUNT))
        self.anchors = Anchors(sides, (SHAPES,) * COUNT)
        each = self.anchors.num_anchors_per_location()[0]
        most = {"training": BEFORE, "testing": BEFORE}
        looked = {"training": 4 * LOOKED_AT, "testing": 4 * LOOKED_AT}
        self.first = RegionProposalNetwork(
            self.anchors, RPNHead(width, each), 0.7, 0.3, 256, 0.5, most, looked, APART
        )
        names = [str(level) for level in range(len(STRIDES))]
        pool = MultiScaleRoIAlign(names, POOLED, SAMPLES, canonical_scale=MIDDLE)
        judge = TwoMLPHead(width * POOLED**2, HIDDEN)
        says = FastRCNNPredictor(HIDDEN, kinds + 1)
        self.second = RoIHeads(pool, judge, says, 0.5, 0.5, 128, 0.25, None, 0.0, 0.5, LOOKED_AT)

    def losses(self, maps: Sequence[Tensor], targets: Targets, size: tuple[int, int]) -> Tensor:
        """Those of both steps; anchors and places are drawn at random, as published."""
        seen = self._proposed(maps)
        found: list[Tensor | None] = []
        for at, known in enumerate(targets.annotated.tolist()):
            mine = Proposed(seen.anchors, seen.objectness[at : at + 1], seen.moves[at : at + 1])
            levels = [one[at : at + 1] for one in maps]
            given = as_torchvision(targets, at, first=1)
            found.append(self._losses(levels, mine, given, size) if known else None)
        return by_image(found, len(self.parts), seen.objectness)

    def candidates(self, maps: Sequence[Tensor], size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Places of each kind, moved, and their share of the softmax."""
        seen = self._proposed(maps)
        score, at = seen.objectness.sigmoid().topk(min(BEFORE, seen.objectness.shape[1]), dim=1)
        moves = seen.moves.gather(1, at.unsqueeze(2).expand(-1, -1, 4))
        places = self.first.box_coder.decode_single(moves.flatten(0, 1), seen.anchors[at.flatten()])
        places = inside(places, size).view(*at.shape, 4)
        score = score * kept(places, score, APART, 0.0)
        score, at = score.topk(min(LOOKED_AT, score.shape[1]), dim=1)
        places = places.gather(1, at.unsqueeze(2).expand(-1, -1, 4))
        count = places.shape[1]
        flat = places.flatten(0, 1)
        said, moved = self._judged(self._pooled(maps, places))
        boxes = self.second.box_coder.decode_single(moved, flat)
        boxes = inside(boxes.view(-1, count, boxes.shape[1] // 4, 4)[:, :, 1:], size)
        scores = said.softmax(1).view(-1, count, said.shape[1])[:, :, 1:]
        scores = scores * (score > 0).unsqueeze(2)
        return surest(boxes.transpose(1, 2), scores.transpose(1, 2))

    def _proposed(self, maps: Sequence[Tensor]) -> Proposed:
        scores, moves = self.first.head(list(maps))
        flat, moved = concat_box_prediction_layers(scores, moves)
        anchors = self.anchors.on(maps)
        count = len(anchors)
        return Proposed(anchors, flat.float().view(-1, count), moved.float().view(-1, count, 4))

    def _losses(
        self,
        maps: Sequence[Tensor],
        seen: Proposed,
        given: list[dict[str, Tensor]],
        size: tuple[int, int],
    ) -> Tensor:
        """Of one image: [parts]."""
        first, second = self.first, self.second
        labels, matched = first.assign_targets_to_anchors([seen.anchors], given)
        wanted = first.box_coder.encode(matched, [seen.anchors])
        found = first.compute_loss(seen.objectness, seen.moves.flatten(0, 1), labels, wanted)
        places = first.box_coder.decode_single(seen.moves.detach().flatten(0, 1), seen.anchors)
        scores = seen.objectness.detach()
        each = [one.shape[2] * one.shape[3] * len(SHAPES) for one in maps]
        looked, _ = first.filter_proposals(places.unsqueeze(0), scores, [size], each)
        drawn, _, kinds, moves = second.select_training_samples(looked, given)
        levels = {str(level): one.float() for level, one in enumerate(maps)}
        said, moved = self._judged(second.box_roi_pool(levels, drawn, [size]))
        return torch.stack([*found, *fastrcnn_loss(said.float(), moved.float(), kinds, moves)])

    def _judged(self, pooled: Tensor) -> tuple[Tensor, Tensor]:
        return self.second.box_predictor(self.second.box_head(pooled))

    def _pooled(self, maps: Sequence[Tensor], places: Tensor) -> Tensor:
        """What MultiScaleRoIAlign gives, with shapes that do not change.

        Each place is pooled on every level, and its own level is kept.
        """
        batch, count = places.shape[:2]
        image = torch.arange(batch, device=places.device).view(-1, 1, 1).expand(-1, count, 1)
        rows = torch.cat([image.to(places.dtype), places], 2).flatten(0, 1)
        wide, high = (places[..., 2] - places[..., 0]), (places[..., 3] - places[..., 1])
        side = (wide * high).clamp(min=0.0).sqrt().flatten()
        # eq. 1 of Lin et al. 2017, with torchvision's guard against rounding
        level = torch.floor(4 + torch.log2(side / MIDDLE + 1e-8) + 1e-6).clamp(3, 5) - 3
        found = [
            roi_align(one, rows, (POOLED, POOLED), 1 / stride, SAMPLES)
            * (level == at).to(one.dtype).view(-1, 1, 1, 1)
            for at, (one, stride) in enumerate(zip(maps, STRIDES, strict=False))
        ]
        return torch.stack(found).sum(0)
