"""How far two regions agree: boxes by pairs, regions of many boxes, masks."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.errors import EvaluationError

Overlap = Literal["iou", "iobb"]
"""Intersection over union, or over the area of the predicted box."""


def iou(predicted: ArrayLike, reference: ArrayLike) -> NDArray[np.float64]:
    """Intersection over union of every pair of boxes.

    Args:
        predicted: [predicted, 4], left, top, width, height.
        reference: [boxes, 4], likewise.

    Returns:
        float64 [predicted, boxes] in [0, 1]; 0 where neither has area.

    Source:
        Everingham et al. 2010, The PASCAL Visual Object Classes (VOC) Challenge, eq. 3, without
        its one pixel on both sides: a box here ends where its last pixel does.

    Example:
        >>> iou([[0, 0, 10, 10]], [[5, 0, 10, 10]]).round(3).tolist()
        [[0.333]]
    """
    common, mine, theirs = _pairs(predicted, reference)
    return _over(common, mine[:, None] + theirs[None, :] - common)


def iobb(predicted: ArrayLike, reference: ArrayLike) -> NDArray[np.float64]:
    """Share of every predicted box that lies in a reference box; arguments as :func:`iou`.

    It forgives a box that is too small, which suits coarse heatmaps, and rewards a dot.

    Source:
        Wang et al. 2017, ChestX-ray8, § 4.3: intersection over the detected bounding box.
    """
    common, mine, _ = _pairs(predicted, reference)
    return _over(common, np.broadcast_to(mine[:, None], common.shape))


def hull(boxes: ArrayLike) -> NDArray[np.float64]:
    """The smallest box around several.

    Args:
        boxes: [boxes, 4], left, top, width, height; those without area are left out.

    Returns:
        [4]; zeros where no box has area.
    """
    kept = _with_area(boxes)
    if not len(kept):
        return np.zeros(4)
    low, high = kept[:, :2].min(0), (kept[:, :2] + kept[:, 2:]).max(0)
    return np.concatenate([low, high - low])


def region_iou(mine: ArrayLike, theirs: ArrayLike) -> float:
    """Intersection over union of two regions, each covered by boxes that may overlap.

    Args:
        mine: [boxes, 4], left, top, width, height.
        theirs: the same.

    Returns:
        In [0, 1].

    Raises:
        EvaluationError: neither region has area.
    """
    one, other = _with_area(mine), _with_area(theirs)
    every = np.concatenate([one, other])
    if not len(every):
        raise EvaluationError("neither region has area: their overlap is undefined")
    first, second, cells = _cells(one, other)
    return float(cells[first & second].sum() / cells[first | second].sum())


def area(boxes: ArrayLike) -> float:
    """Area that boxes [boxes, 4] cover together."""
    covered, _, cells = _cells(_with_area(boxes), np.zeros((0, 4)))
    return float(cells[covered].sum())


def dice(mine: NDArray[np.bool_], theirs: NDArray[np.bool_]) -> float | None:
    """Dice of two masks of one shape; None where both are empty."""
    size = int(mine.sum()) + int(theirs.sum())
    return 2 * int((mine & theirs).sum()) / size if size else None


def _pairs(
    predicted: ArrayLike, reference: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Intersections [predicted, boxes], and the areas of both."""
    a, b = (np.asarray(boxes, np.float64).reshape(-1, 4) for boxes in (predicted, reference))
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, :2] + a[:, None, 2:], b[None, :, :2] + b[None, :, 2:])
    return np.clip(high - low, 0, None).prod(-1), a[:, 2:].prod(-1), b[:, 2:].prod(-1)


def _over(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)


def _with_area(boxes: ArrayLike) -> NDArray[np.float64]:
    found = np.asarray(boxes, np.float64).reshape(-1, 4)
    return found[(found[:, 2] > 0) & (found[:, 3] > 0)]


def _cells(
    one: NDArray[np.float64], other: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.float64]]:
    """The plane cut at every edge of any box: cells covered by the one, by the other, and areas.

    Between neighbouring edges every cell lies wholly inside or outside of each box.
    """
    every = np.concatenate([one, other])
    edges = [
        np.unique(np.concatenate([every[:, k], every[:, k] + every[:, k + 2]])) for k in (0, 1)
    ]
    areas = np.diff(edges[1])[:, None] * np.diff(edges[0])[None, :]
    return _covered(one, edges), _covered(other, edges), areas


def _covered(boxes: NDArray[np.float64], edges: list[NDArray[np.float64]]) -> NDArray[np.bool_]:
    middle = [(e[:-1] + e[1:]) / 2 for e in edges]
    covered = np.zeros((len(middle[1]), len(middle[0])), np.bool_)
    for x, y, w, h in boxes:
        across = (middle[0] > x) & (middle[0] < x + w)
        down = (middle[1] > y) & (middle[1] < y + h)
        covered |= down[:, None] & across[None, :]
    return covered
