"""Text that is burned into a radiograph: where it stands.

Letters that a machine writes are of one grey level, have sharp edges and thin strokes, and stand in
rows. Ribs, vessels, tubes and collimators have some of these properties, and not all. Nothing is
read: a row of letters is found, not what it says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.deidentify.letters import (
    LEVELS_APART,
    LOWEST_PX,
    TALLEST_PX,
    Letter,
    Picture,
    letters,
)

WORK_PX = (1280, 640)
"""The longest sides at which letters are looked for."""

_SMALL_PX = (256, 640)
"""Longest sides of pictures that are enlarged as well: people read letters of four pixels."""

FEWEST = 3
"""Letters of a row: a side marker of one or two (L, R, PA) names nobody, and is left."""

_STROKES_PX = (7, 15, 31)
_MARGIN = 0.35
"""Of a letter's height, added around a row; half a letter more at either end."""

_LONGER = 12
"""So many letters' heights are looked at beyond either end of a row for what goes on with it."""

Grey = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Region:
    """Where a row of letters stands, in pixels of the picture; ends are exclusive."""

    left: int
    top: int
    right: int
    bottom: int


def find_text(grey: Grey) -> tuple[Region, ...]:
    """Find rows and columns of three letters or more.

    Args:
        grey: [rows, columns] in [0, 1].

    Returns:
        Regions with a margin; none overlaps another; by top and left.

    Raises:
        NotCleaned: a picture of noise, or a page of text.
    """
    rows, columns = grey.shape
    found: list[Region] = []
    for scale in _scales(max(rows, columns)):
        size = max(1, round(columns * scale)), max(1, round(rows * scale))
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = grey if scale == 1 else cv2.resize(grey, size, interpolation=how)
        picture = np.asarray(np.rint(np.clip(small, 0, 1) * 255), np.uint8)
        for bright in (picture, np.asarray(255 - picture, np.uint8)):
            found += [_region(row, scale, (rows, columns)) for row in _rows(bright)]
    return _merged(found)


def _scales(longest: int) -> list[float]:
    """At which scales letters are looked for."""
    scales = {min(1.0, work / longest) for work in WORK_PX}
    return sorted(scales | ({2.0} if _SMALL_PX[0] <= longest <= _SMALL_PX[1] else set()))


def _rows(picture: Picture) -> list[list[Letter]]:
    """Rows of bright letters, upright and turned by a quarter."""
    rows: list[list[Letter]] = []
    turned = np.ascontiguousarray(picture.T)
    for stroke in _STROKES_PX:
        pieces = letters(picture, stroke)
        rows += [_longer(row, picture, stroke) for row in _lined_up(pieces)]
        for row in _lined_up([piece.turned() for piece in pieces]):
            rows.append([piece.turned() for piece in _longer(row, turned, stroke)])
    return rows


def _longer(row: list[Letter], picture: Picture, stroke: int) -> list[Letter]:
    """A row as far as there is more between its lines than above and below.

    Over parts that are nearly as bright as its ink a row fades, and its letters are none any more
    that could be told from ribs one by one.
    """
    height = max(piece.height for piece in row)
    top, bottom = min(p.top for p in row), max(p.bottom for p in row)
    left, right = min(p.left for p in row), max(p.right for p in row)
    reach, high = _LONGER * height, bottom - top
    y0, x0 = max(0, top - high - 2), max(0, left - reach)
    strip = picture[y0 : bottom + high + 2, x0 : right + reach]
    kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (stroke, stroke))
    hat = cv2.morphologyEx(strip, cv2.MORPH_TOPHAT, kernel).astype(np.float32)
    within = hat[top - y0 : bottom - y0].mean(axis=0)
    others = [hat[: max(0, top - y0 - 2)], hat[bottom - y0 + 2 :]]
    beside = np.maximum.reduce([part.mean(axis=0) for part in others if len(part) > 2] or [within])
    step = max(3, height)
    ones = np.ones(step, np.float32) / step
    more = np.convolve(within, ones, "same") > 1.4 * np.convolve(beside, ones, "same") + 1.0
    first, last = left - x0, right - x0 - 1
    while first > 0 and more[max(0, first - step) : first].any():
        first = max(0, first - step) + int(np.argmax(more[max(0, first - step) : first]))
    while last < len(more) - 1 and more[last + 1 : last + 1 + step].any():
        last += 1 + int(np.flatnonzero(more[last + 1 : last + 1 + step])[-1])
    end = Letter(x0 + first, top, x0 + last + 1, bottom, 0.0, row[0].level)
    return [*row, end] if end.left < left or end.right > right else row


