"""A CSV of labels → a label table."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hilum.domain import LabelTable, State, from_label
from hilum.errors import LabelError, UnknownName

NO_FINDING = "nofinding"


@dataclass(frozen=True, slots=True)
class Columns:
    """Where a CSV holds what.

    Attributes:
        image: column with the path of the image, relative to the folder of the data.
        patient: column with the patient.
        labels: column with the findings that are present, separated by ``separator``; a finding
            that is not named is absent. "" for a table without labels.
        separator: between findings.
        keep: further columns to keep, by the name that they get.
        where: column → value: only rows that have it are read.
    """

    image: str
    patient: str
    labels: str = ""
    separator: str = "|"
    keep: Mapping[str, str] = field(default_factory=dict)
    where: Mapping[str, str] = field(default_factory=dict)


def read_csv(path: Path, columns: Columns, findings: Sequence[str]) -> LabelTable:
    """Read a label table.

    Args:
        path: CSV in UTF-8 with a header.
        columns: where it holds what.
        findings: keys that become columns, in this order. Labels that the vocabulary knows but
            that are not among them are left out.

    Returns:
        The table, in the order of the file. Findings are PRESENT or ABSENT where the row names
        any label, "No Finding" among them, and UNMENTIONED where it names none.

    Raises:
        LabelError: no such file, a column is missing, a label is unknown, or no row is left.
    """
    kept = _read(path, columns)
    index = {key: i for i, key in enumerate(findings)}
    states = np.full((len(kept), len(findings)), State.ABSENT, np.uint8)
    unknown: dict[str, int] = {}
    for at, row in enumerate(kept):
        cell = row[columns.labels].strip()
        if not cell:
            states[at] = State.UNMENTIONED
            continue
        for text in cell.split(columns.separator):
            if "".join(c for c in text.casefold() if c.isalnum()) == NO_FINDING:
                continue
            try:
                key = from_label(text).key
            except UnknownName:
                unknown[text] = unknown.get(text, 0) + 1
                continue
            if key in index:
                states[at, index[key]] = State.PRESENT
    if unknown:
        worst = sorted(unknown, key=lambda t: -unknown[t])[:3]
        raise LabelError(
            f"{path.name}: {len(unknown)} labels outside the vocabulary, such as "
            f"{', '.join(f'{t!r} ({unknown[t]} rows)' for t in worst)}."
        )
    return LabelTable(
        images=tuple(r[columns.image] for r in kept),
        findings=tuple(findings),
        states=states,
        patients=tuple(r[columns.patient] for r in kept),
        columns={k: tuple(r[v] for r in kept) for k, v in columns.keep.items()},
    )


def read_images(path: Path, columns: Columns) -> LabelTable:
    """Read which images there are, without any finding.

    Raises:
        LabelError: no such file, a column is missing, or no row is left.
    """
    kept = _read(path, columns)
    return LabelTable(
        images=tuple(r[columns.image] for r in kept),
        findings=(),
        states=np.zeros((len(kept), 0), np.uint8),
        patients=tuple(r[columns.patient] for r in kept),
    )


def _read(path: Path, columns: Columns) -> list[dict[str, str]]:
    if not path.is_file():
        raise LabelError(f"No label table {path.name} in {path.parent.name or '.'}.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise LabelError(f"{path.name} is not UTF-8 ({error.reason}); save it as UTF-8.") from error
    with io.StringIO(text, newline="") as file:
        rows = csv.DictReader(file)
        wanted = [columns.image, columns.patient, *([columns.labels] if columns.labels else [])]
        wanted += [*columns.keep.values(), *columns.where]
        absent = sorted(set(wanted) - set(rows.fieldnames or ()))
        if absent:
            raise LabelError(f"{path.name} lacks {absent}; it has {rows.fieldnames}.")
        kept = []
        for at, row in enumerate(rows, start=2):
            if any(row[name] is None for name in wanted):
                raise LabelError(f"{path.name}, line {at}: fewer columns than the header.")
            if all(row[k] == v for k, v in columns.where.items()):
                kept.append(row)
    if not kept:
        raise LabelError(f"{path.name}: no row has {dict(columns.where)}.")
    return kept
