"""Anyone's CSV → a label table, by a map of its columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.source import read_columns
from hilum.domain import LabelTable, State, all_findings, from_label
from hilum.domain.labels import COLUMNS, UNKNOWN, VALUES, column_of
from hilum.domain.text import Text, coded, first_few, repeated, text
from hilum.errors import LabelError, UnknownName

_BRACES = re.compile(r"\{([^{}]+)\}")

_OPEN = 255

STATES = {
    "1": State.PRESENT, "1.0": State.PRESENT, "0": State.ABSENT, "0.0": State.ABSENT,
    "-1": State.UNCERTAIN, "-1.0": State.UNCERTAIN, "": State.UNMENTIONED,
    "nan": State.UNMENTIONED,
}  # fmt: skip
"""What cells of a finding's own column mean, as CheXpert writes them; a map may say otherwise."""

SPELLINGS: Mapping[str, Mapping[str, str]] = {
    "view": {"pa": "PA", "ap": "AP", "lateral": "lateral", "l": "lateral", "ll": "lateral",
             "lat": "lateral", "left lateral": "lateral", "ap supine": "AP", "ap erect": "AP",
             "": "", "nan": "", "unk": ""},
    "sex": {"m": "M", "male": "M", "f": "F", "female": "F", "o": "O", "other": "O",
            "": "", "nan": "", "unknown": "", "u": ""},
    "split": {"train": "train", "training": "train", "val": "tune", "valid": "tune",
              "validation": "tune", "validate": "tune", "tune": "tune", "dev": "tune",
              "test": "test", "testing": "test", "": ""},
}  # fmt: skip
"""How published tables write what :data:`hilum.domain.labels.VALUES` holds, in small letters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Where a CSV holds what.

    Attributes:
        image: column with the path or name of the image, or a text with columns in braces, such as
            "images/{folder}/{id}.png".
        patient: column with the patient, or such a text.
        labels: column with the findings that are present, separated by ``separator``; a finding
            that is not named is absent. "" where there is none.
        separator: between findings.
        findings: column → key of the finding that it holds a state of; for tables with a column a
            finding.
        states: cell → state, in the columns of ``findings``.
        columns: name in the label table → column of the CSV; names of
            :data:`hilum.domain.labels.COLUMNS` are brought to their type and spelling.
        where: column → value: only rows that have it are read.
        known: label → key of a finding, or None for a label that is left out on purpose; labels
            that are not here are looked up in the vocabulary.
    """

    image: str
    patient: str
    labels: str = ""
    separator: str = "|"
    findings: Mapping[str, str] = field(default_factory=dict)
    states: Mapping[str, State] = field(default_factory=lambda: STATES)
    columns: Mapping[str, str] = field(default_factory=dict)
    where: Mapping[str, str] = field(default_factory=dict)
    known: Mapping[str, str | None] = field(default_factory=dict)


def read_csv(path: Path, columns: Columns, findings: Sequence[str] | None = None) -> LabelTable:
    """Read a label table.

    Args:
        path: CSV in UTF-8 with a header.
        columns: where it holds what.
        findings: keys that become columns, in this order; when None, all that the file holds, in
            the order of the vocabulary.
            Labels that the vocabulary knows but that are not among them are left out.

    Returns:
        The table, in the order of the file. Where ``labels`` names the findings, they are PRESENT
        or ABSENT if the row names any label, "No Finding" among them, and UNMENTIONED if it names
        none.

    Raises:
        LabelError: no such file, a column is missing, a label is unknown, rows disagree, or no row
            is left.
    """
    labels = [columns.labels] if columns.labels else []
    wanted = [*fields(columns.image), *fields(columns.patient), *labels]
    wanted += [*columns.findings, *columns.columns.values()]
    cells = read_columns(path, list(dict.fromkeys(wanted)), where=columns.where)
    states: dict[str, NDArray[np.uint8]] = {}
    if columns.labels:
        said = cells[columns.labels]
        states |= named(path, said, columns.separator, columns.known, also=findings or ())
    for column, key in columns.findings.items():
        states[key] = stated(path, column, cells[column], columns.states)
    every = (row.key for row in all_findings() if row.key in states)
    keys = tuple(every if findings is None else findings)
    lacking = [key for key in keys if key not in states]
    if lacking:
        raise LabelError(f"{path.name} has no column for {first_few(lacking)}.")
    kept = {name: tidy(path, name, cells[column]) for name, column in columns.columns.items()}
    images, patients = compose(columns.image, cells), compose(columns.patient, cells)
    matrix = np.zeros((len(images), len(keys)), np.uint8)
    for at, key in enumerate(keys):
        matrix[:, at] = states[key]
    return one_row_an_image(path.name, images, patients, (keys, matrix), kept)


def with_labels(table: LabelTable) -> LabelTable:
    """The rows whose labels say anything of any finding.

    Raises:
        LabelError: none does.
    """
    kept = np.flatnonzero((table.states != State.UNMENTIONED).any(1))
    if not len(kept):
        raise LabelError("No label that is left says anything of a finding; no row is left.")
    return table.rows(kept)


def fields(pattern: str) -> list[str]:
    """The columns that a pattern names: those in braces, or the pattern itself.

    Example:
        >>> fields("images/{folder}/{id}.png"), fields("file")
        (['folder', 'id'], ['file'])
    """
    return _BRACES.findall(pattern) or [pattern]


def compose(pattern: str, cells: Mapping[str, Text]) -> Text:
    """Text [rows] from a pattern: a column, or text with columns in braces."""
    if not _BRACES.search(pattern):
        return cells[pattern]
    made = text([""] * len(next(iter(cells.values()))))
    for at, part in enumerate(_BRACES.split(pattern)):
        made = made + (cells[part] if at % 2 else part)
    return made


