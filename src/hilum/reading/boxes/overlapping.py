"""Which boxes overlap, without looking at every pair of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Index = NDArray[np.int64]
Coarse = NDArray[np.floating[Any]]

TILE = 100
"""The plane is cut into about as many tiles as there are boxes on either side, over this."""


def overlapping(first: Floats, second: Floats, over: float) -> tuple[Index, Index, Floats]:
    """Pairs of boxes whose intersection over union exceeds a number.

    The second boxes are sorted into tiles of the plane, and each tile is compared with those first
    boxes alone that reach into it.

    Args:
        first: float64 [a, 4], left, top, right, bottom, with area.
        second: float64 [b, 4], likewise.
        over: in [0, 1).

    Returns:
        Rows of ``first``, rows of ``second``, and their intersection over union; in no order.
    """
    rows: list[Index] = []
    columns: list[Index] = []
    kind = np.float32 if _single_is_enough(first, second, over) else np.float64
    coarse = [_coarse(boxes, over, kind) for boxes in (first, second)]
    side = math.ceil(math.sqrt(1 + math.sqrt(len(first) * len(second)) / TILE))
    for band in _parts(second, np.arange(len(second)), 1, side):
        high = _reaching(first, np.arange(len(first)), second[band], 1)
        for tile in _parts(second, band, 0, side):
            wide = _reaching(first, high, second[tile], 0)
            if len(wide) and len(tile):
                at = _close(coarse[0][:, wide, None], coarse[1][:, None, tile])
                rows.append(wide[at // len(tile)])
                columns.append(tile[at % len(tile)])
    if not rows:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    one, other = np.concatenate(rows), np.concatenate(columns)
    share = iou(first[one].T, second[other].T)
    good = share > over
    return one[good], other[good], share[good]


def iou(one: Floats, other: Floats) -> Floats:
    """Intersection over union of boxes [4, n] side by side."""
    wide = np.minimum(one[2], other[2]) - np.maximum(one[0], other[0])
    high = np.minimum(one[3], other[3]) - np.maximum(one[1], other[1])
    common = np.maximum(wide, 0) * np.maximum(high, 0)
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (one, other)]
    return common / (areas[0] + areas[1] - common)


def apart(boxes: Floats, kinds: Index) -> Floats:
    """Boxes with each kind moved to a place of its own, so that kinds never overlap."""
    if not len(boxes) or not kinds.any():
        return boxes
    left, right = boxes[:, 0].min(), boxes[:, 2].max()
    _, number = np.unique(kinds, return_inverse=True)
    moved = boxes.copy()
    moved[:, ::2] += (number * (right - left + 1) - left)[:, None]
    return moved


def _coarse(boxes: Floats, over: float, kind: type[np.floating[Any]]) -> Coarse:
    """Corners, and what of its area a box brings to what two must share; [5, n].

    A fiftieth less than they must, for what rounds in single precision: what is found is looked at
    again.
    """
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return np.vstack([boxes.T, area * (0.98 * over / (1 + over))]).astype(kind)


def _single_is_enough(first: Floats, second: Floats, over: float) -> bool:
    """Whether corners in single precision tell well enough how much boxes share."""
    if over < 0.1 or not (len(first) and len(second)):
        return False
    low = min(first.min(), second.min())
    high = max(first.max(), second.max())
    least = min((boxes[:, 2:] - boxes[:, :2]).min() for boxes in (first, second))
    return bool(max(abs(low), abs(high)) < 1e4 * least)


def _close(one: Coarse, other: Coarse) -> Index:
    """Pairs of [5, a, 1] and [5, 1, b] that share enough; flat."""
    wide = np.minimum(one[2], other[2])
    wide -= np.maximum(one[0], other[0])
    np.maximum(wide, 0, out=wide)
    high = np.minimum(one[3], other[3])
    high -= np.maximum(one[1], other[1])
    wide *= high
    return np.flatnonzero(wide > one[4] + other[4])


def _parts(boxes: Floats, some: Index, axis: int, count: int) -> list[Index]:
    """Some boxes in equal parts by their middle along an axis."""
    if count == 1:
        return [some]
    middle = boxes[some, axis] + boxes[some, axis + 2]
    return np.array_split(some[np.argsort(middle)], count)


def _reaching(boxes: Floats, some: Index, tile: Floats, axis: int) -> Index:
    """Those of some boxes that reach between the ends of a tile's boxes along an axis."""
    if not len(tile):
        return some[:0]
    low, high = tile[:, axis].min(), tile[:, axis + 2].max()
    return some[(boxes[some, axis] < high) & (boxes[some, axis + 2] > low)]
