"""Copies of radiographs as they stand in published collections, made by code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Change = Callable[[Picture, np.random.Generator], Picture]

WORDS = ("L", "R", "PORTABLE AP", "12.03.2020 14:22", "SUPINE 110 kV", "Figure 2b", "Day 7")


def crop(share: float) -> Change:
    """Cut off a share of each side's length, more at one end than at the other."""

    def change(grey: Picture, rng: np.random.Generator) -> Picture:
        rows, columns = (round(length * (1 - share)) for length in grey.shape)
        top = int(rng.integers(0, grey.shape[0] - rows + 1))
        left = int(rng.integers(0, grey.shape[1] - columns + 1))
        return grey[top : top + rows, left : left + columns]

    return change


def border(share: float) -> Change:
    """Put a black, white or grey frame around, a share of each side's length in all."""

    def change(grey: Picture, rng: np.random.Generator) -> Picture:
        level = int(rng.choice((0, 0, 255, 128)))
        rows, columns = (round(length * share) for length in grey.shape)
        top, left = int(rng.integers(0, rows + 1)), int(rng.integers(0, columns + 1))
        frame = (top, rows - top, left, columns - left)
        return np.asarray(
            cv2.copyMakeBorder(grey, *frame, cv2.BORDER_CONSTANT, value=level), np.uint8
        )

    return change


def resize(factor: float) -> Change:
    """Average down; the sides keep their proportion."""

    def change(grey: Picture, _: np.random.Generator) -> Picture:
        size = (round(grey.shape[1] * factor), round(grey.shape[0] * factor))
        return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)

    return change


def squash(grey: Picture, _: np.random.Generator) -> Picture:
    """Resize to 224 × 224 pixels without smoothing, as notebooks do."""
    return np.asarray(cv2.resize(grey, (224, 224), interpolation=cv2.INTER_LINEAR), np.uint8)


def text(count: int) -> Change:
    """Burn in words, white or black, in letters from small to large."""

    def change(grey: Picture, rng: np.random.Generator) -> Picture:
        out, (rows, columns) = grey.copy(), grey.shape
        for _ in range(count):
            at = (int(rng.integers(0, columns // 2)), int(rng.integers(rows // 20, rows)))
            size = columns / 512 * float(rng.uniform(0.6, 1.8))
            thick = max(1, round(size * float(rng.uniform(1, 3))))
            word, level = str(rng.choice(WORDS)), int(rng.choice((255, 255, 0)))
            cv2.putText(out, word, at, cv2.FONT_HERSHEY_SIMPLEX, size, level, thick, cv2.LINE_AA)
        return out

    return change


def gamma(exponent: float) -> Change:
    """Bend the grey levels."""
    return lambda grey, _: np.rint(255 * (grey / 255.0) ** exponent).astype(np.uint8)


def contrast(factor: float) -> Change:
    """Stretch or squeeze the grey levels around the middle and shift them; the ends are cut off."""

    def change(grey: Picture, rng: np.random.Generator) -> Picture:
        moved = (grey.astype(np.float32) - 128) * factor + 128 + rng.uniform(-25, 25)
        return np.clip(np.rint(moved), 0, 255).astype(np.uint8)

    return change


def equalised(grey: Picture, _: np.random.Generator) -> Picture:
    """Contrast-limited adaptive histogram equalisation, as many notebooks apply it."""
    return np.asarray(cv2.createCLAHE(3.0, (8, 8)).apply(grey), np.uint8)


def jpeg(quality: int) -> Change:
    """Compress anew."""

    def change(grey: Picture, _: np.random.Generator) -> Picture:
        _, data = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, quality])
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)

    return change


def rotate(degrees: float) -> Change:
    """Rotate around the centre, either way; corners become black."""

    def change(grey: Picture, rng: np.random.Generator) -> Picture:
        rows, columns = grey.shape
        angle = degrees * float(rng.choice((-1, 1)))
        matrix = cv2.getRotationMatrix2D((columns / 2, rows / 2), angle, 1)
        return np.asarray(cv2.warpAffine(grey, matrix, (columns, rows)), np.uint8)

    return change


def invert(grey: Picture, _: np.random.Generator) -> Picture:
    """Make black white."""
    return 255 - grey


def mirror(grey: Picture, _: np.random.Generator) -> Picture:
    """Left becomes right."""
    return grey[:, ::-1]


def turn(quarters: int) -> Change:
    """Turn by quarters."""
    return lambda grey, _: np.rot90(grey, quarters)


KINDS: Mapping[str, Sequence[Change]] = {
    "crop 5 %": [crop(0.05)],
    "crop 10 %": [crop(0.10)],
    "crop 20 %": [crop(0.20)],
    "crop 30 %": [crop(0.30)],
    "border 5 %": [border(0.05)],
    "border 10 %": [border(0.10)],
    "border 20 %": [border(0.20)],
    "border 40 %": [border(0.40)],
    "half size": [resize(0.5)],
    "quarter size": [resize(0.25)],
    "squashed to 224 × 224": [squash],
    "mirrored": [mirror],
    "two words": [text(2)],
    "six words": [text(6)],
    "gamma 0.5": [gamma(0.5)],
    "gamma 2": [gamma(2.0)],
    "contrast × 0.5": [contrast(0.5)],
    "contrast × 1.5": [contrast(1.5)],
    "CLAHE": [equalised],
    "inverted": [invert],
    "JPEG, quality 30": [jpeg(30)],
    "JPEG, quality 10": [jpeg(10)],
    "rotated by 1°": [rotate(1)],
    "rotated by 3°": [rotate(3)],
    "rotated by 5°": [rotate(5)],
    "rotated by 10°": [rotate(10)],
    "crop 20 %, rotated by 3°": [crop(0.20), rotate(3)],
    "crop 20 %, mirrored": [crop(0.20), mirror],
    "crop 10 %, inverted": [crop(0.10), invert],
    "crop 20 %, gamma 0.5": [crop(0.20), gamma(0.5)],
    "crop 30 %, JPEG quality 30": [crop(0.30), jpeg(30)],
    "crop 30 %, rotated by 5°": [crop(0.30), rotate(5)],
    "border 10 %, three words": [border(0.10), text(3)],
    "crop 10 %, border 20 %": [crop(0.10), border(0.20)],
    "gamma 2, rotated by 5°": [gamma(2.0), rotate(5)],
    "mirrored, inverted": [mirror, invert],
    "half size, contrast × 0.5": [resize(0.5), contrast(0.5)],
}
"""What is done → the changes, one after the other."""

TURNED: Mapping[str, Sequence[Change]] = {
    "turned by 180°": [turn(2)],
    "turned by 90°": [turn(1)],
    "upside down": [turn(2), mirror],
    "turned by 270°, crop 10 %": [turn(3), crop(0.10)],
}
"""Found only when asked for."""


def changed(grey: Picture, changes: Sequence[Change], rng: np.random.Generator) -> Picture:
    """A copy with some changes, one after the other."""
    for change in changes:
        grey = np.ascontiguousarray(change(grey, rng))
    return grey
