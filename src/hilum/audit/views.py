"""What is left of a picture when its lungs may not be looked at."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE_PX = 32
"""Side of the thumbnail whose border is kept."""
FRAME_PX = 3
"""Width of that border: 9 % of the side."""
HIDDEN_GREY = 0.5
"""Grey level that stands in place of the lungs, the same in every picture."""

Box = tuple[int, int, int, int]
"""Left, top, width, height in pixels."""


def border(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """The outer frame of a picture, small: what a look at the edge alone can tell.

    Args:
        pixels: grey levels in [0, 1], [rows, columns].

    Returns:
        float32 [348]: the frame of a thumbnail of 32 × 32 pixels, 3 pixels wide.

    Example:
        >>> border(np.zeros((512, 400), np.float32)).shape
        (348,)
    """
    small = cv2.resize(pixels, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)[_frame(SIDE_PX, SIDE_PX, FRAME_PX)]


def hide(pixels: NDArray[np.float32], box: Box) -> NDArray[np.float32]:
    """The picture with one grey in place of a box.

    Args:
        pixels: grey levels in [0, 1], [rows, columns].
        box: around both lungs.
    """
    left, top, width, height = box
    out = pixels.copy()
    out[top : top + height, left : left + width] = HIDDEN_GREY
    return out


def reach(shape: tuple[int, int], box: Box) -> float:
    """Share of the outer frame that a box of lungs reaches into, 0 to 1.

    Args:
        shape: rows and columns of the picture.
        box: around both lungs.
    """
    rows, columns = shape
    left, top, width, height = box
    wide = FRAME_PX / SIDE_PX
    x, y = (np.arange(256) + 0.5) / 256, (np.arange(256) + 0.5) / 256
    frame = (np.minimum(x, 1 - x)[None] < wide) | (np.minimum(y, 1 - y)[:, None] < wide)
    in_x = (x * columns >= left) & (x * columns < left + width)
    in_y = (y * rows >= top) & (y * rows < top + height)
    return float((frame & in_x[None] & in_y[:, None]).sum() / frame.sum())


def _frame(rows: int, columns: int, wide: int) -> NDArray[np.bool_]:
    kept = np.ones((rows, columns), bool)
    kept[wide:-wide, wide:-wide] = False
    return kept
