"""Pieces of a sheet: a picture with its grey levels and words below it, a row, a heading."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.report.explore.examples import COLOUR
from hilum.transforms.augmentation import Picture

Image = NDArray[np.uint8]
Ink = tuple[int, int, int]
Line = tuple[str, Ink]

SIDE_PX = 256
"""Longest side of a picture on the sheet."""
GAP_PX = 12
STRIP_PX = 36
"""Height of the grey levels below a picture."""
LINE_PX = 16
MOST_LINES = 12
PAPER, INK, FAINT = (24, 24, 24), (230, 230, 230), (150, 150, 150)
RED = (90, 90, 255)
MASK = (208, 176, 86)
"""Colours are blue, green, red."""


def tile(picture: Picture, plain: Picture, lines: Sequence[Line]) -> Image:
    """A picture, its grey levels, and what was done."""
    rows, columns = picture.shape
    factor = SIDE_PX / max(rows, columns)
    size = (max(1, round(columns * factor)), max(1, round(rows * factor)))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    levels = cv2.convertScaleAbs(picture.grey, alpha=255.0)
    shown = np.asarray(cv2.cvtColor(cv2.resize(levels, size, interpolation=how), 8), np.uint8)
    for mask in picture.masks:
        small = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
        lined, _ = cv2.findContours(small, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(shown, lined, -1, MASK, 1, cv2.LINE_AA)
    for x, y, w, h in (picture.boxes * factor).tolist():
        corner = (round(x), round(y)), (round(x + w) - 1, round(y + h) - 1)
        cv2.rectangle(shown, *corner, (0, 0, 0), 3)  # black around it: seen on bone as well
        cv2.rectangle(shown, *corner, COLOUR, 1)
    square = np.full((SIDE_PX, SIDE_PX, 3), PAPER, np.uint8)
    top, left = (SIDE_PX - size[1]) // 2, (SIDE_PX - size[0]) // 2
    square[top : top + size[1], left : left + size[0]] = shown
    words = [(part, ink) for line, ink in lines for part in _wrapped(line, SIDE_PX, 13)][
        :MOST_LINES
    ]
    text = np.full((LINE_PX * max(len(words), 1) + 6, SIDE_PX, 3), PAPER, np.uint8)
    for at, (line, ink) in enumerate(words):
        _write(text, line, (0, LINE_PX * (at + 1)), 13, ink)
    return np.concatenate([square, _levels(picture, plain), text])


def _levels(picture: Picture, plain: Picture) -> Image:
    """How often each grey level occurs: orange, over the plain picture's in grey."""
    strip = np.full((STRIP_PX, SIDE_PX, 3), PAPER, np.uint8)
    counts = [
        cv2.calcHist([cv2.convertScaleAbs(p.grey, alpha=255.0)], [0], None, [64], [0, 256]).ravel()
        / p.grey.size
        for p in (plain, picture)
    ]
    # The ends, where clipped pixels pile up, may run over the top.
    most = 1.15 * max(float(counts[0][1:-1].max()), float(counts[1][1:-1].max()), 1e-6)
    across = (np.arange(64) * (SIDE_PX / 64) + SIDE_PX / 128).round().astype(int)
    before, after = [
        np.stack([across, (STRIP_PX - 2 - c / most * (STRIP_PX - 4)).clip(1).astype(int)], 1)
        for c in counts
    ]
    ground = [[across[-1], STRIP_PX - 1], [across[0], STRIP_PX - 1]]
    cv2.fillPoly(strip, [np.concatenate([before, ground]).astype(np.int32)], (72, 72, 72))
    if picture is not plain:
        cv2.polylines(strip, [after.astype(np.int32)], False, COLOUR, 1, cv2.LINE_AA)
    return strip


def heading(title: str, concerns: Sequence[str], names: Sequence[str]) -> Image:
    """The policy in words, what is to be thought of, and a name above each column.

    Args:
        title: the policy.
        concerns: a sentence each, written in red.
        names: one a column.
    """
    wide = GAP_PX + len(names) * (SIDE_PX + GAP_PX)
    lines = [(part, INK) for part in _wrapped(title, wide - 2 * GAP_PX, 15)]
    for concern in concerns:
        lines += [(part, RED) for part in _wrapped(f"! {concern}", wide - 2 * GAP_PX, 15)]
    high = 20 * len(lines) + 16 + 24
    head = np.full((high, wide, 3), PAPER, np.uint8)
    for at, (line, ink) in enumerate(lines):
        _write(head, line, (GAP_PX, 22 + 20 * at), 15, ink)
    for at, name in enumerate(names):
        _write(head, name, (GAP_PX + at * (SIDE_PX + GAP_PX), high - 6), 14, INK, weight=600)
    return head


def beside(tiles: Sequence[Image]) -> Image:
    """Tiles in a row, as high as the highest."""
    high = max(tile.shape[0] for tile in tiles) + GAP_PX
    wide = GAP_PX + len(tiles) * (SIDE_PX + GAP_PX)
    row = np.full((high, wide, 3), PAPER, np.uint8)
    for at, tile in enumerate(tiles):
        left = GAP_PX + at * (SIDE_PX + GAP_PX)
        row[: tile.shape[0], left : left + SIDE_PX] = tile
    return row


def _wrapped(line: str, wide_px: int, size: int) -> list[str]:
    """Lines of at most so many pixels; letters are about half as wide as high."""
    return textwrap.wrap(line, max(8, int(wide_px / (0.54 * size)))) or [""]


def _write(
    image: Image, line: str, at: tuple[int, int], size: int, ink: Ink, *, weight: int = 400
) -> None:
    cv2.putText(image, line, at, ink, cv2.FontFace("sans"), size, weight)
