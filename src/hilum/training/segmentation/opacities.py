"""Opacities painted into lungs whose mask is known.

The mask stays the lung field: a network that learns from this finds a lung also where it is no
longer dark.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.float32]


def paint(grey: Grey, lungs: Grey, rng: np.random.Generator) -> Grey:
    """Whiten some of one lung or of both.

    Args:
        grey: float32 [rows, columns] in [0, 1].
        lungs: float32 [lungs, rows, columns] in [0, 1].
        rng: the only source of chance.

    Returns:
        The picture with patches, fluid below a level, or a whole white lung; softest at the edge
        of the mask, so that no drawn outline gives it away.
    """
    inside = lungs.max(0) > 0.5
    if inside.sum() < 50:
        return grey
    around = cv2.dilate(inside.astype(np.uint8), np.ones((15, 15), np.uint8)) > 0
    white = float(np.quantile(grey[around], rng.uniform(0.75, 0.98)))
    weight = np.zeros_like(grey)
    for side in lungs:
        if rng.random() < 0.75 and side.max() > 0.5:
            weight = np.maximum(weight, _one_side(side, rng))
    blur = float(rng.uniform(0.8, 4.0)) * grey.shape[0] / 256
    soft = np.asarray(cv2.GaussianBlur(weight, (0, 0), blur), np.float32)
    soft = np.minimum(soft, 1) * np.float32(rng.uniform(0.35, 0.97))
    texture = field(grey.shape, int(rng.integers(4, 24)), rng) * np.float32(rng.uniform(0, 0.08))
    return np.clip(grey + soft * np.maximum(white + texture - grey, 0), 0, 1)


def field(shape: tuple[int, int], cells: int, rng: np.random.Generator) -> Grey:
    """A smooth random field in [-1, 1], about ``cells`` hills a side."""
    coarse = rng.uniform(-1, 1, (cells + 1, cells + 1)).astype(np.float32)
    large = cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.clip(large, -1, 1).astype(np.float32)


def _one_side(lung: Grey, rng: np.random.Generator) -> Grey:
    rows = np.flatnonzero(lung.max(1) > 0.5)
    top, bottom = int(rows[0]), int(rows[-1])
    kind = rng.choice(["patches", "patches", "fluid", "base", "whole"])
    down = np.arange(lung.shape[0], dtype=np.float32)[:, None]
    if kind == "patches":
        hills = field(lung.shape, int(rng.integers(3, 12)), rng)
        weight = np.clip((hills - np.float32(rng.uniform(-0.6, 0.4))) * 3, 0, 1)
        return np.asarray(lung * weight, np.float32)
    if kind == "whole":
        return lung * np.float32(rng.uniform(0.7, 1.0))
    level = top + (bottom - top) * rng.uniform(0.25, 0.9)
    soft = 3.0 if kind == "fluid" else rng.uniform(10, 40)
    slope = field(lung.shape, 2, rng) * np.float32(rng.uniform(0, 12))
    weight = np.clip((down + slope - np.float32(level)) / np.float32(soft), 0, 1)
    return np.asarray(lung * weight, np.float32)
