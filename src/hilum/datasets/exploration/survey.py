"""A look at the image files: size, sharpness, exposure."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hilum.domain import LabelTable, Radiograph
from hilum.errors import IntakeError, RunError

if TYPE_CHECKING:
    from hilum.imaging import PictureFacts

LOOK_PX = 512
"""Longest side at which pictures are looked at, as :mod:`hilum.imaging.checks` does."""
_AHEAD = 4


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


@dataclass(frozen=True, slots=True, eq=False)
class Files:
    """Where the images of a table lie.

    Attributes:
        paths: one an image; None where no file was found.
        missing: number of images without a file.
    """

    paths: tuple[Path | None, ...]
    missing: int


def find_images(table: LabelTable, folder: Path) -> Files:
    """Find the files of a table: by their path below the folder, else by their name alone.

    Args:
        table: of labels.
        folder: that the paths in the table are relative to.

    Raises:
        RunError: there is no such folder, or none of the files in it.
    """
    if not folder.is_dir():
        raise RunError(f"There is no folder {folder} with images.")
    below, by_name = _walk(folder)
    names = table.images.tolist()
    found = [below.get(name) or by_name.get(Path(name).name) for name in names]
    missing = sum(path is None for path in found)
    if missing == len(found):
        raise RunError(
            f"None of the {len(found):,} images of the table lies in {folder}: {names[0]!r} is "
            f"looked for there, or a file of that name in a folder below. Give the folder that the "
            f"paths in the table start from."
        )
    return Files(tuple(found), missing)


def _walk(folder: Path) -> tuple[dict[str, Path], dict[str, Path | None]]:
    """Files below a folder: by relative path, and by name where that is one file's alone."""
    below: dict[str, Path] = {}
    by_name: dict[str, Path | None] = {}
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        place = Path(root)
        for name in names:
            path = place / name
            below[path.relative_to(folder).as_posix()] = path
            by_name[name] = None if name in by_name else path
    return below, by_name


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
    import cv2

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

    cv_threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # the workers fill the processors already
    pool = ThreadPoolExecutor(workers, thread_name_prefix="hilum-explore")
    waiting: deque[Future[Picture]] = deque()
    try:
        for row in rows:
            waiting.append(pool.submit(look, row))
            if len(waiting) > _AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        cv2.setNumThreads(cv_threads)
