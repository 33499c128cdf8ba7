"""Boxes that a model drew, from a CSV, put beside the boxes of a label table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.predictions.names import rows_of
from hilum.datasets.reference_boxes import check_pixels
from hilum.datasets.source import read_header, read_pieces, stacked
from hilum.domain import LabelTable, all_findings, from_label
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

_ROUNDED_PX = 1.01
"""How far two ways to write one box may differ: some count the last pixel in, some do not."""


@dataclass(frozen=True, slots=True, eq=False)
class BoxFile:
    """Predicted boxes as a file holds them.

    Attributes:
        name: of the file.
        images: the image of every box, text [boxes].
        findings: keys, [boxes].
        xywh: left, top, width, height in pixels of the image file, float64 [boxes, 4].
        scores: float64 [boxes], higher for surer.
        looked: finding → names of the label table's images on which boxes of it were looked for,
            found or not; None where nobody knows.
    """

    name: str
    images: Text
    findings: Text
    xywh: NDArray[np.float64]
    scores: NDArray[np.float64]
    looked: Mapping[str, Text] | None = None

    @property
    def kinds(self) -> tuple[str, ...]:
        """Findings that boxes were looked for, as far as known: those never found come last."""
        return tuple(dict.fromkeys([*self.findings.tolist(), *(self.looked or ())]))


def read_predicted_boxes(path: Path, *, finding: str = "", known: Sequence[str] = ()) -> BoxFile:
    """Read predicted boxes.

    Args:
        path: CSV, a row a box, with a column of the image, one of the finding, one of the score,
            and four of the box: x, y, w, h (or width and height) or x_min, y_min, x_max, y_max.
        finding: key of all boxes, where the file has no such column.
        known: keys of the findings that labels tell of, for messages.

    Returns:
        The boxes; none of a file that holds its header alone.

    Raises:
        LabelError: a column is missing, a cell is no number, a finding is unknown, a box has no
            area, or two ways to write it disagree.
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
    check_pixels(path.name, xywh)
    keys = text([finding] * len(xywh)) if not named else _keys(path, cells[named], known)
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
        table: whose images they lie on; matched by name as predictions are. Where it is known which
            images were looked at, boxes have the table's names already.

    Returns:
        The boxes, and what was left out.

    Raises:
        LabelError: none of the images is in the table, and nobody knows which were looked at.
    """
    images, at = coded(boxes.images)
    if boxes.looked is None:
        rows, how = rows_of(images, table.images)
    else:
        row_of = {name: row for row, name in enumerate(table.images.tolist())}
        rows = np.array([row_of.get(name, -1) for name in images.tolist()], np.int64)
        how = ""
    if boxes.looked is None and len(images) and not (rows >= 0).any():
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


def looked_on(
    boxes: BoxFile, table: LabelTable, findings: Iterable[str]
) -> dict[str, NDArray[np.bool_]] | None:
    """On which images boxes were looked for.

    Args:
        boxes: as read.
        table: of the images.
        findings: keys.

    Returns:
        Finding → bool [images]; None where nobody knows.
    """
    if boxes.looked is None:
        return None
    seen = {key: set(names.tolist()) for key, names in boxes.looked.items()}
    images: list[str] = table.images.tolist()
    return {
        key: np.array([name in seen.get(key, ()) for name in images], np.bool_) for key in findings
    }


def _column(path: Path, folded: Mapping[str, str], known: tuple[str, ...], what: str) -> str:
    for name in known:
        if name in folded:
            return folded[name]
    raise LabelError(
        f"{path.name}: no column of the {what} ({', '.join(known)}); it has "
        f"{first_few(folded.values())}."
    )


def _boxes(path: Path, folded: Mapping[str, str], cells: Mapping[str, Text]) -> NDArray[np.float64]:
    """Left, top, width, height [boxes, 4], in whichever way the file writes them."""
    ways: list[tuple[tuple[str, ...], NDArray[np.float64], NDArray[np.float64]]] = []
    for names, corners in [(n, False) for n in _SIZED] + [(n, True) for n in _CORNERS]:
        if all(name in folded for name in names):
            four = [_numbers(path, folded[n], cells[folded[n]]) for n in names]
            written = np.stack(four, axis=1)
            xywh = written.copy()
            if corners:
                xywh[:, 2:] -= xywh[:, :2]
            columns = tuple(folded[n] for n in names)
            _check_area(path, columns, written, corners)
            ways.append((columns, written, xywh))
    if ways:
        (first, written, xywh), *others = ways
        for columns, theirs, same in others:
            odd = np.flatnonzero((np.abs(same - xywh) > _ROUNDED_PX).any(1))
            if len(odd):
                at = odd[0]
                raise LabelError(
                    f"{path.name}: {len(odd):,} boxes are written in two ways that disagree: row "
                    f"{at + 2} has {', '.join(first)} = {_four(written[at])}, and "
                    f"{', '.join(columns)} = {_four(theirs[at])}. Leave out the columns that are "
                    f"wrong."
                )
        return xywh
    raise LabelError(
        f"{path.name}: no columns of a box; wanted are x, y, w, h or x_min, y_min, x_max, y_max; "
        f"it has {first_few(folded.values())}."
    )


def _check_area(
    path: Path, columns: tuple[str, ...], written: NDArray[np.float64], corners: bool
) -> None:
    least = written[:, :2] if corners else np.zeros((1, 2))
    flat = np.flatnonzero(~(written[:, 2:] > least).all(1))
    if len(flat):
        said = [f"row {at + 2} ({_four(written[at])})" for at in flat.tolist()]
        left, top, wide, high = columns
        wanted = f"{wide} and {high} above 0"
        if corners:
            wanted = f"{wide} above {left} and {high} above {top}"
        raise LabelError(
            f"{path.name}: {len(flat):,} boxes have no area: {first_few(said, quoted=False)}; "
            f"wanted are {', '.join(columns)} in pixels, {wanted}."
        )


def _four(numbers: NDArray[np.float64]) -> str:
    return ", ".join(f"{number:g}" for number in numbers.tolist())


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


def _keys(path: Path, cells: Text, known: Sequence[str]) -> Text:
    kinds, at = coded(cells)
    keys: list[str] = []
    odd: list[int] = []
    for kind in kinds.tolist():
        try:
            keys.append(from_label(kind.strip()).key)
        except UnknownName:
            odd.append(len(keys))
            keys.append("")
    if odd:
        rows = np.flatnonzero(np.isin(at, odd))
        said = [f"{kinds[kind]!r} (row {int((at == kind).argmax()) + 2})" for kind in odd]
        raise LabelError(
            f"{path.name}: {len(rows):,} boxes are of findings that are not known: "
            f"{first_few(said, quoted=False)}.{_meant(str(kinds[odd[0]]), known)}"
        )
    return text(keys)[at]


def _meant(name: str, known: Sequence[str]) -> str:
    """A finding that comes near an unknown one, and those of the labels."""
    spelt = {row.label.casefold(): row.key for row in all_findings()}
    spelt |= {row.key: row.key for row in all_findings()}
    near = get_close_matches(name.strip().casefold(), [*known, *spelt], n=1, cutoff=0.6)
    hint = f" Did you mean {spelt.get(near[0], near[0])}?" if near else ""
    if not known:
        return hint
    return f"{hint} The labels tell of {first_few(known, quoted=False)}."
