"""A reading drawn on its picture, so that nobody can take the picture for another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.domain import FoundBox, finding
from hilum.errors import ResultError
from hilum.report.boxes import Corners, with_boxes
from hilum.report.result_words import (
    NOT_WHOLE,
    decided,
    is_refusal,
    is_whole,
    probability,
    reasons,
)

MARK = "AI, INVESTIGATIONAL"
LEAST_PX = 512
"""A picture with a shorter long side is enlarged to it, so that words can be read."""

MOST_PX = 1280
"""A larger one is shrunk to it: a capture is not compressed."""

_INK, _AMBER, _BLACK = (235, 235, 235), (28, 159, 255), (0, 0, 0)  # blue, green, red
_MOST_LINES = 12


def burned_in(
    picture: NDArray[Any], record: Mapping[str, Any], *, bundle: str
) -> NDArray[np.uint8]:
    """A picture with boxes, a band of words above and below, and a mark on its pixels.

    Args:
        picture: the whole radiograph: uint8 grey [rows, columns], float in [0, 1] of the same
            shape, or uint8 blue, green, red [rows, columns, 3].
        record: of the reading or refusal, as in ``readings.json``.
        bundle: what read it; stands in the band below.

    Returns:
        uint8 [rows, columns, 3], blue, green, red; higher than the picture by the two bands.

    Raises:
        ResultError: the picture is none.
    """
    shown = _sized(as_bytes(picture))
    boxes, places = boxes_of(record)
    drawn = with_boxes(shown, boxes, places)
    wide, text_px = drawn.shape[1], max(14, round(drawn.shape[1] / 55))
    _mark(drawn, text_px)
    above = _band([f"{MARK} – not for diagnosis"], wide, text_px, _AMBER)
    below = _band([*_lines(record), bundle], wide, text_px, _INK)
    return np.ascontiguousarray(np.vstack([above, drawn, below]))


def as_bytes(picture: NDArray[Any]) -> NDArray[np.uint8]:
    """A picture as uint8, grey or blue, green, red.

    Raises:
        ResultError: it is of another shape or type, or holds numbers out of range.
    """
    given = np.asarray(picture)
    grey = given.ndim == 2
    if not given.size or not (grey or (given.ndim == 3 and given.shape[2] == 3)):
        raise ResultError(
            f"A picture must be [rows, columns] or [rows, columns, 3], not {list(given.shape)}."
        )
    if given.dtype == np.uint8:
        return given
    if given.dtype.kind == "f" and grey and given.min() >= 0 and given.max() <= 1:
        return np.rint(given * 255).astype(np.uint8)
    raise ResultError(
        f"A picture must be uint8, or grey and float in [0, 1]; this one is {given.dtype}."
    )


def boxes_of(record: Mapping[str, Any]) -> tuple[list[FoundBox], list[Corners]]:
    """The boxes of a record, and where they lie, in parts of the picture's width and height."""
    if not record.get("boxes"):
        return [], []
    rows, columns = record["shape"]
    boxes: list[FoundBox] = []
    places: list[Corners] = []
    for one in record["boxes"]:
        x, y, w, h = one["xywh"]
        boxes.append(
            FoundBox(one["finding"], one["score"], (x, y, w, h), one["origin"],
                     tuple(one["zones"]), one["in_lungs"])
        )  # fmt: skip
        ends = np.array([(x, y), (x + w, y + h)]) / (columns, rows)
        (left, top), (right, bottom) = np.clip(ends, 0, 1).tolist()
        places.append((left, top, right, bottom))
    return boxes, places


def _sized(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    longest = max(picture.shape[:2])
    factor = min(MOST_PX / longest, 1.0) if longest > LEAST_PX else LEAST_PX / longest
    if factor == 1:
        return picture
    size = (max(1, round(picture.shape[1] * factor)), max(1, round(picture.shape[0] * factor)))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, size, interpolation=how), np.uint8)


def _lines(record: Mapping[str, Any]) -> list[str]:
    if is_refusal(record):
        return ["NOT READ – nothing is said of this radiograph", *reasons(record)]
    lines = [
        f"{finding(p['finding']).name} {probability(p['probability'])}"
        f" (operating point {probability(p['operating_point'])}"
        f"{'' if p['calibrated'] else '; not calibrated'})"
        for p in decided(record, "present")
    ]
    unsure = [finding(p["finding"]).name for p in decided(record, "abstained")]
    if not lines and record.get("predictions"):
        none = "is called present" if unsure else "reaches its operating point"
        lines = [f"No finding {none}; not the same as normal"]
    elif not lines:
        boxes = len(record.get("boxes", ()))
        lines = [f"Boxes alone, nothing is said of the whole: {boxes}; none does not mean normal"]
    if len(lines) > _MOST_LINES:
        lines[_MOST_LINES:] = [f"and {len(lines) - _MOST_LINES} more"]
    if unsure:
        return [*lines, f"No decision: {', '.join(unsure)}"]
    return lines if is_whole(record) else [*lines, NOT_WHOLE]


def _mark(picture: NDArray[np.uint8], text_px: int) -> None:
    """The mark at the lower left of the picture itself; stays when the bands are cut off."""
    font = cv2.FontFace("sans")
    _, _, wide, _ = cv2.getTextSize((0, 0), MARK, (0, 0), font, text_px, 600)
    bottom = picture.shape[0]
    cv2.rectangle(picture, (0, bottom - text_px - 10), (wide + 12, bottom - 1), _BLACK, cv2.FILLED)
    cv2.putText(picture, MARK, (6, bottom - 7), _AMBER, font, text_px, 600)


def _band(
    lines: list[str], wide: int, text_px: int, ink: tuple[int, int, int]
) -> NDArray[np.uint8]:
    """Lines of words on black, broken where they are too long."""
    font = cv2.FontFace("sans")
    broken = [part for line in lines for part in _broken(line, wide - 12, font, text_px)]
    step = text_px + 7
    band = np.zeros((step * len(broken) + 6, wide, 3), np.uint8)
    for index, line in enumerate(broken, 1):
        cv2.putText(band, line, (6, index * step - 4), ink, font, text_px, 500)
    return band


def _broken(line: str, wide: int, font: Any, text_px: int) -> list[str]:
    """Words of a line on as many lines as they need."""
    parts: list[str] = []
    for word in line.split():
        longer = f"{parts[-1]} {word}" if parts else word
        if parts and cv2.getTextSize((0, 0), longer, (0, 0), font, text_px, 500)[2] <= wide:
            parts[-1] = longer
        else:
            parts.append(word)
    return parts
