"""A small picture of fixed size that stands for a radiograph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

SIZE_PX = 128
LEAST_PX = 64

Grey = NDArray[np.uint8] | NDArray[np.float32]


def thumbnail(grey: Grey, *, size_px: int = SIZE_PX) -> NDArray[np.uint8]:
    """Average a picture down to a small square; its sides lose their proportion.

    Squares make one array of all pictures, and a picture that was squashed on its way into a data
    set has the thumbnail of the one that was not.

    Args:
        grey: [rows, columns], uint8 or float32 in [0, 1].
        size_px: side of the square, at least 64.

    Returns:
        uint8 [size_px, size_px].

    Raises:
        ValueError: another shape, type or range, or a size below 64.

    Example:
        >>> thumbnail(np.zeros((512, 400), np.float32)).shape
        (128, 128)
    """
    if size_px < LEAST_PX:
        raise ValueError(f"a thumbnail needs a side of at least {LEAST_PX} pixels, got {size_px}")
    if grey.ndim != 2 or not grey.size:
        raise ValueError(f"a grey picture has rows and columns, got the shape {grey.shape}")
    if grey.dtype not in (np.uint8, np.float32):
        raise ValueError(f"grey levels are uint8 or float32, got {grey.dtype}")
    values = grey
    if grey.dtype == np.float32:
        low, high = float(grey.min()), float(grey.max())
        if not 0 <= low <= high <= 1:  # NaN as well
            raise ValueError(f"float32 grey levels lie in [0, 1], got {low:g} to {high:g}")
    small = max(grey.shape) >= size_px
    how = cv2.INTER_AREA if small else cv2.INTER_LINEAR
    shrunk = np.asarray(cv2.resize(values, (size_px, size_px), interpolation=how))
    if shrunk.dtype == np.uint8:
        return shrunk.astype(np.uint8, copy=False)
    return np.rint(255 * shrunk).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class OnDemand:
    """Thumbnails that are made or fetched when they are asked for.

    Attributes:
        count: number of pictures.
        thumb: number → uint8 [side, side]; called from several threads at a time, for each picture
            once and then once for each candidate.
    """

    count: int
    thumb: Callable[[int], NDArray[np.uint8]]

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> NDArray[np.uint8]:
        return self.thumb(number)
