"""The labels of a pack's pictures, from one table after another; the images that were refused."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.datasets import table as tables
from hilum.datasets.columns import tidy
from hilum.datasets.pack.layout import LABELS, REFUSED, write_whole
from hilum.datasets.pack.picture import Refused
from hilum.domain import LabelTable, State
from hilum.domain.boxes import Boxes
from hilum.domain.text import Text, text
from hilum.errors import PackError


def write_labels(folder: Path, names: Text, table: LabelTable) -> None:
    """Write the labels of all pictures: those that stand there, and over them those of a table.

    Args:
        folder: of the pack.
        names: of its pictures, in order.
        table: says more, or something else, of some of them; rows without a picture are left out.

    Raises:
        PackError: labels of some pictures are neither there nor in the table.
    """
    said = tables.load(folder / LABELS) if (folder / LABELS).is_file() else None
    merged = _in_order(table if said is None else overlay(said, table), names)
    tables.save(merged, folder / LABELS)


def _in_order(table: LabelTable, names: Text) -> LabelTable:
    row_of = {name: row for row, name in enumerate(table.images.tolist())}
    rows = [row_of.get(name, -1) for name in names.tolist()]
    if -1 in rows:
        raise PackError(
            f"{rows.count(-1)} pictures of the pack have no labels; pack the table that they came "
            "with again."
        )
    return table.rows(rows)


def overlay(below: LabelTable, above: LabelTable) -> LabelTable:
    """Two tables as one; where both speak of an image, findings and columns of the second count.

    Args:
        below: the first.
        above: the second.

    Returns:
        All images, findings and columns of both. What a table does not speak of stays as the other
        has it: UNMENTIONED, unknown, or what the first says.
    """
    row_of = {name: row for row, name in enumerate(below.images.tolist())}
    fresh = [at for at, name in enumerate(above.images.tolist()) if name not in row_of]
    images = np.concatenate([below.images, above.images[fresh]])
    row_of |= {str(above.images[at]): len(below) + n for n, at in enumerate(fresh)}
    place = np.array([row_of[name] for name in above.images.tolist()], np.int64)
    findings = tuple(dict.fromkeys([*below.findings, *above.findings]))
    states = np.full((len(images), len(findings)), State.UNMENTIONED, np.uint8)
    states[: len(below), [findings.index(key) for key in below.findings]] = below.states
    states[place[:, None], [findings.index(key) for key in above.findings]] = above.states
    patients = np.concatenate([below.patients, above.patients[fresh]])
    patients[place] = above.patients
    columns = {}
    for name in dict.fromkeys([*below.columns, *above.columns]):
        column = tidy(Path(LABELS), name, text([""] * len(images)))  # not known
        if name in below.columns:
            column[: len(below)] = below.columns[name]
        if name in above.columns:
            column[place] = above.columns[name]
        columns[name] = column
    table = LabelTable(
        images=images, findings=findings, states=states, patients=patients, columns=columns
    )
    return replace(table, boxes=_boxes(len(images), below.boxes, above.boxes, place))


def _boxes(
    count: int, below: Boxes | None, above: Boxes | None, place: NDArray[np.int64]
) -> Boxes | None:
    if below is None and above is None:
        return None
    annotated = np.zeros(count, np.bool_)
    found = []
    if below is not None:
        annotated[: len(below.annotated)] = below.annotated
        kept = ~np.isin(below.row, [] if above is None else place[above.annotated])
        found.append((below.row[kept], below.finding[kept], below.xywh[kept]))
    if above is not None:
        annotated[place] |= above.annotated
        found.append((place[above.row], above.finding, above.xywh))
    row, finding, xywh = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return Boxes(row, finding, xywh, annotated)


def read_refused(folder: Path) -> tuple[Refused, ...]:
    """The images that earlier runs refused."""
    path = folder / REFUSED
    if not path.is_file():
        return ()
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(Refused(*row) for row in list(csv.reader(file))[1:])


def write_refused(folder: Path, refused: Iterable[Refused]) -> None:
    """Write the images that could not be read: name, code, reason."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(("image", "code", "reason"))
    rows.writerows((one.name, one.code, one.message) for one in refused)
    write_whole(folder / REFUSED, out.getvalue().encode("utf-8"))
