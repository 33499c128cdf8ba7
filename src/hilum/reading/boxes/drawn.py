"""Boxes that a graph draws → boxes on the stored picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.bundles import Card
from hilum.domain import Affine, FoundBox, Radiograph
from hilum.errors import InvalidCard

ROUNDING = 1e-5
"""How far a score may lie above 1."""


def drawn(
    card: Card, boxes: NDArray[np.float32], to_radiograph: Affine, radiograph: Radiograph
) -> tuple[FoundBox, ...]:
    """Boxes of one picture, as a graph gives them, on the pixels of the stored picture.

    Args:
        card: of the bundle; its kinds of boxes have a threshold each, below which none is shown.
        boxes: float32 [most, 6], finite: left, top, right, bottom in pixels of the graph's input,
            score, number of the kind; rows of score 0 fill up.
        to_radiograph: from points of the graph's input to points of the radiograph.
        radiograph: that was looked at.

    Returns:
        The surest first; cut at the edge of the picture, and left out where nothing lies inside.

    Raises:
        InvalidCard: a score lies above 1, or a kind is none of the card's.
    """
    rows = boxes[boxes[:, 4] > 0].astype(np.float64)
    _check(card, rows)
    rows = rows[np.argsort(-rows[:, 4], kind="stable")]
    high, wide = radiograph.shape
    found: list[FoundBox] = []
    for left, top, right, bottom, score, number in rows.tolist():
        kind = card.boxes[int(number)]
        if score < kind.threshold or not (right > left and bottom > top):
            continue
        inside = _within([(left, top), (right, bottom)], to_radiograph, (high, wide))
        low, far = _within(inside, radiograph.source.to_source, radiograph.source.shape)
        if (far > low).all():
            x, y, w, h = (*low.tolist(), *(far - low).tolist())
            found.append(FoundBox(kind.key, min(score, 1.0), (x, y, w, h), "detector"))
    return tuple(found)


def _within(corners: ArrayLike, place: Affine, shape: tuple[int, int]) -> NDArray[np.float64]:
    """The smallest upright box around a box moved to a picture, cut there: two corners [2, 2]."""
    (left, top), (right, bottom) = np.asarray(corners, np.float64).tolist()
    moved = place([(left, top), (right, top), (right, bottom), (left, bottom)])
    rows, columns = shape
    return np.clip([moved.min(0), moved.max(0)], 0, (columns, rows))


def _check(card: Card, rows: NDArray[np.float64]) -> None:
    """Refuse what no graph of this card gives."""
    number = rows[:, 5]
    wrong = (number != np.round(number)) | (number < 0) | (number >= len(card.boxes))
    if wrong.any():
        raise InvalidCard(
            f"bundle {card.name}: the graph gave {int(wrong.sum())} boxes of kind "
            f"{number[wrong][0]:g}, the card names {len(card.boxes)}"
        )
    if len(rows) and rows[:, 4].max() > 1 + ROUNDING:
        raise InvalidCard(
            f"bundle {card.name}: the graph gave a box the score {rows[:, 4].max():g}; scores lie "
            f"in [0, 1]"
        )
