"""A look at the image files: size, sharpness, exposure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.files import Files
from hilum.domain import Radiograph
from hilum.errors import IntakeError

if TYPE_CHECKING:
    from hilum.imaging import PictureFacts

LOOK_PX = 512
"""Longest side at which pictures are looked at, as :mod:`hilum.imaging.checks` does."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What one image file is like.

    Attributes:
        row: of the table.
        width_px: of the file; 0 where it could not be read.
        height_px: the same.
        format: "dicom", "png", "jpeg" or "tiff"; "" where it could not be read.
        mean: mean grey level, 0 black to 1 white.
        facts: measures of sharpness and exposure; None where it could not be read.
        flags: codes of what is odd about it ("blurred", "inverted" …).
        refused: code of why it could not be read; "" where it could.
        reason: the same in words.
    """

    row: int
    width_px: int = 0
    height_px: int = 0
    format: str = ""
    mean: float = 0.0
    facts: PictureFacts | None = None
    flags: tuple[str, ...] = ()
    refused: str = ""
    reason: str = ""


def choose_sample(files: Files, sample: int | None, rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows to look at, rising: all that have a file, or so many of them drawn at random."""
    there = np.array([at for at, path in enumerate(files.paths) if path is not None], np.int64)
    if sample is None or sample >= len(there):
        return there
    return np.sort(rng.choice(there, sample, replace=False))


def look_at(
    files: Files,
    rows: Sequence[int],
    *,
    workers: int,
    also: Callable[[int, Radiograph], None],
) -> Iterator[Picture]:
    """Read pictures in threads and measure them, in the order of ``rows``.

    Args:
        files: of the table.
        rows: to look at; each must have a file.
        workers: pictures at a time, at least 1.
        also: called in a thread with the row and its radiograph, longest side at most
            :data:`LOOK_PX`.

    Yields:
        One a row; a file that cannot be read gives a picture with the reason.
    """
    from hilum.datasets.side_by_side import in_order
    from hilum.imaging import checks, read

    def look(row: int) -> Picture:
        path = files.paths[row]
        if path is None:
            raise ValueError(f"row {row} has no file")
        try:
            radiograph = read(path, longest_px=LOOK_PX)
        except IntakeError as error:
            return Picture(row, refused=error.code, reason=str(error))
        also(row, radiograph)
        facts = checks.measure(radiograph.pixels)
        high, wide = radiograph.source.shape
        return Picture(
            row=row,
            width_px=wide,
            height_px=high,
            format=radiograph.source.format,
            mean=float(radiograph.pixels.mean()),
            facts=facts,
            flags=tuple(note.code for note in checks.flags(facts)),
        )

    yield from in_order(look, rows, workers)
