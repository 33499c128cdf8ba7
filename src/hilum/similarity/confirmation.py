"""A candidate becomes a pair, or not: alignment decides."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.domain import Affine
from hilum.similarity.agreement import agreement
from hilum.similarity.alignment import Map, align, inverse
from hilum.similarity.pair import Pair
from hilum.similarity.relations import relations

THRESHOLD = 0.9
"""Score from which two pictures are taken for the same exposure; benchmarks/results.md has what it
finds and what it takes for the same by mistake."""

_HOPELESS = 0.15  # below the threshold when both are small; copies score higher then than later
_COARSE_PX = 64


def confirm(
    numbers: tuple[int, int],
    thumbnails: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    affine: Map,
    threshold: float,
) -> Pair | None:
    """Align two pictures, coarse and then fine, and compare what they show.

    Args:
        numbers: of the pictures.
        thumbnails: of them, [side, side].
        affine: about where the first lies in the second.
        threshold: score that a pair needs.

    Returns:
        The pair; None where the score is lower.
    """
    first, second = thumbnails
    swapped = abs(np.linalg.det(affine[:, :2])) < 1
    if swapped:  # compared at the scale of the picture that shows the content smaller
        first, second, affine = second, first, inverse(affine)
    coarse = _coarse(first), _coarse(second)
    affine, sign = align(*coarse, affine, rounds=8)
    if agreement(*coarse, affine, sign).score < threshold - _HOPELESS:
        return None
    tried = [(affine, sign), align(first, second, affine, rounds=6)]
    found, affine, sign = max(
        ((agreement(first, second, *one), *one) for one in tried), key=lambda one: one[0].score
    )
    if found.score < threshold:
        return None
    names = relations(first, second, affine, sign, found)
    overlap = found.overlap
    if swapped:
        overlap *= float(abs(np.linalg.det(affine[:, :2])))
        affine = inverse(affine)
    return Pair(*numbers, found.score, names, _from_corner(affine), min(1.0, overlap))


def _coarse(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    small = cv2.resize(picture, (_COARSE_PX, _COARSE_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def _from_corner(affine: Map) -> Affine:
    linear = affine[:, :2]
    (a, b, x), (c, d, y) = np.column_stack(
        [linear, affine[:, 2] + 0.5 - linear @ np.full(2, 0.5)]
    ).tolist()
    return Affine(((a, b, x), (c, d, y)))
