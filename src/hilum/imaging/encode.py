"""Grey levels → PNG and JPEG bytes for previews."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_FAST = (
    cv2.IMWRITE_PNG_COMPRESSION, 1,
    cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE,
    cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP,
)  # fmt: skip
"""As fast as OpenCV's default, and never larger, on radiographs (.6 to 1.0 of its size); zlib's
full search takes twice to ten times as long for files that are no smaller."""


def encode_png(pixels: NDArray[np.generic]) -> bytes:
    """Write a PNG with 8 bits a sample, without loss beyond that.

    Args:
        pixels: uint8, or float32 in [0, 1]; [rows, columns] or RGB [rows, columns, 3].
    """
    return _encode(".png", pixels, _FAST)


def encode_jpeg(pixels: NDArray[np.generic], *, quality: int = 90) -> bytes:
    """Write a JPEG.

    Args:
        pixels: uint8, or float32 in [0, 1]; [rows, columns] or RGB [rows, columns, 3].
        quality: 1 to 100.
    """
    return _encode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, quality))


def _encode(suffix: str, pixels: NDArray[np.generic], options: tuple[int, ...]) -> bytes:
    grey = to_bytes(pixels)
    if grey.ndim == 3:
        grey = np.asarray(cv2.cvtColor(grey, cv2.COLOR_RGB2BGR), np.uint8)
    done, buffer = cv2.imencode(suffix, grey, options)
    if not done:
        raise ValueError(f"a picture of shape {grey.shape} cannot be written as {suffix}")
    return buffer.tobytes()


def to_bytes(pixels: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Grey levels in [0, 1] → 0 to 255, rounded; uint8 as it is."""
    if pixels.dtype == np.uint8:
        return np.ascontiguousarray(pixels, np.uint8)
    grey = np.ascontiguousarray(pixels, np.float32)
    return np.asarray(cv2.convertScaleAbs(grey, alpha=255.0), np.uint8)
