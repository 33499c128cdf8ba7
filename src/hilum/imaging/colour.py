"""Colour pictures → grey, and how coloured they were."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.imaging.shrink import shrink

COLOURED = 24 / 255
"""Channels this far apart are seen as colour; JPEG of a grey picture stays well below."""

_SAMPLE_PX = 512


def grey_and_chroma(
    rgb: NDArray[np.uint8 | np.uint16], longest_px: int | None = None
) -> tuple[NDArray[np.float32], float]:
    """Take the luma of a colour picture (ITU-R BT.601) and measure its colour.

    Args:
        rgb: uint8 or uint16 [rows, columns, 3].
        longest_px: shrink the luma to this longest side.

    Returns:
        float32 [rows, columns] in [0, 1], and the share of clearly coloured pixels in [0, 1].
    """
    rgb = np.ascontiguousarray(rgb)
    full = 255.0 if rgb.dtype == np.uint8 else 65535.0
    luma = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))
    if longest_px is not None:
        luma = shrink(luma, longest_px)
    grey = np.clip(luma.astype(np.float32) * np.float32(1 / full), 0.0, 1.0)
    step = max(1, max(rgb.shape[:2]) // _SAMPLE_PX)
    sample = rgb[::step, ::step].astype(np.int32)
    spread = sample.max(axis=2) - sample.min(axis=2)
    return grey, int(np.count_nonzero(spread > COLOURED * full)) / spread.size


def ybr_to_rgb(ybr: NDArray[np.uint8 | np.uint16]) -> NDArray[np.uint8]:
    """YBR_FULL → RGB (PS3.3 C.7.6.3.1.2; the matrix is that of JPEG).

    Args:
        ybr: uint8 [rows, columns, 3].
    """
    swapped = np.ascontiguousarray(ybr[..., [0, 2, 1]])  # OpenCV wants Y Cr Cb
    return np.asarray(cv2.cvtColor(swapped, cv2.COLOR_YCrCb2RGB), np.uint8)


def ybr_partial_to_rgb(ybr: NDArray[np.uint8 | np.uint16]) -> NDArray[np.uint8]:
    """YBR_PARTIAL_422, spread to one sample a pixel → RGB (BT.601, 16 to 235)."""
    full = ybr.astype(np.float32)
    full[..., 0] = (full[..., 0] - 16.0) * (255 / 219)
    full[..., 1:] = (full[..., 1:] - 128.0) * (255 / 224) + 128.0
    return ybr_to_rgb(np.clip(np.rint(full), 0, 255).astype(np.uint8))
