"""Boxes that a model drew, from a CSV, put beside the boxes of a label table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.predictions.names import rows_of
from hilum.datasets.reference_boxes import check_pixels
from hilum.datasets.source import read_header, read_pieces, stacked
from hilum.domain import LabelTable, from_label
from hilum.domain.text import Text, coded, first_few, text
from hilum.errors import LabelError, UnknownName
from hilum.evaluation.localisation import PredictedBoxes

_IMAGE = ("image", "image_id", "imageid", "image index", "file", "filename", "path", "id")
_FINDING = ("finding", "label", "class", "class_name", "finding label")
_SCORE = ("score", "confidence", "probability", "conf")
_SIZED = (("x", "y", "w", "h"), ("x", "y", "width", "height"), ("left", "top", "width", "height"))
_CORNERS = (
    ("x_min", "y_min", "x_max", "y_max"),
    ("xmin", "ymin", "xmax", "ymax"),
    ("x1", "y1", "x2", "y2"),
    ("left", "top", "right", "bottom"),
)


@dataclass(frozen=True, slots=True, eq=False)
class BoxFile:
    """Predicted boxes as a file holds them.

    Attributes:
        name: of the file.
        images: the image of every box, text [boxes].
        findings: keys, [boxes].
        xywh: left, top, width, height in pixels of the image file, float64 [boxes, 4].
        scores: float64 [boxes], higher for surer.
    """

    name: str
    images: Text
    findings: Text
    xywh: NDArray[np.float64]
    scores: NDArray[np.float64]


def read_predicted_boxes(path: Path, *, finding: str = "") -> BoxFile:
    """Read predicted boxes.

    Args:
        path: CSV, a row a box, with a column of the image, one of the finding, one of the score,
            and four of the box: x, y, w, h (or width and height) or x_min, y_min, x_max, y_max.
        finding: key of all boxes, where the file has no such column.

    Returns:
        The boxes; none of a file that holds its header alone.

    Raises:
        LabelError: a column is missing, a cell is no number, a finding is unknown, or a box has
            no area.
    """
    names = read_header(path)
    pieces = stacked(read_pieces(path))
    cells = {name: pieces.get(name, text([])) for name in names}  # a model may find nothing
    folded = {name.strip().casefold(): name for name in cells}
    image = _column(path, folded, _IMAGE, "image")
    score = _column(path, folded, _SCORE, "score")
    named = next((folded[n] for n in _FINDING if n in folded), "")
    if not named and not finding:
        raise LabelError(
            f"{path.name}: no column names the finding of a box ({', '.join(_FINDING)}); it has "
            f"{first_few(cells)}."
        )
    xywh = _boxes(path, folded, cells)
    flat = np.flatnonzero(~(xywh[:, 2:] > 0).all(1))
    if len(flat):
        rows = first_few((flat + 2).tolist(), quoted=False)
        raise LabelError(f"{path.name}: {len(flat):,} boxes have no area: rows {rows}.")
    check_pixels(path.name, xywh)
    keys = text([finding] * len(xywh)) if not named else _keys(path, cells[named])
    return BoxFile(
        path.name,
        text(cell.strip() for cell in cells[image]),
        keys,
        xywh,
        _numbers(path, score, cells[score]),
    )


def placed_boxes(boxes: BoxFile, table: LabelTable) -> tuple[PredictedBoxes, tuple[str, ...]]:
    """Predicted boxes on the rows of a label table.

    Args:
        boxes: as read.
        table: whose images they lie on; matched by name as predictions are.

    Returns:
        The boxes, and what was left out.

    Raises:
        LabelError: none of the images is in the table.
    """
    images, at = coded(boxes.images)
    rows, how = rows_of(images, table.images)
    if len(images) and not (rows >= 0).any():
        raise LabelError(
            f"None of the {len(images):,} images of {boxes.name} is in the label table: such as "
            f"{first_few(images[:2].tolist())} against {first_few(table.images[:2].tolist())}."
        )
    row = rows[at]
    known = row >= 0
    notes = [f"Boxes were matched to images by {how}."] if how else []
    if not known.all():
        notes.append(
            f"{int((~known).sum()):,} predicted boxes lie on {int((rows < 0).sum()):,} images that "
            f"the label table does not know: left out."
        )
    kept = PredictedBoxes(row[known], boxes.findings[known], boxes.xywh[known], boxes.scores[known])
    return kept, tuple(notes)


def _column(path: Path, folded: Mapping[str, str], known: tuple[str, ...], what: str) -> str:
    for name in known:
        if name in folded:
            return folded[name]
    raise LabelError(
        f"{path.name}: no column of the {what} ({', '.join(known)}); it has "
        f"{first_few(folded.values())}."
    )


def _boxes(path: Path, folded: Mapping[str, str], cells: Mapping[str, Text]) -> NDArray[np.float64]:
    for names, corners in [(n, False) for n in _SIZED] + [(n, True) for n in _CORNERS]:
        if all(name in folded for name in names):
            four = [_numbers(path, folded[n], cells[folded[n]]) for n in names]
            found = np.stack(four, axis=1)
            if corners:
                found[:, 2:] -= found[:, :2]
            return found
    raise LabelError(
        f"{path.name}: no columns of a box; wanted are x, y, w, h or x_min, y_min, x_max, y_max; "
        f"it has {first_few(folded.values())}."
    )


def _numbers(path: Path, column: str, cells: Text) -> NDArray[np.float64]:
    made = np.full(len(cells), np.nan)
    for at, cell in enumerate(cells.tolist()):
        try:
            made[at] = float(cell)
        except ValueError:
            continue
    odd = np.flatnonzero(~np.isfinite(made))
    if len(odd):
        raise LabelError(
            f"{path.name}, column {column!r}: {len(odd):,} cells are no numbers: "
            f"{first_few(cells[odd].tolist())}."
        )
    return made


def _keys(path: Path, cells: Text) -> Text:
    kinds, at = coded(cells)
    try:
        keys = text([from_label(kind.strip()).key for kind in kinds.tolist()])
    except UnknownName as error:
        raise LabelError(f"{path.name}: {error}") from error
    return keys[at]
