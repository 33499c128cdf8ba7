"""Whether a graph draws the boxes that the network draws."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.ops import box_iou

from hilum.export.graph import TOLERANCE
from hilum.models.detection.suppression import FLOOR, MOST, OVERLAP

Floats = NDArray[np.float32]


def candidates_apart(mine: Sequence[Floats], theirs: Sequence[Floats], side: float) -> float:
    """Largest difference of candidates: places as shares of the picture's side, scores as they are.

    Candidates whose scores are equal but for rounding may stand in another order, so each is
    compared with the nearest one of its kind and image.

    Args:
        mine: candidates [B, kinds, n, 4] and scores [B, kinds, n] of the network.
        theirs: likewise, of the graph.
        side: rows or columns of the input, the more.
    """
    worst = 0.0
    flat = [one.reshape(-1, *one.shape[2:]) for one in (*mine, *theirs)]
    for boxes, scores, its_boxes, its_scores in zip(*flat, strict=True):
        worst = max(worst, float(np.abs(scores - its_scores).max()))  # both fall
        # Those at the end may have lost their places to others that are as sure.
        counted = scores > max(FLOOR, float(scores.min())) + TOLERANCE
        apart = _apart(boxes[counted], scores[counted], its_boxes, its_scores, side)
        worst = max(worst, float(apart.min(1).max(initial=0.0)))
    return worst


def suppression_apart(drawn: Floats, boxes: Floats, scores: Floats, side: float) -> float:
    """How far what a graph draws lies from what suppression of its own candidates may be.

    Two that are equally sure, or overlap by just the limit, may be told apart either way, so not
    one result is right but every one that keeps the rules: boxes are candidates, the surest first;
    those of one kind do not overlap; and what is not drawn overlaps something surer that is.

    Args:
        drawn: [B, most, 6].
        boxes: candidates [B, kinds, n, 4].
        scores: of the candidates [B, kinds, n].
        side: rows or columns of the input, the more.

    Returns:
        The largest amount by which a rule is broken, as a share of the side, of a score or of an
        overlap.
    """
    worst = 0.0
    for rows, its_boxes, its_scores in zip(drawn, boxes, scores, strict=True):
        shown = rows[rows[:, 4] > 0]
        worst = max(worst, float(np.diff(rows[:, 4]).max(initial=0.0)))
        enough = shown[-1, 4] if len(shown) == MOST else FLOOR
        for kind, (places, sure) in enumerate(zip(its_boxes, its_scores, strict=True)):
            of = shown[shown[:, 5] == kind]
            apart = _apart(of[:, :4], of[:, 4], places, sure, side)
            worst = max(worst, float(apart.min(1).max(initial=0.0)))
            each_other = _overlap(of[:, :4], of[:, :4]) - np.eye(len(of))
            worst = max(worst, float((each_other - OVERLAP).max(initial=0.0)))
            counted = sure > enough + TOLERANCE
            if counted.any():
                excused = _excused(of, places[counted], sure[counted], side)
                worst = max(worst, float(excused.max()))
    return worst


def _excused(of: Floats, places: Floats, sure: Floats, side: float) -> NDArray[np.float64]:
    """How far each candidate is from being drawn or overlapped by what is surer, [n]."""
    missing = np.ones(len(places))
    if not len(of):
        return missing
    drawn = _apart(places, sure, of[:, :4], of[:, 4], side).min(1)
    surer = of[None, :, 4] >= sure[:, None] - TOLERANCE
    under = np.where(surer, OVERLAP - _overlap(places, of[:, :4]), 1.0).min(1)
    return np.minimum(np.minimum(missing, drawn), np.maximum(under, 0.0))


def _apart(
    boxes: Floats, scores: Floats, others: Floats, their_scores: Floats, side: float
) -> NDArray[np.float64]:
    """Every box against every other: the larger of both differences, [n, m]."""
    place = np.abs(boxes[:, None] - others).max(2, initial=0.0) / side
    return np.maximum(place, np.abs(scores[:, None] - their_scores)).astype(np.float64)


def _overlap(boxes: Floats, others: Floats) -> NDArray[np.float64]:
    found = box_iou(torch.from_numpy(boxes.copy()), torch.from_numpy(others.copy()))
    return found.numpy().astype(np.float64)
