"""What was done to a picture to make the other, in words."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.similarity.agreement import Agreement
from hilum.similarity.alignment import Map, inverse, warped
from hilum.similarity.turning import EVERY

EQUAL, RESAMPLED, INVERTED, ROTATED = "equal", "resampled", "inverted", "rotated"
CROPPED, BORDERED, MARKED, CONTRAST = "cropped", "border", "marks", "contrast"

_ANGLE = 0.75  # degrees
_OUTSIDE = 0.015  # share of a picture that the other does not show
_MARKS = 0.005  # share of the picture
_MARKS_DESPITE = 0.02  # the same where another contrast strengthens edges
_LEVELS = 6.0  # of 255


def relations(
    first: NDArray[np.uint8],
    second: NDArray[np.uint8],
    affine: Map,
    sign: int,
    found: Agreement,
) -> tuple[str, ...]:
    """Name the differences of two pictures that show the same.

    Args:
        first: [side, side].
        second: likewise.
        affine: from the first to the second.
        sign: −1 when the second is inverted.
        found: how they agree.

    Returns:
        "mirrored" or "turned by …", "inverted", "rotated", "cropped", "border", "marks" (text,
        letters, drawings), "contrast"; "resampled" alone where none of these is to be seen: another
        size or another compression. Which of the two is the original, nothing tells.
    """
    turned = max(EVERY, key=lambda turning: float((affine[:, :2] * turning.matrix).sum()))
    (a, b), (c, d) = (affine[:, :2] @ turned.matrix.T).tolist()
    outside = [_outside(first, affine), _outside(second, inverse(affine))]
    contrast = found.grey_levels > _LEVELS
    told = {
        turned.name: bool(turned.name),
        INVERTED: sign < 0,
        ROTATED: abs(np.degrees(np.arctan2(c - b, a + d))) > _ANGLE,
        CROPPED: max(content for content, _ in outside) > _OUTSIDE,
        BORDERED: max(even for _, even in outside) > _OUTSIDE,
        MARKED: found.foreign > (_MARKS_DESPITE if contrast else _MARKS),
        CONTRAST: contrast,
    }
    return tuple(name for name, seen in told.items() if seen) or (RESAMPLED,)


def _outside(picture: NDArray[np.uint8], affine: Map) -> tuple[float, float]:
    """Share of a picture outside of the other: with something on it, and even."""
    grey = picture.astype(np.float32)
    inside = warped(np.ones_like(grey), affine, 0.0) > 0.5
    spread = cv2.blur(grey * grey, (5, 5)) - cv2.blur(grey, (5, 5)) ** 2
    even = spread < 1.0
    outside = cv2.dilate(inside.astype(np.uint8), np.ones((7, 7), np.uint8)) == 0
    return float((outside & ~even).mean()), float((outside & even).mean())
