"""Sizes of images that a label table does not tell, from a run that read them or from the files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.files import find_images
from hilum.datasets.looked_at import boxes_on
from hilum.datasets.predicted_boxes import BoxFile
from hilum.datasets.predictions.names import rows_of
from hilum.domain import LabelTable
from hilum.domain.text import first_few, text
from hilum.errors import IntakeError, LabelError

SIZE = ("width_px", "height_px")

Sizes = NDArray[np.int32]
"""Width and height of every image of a table in pixels, int32 [images, 2]; 0 where unknown."""


def sized(
    table: LabelTable,
    boxes: Path | None = None,
    folder: Path | None = None,
    *,
    part: str = "",
    workers: int = 1,
) -> LabelTable:
    """The table with columns ``width_px`` and ``height_px``, where its boxes can be held to them.

    Args:
        table: of labels; as it is where it has no boxes.
        boxes: a CSV of predicted boxes; beside that of ``hilum read --boxes`` lies readings.json,
            which tells the size of every image that was read.
        folder: with the images: those with readers' boxes of which no size is known are opened.
        part: of the split, whose images alone are opened; "" for all.
        workers: images at a time.

    Returns:
        The table; sizes that it tells itself stay.

    Raises:
        LabelError: readers' boxes reach beyond their images, or images with readers' boxes were
            read at another size than the table tells; with the images.
        RunError: there is no such folder, or none of the images in it.
    """
    if table.boxes is None or not len(table.boxes):
        return table
    zero = np.zeros(len(table), np.int32)
    known = np.stack([table.columns.get(name, zero) for name in SIZE], axis=1)
    read = _of_run(table, boxes)
    _check_same(table, known, read)
    sizes = np.where((known > 0).all(1, keepdims=True), known, read)
    if folder is not None:
        wanted = np.zeros(len(table), np.bool_)
        wanted[table.boxes.row] = True
        if part and "split" in table.columns:
            wanted &= table.columns["split"] == part
        sizes = _of_files(table, folder, sizes, wanted & (sizes <= 0).any(1), workers)
    if not (sizes > 0).any():
        return table
    _check_inside(table, sizes)
    columns = dict(zip(SIZE, sizes.T, strict=True))
    return replace(table, columns={**table.columns, **columns})


def boxed(
    table: LabelTable,
    boxes: Path | None,
    folder: Path | None = None,
    *,
    part: str = "",
    workers: int = 1,
) -> tuple[LabelTable, tuple[BoxFile | None, LabelTable, tuple[str, ...]]]:
    """The table with sizes, as :func:`sized` gives it, and what was drawn on it.

    Args:
        table: of labels.
        boxes: a CSV of predicted boxes; None without.
        folder: as in :func:`sized`.
        part: likewise.
        workers: likewise.

    Returns:
        The table, and what :func:`hilum.datasets.looked_at.boxes_on` gives, no boxes without a CSV.

    Raises:
        LabelError: as both.
        RunError: as :func:`sized`.
    """
    table = sized(table, boxes, folder, part=part, workers=workers)
    return table, (None, table, ()) if boxes is None else boxes_on(table, boxes)


def _of_run(table: LabelTable, boxes: Path | None) -> Sizes:
    """Sizes that the run tells which drew the boxes."""
    sizes = np.zeros((len(table), 2), np.int32)
    beside = None if boxes is None else boxes.with_name("readings.json")
    if boxes is None or beside is None or boxes.name != "boxes.csv" or not beside.is_file():
        return sizes
    try:
        told = json.loads(beside.read_text("utf-8"))["readings"]
        shapes = {one["image"]: one["shape"] for one in told if "shape" in one}
        found = np.array(list(shapes.values()), np.int32).reshape(-1, 2)
    except (ValueError, KeyError, TypeError) as error:
        raise LabelError(
            f"{beside} is damaged, so that the sizes of the images are not known; read them "
            f"again, or give boxes.csv without it, in a folder of its own."
        ) from error
    if shapes:
        rows, _ = rows_of(text(shapes), table.images)
        sizes[rows[rows >= 0]] = found[rows >= 0, ::-1]
    return sizes


def _of_files(
    table: LabelTable, folder: Path, sizes: Sizes, wanted: NDArray[np.bool_], workers: int
) -> Sizes:
    """Sizes of the files of some images; a file that cannot be read leaves its own unknown."""
    from hilum.datasets.side_by_side import in_order
    from hilum.imaging import read

    if not wanted.any():
        return sizes
    paths, sizes = find_images(table, folder).paths, sizes.copy()

    def look(row: int) -> tuple[int, int, int]:
        path = paths[row]
        if path is None:
            return row, 0, 0
        try:
            return row, *read(path, longest_px=64).source.shape
        except IntakeError:
            return row, 0, 0

    for row, high, wide in in_order(look, np.flatnonzero(wanted).tolist(), workers):
        sizes[row] = wide, high
    return sizes


def _check_same(table: LabelTable, known: Sizes, read: Sizes) -> None:
    """See that boxes of both are measured on pictures of one size."""
    if table.boxes is None:
        return
    both = (known > 0).all(1) & (read > 0).all(1)
    boxed = np.unique(table.boxes.row)
    other = boxed[(both & (known != read).any(1))[boxed]]
    if len(other):
        said = [
            f"{table.images[row]} ({read[row, 0]} × {read[row, 1]}, by the labels "
            f"{known[row, 0]} × {known[row, 1]})"
            for row in other.tolist()
        ]
        raise LabelError(
            f"{len(other):,} images with readers' boxes were read at another size than the labels "
            f"tell: {first_few(said, quoted=False)}. Boxes of readers and of the model are in "
            f"pixels of different pictures; read the pictures that the labels speak of."
        )


def _check_inside(table: LabelTable, sizes: Sizes) -> None:
    """See that readers' boxes lie in their images."""
    if table.boxes is None:
        return
    out = np.flatnonzero(table.boxes.outside(sizes[:, 0], sizes[:, 1]))
    if len(out):
        said = [
            f"{table.images[row]} ({sizes[row, 0]} × {sizes[row, 1]}): "
            f"{table.boxes.xywh[at].round(1).tolist()}"
            for at in out.tolist()
            for row in [table.boxes.row[at]]
        ]
        raise LabelError(
            f"{len(out):,} of {len(table.boxes):,} boxes of the labels reach beyond their image: "
            f"{first_few(said, quoted=False)}. Were they measured on pictures of another size?"
        )
