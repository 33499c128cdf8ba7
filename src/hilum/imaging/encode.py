"""Grey levels → PNG and JPEG bytes for previews."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import imagecodecs
import numpy as np
from numpy.typing import NDArray

_RLE, _PAETH = 3, 128
"""Runs alone are looked for, on Paeth's prediction: a tenth smaller on radiographs than on the row
above, in the same time. zlib's full search takes longer for files that are no smaller; Huffman
codes alone take a quarter less, and spend a bit on each pixel of a black border."""

_png_encode: Callable[..., Any] = imagecodecs.png_encode  # its types know no arrays


def encode_png(pixels: NDArray[np.generic]) -> bytes:
    """Write a PNG with 8 bits a sample, without loss beyond that.

    Args:
        pixels: uint8, or float32 in [0, 1]; [rows, columns] or RGB [rows, columns, 3].
    """
    samples = to_bytes(pixels).copy()  # plain strides, also of a single line that was turned
    return bytes(_png_encode(samples, level=1, strategy=_RLE, filter=_PAETH))


def encode_jpeg(pixels: NDArray[np.generic], *, quality: int = 90) -> bytes:
    """Write a JPEG.

    Args:
        pixels: uint8, or float32 in [0, 1]; [rows, columns] or RGB [rows, columns, 3].
        quality: 1 to 100.
    """
    grey = to_bytes(pixels)
    if grey.ndim == 3:
        grey = np.asarray(cv2.cvtColor(grey, cv2.COLOR_RGB2BGR), np.uint8)
    done, buffer = cv2.imencode(".jpg", grey, (cv2.IMWRITE_JPEG_QUALITY, quality))
    if not done:
        raise ValueError(f"a picture of shape {grey.shape} cannot be written as JPEG")
    return buffer.tobytes()


def to_bytes(pixels: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Grey levels in [0, 1] → 0 to 255, rounded; uint8 as it is."""
    if pixels.dtype == np.uint8:
        return np.ascontiguousarray(pixels, np.uint8)
    grey = np.ascontiguousarray(pixels, np.float32)
    return np.asarray(cv2.convertScaleAbs(grey, alpha=255.0), np.uint8)
