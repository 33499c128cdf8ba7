"""Columns of a file of predictions → images × findings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.domain import from_label
from hilum.domain.labels import COLUMNS
from hilum.domain.text import Text, coded, first_few, text
from hilum.errors import LabelError, UnknownName

IMAGE = (
    "image", "imageindex", "imageid", "imagename", "imagepath", "imagefile", "path", "filename",
    "filepath", "file", "dicomid", "dicompath", "sopinstanceuid", "id", "name",
)  # fmt: skip
"""Names of columns that hold the image, without case and signs; the first that is there counts."""

PROBABILITY = ("probability", "prob", "prediction", "score", "logit")

_AFFIX = re.compile(
    r"^(?:(?:y_?)?(?:prob(?:ability|abilities|s)?|pred(?:iction|icted|ictions|s)?|scores?|logits?"
    r"|p|hat|output)[ _.:-]+)+|(?:[ _.:-]+(?:prob(?:ability|s)?|pred(?:iction|icted|s)?|scores?"
    r"|logits?|p|hat|output))+$",
    re.IGNORECASE,
)
_EMPTY = {"", "nan", "na", "n/a", "null", "none", "-"}


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Predictions as a file holds them.

    Attributes:
        images: text [images], each once.
        findings: keys.
        values: float64 [images, findings], NaN where a cell is empty.
        thresholds: finding → operating point, where the file tells.
        notes: what was left out.
    """

    images: Text
    findings: tuple[str, ...]
    values: NDArray[np.float64]
    thresholds: Mapping[str, float] = field(default_factory=dict[str, float])
    notes: tuple[str, ...] = ()


def from_cells(
    name: str, cells: Mapping[str, NDArray[Any]], *, image: str, columns: Mapping[str, str]
) -> Cells:
    """Find images and findings among the columns of a file.

    Args:
        name: of the file, for messages.
        cells: column → text or numbers, [rows].
        image: column with the image; looked for where "".
        columns: column → finding, where names do not tell.

    Raises:
        LabelError: no column of images or findings, rows of one image that disagree, or cells that
            are no numbers.
    """
    image = image or _image_column(name, cells)
    for column in (image, *columns):
        if column not in cells:
            raise LabelError(f"{name} has no column {column!r}; it has {first_few(cells)}.")
    images = text(str(v).strip() for v in cells[image])
    nameless = np.flatnonzero(images == "")
    if len(nameless):
        rows = first_few((nameless + 2).tolist(), quoted=False)
        raise LabelError(f"{name}: {len(nameless)} rows name no image: rows {rows}.")
    folded = {fold(column): column for column in cells}
    number = next((folded[p] for p in PROBABILITY if p in folded), "")
    if "finding" in folded and number and not columns:
        return _long(name, images, cells, folded["finding"], number)
    keys, notes = _findings(name, [c for c in cells if c != image], columns)
    values = np.column_stack([_numbers(name, column, cells[column]) for column in keys])
    found = Cells(images, tuple(keys.values()), values, notes=notes)
    return _each_once(name, found)


def _image_column(name: str, cells: Mapping[str, NDArray[Any]]) -> str:
    folded: dict[str, str] = {}
    for column in cells:
        folded.setdefault(fold(column), column)
    for known in IMAGE:
        if known in folded:
            return folded[known]
    raise LabelError(
        f"{name}: no column is called as images are; it has {first_few(cells)}. Name it with "
        f"--image-column."
    )


def fold(column: str) -> str:
    """A column's name without case and signs."""
    return "".join(c for c in column.casefold() if c.isalnum())


