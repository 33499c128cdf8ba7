"""Pictures made smaller by area."""

from __future__ import annotations

from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = TypeVar("Pixels", bound=np.generic)


def shrink(pixels: NDArray[Pixels], longest_px: int) -> NDArray[Pixels]:
    """Average a picture down to a longest side; one that is not longer stays as it is.

    In one step: averaging whole blocks first would be faster, and moves sharp edges by up to 100
    of 255 grey levels.

    Args:
        pixels: uint8, uint16 or float32 [rows, columns] or [rows, columns, 3].
        longest_px: the longest side wanted, at least 1.

    Returns:
        The averaged picture; its sides keep their proportion, rounded to whole pixels.
    """
    rows, columns = pixels.shape[:2]
    factor = longest_px / max(rows, columns)
    if factor >= 1:
        return pixels
    size = (max(1, round(columns * factor)), max(1, round(rows * factor)))
    picture: Any = pixels  # OpenCV's types know no type variables
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), pixels.dtype)
