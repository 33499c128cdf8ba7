"""How much of the fine structure two aligned pictures have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.similarity.alignment import Map, warped

FINE = 56
"""Structures finer than about the side over this are compared: edges of ribs, vessels."""

WINDOW = 8
"""Correlations are local, in windows of about the side over this."""

LEAST_COMPARED = 0.06
"""Of the picture: where less remains than that, nothing is said to agree."""

_FOREIGN = 6.0  # times the usual amplitude: text, the edge of a border; not anatomy
_LEAST_AMPLITUDE = 0.5  # of 255 grey levels; below it there is nothing but rounding

Picture = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How two aligned pictures agree.

    Attributes:
        score: median of the local correlations of fine structure, 0 where it is negative.
        overlap: share of the first picture that lies inside the second.
        foreign: share of the first picture on strong edges that only one of them has: text, marks.
        grey_levels: mean difference where they were compared, of 255.
    """

    score: float
    overlap: float
    foreign: float
    grey_levels: float


def agreement(
    first: NDArray[np.uint8], second: NDArray[np.uint8], affine: Map, sign: int
) -> Agreement:
    """Compare fine structure where two pictures overlap.

    Three things take no part: what is even in one of them (borders, black corners, burnt-out
    areas), strong edges that only one has (text, the edge of a border), and what lies around both.
    Coarse structure is taken away too: it is alike in all chests.

    Args:
        first: [side, side]; of the two the one that shows the content smaller.
        second: likewise.
        affine: from the first to the second.
        sign: −1 when the second is inverted.
    """
    side = len(first)
    zoom = float(np.sqrt(abs(np.linalg.det(affine[:, :2]))))
    here = first.astype(np.float32)
    there = second.astype(np.float32) if sign > 0 else 255 - second.astype(np.float32)
    there = warped(_as_coarse(there, zoom), affine, 0.0)
    inside = warped(np.ones((side, side), np.float32), affine, 0.0) > 0.999
    overlap = float(inside.mean())
    core = cv2.erode(inside.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.float32)
    sigma = side / FINE
    fine = _fine(here, core, sigma), _fine(there, core, sigma)
    foreign, even = _foreign(*fine, core), _even(*fine, sigma)
    own = core * (1 - np.maximum(_widened(foreign), even))
    within = cv2.erode(core, np.ones((9, 9), np.uint8)) * (1 - even)
    one, two = _fine(here, own, sigma), _fine(there, own, sigma)
    width = side / WINDOW
    near = _smooth(own, width) + 1e-6
    powers = _smooth(one * one, width) / near, _smooth(two * two, width) / near
    counted = (own > 0) & (np.minimum(*powers) > _LEAST_AMPLITUDE**2)
    score, difference = 0.0, 0.0
    if counted.mean() >= LEAST_COMPARED:
        local = _smooth(one * two, width) / near / np.sqrt(powers[0] * powers[1] + 1e-9)
        score = min(1.0, max(0.0, float(np.median(local[counted]))))
        difference = float(np.abs(here - there)[counted].mean())
    return Agreement(score, overlap, float((foreign * within).mean()), difference)


def _foreign(one: Picture, two: Picture, inside: Picture) -> NDArray[np.bool_]:
    """True on strong edges that only one picture has."""
    if not inside.any():
        return np.zeros(inside.shape, np.bool_)
    usual = [float(np.median(np.abs(x[inside > 0]))) + 0.25 for x in (one, two)]
    return np.abs(one / usual[0] - two / usual[1]) > _FOREIGN


def _even(one: Picture, two: Picture, sigma: float) -> Picture:
    """1 in and around the areas of either picture that show nothing."""
    power = np.minimum(_smooth(one * one, sigma), _smooth(two * two, sigma))
    return _widened(power < _LEAST_AMPLITUDE**2)


def _widened(mask: NDArray[np.bool_]) -> Picture:
    around = np.ones((len(mask) // 32 * 2 + 1,) * 2, np.uint8)
    return cv2.dilate(mask.astype(np.uint8), around).astype(np.float32)


def _as_coarse(picture: Picture, zoom: float) -> Picture:
    """As coarse as the other picture, which shows the content smaller."""
    if zoom <= 1.05:
        return picture
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.5 * np.sqrt(zoom**2 - 1)), np.float32)


def _fine(picture: Picture, mask: Picture, sigma: float) -> Picture:
    near = _smooth(picture * mask, sigma) / (_smooth(mask, sigma) + 1e-6)
    return ((picture - near) * mask).astype(np.float32)


def _smooth(picture: Picture, sigma: float) -> Picture:
    smooth: Any = cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
    return smooth
