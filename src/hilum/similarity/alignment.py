"""Where one thumbnail lies in another, to a fraction of a pixel."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.float64]
"""[2, 3], from shares of the first picture's sides to those of the second, from the centres."""

_STRANGE = 0.7  # a difference of levels that counts half; text in one of two differs by more
_CLIP = 2.5
_EVEN = 0.5  # of 255 grey levels
_LEAST_SHOWN = 0.1  # of the picture
_STILL_PX = 0.02


def pixels(affine: Map, side: int) -> Map:
    """The same map for the numbers of pixels, as OpenCV counts them."""
    centre = np.full(2, (side - 1) / 2)
    linear = affine[:, :2]
    return np.column_stack([linear, side * affine[:, 2] + centre - linear @ centre])


def inverse(affine: Map) -> Map:
    """The map back."""
    return np.linalg.inv(np.vstack([affine, [0, 0, 1]]))[:2]


def warped(picture: NDArray[np.float32], affine: Map, outside: float) -> NDArray[np.float32]:
    """The second picture as it lies over the first."""
    side = len(picture)
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved: Any = cv2.warpAffine(
        picture, pixels(affine, side), (side, side), flags=how, borderValue=outside
    )
    return moved


def align(
    first: NDArray[Any], second: NDArray[Any], affine: Map, *, rounds: int
) -> tuple[Map, int]:
    """Refine a map until fine structures lie on each other.

    Gauss and Newton on the six numbers of an affine map, with the mean gradient of both pictures;
    pixels that differ much, such as those of a text, weigh little.

    Args:
        first: grey levels 0 to 255 [side, side].
        second: likewise.
        affine: about right: within a few per cent of the side.
        rounds: steps at most.

    Returns:
        The refined map, and −1 where the second picture is inverted, else 1.

    Source:
        Malis: Improving vision-based control using efficient second-order minimization, ICRA 2004;
        weights after Geman and McClure.
    """
    side = len(first)
    here, there = (_structure(picture) for picture in (first, second))
    shown = np.isfinite(here)
    here = np.where(shown, here, 0)
    sign = 1 if np.nansum(here * warped(there, affine, float("nan"))) >= 0 else -1
    there = sign * there
    across, down = _axes(side)
    slope_x, slope_y = _slopes(here)
    square = np.vstack([affine, [0, 0, 1]])
    for _ in range(rounds):
        moved = warped(there, square[:2], float("nan"))
        inside = np.isfinite(moved) & shown
        if inside.mean() < _LEAST_SHOWN:
            break
        moved = np.where(inside, moved, here)
        more_x, more_y = _slopes(moved)
        dx, dy = (0.5 * side) * (slope_x + more_x), (0.5 * side) * (slope_y + more_y)
        rest = moved - here
        weight = (inside / (1 + (rest / _STRANGE) ** 2) ** 2).astype(np.float32)
        terms = np.stack([dx * across, dx * down, dx, dy * across, dy * down, dy, rest])
        terms = terms.reshape(7, -1)
        # Not a matrix product: BLAS would start threads inside threads.
        sums = np.einsum("in,jn->ij", terms * weight.reshape(-1), terms).astype(np.float64)
        normal = sums[:6, :6]
        normal[np.diag_indices(6)] *= 1.0005
        normal[np.diag_indices(6)] += 1e-3
        change = -np.linalg.solve(normal, sums[:6, 6])
        step = np.eye(3)
        step[:2] += change.reshape(2, 3)
        square = square @ step
        if np.abs(change).max() * side < _STILL_PX:
            break
    return square[:2], sign


def _structure(picture: NDArray[Any]) -> NDArray[np.float32]:
    """Fine structure over its local strength, NaN where a picture shows nothing.

    Borders, black corners and burnt-out areas take no part in the surroundings of what lies beside
    them, or else their edges would draw the map.
    """
    grey, sigma = picture.astype(np.float32), len(picture) / 16
    spread = cv2.blur(grey * grey, (3, 3)) - cv2.blur(grey, (3, 3)) ** 2
    even = cv2.dilate((spread < _EVEN**2).astype(np.uint8), np.ones((3, 3), np.uint8))
    shown = 1 - even.astype(np.float32)
    near = cv2.GaussianBlur(shown, (0, 0), sigma) + 1e-6
    fine = (grey - cv2.GaussianBlur(grey * shown, (0, 0), sigma) / near) * shown
    strength = np.sqrt(cv2.GaussianBlur(fine * fine, (0, 0), sigma) / near)
    structure = np.clip(fine / (strength + 4), -_CLIP, _CLIP)
    return np.where(shown > 0, structure, np.nan).astype(np.float32)


def _axes(side: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    places = ((np.arange(side) - (side - 1) / 2) / side).astype(np.float32)
    return np.meshgrid(places, places)


def _slopes(picture: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    x: Any = cv2.Sobel(picture, cv2.CV_32F, 1, 0, ksize=3, scale=0.125)
    y: Any = cv2.Sobel(picture, cv2.CV_32F, 0, 1, ksize=3, scale=0.125)
    return x, y
