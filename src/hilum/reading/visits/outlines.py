"""An affine map that lays the outlines of two lungs on those of two others."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.reading.lung_shape import Mask
from hilum.similarity.alignment import Map, pixels

HEIGHTS = 17
"""Heights of each lung, from top to bottom, at which both its edges are taken."""

_ROUNDS = 4
_NEAR = 1.5  # times the usual distance: an edge farther away than that weighs little
_LEAST = 0.01  # of the side


def by_outlines(first: Mask, second: Mask) -> Map | None:
    """The map from points of the first picture to points of the second.

    Edges at the same share of a lung's height are taken for the same place; some are not, where a
    heart has grown or a base is hidden, so edges that stay far away weigh little.

    Args:
        first: bool [2, side, side], right and left lung.
        second: likewise.

    Returns:
        Of shares of the sides, from the centres; None where a lung is missing.

    Source:
        Least squares; weights after Geman and McClure.
    """
    here, there = (_edges(lungs) for lungs in (first, second))
    found = np.isfinite(here).all(1) & np.isfinite(there).all(1)
    if found.sum() < len(here) // 2:
        return None
    here, there = here[found], there[found]
    terms = np.column_stack([here, np.ones(len(here))])
    weight = np.ones(len(here))
    solved = np.zeros((3, 2))
    for _ in range(_ROUNDS):
        root = np.sqrt(weight)[:, None]
        solved = np.linalg.lstsq(terms * root, there * root, rcond=None)[0].astype(np.float64)
        rest = np.linalg.norm(terms @ solved - there, axis=1)
        weight = 1 / (1 + (rest / max(_LEAST, _NEAR * float(np.median(rest)))) ** 2) ** 2
    return solved.T


def overlap(first: Mask, second: Mask, affine: Map) -> float:
    """Mean Dice coefficient of the right and of the left lungs, the second laid on the first."""
    side = first.shape[-1]
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    found: list[float] = []
    for here, there in zip(first, second, strict=True):
        laid = cv2.warpAffine(
            there.astype(np.float32), pixels(affine, side), (side, side), flags=how
        )
        on = np.asarray(laid) >= 0.5
        both = float(here.sum() + on.sum())
        found.append(2 * float((here & on).sum()) / both if both else 0.0)
    return float(np.mean(found))


def _edges(lungs: Mask) -> NDArray[np.float64]:
    """Both edges of both lungs at each height [4 · heights, 2], shares of the side from the centre.

    The edge that lies towards the patient's right comes first, so that a picture that is stored
    mirrored fits as well.
    """
    side = lungs.shape[-1]
    right, left = (np.flatnonzero(lung.any(0)) for lung in lungs)
    if not (right.size and left.size):
        return np.full((4 * HEIGHTS, 2), np.nan)
    mirrored = right.mean() > left.mean()
    points: list[tuple[float, float]] = []
    for lung in lungs:
        rows = np.flatnonzero(lung.any(1))
        for y in np.linspace(rows[0], rows[-1], HEIGHTS):
            across = np.flatnonzero(lung[rows[np.abs(rows - y).argmin()]])
            ends = [(float(across[0]), y + 0.5), (float(across[-1]) + 1, y + 0.5)]
            points += ends[::-1] if mirrored else ends
    return np.array(points) / side - 0.5