def named(
    path: Path,
    cells: Text,
    separator: str,
    known: Mapping[str, str | None],
    *,
    also: Sequence[str] = (),
) -> dict[str, NDArray[np.uint8]]:
    """States from cells that name the findings present.

    Args:
        path: named in messages.
        cells: text [images], "Mass|Nodule".
        separator: between labels.
        known: label → key, or None for labels left out on purpose.
        also: keys that get their states even where no row names them.

    Returns:
        Key → uint8 [images]: ABSENT where a row is silent about a finding but names another, "No
        Finding" among them; UNMENTIONED where it names none, or only labels that are left out.

    Raises:
        LabelError: labels outside the vocabulary, with the number of rows of the first few.
    """
    values, inverse = coded(cells)
    counts = np.bincount(inverse, minlength=len(values))
    present: dict[str, list[int]] = {}  # key → places in values
    unknown: dict[str, int] = {}  # label → rows
    for at, value in enumerate(values.tolist()):
        for label in filter(None, (part.strip() for part in value.split(separator))):
            try:
                key = known[label] if label in known else from_label(label).key
            except UnknownName:
                unknown[label] = unknown.get(label, 0) + int(counts[at])
                continue
            if key is not None:
                present.setdefault(key, []).append(at)
    if unknown:
        worst = sorted(unknown, key=lambda label: -unknown[label])
        raise LabelError(
            f"{path.name}: {len(unknown)} labels outside the vocabulary: "
            f"{first_few([f'{w!r} ({unknown[w]} rows)' for w in worst], quoted=False)}. Say what "
            f"they mean in the column map, or that they are left out."
        )
    base = np.full(len(values), State.UNMENTIONED, np.uint8)
    base[[at for places in present.values() for at in places]] = State.ABSENT
    found = {}
    for key in dict.fromkeys([*present, *also]):
        states = base.copy()
        states[present.get(key, [])] = State.PRESENT
        found[key] = states[inverse]
    if "no_finding" not in also:
        found.pop("no_finding", None)
    return found


def stated(path: Path, column: str, cells: Text, states: Mapping[str, State]) -> NDArray[np.uint8]:
    """States from a finding's own column.

    Raises:
        LabelError: cells that ``states`` does not know, with the first few.
    """
    found = np.full(len(cells), _OPEN, np.uint8)
    for cell, state in states.items():
        found[cells == cell] = state
    left = np.flatnonzero(found == _OPEN)
    values, inverse = coded(cells[left])
    odd = [value for value in values.tolist() if value.strip() not in states]
    if odd:
        raise LabelError(
            f"{path.name}, column {column!r}: {first_few(odd)} "
            f"{'is no state' if len(odd) == 1 else 'are no states'}; known: {sorted(states)}."
        )
    found[left] = np.array([states[value.strip()] for value in values.tolist()], np.uint8)[inverse]
    return found


def tidy(path: Path, name: str, cells: Text) -> NDArray[Any]:
    """A column brought to the type and spelling that label tables have.

    Args:
        path: named in messages.
        name: of the column in the label table.
        cells: text, as the file writes it.

    Raises:
        LabelError: a number or a spelling that is not understood, with the first few.
    """
    if name not in COLUMNS:
        return cells
    values, inverse = coded(cells)
    bring: Callable[[str], Any] = _spelling(name) if name in VALUES else _number(name)
    brought, odd = [], []
    for value in values.tolist():
        try:
            brought.append(bring(value.strip()))
        except (KeyError, ValueError):
            odd.append(value)
    if odd:
        raise LabelError(
            f"{path.name}: {first_few(odd)} cannot be taken for {name} ({COLUMNS[name][1]})."
        )
    return column_of(name, brought)[inverse]


def _spelling(name: str) -> Callable[[str], str]:
    spellings = SPELLINGS[name]
    return lambda value: value if value in VALUES[name] else spellings[value.casefold()]


def _number(name: str) -> Callable[[str], Any]:
    if name not in UNKNOWN:
        return str

    def bring(value: str) -> Any:
        if value.casefold() in {"", "nan", "na", "none"}:
            return UNKNOWN[name]
        number = float(value)
        if not np.isfinite(number):
            raise ValueError(value)
        return number

    return bring


def one_row_an_image(
    name: str,
    images: Text,
    patients: Text,
    labels: tuple[tuple[str, ...], NDArray[np.uint8]],
    columns: Mapping[str, NDArray[Any]],
) -> LabelTable:
    """The table, with rows that say the same of the same image taken once.

    Raises:
        LabelError: rows of one image disagree, or a row names no image or no patient.
    """
    keys, states = labels
    for what, values in (("image", images), ("patient", patients)):
        lacking = np.flatnonzero(values == "")
        if len(lacking):
            rows = first_few((lacking + 2).tolist(), quoted=False)
            raise LabelError(f"{name}: {len(lacking)} rows name no {what}: rows {rows}.")
    if repeated(images):
        values, inverse = coded(images)
        first = np.full(len(values), len(images))
        np.minimum.at(first, inverse, np.arange(len(images)))
        same = (states == states[first][inverse]).all(1) & (patients == patients[first][inverse])
        for column in columns.values():
            theirs = column[first][inverse]
            same &= (column == theirs) | ((column != column) & (theirs != theirs))  # noqa: PLR0124
        if not same.all():
            odd = sorted(set(images[~same]))
            raise LabelError(f"{name}: rows of {len(odd)} images disagree: {first_few(odd)}.")
        keep = np.sort(first)
        images, patients, states = images[keep], patients[keep], states[keep]
        columns = {k: v[keep] for k, v in columns.items()}
    return LabelTable(images=text(images), findings=keys, states=states,
                      patients=text(patients), columns=columns)  # fmt: skip