def _findings(
    name: str, names: list[str], columns: Mapping[str, str]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Column → key of its finding, and what was left out."""
    plain: dict[str, str] = {}
    with_affix: dict[str, str] = {}
    left: list[str] = []
    for column in names:
        if column in columns:
            with_affix[column] = _key(name, columns[column])
            continue
        bare = _AFFIX.sub("", column)
        try:
            (plain if bare == column else with_affix)[column] = from_label(bare).key
        except UnknownName:
            left.append(column)
    # A file may hold labels ("Mass") beside predictions ("prob_Mass"): the latter are meant.
    told = set(with_affix.values())
    labels = [column for column, key in plain.items() if key in told]
    found = {c: k for c, k in {**plain, **with_affix}.items() if c not in labels}
    if not found:
        raise LabelError(
            f"{name}: no column is called as a finding is; it has {first_few(names)}. Say which "
            f"is which with --finding COLUMN=FINDING."
        )
    for key in set(found.values()):
        same = [column for column, k in found.items() if k == key]
        if len(same) > 1:
            raise LabelError(
                f"{name}: columns {first_few(same)} all tell of {key}; name the one that is meant "
                f"with --finding COLUMN={key}, and take out the others."
            )
    left = [c for c in left if fold(c) not in {fold(n) for n in COLUMNS} | {"patient"}]
    notes = []
    if left:
        notes.append(
            f"Columns of the predictions that are no finding are passed over: {first_few(left)}."
        )
    if labels:
        notes.append(
            f"Columns {first_few(labels)} of the predictions are passed over: others "
            f"tell of the same findings by a name such as prob_…."
        )
    ordered = {column: found[column] for column in names if column in found}
    return ordered, tuple(notes)


def _key(name: str, written: str) -> str:
    try:
        return from_label(written).key
    except UnknownName as error:
        raise LabelError(f"{name}: {error}") from error


def _numbers(name: str, column: str, cells: NDArray[Any]) -> NDArray[np.float64]:
    if cells.dtype.kind in "fiu":
        return cells.astype(np.float64)
    made = np.empty(len(cells))
    odd: list[str] = []
    for row, cell in enumerate(cells.tolist()):
        try:
            made[row] = float(cell if "_" not in cell else "?")
        except ValueError:
            made[row] = np.nan
            if cell.strip().casefold() not in _EMPTY:
                odd.append(cell)
    if odd:
        raise LabelError(
            f"{name}, column {column!r}: {len(odd):,} cells are no numbers: {first_few(odd)}; an "
            f"empty cell says that there is no prediction."
        )
    return made


def _each_once(name: str, found: Cells) -> Cells:
    """Rows that say the same of the same image taken once.

    Raises:
        LabelError: rows of one image disagree.
    """
    kinds, inverse = coded(found.images)
    if len(kinds) == len(found.images):
        return found
    first = np.full(len(kinds), len(inverse))
    np.minimum.at(first, inverse, np.arange(len(inverse)))
    theirs = found.values[first][inverse]
    same = (found.values == theirs) | (np.isnan(found.values) & np.isnan(theirs))
    if not same.all():
        odd = sorted(set(found.images[~same.all(1)].tolist()))
        raise LabelError(
            f"{name}: rows of {len(odd):,} images disagree: {first_few(odd)}. Keep one row an "
            f"image, or average them first."
        )
    keep = np.sort(first)
    twice = len(inverse) - len(keep)
    rows = "1 row repeats" if twice == 1 else f"{twice:,} rows repeat"
    return Cells(
        found.images[keep],
        found.findings,
        found.values[keep],
        found.thresholds,
        (*found.notes, f"{rows} another row of the predictions: taken once."),
    )


def _long(
    name: str, images: Text, cells: Mapping[str, NDArray[Any]], finding: str, number: str
) -> Cells:
    """A row an image and finding, as ``hilum read`` writes findings.csv."""
    kinds, row = coded(images)
    first = np.full(len(kinds), len(images))
    np.minimum.at(first, row, np.arange(len(images)))
    order = np.argsort(first)
    row = np.argsort(order)[row]
    written, at = coded(text(str(v).strip() for v in cells[finding]))
    said = [_key(name, label) for label in written.tolist()]
    keys = tuple(dict.fromkeys(said[i] for i in at[: 20 * len(said)].tolist()))
    keys = tuple(dict.fromkeys([*keys, *said]))
    column = np.array([keys.index(key) for key in said])[at]
    numbers = _numbers(name, number, cells[number])
    values = np.full((len(kinds), len(keys)), np.nan)
    values[row, column] = numbers
    again = values[row, column]
    odd = ~((again == numbers) | (np.isnan(again) & np.isnan(numbers)))
    if odd.any():
        raise LabelError(
            f"{name}: {int(odd.sum()):,} rows contradict another of the same image and finding: "
            f"{first_few(sorted(set(images[odd].tolist())))}."
        )
    thresholds: dict[str, float] = {}
    if "operating_point" in cells:
        points = _numbers(name, "operating_point", cells["operating_point"])
        for at_key, key in enumerate(keys):
            own = np.unique(points[column == at_key])
            if len(own) == 1 and 0 < own[0] < 1:
                thresholds[key] = float(own[0])
    return Cells(kinds[order], keys, values, thresholds)
