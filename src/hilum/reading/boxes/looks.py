"""Boxes of several looks at one radiograph made one; each look may show a part of it alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.domain import Affine
from hilum.reading.boxes.fusion import Fused, fuse
from hilum.transforms.preprocess import Part

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Look = tuple[NDArray[np.float32], Affine]
"""Boxes [most, 6] as a graph gives them, and the map from its input to the radiograph."""

EDGE = 0.01
"""A box that ends so close to the edge of its window, as a share of its side, touches it."""

INWARD = np.array([1, 1, -1, -1])
"""Which way left, top, right and bottom move when a box shrinks."""

PIECE = 0.5
"""A box of which at least so much lies in another may be a piece of that."""


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    """What all looks drew, on the radiograph's pixels; [n, 4] are left, top, right, bottom."""

    boxes: Floats
    scores: Floats
    kinds: Floats
    looks: NDArray[np.int64]

    def of(self, rows: Flags) -> _Drawn:
        return _Drawn(self.boxes[rows], self.scores[rows], self.kinds[rows], self.looks[rows])


def together(looks: Sequence[Look], size: tuple[int, int], shown: Part) -> Look:
    """Fuse the boxes of several looks by equal weights; one look stays as it is.

    What a window cuts is left out where another look drew it whole. The score of a fused box is the
    mean over the looks whose window holds its middle and did not cut it: where a look does not
    show a place, it says nothing of it.

    Args:
        looks: one or more.
        size: (rows, columns) of the graph's input.
        shown: left, top, width and height of what was shown of the radiograph, on its pixels. A
            window's edge that lies inside of it cuts.

    Returns:
        Boxes on the radiograph, the surest first, and the map that changes nothing. No score is
        higher than the mean of those that it was made of.
    """
    if len(looks) == 1:
        return looks[0]
    windows = np.stack([_box(place, [0, 0, size[1], size[0]]) for _, place in looks])
    drawn = _on_radiograph(looks)
    pieces = _pieces(drawn, windows, shown)
    whole, cut = drawn.of(~pieces), drawn.of(pieces)
    fused = fuse(
        whole.boxes,
        whole.scores,
        whole.kinds,
        whole.looks,
        weights=[1.0] * len(looks),  # a look without a box counts as well
    )
    scores = fused.scores * len(looks) / _counting(fused, windows, cut)
    order = np.argsort(-scores, kind="stable")
    rows = np.column_stack([fused.boxes, scores.clip(0, 1), fused.kinds])[order]
    return rows.astype(np.float32), Affine()


def _counting(fused: Fused, windows: Floats, cut: _Drawn) -> NDArray[np.int64]:
    """How many looks could have drawn each fused box whole; no fewer than drew it."""
    middle = (fused.boxes[:, :2] + fused.boxes[:, 2:]) / 2
    low, high = windows[:, None, :2], windows[:, None, 2:]
    holds = np.all((middle >= low) & (middle <= high), axis=2)  # [looks, fused]
    of = (_covered(cut.boxes, fused.boxes) >= PIECE) & (cut.kinds[:, None] == fused.kinds)
    at, box = np.nonzero(of)
    holds[cut.looks[at], box] = False
    return np.maximum(holds.sum(0), np.minimum(fused.members, len(windows)))


def _pieces(drawn: _Drawn, windows: Floats, shown: Part) -> Flags:
    """Which boxes a window cut, while another look drew the whole."""
    left, top, wide, high = shown
    ends = np.array([left, top, left + wide, top + high], np.float64)
    near = np.tile(EDGE * (windows[:, 2:] - windows[:, :2]), 2)
    inner = INWARD * (windows - ends) > near  # edges that cut
    own, span = windows[drawn.looks], near[drawn.looks]
    out = -INWARD * (drawn.boxes - own)  # how far a box goes beyond its window
    touches = ((out >= -span) & inner[drawn.looks]).any(axis=1)
    at, whole = np.flatnonzero(touches), np.flatnonzero(~touches)
    of = _covered(drawn.boxes[at], drawn.boxes[whole]) >= PIECE
    of &= drawn.kinds[at][:, None] == drawn.kinds[whole]
    of &= drawn.looks[at][:, None] != drawn.looks[whole]
    pieces = np.zeros(len(drawn.boxes), np.bool_)
    pieces[at[of.any(axis=1)]] = True
    return pieces


def _covered(boxes: Floats, by: Floats) -> Floats:
    """Share of each box that lies in each other, [boxes, by]."""
    low = np.maximum(boxes[:, None, :2], by[:, :2])
    high = np.minimum(boxes[:, None, 2:], by[:, 2:])
    return (high - low).clip(0).prod(2) / (boxes[:, 2:] - boxes[:, :2]).prod(1)[:, None]


def _on_radiograph(looks: Sequence[Look]) -> _Drawn:
    """What the looks drew, without rows that fill up."""
    boxes = [_box(place, rows[:, :4]) for rows, place in looks]
    said = np.concatenate([rows[:, 4:6] for rows, _ in looks]).astype(np.float64)
    at = np.repeat(np.arange(len(looks)), [len(rows) for rows, _ in looks])
    given = np.concatenate(boxes)
    kept = (said[:, 0] > 0) & (given[:, 2:] > given[:, :2]).all(1)
    return _Drawn(given, said[:, 0], said[:, 1], at).of(kept)


def _box(place: Affine, boxes: ArrayLike) -> Floats:
    """The smallest upright boxes around boxes [..., 4] that are moved."""
    corners = np.asarray(boxes, np.float64)[..., [0, 1, 2, 1, 2, 3, 0, 3]]
    ends = place(corners.reshape(*corners.shape[:-1], 4, 2))
    return np.concatenate([ends.min(-2), ends.max(-2)], axis=-1)
