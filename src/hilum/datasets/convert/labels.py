"""The label table of the sources, made one of the pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.columns import one_row_an_image
from hilum.datasets.convert.wayback import PRIVATE, output_names
from hilum.datasets.source import read_columns
from hilum.datasets.table import save
from hilum.domain import LabelTable
from hilum.domain.boxes import Boxes
from hilum.domain.text import first_few, text
from hilum.errors import LabelError

LABELS = f"{PRIVATE}/labels.csv"


def labels_of(table: LabelTable, out: Path) -> tuple[LabelTable, tuple[str, ...]]:
    """A label table with the names and sizes of the pictures; boxes go along.

    Args:
        table: its images are paths of sources, or ends of them.
        out: the destination of a conversion.

    Returns:
        The table, its images relative to ``out``, and the images that have no picture. Sources that
        are equal byte by byte are one row.

    Raises:
        LabelError: no image has a picture; an image may be several files; sources that share a
            picture have different labels, patients or boxes; boxes reach outside their source.
        RunError: the folder holds no conversion.
    """
    found = output_names(out, table.images.tolist())
    missing = tuple(i for i, name in zip(table.images, found, strict=True) if name is None)
    rows = np.flatnonzero([name is not None for name in found])
    if not len(rows):
        raise LabelError(f"None of the {len(table)} images of the table has a picture in {out}.")
    kept = table.rows(rows)
    names = [name for name in found if name is not None]
    cells = read_columns(
        out / "manifest.csv",
        ["image", "width_px", "height_px", "source_width_px", "source_height_px"],
    )
    place = {image: at for at, image in enumerate(cells["image"].tolist())}
    sizes = np.stack([cells[name].astype(np.int64) for name in list(cells)[1:]], 1)[
        [place[name] for name in names]
    ]
    columns = {**kept.columns, "width_px": sizes[:, 0], "height_px": sizes[:, 1]}
    columns |= {
        "original_width_px": text(sizes[:, 2].astype(str)),
        "original_height_px": text(sizes[:, 3].astype(str)),
    }
    made = one_row_an_image(
        "the label table", text(names), kept.patients, (kept.findings, kept.states), columns
    )
    if kept.boxes is None:
        return made, missing
    first = {name: at for at, name in reversed(list(enumerate(names)))}
    _check_boxes(kept, kept.boxes, names, first)
    _check_inside(kept, kept.boxes, sizes[:, 2:])
    at = np.array([first[name] for name in made.images.tolist()], np.int64)
    scale = sizes[at, :2] / sizes[at, 2:]
    boxes = kept.boxes.rows(at)
    xywh = boxes.xywh * np.tile(scale[boxes.row], 2)
    return replace(made, boxes=Boxes(boxes.row, boxes.finding, xywh, boxes.annotated)), missing


def _check_boxes(
    table: LabelTable, boxes: Boxes, names: Sequence[str], first: Mapping[str, int]
) -> None:
    """See that sources of one picture have the same boxes.

    Raises:
        LabelError: they have not.
    """
    odd: list[str] = []
    for row, name in enumerate(names):
        other = first[name]
        if other == row:
            continue
        (one, here), (two, there) = boxes.of(row), boxes.of(other)
        same = one.tolist() == two.tolist() and here.tolist() == there.tolist()
        if not same or boxes.annotated[row] != boxes.annotated[other]:
            odd.append(f"{table.images[other]} and {table.images[row]}")
    if odd:
        raise LabelError(
            f"{len(odd):,} sources are copies of others, byte by byte, and have other boxes, or "
            f"readers looked at one of both alone: {first_few(odd, quoted=False)}. Leave one out."
        )


def _check_inside(table: LabelTable, boxes: Boxes, sizes: NDArray[np.int64]) -> None:
    """See that boxes lie in their sources, whose sizes [images, 2] are known now.

    Raises:
        LabelError: some reach beyond.
    """
    wide, high = sizes.astype(np.int32).T
    out = np.flatnonzero(boxes.outside(wide, high))
    if len(out):
        said = [
            f"{table.images[row]} ({wide[row]} × {high[row]}): {boxes.xywh[at].round(1).tolist()}"
            for at in out.tolist()
            for row in [boxes.row[at]]
        ]
        raise LabelError(
            f"{len(out):,} of {len(boxes):,} boxes reach outside their image: "
            f"{first_few(said, quoted=False)}. Were they measured on pictures of another size?"
        )


def save_labels(table: LabelTable, out: Path) -> tuple[int, tuple[str, ...]]:
    """Write :func:`labels_of` to ``private/labels.csv``: its patients are those of the source.

    Returns:
        Rows, and the images that have no picture.

    Raises:
        LabelError: see :func:`labels_of`.
    """
    made, missing = labels_of(table, out)
    save(made, out / LABELS)
    return len(made), missing