def _lined_up(pieces: Sequence[Letter]) -> list[list[Letter]]:
    return [group for group in _groups(pieces) if _is_text(group)]


def _groups(pieces: Sequence[Letter]) -> list[list[Letter]]:
    """Pieces that stand side by side, of like heights and levels, as letters of a word do."""
    ordered = sorted((p for p in pieces if p.height >= LOWEST_PX), key=lambda p: p.left)
    parent = list(range(len(ordered)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, one in enumerate(ordered):
        for j in range(i + 1, len(ordered)):
            if ordered[j].left > one.right + TALLEST_PX:
                break
            if _neighbours(one, ordered[j]):
                parent[root(j)] = root(i)
    groups: dict[int, list[Letter]] = {}
    for i, piece in enumerate(ordered):
        groups.setdefault(root(i), []).append(piece)
    return list(groups.values())


def _neighbours(one: Letter, other: Letter) -> bool:
    tall, low = max(one.height, other.height), min(one.height, other.height)
    gap = other.left - one.right
    if abs(one.level - other.level) > LEVELS_APART or tall > 2.0 * low:
        return False
    if gap > tall or gap < -0.5 * min(one.width, other.width):
        return False
    return min(one.bottom, other.bottom) - max(one.top, other.top) >= 0.6 * low


def _is_text(row: Sequence[Letter]) -> bool:
    count = sum(piece.count for piece in row)
    if count < (FEWEST if len(row) > 1 else FEWEST + 1):
        return False
    heights = np.array([piece.height for piece in row], float)
    middle = float(np.median(heights))
    if max(p.right for p in row) - min(p.left for p in row) < 1.2 * middle:
        return False
    if len(row) < 3:
        return True
    lefts = np.array([piece.left for piece in row], float)
    bottoms = np.array([piece.bottom for piece in row], float)
    slope, begin = np.polyfit(lefts, bottoms, 1)
    on_line = np.abs(bottoms - (slope * lefts + begin)) <= 0.25 * middle
    return float(on_line.mean()) >= 0.6 and abs(float(slope)) < 0.25


def _region(row: Sequence[Letter], scale: float, shape: tuple[int, int]) -> Region:
    left, right = min(p.left for p in row), max(p.right for p in row)
    top, bottom = min(p.top for p in row), max(p.bottom for p in row)
    across = right - left >= bottom - top
    height = float(np.median([p.height if across else p.width for p in row]))
    margin = max(2.0, _MARGIN * height)
    wide, high = (margin + height / 2, margin) if across else (margin, margin + height / 2)
    rows, columns = shape
    return Region(
        max(0, int((left - wide) / scale)),
        max(0, int((top - high) / scale)),
        min(columns, int(np.ceil((right + wide) / scale))),
        min(rows, int(np.ceil((bottom + high) / scale))),
    )


def _merged(regions: Sequence[Region]) -> tuple[Region, ...]:
    """Regions that overlap become one, until none do."""
    waiting, done = list(regions), list[Region]()
    while waiting:
        one = waiting.pop()
        over = next((other for other in done if _overlap(one, other)), None)
        if over is None:
            done.append(one)
        else:
            done.remove(over)
            waiting.append(_around(one, over))
    return tuple(sorted(done, key=lambda r: (r.top, r.left)))


def _overlap(a: Region, b: Region) -> bool:
    return a.left < b.right and b.left < a.right and a.top < b.bottom and b.top < a.bottom


def _around(a: Region, b: Region) -> Region:
    return Region(
        min(a.left, b.left), min(a.top, b.top), max(a.right, b.right), max(a.bottom, b.bottom)
    )
