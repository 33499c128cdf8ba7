"""Boxes that a reading drew, on its pictures.

A finding has one colour everywhere. A box of a finding of the lungs that lies mostly outside them
is dashed. Blue is kept for boxes of readers, red for heatmaps.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.domain import FoundBox, Radiograph, finding
from hilum.domain.findings import all_findings, devices, mediastinum, wall
from hilum.imaging import encode_png

Image = NDArray[np.uint8]
Colour = tuple[int, int, int]
Corners = tuple[float, float, float, float]

OUTSIDE_BELOW = 0.25
"""A box of which a smaller share lies in the lungs counts as outside."""
COLOURS: tuple[Colour, ...] = (
    (255, 159, 28), (255, 225, 77), (61, 220, 151), (255, 143, 199),
    (240, 240, 240), (208, 190, 255), (182, 242, 60), (77, 227, 240),
)  # fmt: skip
"""Red, green, blue; all are seen on grey."""

_ELSEWHERE = frozenset({"cardiomegaly", "hernia"}) | {
    row.key for part in (mediastinum, wall, devices) for row in part.ROWS
}
LABELLED_AT_MOST = 24
"""Boxes on one picture that have their names beside them: the surest."""
_TEXT_PX = 14
_DASH_PX = 9
_EDGE: Colour = (0, 0, 0)


def colour_of(key: str) -> Colour:
    """Red, green and blue of a finding: the same on every picture."""
    order = [one.key for one in all_findings()]
    return COLOURS[order.index(key) % len(COLOURS)]


def is_outside(key: str, in_lungs: float | None) -> bool:
    """Whether a box lies mostly outside the lungs, and should not.

    Args:
        key: its finding; those of heart, mediastinum, chest wall and devices may lie anywhere.
        in_lungs: share of the box that lies in the lungs; None where they are not known.
    """
    return in_lungs is not None and in_lungs < OUTSIDE_BELOW and is_of_lungs(key)


def is_of_lungs(key: str) -> bool:
    """Whether a finding lies in the lungs or their pleura."""
    return key not in _ELSEWHERE


def on_picture(boxes: Iterable[FoundBox], radiograph: Radiograph) -> tuple[Corners, ...]:
    """Where boxes lie on what is shown of a radiograph.

    Args:
        boxes: in pixels of the stored picture.
        radiograph: that they were found on.

    Returns:
        Left, top, right and bottom of each, in parts of the picture's width and height, in [0, 1].
    """
    rows, columns = radiograph.shape
    back = radiograph.source.to_source.inverse()
    found: list[Corners] = []
    for box in boxes:
        x, y, w, h = box.xywh
        ends = back([(x, y), (x + w, y + h)]) / (columns, rows)
        left, top = np.clip(ends.min(0), 0, 1).tolist()
        right, bottom = np.clip(ends.max(0), 0, 1).tolist()
        found.append((left, top, right, bottom))
    return tuple(found)


def with_boxes(
    picture: Image, boxes: Sequence[FoundBox], places: Sequence[Corners], *, of: str = ""
) -> Image:
    """A picture with boxes, each with its finding and score.

    Args:
        picture: grey [rows, columns], or blue, green, red [rows, columns, 3].
        boxes: the surest first.
        places: of each on the picture, as :func:`on_picture` gives them.
        of: the finding whose boxes are drawn; "" for all.

    Returns:
        uint8 [rows, columns, 3], blue, green, red.
    """
    grey = picture.ndim == 2
    drawn = np.array(cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR) if grey else picture, np.uint8)
    rows, columns = drawn.shape[:2]
    pairs = [
        (box, in_pixels(place, (rows, columns)))
        for box, place in zip(boxes, places, strict=True)
        if of in ("", box.finding)
    ]
    for box, corners in reversed(pairs):  # the surest on top
        outline(
            drawn, corners, colour_of(box.finding), dashed=is_outside(box.finding, box.in_lungs)
        )
    taken: list[tuple[int, int, int, int]] = []
    for box, corners in pairs[:LABELLED_AT_MOST]:
        words = f"{finding(box.finding).name} {box.score:.2f}"
        taken.append(_label(drawn, words, corners, colour_of(box.finding), taken))
    return drawn


def in_pixels(place: Corners, shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """First and last column and row of a box on a picture of (rows, columns)."""
    (left, top, right, bottom), (rows, columns) = place, shape
    start = round(left * columns), round(top * rows)
    return (*start, round(right * columns) - 1, round(bottom * rows) - 1)


def png(picture: Image) -> bytes:
    """A blue, green, red picture as PNG."""
    return encode_png(np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8))


def outline(
    picture: Image, corners: tuple[int, int, int, int], colour: Colour, *, dashed: bool = False
) -> None:
    """Draw a box into a picture, with black around its line: seen on bone as well.

    Args:
        picture: uint8 [rows, columns, 3], blue, green, red; is changed.
        corners: first and last column and row of the box: left, top, right, bottom.
        colour: red, green, blue.
        dashed: for a box outside the lungs.
    """
    left, top, right, bottom = corners
    ring = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    pieces = [piece for ends in pairwise(ring) for piece in (_dashes(*ends) if dashed else [ends])]
    for ink, thick in ((_EDGE, 4), (colour, 2)):
        for start, end in pieces:
            cv2.line(picture, start, end, ink[::-1], thick, cv2.LINE_AA)


def _dashes(
    start: tuple[int, int], end: tuple[int, int]
) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Every other piece of a line."""
    length = max(abs(end[0] - start[0]), abs(end[1] - start[1]))
    count = max(1, round(length / _DASH_PX)) | 1  # odd: it begins and ends with ink
    at = np.rint(np.linspace(start, end, count + 1)).astype(int).tolist()
    points = [(x, y) for x, y in at]
    return [(points[i], points[i + 1]) for i in range(0, count, 2)]


def _label(
    picture: Image,
    words: str,
    corners: tuple[int, int, int, int],
    colour: Colour,
    taken: Sequence[tuple[int, int, int, int]],
) -> tuple[int, int, int, int]:
    """Write words beside a box where no other words stand; returns the place they take."""
    font = cv2.FontFace("sans")
    _, _, wide, high = cv2.getTextSize((0, 0), words, (0, 0), font, _TEXT_PX, 600)
    wide, high = wide + 8, _TEXT_PX + 6
    rows, columns = picture.shape[:2]
    left, top, _, bottom = corners
    x = max(0, min(left, columns - wide))
    wanted = [top - high - 2, bottom + 3, top + 3, bottom - high - 2]
    wanted += [top + 3 + step * high for step in range(1, 12)]
    places = [(x, y, x + wide, y + high) for y in wanted if 0 <= y <= rows - high]
    free = (place for place in places if not any(_meet(place, other) for other in taken))
    place = next(free, (places or [(x, 0, x + wide, high)])[0])
    cv2.rectangle(picture, place[:2], place[2:], _EDGE, cv2.FILLED)
    cv2.putText(picture, words, (place[0] + 4, place[3] - 5), colour[::-1], font, _TEXT_PX, 600)
    return place


def _meet(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    across = one[0] < other[2] and other[0] < one[2]
    return across and one[1] < other[3] and other[1] < one[3]
