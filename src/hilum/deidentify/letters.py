"""Pieces of a picture that look like letters which a machine wrote."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.errors import NotCleaned

LOWEST_PX, TALLEST_PX = 6, 90
"""Heights of letters at the size at which they are looked for."""

LEVELS_APART = 18.0
"""Grey levels of 255 by which two letters of a row may differ."""

Picture = NDArray[np.uint8]
MOST_PIECES = 2000
"""Four times as many as any of 120 radiographs has."""

_AROUND = np.ones((3, 3), np.uint8)


CONTRAST = 0.14
"""Least, of the range of grey levels."""

UNEVEN = 0.16
"""Most standard deviation of the ink, as a share of the contrast."""

STEEP = (0.55, 0.75)
"""Least change from pixel to pixel along the edge, as a share of the contrast: lower quartile and
median."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A piece, in pixels of the picture in which it was found.

    Attributes:
        left, top, right, bottom: its box; ends are exclusive.
        count: how many letters it may be, for some touch each other.
        level: grey level of its ink, 0 to 255.
    """

    left: int
    top: int
    right: int
    bottom: int
    count: float
    level: float

    @property
    def width(self) -> int:
        """In pixels."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """In pixels."""
        return self.bottom - self.top

    def turned(self) -> Letter:
        """The same with rows and columns exchanged."""
        return Letter(self.top, self.left, self.bottom, self.right, self.count, self.level)


def letters(picture: Picture, stroke: int) -> list[Letter]:
    """Find bright pieces whose strokes are narrower than ``stroke`` pixels.

    Args:
        picture: [rows, columns].
        stroke: the widest.

    Raises:
        NotCleaned: there are more than :data:`MOST_PIECES`.
    """
    kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (stroke, stroke))
    hat = np.asarray(cv2.morphologyEx(picture, cv2.MORPH_TOPHAT, kernel), np.uint8)
    # Ink has more than half of the contrast of what is near it: blurred edges are left out.
    near = cv2.getStructuringElement(cv2.MORPH_RECT, (2 * stroke + 1, 2 * stroke + 1))
    half = np.asarray(cv2.dilate(hat, near), np.uint8) // 2
    ink = ((hat >= round(CONTRAST * 255)) & (hat >= half)).astype(np.uint8)
    return list(_judged(picture, hat, ink, stroke))


def _judged(picture: Picture, hat: Picture, ink: Picture, stroke: int) -> Iterator[Letter]:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    w, h = stats[:count, cv2.CC_STAT_WIDTH], stats[:count, cv2.CC_STAT_HEIGHT]
    tall, low = np.maximum(w, h), np.minimum(w, h)
    fill = stats[:count, cv2.CC_STAT_AREA] / (w * h)
    chosen = (tall >= LOWEST_PX) & (low <= TALLEST_PX) & (tall <= 14 * low) & (fill >= 0.12)
    chosen &= (tall <= 8 * stroke) & ((fill <= 0.95) | (low <= 3))
    chosen[0] = False
    if np.count_nonzero(chosen) > MOST_PIECES:
        raise NotCleaned(
            f"The picture has more than {MOST_PIECES:,} pieces of the size of letters: it is "
            "noise or a page of text, and no radiograph. Look at it yourself, and give --pixels "
            "leave if nobody is named in it."
        )
    for index in np.flatnonzero(chosen):
        left, top, width, height = (int(v) for v in stats[index, :4])
        box = (slice(top, top + height), slice(left, left + width))
        piece = np.asarray(labels[box] == index)
        contrast = float(np.percentile(hat[box][piece], 75))
        if contrast < CONTRAST * 255:
            continue
        level = _level(picture, piece, (left, top), contrast)
        if level is not None:
            yield Letter(left, top, left + width, top + height, _count(piece), level)


def _level(
    picture: Picture,
    piece: NDArray[np.bool_],
    corner: tuple[int, int],
    contrast: float,
) -> float | None:
    """The grey level of a piece; None where it has several, or its edge is not abrupt."""
    left, top = corner
    height, width = piece.shape
    y0, x0 = max(0, top - 2), max(0, left - 2)
    part = picture[y0 : top + height + 2, x0 : left + width + 2]
    mask = np.zeros(part.shape, np.uint8)
    mask[top - y0 : top - y0 + height, left - x0 : left - x0 + width] = piece
    ink = np.sort(part[mask > 0].astype(np.float32))
    ink = ink[len(ink) // 3 :]  # without the blurred edge
    if float(ink.std()) > UNEVEN * contrast:
        return None
    edge = (cv2.dilate(mask, _AROUND) > 0) & (mask == 0)
    steps = cv2.dilate(part, _AROUND)[edge].astype(np.float32) - cv2.erode(part, _AROUND)[edge]
    if not steps.size:
        return None
    quarter, half = np.percentile(steps / contrast, (25, 50))
    steep = quarter >= STEEP[0] and half >= STEEP[1]
    return float(np.median(ink)) if steep else None


def _count(piece: NDArray[np.bool_]) -> float:
    """How many letters a piece may be: by its width, and by the strokes that lines across it meet.

    A collar bone is as wide as a word, and one stroke.
    """
    height, width = piece.shape
    if width <= 1.8 * height:
        return 1.0
    lines = piece[[int(share * (height - 1)) for share in (0.3, 0.5, 0.7)]]
    begins = lines[:, 0].astype(int) + np.count_nonzero(lines[:, 1:] & ~lines[:, :-1], axis=1)
    return max(1.0, min(width / height / 0.9, float(begins.mean()) / 1.5))
