"""What ``hilum lungs`` writes: masks, crops, overlays and a table of boxes."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.domain import Refusal
from hilum.errors import RunError
from hilum.imaging import encode_png
from hilum.reading.lungs import MARGIN, STRUCTURES, Box, LungFields
from hilum.report.names import cell, file_stem
from hilum.report.pictures import jpeg, preview

GREY_OF = (127, 255)
"""Grey levels of the right and the left lung in a mask; 0 is neither."""
COLOURS = ((31, 138, 255), (220, 200, 60))
"""Blue, green, red of the right and the left lung's outline on an overlay."""
BOXES = "boxes.csv"
HEADINGS = (
    *("image", "usable", "sureness", "x", "y", "w", "h"),
    *(f"{name}_{part}" for name in STRUCTURES for part in "xywh"),
    *("crop_x", "crop_y", "crop_w", "crop_h", "code", "reason"),
)

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file.

    Attributes:
        row: its row of ``boxes.csv``.
        codes: why it is not usable; empty where it is.
    """

    row: Row
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class LungFolder:
    """A folder to write to. ``write`` may be called by several threads at once.

    Attributes:
        out: the folder.
        crop: whether crops are written.
        overlay: whether overlays are written.
        margin: of the crops, a share of the longer side of the box around both lungs.
    """

    out: Path
    crop: bool = False
    overlay: bool = False
    margin: float = MARGIN
    _names: Counter[str] = field(default_factory=Counter[str])
    _outcomes: dict[str, Outcome] = field(default_factory=dict[str, "Outcome"])
    _lock: Lock = field(default_factory=Lock)

    def open(self) -> LungFolder:
        """Make the folders.

        Raises:
            RunError: there is something in ``out``.
        """
        if self.out.exists() and (not self.out.is_dir() or any(self.out.iterdir())):
            raise RunError(f"{self.out} is not empty; choose another folder with -o")
        for name in ("masks", *["crops"] * self.crop, *["overlays"] * self.overlay):
            (self.out / name).mkdir(parents=True, exist_ok=True)
        return self

    def write(self, found: LungFields | Refusal) -> Outcome:
        """Write the pictures of one file; masks that are not plausible are drawn, never cut by."""
        name = found.name if isinstance(found, Refusal) else found.radiograph.source.name
        outcome = self._written(found)
        self._outcomes[name] = outcome
        return outcome

    def finished(self, names: Iterable[str]) -> list[Outcome]:
        """What became of those files that :meth:`write` is through with, in the order of names."""
        return [self._outcomes[name] for name in names if name in self._outcomes]

    def _written(self, found: LungFields | Refusal) -> Outcome:
        if isinstance(found, Refusal):
            codes = tuple(note.code for note in found.reasons)
            said = " ".join(note.message for note in found.reasons)
            blank = ("",) * (len(HEADINGS) - 5)
            return Outcome((cell(found.name), "no", "", *blank, " ".join(codes), cell(said)), codes)
        stem = self._stem(found.radiograph.source.name)
        crop = found.crop(self.margin) if found.plausible else None
        if crop is not None:
            (self.out / "masks" / f"{stem}.png").write_bytes(encode_png(mask_picture(found)))
            if self.crop:
                x, y, w, h = crop
                cut = np.ascontiguousarray(found.radiograph.pixels[y : y + h, x : x + w])
                (self.out / "crops" / f"{stem}.png").write_bytes(encode_png(cut))
        if self.overlay:
            picture = overlay_picture(found, crop)
            (self.out / "overlays" / f"{stem}.jpg").write_bytes(jpeg(picture))
        codes = tuple(dict.fromkeys(note.code for note in found.concerns))
        boxes = (found.box, *found.boxes.values())
        numbers = [text for box in boxes for text in _numbers(found.in_file(box))]
        cut_to = ("",) * 4
        if crop is not None:
            cut_to = _numbers(found.in_file((crop[0], crop[1], crop[2], crop[3])))
        row = (
            cell(found.radiograph.source.name),
            "yes" if found.plausible else "no",
            f"{found.shape.sureness:.3f}",
            *numbers,
            *cut_to,
            " ".join(codes),
            cell(" ".join(note.message for note in found.concerns)),
        )
        return Outcome(row, codes)

    def finish(self, rows: list[Row]) -> Path:
        """Write ``boxes.csv``."""
        file = self.out / BOXES
        with file.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream, lineterminator="\n").writerows([HEADINGS, *rows])
        return file

    def _stem(self, name: str) -> str:
        stem = file_stem(name)
        with self._lock:
            self._names[stem] += 1
            before = self._names[stem]
        return stem if before == 1 else f"{stem}~{before}"


def mask_picture(found: LungFields) -> NDArray[np.uint8]:
    """Both masks in one picture, uint8 [rows, columns]: 0, 127 the right lung, 255 the left."""
    picture = np.zeros(found.radiograph.shape, np.uint8)
    for mask, grey in zip(found.masks, GREY_OF, strict=True):
        picture[mask] = grey
    return picture


def overlay_picture(found: LungFields, crop: tuple[int, int, int, int] | None) -> NDArray[np.uint8]:
    """The radiograph with the lungs' outlines and the crop, blue-green-red.

    Args:
        found: the lungs.
        crop: left, top, width, height; None draws a cross: these masks are not used.
    """
    grey = preview(found.radiograph)
    rows, columns = grey.shape
    picture = np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)
    thick = max(1, round(max(rows, columns) / 400))
    for mask, colour in zip(found.masks, COLOURS, strict=True):
        small = cv2.resize(mask.astype(np.uint8), (columns, rows), interpolation=cv2.INTER_AREA)
        outlines, _ = cv2.findContours(small, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, outlines, -1, colour, thick, cv2.LINE_AA)
    if crop is None:
        red = (40, 40, 230)
        cv2.line(picture, (0, 0), (columns, rows), red, thick, cv2.LINE_AA)
        cv2.line(picture, (0, rows), (columns, 0), red, thick, cv2.LINE_AA)
    else:
        factor = columns / found.radiograph.shape[1]
        x, y, w, h = (round(value * factor) for value in crop)
        cv2.rectangle(picture, (x, y), (x + w, y + h), (255, 255, 255), thick)
    return picture


def _numbers(box: Box) -> Row:
    return tuple(f"{value:.6g}" for value in box)
