"""Drawn chests with exact masks of both lungs."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.phantoms import Lesion, draw_chest
from hilum.reading.lungs import STRUCTURES

FINDINGS = ("consolidation", "effusion", "pneumothorax", "nodule", "cardiomegaly")


def drawn_chest(
    rng: np.random.Generator, side_px: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw a chest of any aspect, healthy or not, squashed to a square.

    Args:
        rng: source of the chest and of what is wrong with it.
        side_px: rows and columns.

    Returns:
        Picture, and a mask that is 0 outside, 1 in the right and 2 in the left lung; uint8
        [side_px, side_px].
    """
    aspect = float(np.exp(rng.uniform(-0.25, 0.35)))  # width over height
    size = (side_px, max(64, round(side_px * aspect)))
    view: Literal["PA", "AP"] = "AP" if rng.random() < 0.5 else "PA"
    chosen = [f for f in FINDINGS if rng.random() < 0.25]
    lesions = [Lesion(finding, extent=float(rng.uniform(0.2, 1))) for finding in chosen]
    phantom = draw_chest(rng, size=size, view=view, lesions=lesions)
    square = (side_px, side_px)
    grey = cv2.resize(phantom.pixels, square, interpolation=cv2.INTER_AREA)
    masks = [
        cv2.resize(phantom.masks[name].astype(np.float32), square, interpolation=cv2.INTER_AREA)
        for name in STRUCTURES
    ]
    picture = np.asarray(cv2.convertScaleAbs(grey, alpha=255.0), np.uint8)
    return picture, labelled(np.stack(masks) >= 0.5)


def labelled(masks: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """One mask with 0 outside and 1, 2, … in the structures, of one a structure.

    Where two overlap, the first has it.
    """
    values = np.arange(1, len(masks) + 1, dtype=np.uint8)[:, None, None]
    every = np.where(masks, values, np.uint8(255)).min(0)
    return np.where(every == 255, 0, every).astype(np.uint8)
