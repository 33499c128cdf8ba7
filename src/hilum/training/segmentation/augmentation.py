"""Random changes of a picture together with its masks.

The picture may come from any machine, film or screen: exposure, polarity of the frame, crop and
what lies on top vary widely. Nothing mirrors: the heart is on the left.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Variety:
    """How far pictures are changed; every range is symmetric about no change.

    Attributes:
        rotate_deg: largest angle.
        zoom: largest |log factor|.
        stretch: largest |log factor| of width over height.
        shift: largest shift, as a share of the side.
        gamma: largest |log exponent|.
        contrast: largest relative change about mid-grey.
        brightness: largest shift of grey.
        uneven: largest change of grey by a smooth field, as of a heel effect or a bad lamp box.
        marks: chance of each of: frame, letters, tubes and wires.
    """

    rotate_deg: float = 14.0
    zoom: float = 0.32
    stretch: float = 0.18
    shift: float = 0.09
    gamma: float = 0.6
    contrast: float = 0.4
    brightness: float = 0.14
    uneven: float = 0.16
    marks: float = 0.25


def vary(grey: Grey, masks: Grey, variety: Variety, rng: np.random.Generator) -> tuple[Grey, Grey]:
    """Change a picture and its masks.

    Args:
        grey: float32 [rows, columns] in [0, 1].
        masks: float32 [structures, rows, columns] in [0, 1].
        variety: how far.
        rng: the only source of chance.

    Returns:
        Picture and masks of the same shapes.
    """
    grey, masks = _warp(grey, masks, variety, rng)
    grey = _expose(grey, variety, rng)
    if rng.random() < variety.marks:
        grey = _wires(grey, rng)
    if rng.random() < variety.marks:
        grey = _letters(grey, rng)
    if rng.random() < variety.marks:
        grey, masks = _frame(grey, masks, rng)
    return _grain(grey, rng), masks


def field(shape: tuple[int, int], cells: int, rng: np.random.Generator) -> Grey:
    """A smooth random field in [-1, 1], about ``cells`` hills a side."""
    coarse = rng.uniform(-1, 1, (cells + 1, cells + 1)).astype(np.float32)
    large = cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.clip(large, -1, 1).astype(np.float32)


def _warp(grey: Grey, masks: Grey, variety: Variety, rng: np.random.Generator) -> tuple[Grey, Grey]:
    rows, columns = grey.shape
    angle = np.deg2rad(rng.uniform(-variety.rotate_deg, variety.rotate_deg))
    zoom = np.exp(rng.uniform(-variety.zoom, variety.zoom))
    half = np.exp(0.5 * rng.uniform(-variety.stretch, variety.stretch))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn * zoom @ np.diag([half, 1 / half])
    centre = np.array([(columns - 1) / 2, (rows - 1) / 2])
    move = rng.uniform(-variety.shift, variety.shift, 2) * (columns, rows)
    matrix = np.column_stack([linear, centre - linear @ centre + move])
    outside = cv2.BORDER_REPLICATE if rng.random() < 0.3 else cv2.BORDER_CONSTANT
    level = float(rng.choice([0.0, 0.0, 0.0, 1.0, rng.random()]))
    moved = cv2.warpAffine(grey, matrix, (columns, rows), borderMode=outside, borderValue=level)
    with_masks = [cv2.warpAffine(mask, matrix, (columns, rows)) for mask in masks]
    return np.asarray(moved, np.float32), np.asarray(with_masks, np.float32)


def _expose(grey: Grey, variety: Variety, rng: np.random.Generator) -> Grey:
    if rng.random() < 0.2:
        lifted = cv2.createCLAHE(rng.uniform(1.0, 4.0), (4, 4)).apply(
            cv2.convertScaleAbs(grey, alpha=255.0)
        )
        grey = np.asarray(lifted, np.float32) / np.float32(255)
    rows, columns = grey.shape
    uneven = field((rows, columns), 2, rng) * np.float32(rng.uniform(0, variety.uneven))
    exponent = np.float32(np.exp(rng.uniform(-variety.gamma, variety.gamma)))
    grey = (np.clip(grey + uneven, 0, 1) ** exponent).astype(np.float32)
    factor = np.float32(1 + rng.uniform(-variety.contrast, variety.contrast))
    shift = np.float32(0.5 + rng.uniform(-variety.brightness, variety.brightness))
    return np.clip((grey - np.float32(0.5)) * factor + shift, 0, 1).astype(np.float32)


def _wires(grey: Grey, rng: np.random.Generator) -> Grey:
    rows, columns = grey.shape
    layer = np.zeros_like(grey)
    for _ in range(int(rng.integers(1, 5))):
        knots = rng.uniform(-0.1, 1.1, (4, 2)) * (columns, rows)
        along = np.linspace(0, 1, 40)[:, None]
        back = 1 - along
        curve = (back**3 * knots[0] + 3 * back**2 * along * knots[1]
                 + 3 * back * along**2 * knots[2] + along**3 * knots[3])  # fmt: skip
        thick = int(rng.integers(1, 4))
        cv2.polylines(layer, [curve.round().astype(np.int32)], False, 1.0, thick, cv2.LINE_AA)
    return np.clip(grey + layer * np.float32(rng.uniform(0.08, 0.5)), 0, 1).astype(np.float32)


def _letters(grey: Grey, rng: np.random.Generator) -> Grey:
    rows, columns = grey.shape
    for _ in range(int(rng.integers(1, 4))):
        text = "".join(rng.choice(list("RLAPSUPINEDX12:"), int(rng.integers(1, 9))))
        place = (int(rng.uniform(0, 0.9) * columns), int(rng.uniform(0.04, 1.0) * rows))
        size = float(rng.uniform(0.3, 1.0)) * rows / 256
        ink = np.zeros(grey.shape, np.uint8)  # OpenCV writes on bytes only
        cv2.putText(ink, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, 255, 1)
        share = ink.astype(np.float32) / np.float32(255)
        grey = (grey * (1 - share) + share * np.float32(rng.random())).astype(np.float32)
    return np.clip(grey, 0, 1).astype(np.float32)


def _frame(grey: Grey, masks: Grey, rng: np.random.Generator) -> tuple[Grey, Grey]:
    """Shrink into a frame, as on a photographed film or a figure of a paper."""
    rows, columns = grey.shape
    high = round(rows * rng.uniform(0.72, 1.0))
    wide = round(columns * rng.uniform(0.72, 1.0))
    top, left = int(rng.integers(0, rows - high + 1)), int(rng.integers(0, columns - wide + 1))
    out = np.full_like(grey, np.float32(rng.choice([0.0, 0.0, 1.0, rng.random()])))
    inside = (slice(top, top + high), slice(left, left + wide))
    out[inside] = cv2.resize(grey, (wide, high), interpolation=cv2.INTER_AREA)
    moved = np.zeros_like(masks)
    for at, mask in enumerate(masks):
        moved[at][inside] = cv2.resize(mask, (wide, high), interpolation=cv2.INTER_AREA)
    return out, moved


def _grain(grey: Grey, rng: np.random.Generator) -> Grey:
    blur, noise = rng.random(2) < 0.25
    if blur:
        grey = np.asarray(cv2.GaussianBlur(grey, (0, 0), rng.uniform(0.4, 1.6)), np.float32)
    if noise:
        deviation = np.float32(rng.uniform(0.005, 0.05))
        noisy = grey + rng.standard_normal(grey.shape, np.float32) * deviation
        grey = np.clip(noisy, 0, 1).astype(np.float32)
    return np.asarray(grey, np.float32)
