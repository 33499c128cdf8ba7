"""Samples of up to 16 bits → PNG and HTJ2K bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import imagecodecs
import numpy as np
from numpy.typing import NDArray

_FAST = (
    cv2.IMWRITE_PNG_COMPRESSION, 1,
    cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE,
    cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP,
)  # fmt: skip

_htj2k: Callable[..., Any] = imagecodecs.htj2k_encode  # its types know no arrays


def encode_png16(pixels: NDArray[np.generic]) -> bytes:
    """Write a grey PNG with 16 bits a sample, without loss.

    Args:
        pixels: uint16 [rows, columns].

    Raises:
        ValueError: another type, or a shape that no PNG holds.
    """
    if pixels.dtype != np.uint16 or pixels.ndim != 2 or not pixels.size:
        raise ValueError(f"pixels must be uint16 [rows, columns], got {_said(pixels)}")
    done, buffer = cv2.imencode(".png", np.ascontiguousarray(pixels, np.uint16), _FAST)
    if not done:
        raise ValueError(f"a picture of shape {pixels.shape} cannot be written as PNG")
    return buffer.tobytes()


def encode_htj2k(pixels: NDArray[np.generic]) -> bytes:
    """Write an HTJ2K codestream without loss (ISO/IEC 15444-15, reversible 5/3 wavelet).

    Args:
        pixels: uint8 or uint16 [rows, columns].

    Raises:
        ValueError: another type or shape.
    """
    if pixels.dtype.str not in ("|u1", "<u2") or pixels.ndim != 2 or not pixels.size:
        raise ValueError(f"pixels must be uint8 or uint16 [rows, columns], got {_said(pixels)}")
    return bytes(_htj2k(np.ascontiguousarray(pixels), reversible=True))


def _said(pixels: NDArray[np.generic]) -> str:
    return f"{pixels.dtype} {list(pixels.shape)}"
