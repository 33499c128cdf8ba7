"""What of a radiograph a network is shown: all of it, its lungs, or all but them."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.audit.views import Box, hide
from hilum.reading.lungs import LungFields

Grey = NDArray[np.float32]

BORDER = 0.1
"""Share of a side that is cut off, on all four."""
OUTSIDE = 0.5
"""Grey level around lungs that alone are shown."""

SIGHTS = {
    "whole": "the whole picture",
    "cut": f"{BORDER:.0%} of each side cut off",
    "equalised": "the same, its histogram equalised",
    "crop": "cropped to both lungs",
    "masked": "the lungs alone, their greys by rank",
    "hidden": "lungs hidden",
}
"""Name → words. The last is no way to read: it shows what the rest of a picture tells."""


def sights(pixels: Grey, lungs: LungFields, side: int) -> dict[str, Grey]:
    """Every sight of one radiograph.

    Args:
        pixels: grey levels in [0, 1], [rows, columns].
        lungs: found on it, plausible.
        side: of what is returned, in pixels.

    Returns:
        Name → grey levels [side, side], both sides stretched by themselves.
    """
    box = lungs.crop()
    mask = lungs.masks[0] | lungs.masks[1]
    cut = _resized(_cut(pixels), side)
    return {
        "whole": _resized(pixels, side),
        "cut": cut,
        "equalised": ranked(cut, np.ones(cut.shape, np.bool_)),
        "crop": _resized(_inside(pixels, box), side),
        "masked": _lungs_alone(_inside(pixels, box), _inside(mask, box), side),
        "hidden": _resized(hide(pixels, box), side),
    }


def ranked(grey: Grey, mask: NDArray[np.bool_]) -> Grey:
    """Each grey level as the share of levels inside a mask that lie under it, in [0, 1].

    Whatever a machine does to grey levels without changing their order is undone.

    Example:
        >>> ranked(np.array([[0.2, 0.9, 0.4]], np.float32), np.array([[True, True, True]])).tolist()
        [[0.0, 0.6666666865348816, 0.3333333432674408]]
    """
    inside = np.sort(grey[mask])
    return (np.searchsorted(inside, grey) / max(1, len(inside))).astype(np.float32)


def _lungs_alone(grey: Grey, mask: NDArray[np.bool_], side: int) -> Grey:
    small = _resized(grey, side)
    share = _resized(np.asarray(mask, np.float32), side)
    shown = ranked(small, share >= 0.5) * share + OUTSIDE * (1 - share)
    return shown.astype(np.float32)


def _cut(pixels: Grey) -> Grey:
    rows, columns = pixels.shape
    y, x = round(rows * BORDER), round(columns * BORDER)
    return pixels[y : rows - y, x : columns - x]


def _inside(pixels: NDArray[Any], box: Box) -> NDArray[Any]:
    left, top, width, height = box
    return pixels[top : top + height, left : left + width]


def _resized(pixels: Grey, side: int) -> Grey:
    smaller = side <= min(pixels.shape)
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, (side, side), interpolation=how), np.float32)
