"""Candidates → boxes: of those that overlap and are of one kind, the surest stays.

Suppression is an operator of its own with shapes that never change, so that it becomes one
``NonMaxSuppression`` in an ONNX graph (:mod:`hilum.export.detection`).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.ops import nms

MOST = 100
"""Boxes an image that come out, as COCO counts them."""

CANDIDATES = 200
"""Candidates of a kind that are compared with each other, the surest."""

OVERLAP = 0.5
"""Intersection over union above which the less sure of two boxes is left out."""

FLOOR = 0.005
"""Candidates of a score up to this are no boxes."""


@torch.library.custom_op("hilum::kept", mutates_args=())
def kept(boxes: Tensor, scores: Tensor, overlap: float, floor: float) -> Tensor:
    """Which candidates stay.

    Args:
        boxes: float32 [sets, n, 4]; left, top, right, bottom.
        scores: float32 [sets, n].
        overlap: intersection over union, in [0, 1].
        floor: a score.

    Returns:
        float32 [sets, n], 1 where a candidate stays: its score lies above ``floor``, and it
        overlaps no surer one that stays by more than ``overlap``.
    """
    found = torch.zeros_like(scores)
    for at in range(len(scores)):
        sure = torch.nonzero(scores[at] > floor).flatten()
        stays = nms(boxes[at, sure], scores[at, sure], overlap)
        found[at, sure[stays]] = 1.0
    return found


@kept.register_fake
def _(boxes: Tensor, scores: Tensor, overlap: float, floor: float) -> Tensor:
    return torch.empty_like(scores)


def surest(boxes: Tensor, scores: Tensor, most: int = CANDIDATES) -> tuple[Tensor, Tensor]:
    """The candidates of each kind that have the highest scores.

    Args:
        boxes: [batch, kinds, n, 4], or [batch, 1, n, 4] where kinds share them.
        scores: [batch, kinds, n].
        most: how many.

    Returns:
        Boxes [batch, kinds, most, 4] and scores [batch, kinds, most], falling.
    """
    found, at = scores.topk(min(most, scores.shape[2]), dim=2)
    shared = boxes.expand(-1, scores.shape[1], -1, -1)
    return shared.gather(2, at.unsqueeze(3).expand(-1, -1, -1, 4)), found


def suppressed(boxes: Tensor, scores: Tensor) -> Tensor:
    """What a graph gives: [batch, 100, 6], the surest first, rows of zeros where there are fewer.

    Args:
        boxes: [batch, kinds, n, 4]; left, top, right, bottom in pixels of the input.
        scores: [batch, kinds, n], in [0, 1].

    Returns:
        float32: left, top, right, bottom, score, kind.
    """
    count, n = scores.shape[1:]
    stays = kept(boxes.flatten(0, 1), scores.flatten(0, 1), OVERLAP, FLOOR).view(-1, count, n)
    kinds = torch.arange(count, dtype=boxes.dtype, device=boxes.device).view(1, count, 1, 1)
    rows = torch.cat(
        [boxes, (scores * stays).unsqueeze(3), kinds.expand_as(scores.unsqueeze(3))], 3
    ).flatten(1, 2)
    wanted = min(MOST, count * n)
    score, at = rows[:, :, 4].topk(wanted, dim=1)
    chosen = rows.gather(1, at.unsqueeze(2).expand(-1, -1, 6)) * (score > 0).unsqueeze(2)
    return torch.nn.functional.pad(chosen, (0, 0, 0, MOST - wanted))
