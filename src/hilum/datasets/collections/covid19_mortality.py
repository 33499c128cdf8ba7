"""Radiographs of COVID-19 patients who died or survived: train and val, covid and non."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.collection import Collection, Variant
from hilum.datasets.columns import tidy
from hilum.datasets.source import read_columns, read_header
from hilum.domain import LabelTable, State
from hilum.domain.labels import COLUMNS, RESERVED
from hilum.domain.text import Text, first_few, repeated, text
from hilum.errors import LabelError

PARTS = {"train": "train", "val": "tune", "test": "test"}

LABELS = {"covid": "death", "non": "death"}

STATES = {"covid": State.PRESENT, "non": State.ABSENT}
"""Every patient has COVID-19; the folder "covid" holds those who died, "non" those who did not."""

SUFFIXES = {".png", ".jpg", ".jpeg", ".dcm"}

IMAGE = ("image", "file", "filename", "name", "id")
PATIENT = ("patient", "patient_id", "patientid")
OUTCOME = ("death", "label", "outcome")
FACTS = {"age": "age_years", "age_years": "age_years", "sex": "sex", "gender": "sex"}
OUTCOMES = {"1": State.PRESENT, "covid": State.PRESENT, "0": State.ABSENT, "non": State.ABSENT}

NOTES = ("Death is an outcome: no picture shows it, and its time limit is the table's.",)
NAMELESS = (
    (
        "No table names patients: each image counts as a patient of its own; search for "
        "near-duplicates before splitting."
    ),
)


def _read(folder: Path) -> LabelTable:
    found = [
        (path, part, label)
        for part in PARTS
        for label in STATES
        for path in sorted((folder / part / label).glob("*"))
        if path.suffix.lower() in SUFFIXES
    ]
    empty = [label for label in STATES if label not in {own for _, _, own in found}]
    if empty:
        raise LabelError(
            f"No image in {', '.join(f'train/{label}' for label in empty)} of {folder}; the layout "
            f"is train/covid, train/non, val/covid, val/non."
        )
    images = text([path.relative_to(folder).as_posix() for path, _, _ in found])
    table = LabelTable(
        images=images,
        findings=("death",),
        states=np.array([[STATES[label]] for _, _, label in found], np.uint8),
        patients=images,
        columns={"split": text([PARTS[part] for _, part, _ in found])},
        notes=NOTES,
    )
    return _with_facts(table, folder)


def _with_facts(table: LabelTable, folder: Path) -> LabelTable:
    """The table with patients and facts of the CSV beside the folders."""
    paths = [path for end in ("csv", "csv.gz") for path in sorted(folder.glob(f"*.{end}"))]
    if len(paths) > 1:
        names = [path.name for path in paths]
        raise LabelError(f"{folder} holds several tables: {first_few(names)}; keep one.")
    if not paths:
        return replace(table, notes=(*NOTES, *NAMELESS))
    path = paths[0]
    header = read_header(path)
    image = _column(header, IMAGE)
    if image is None:
        raise LabelError(f"{path.name} names no image: it needs a column {IMAGE[0]!r}, {header}.")
    cells = read_columns(path)
    at = _rows(path, cells[image], table.images)
    facts = {name: values[at] for name, values in cells.items() if name and name != image}
    patient, outcome = _column(header, PATIENT), _column(header, OUTCOME)
    notes = NOTES if patient else (*NOTES, *NAMELESS)
    patients = facts.pop(patient) if patient else table.patients
    if outcome:
        _agree(path, table, facts.pop(outcome))
    kept = dict(_kept(path, name, values) for name, values in facts.items())
    return replace(table, patients=patients, columns={**kept, **table.columns}, notes=notes)


def _column(header: list[str], names: tuple[str, ...]) -> str | None:
    by_name = {name.strip().casefold(): name for name in header}
    return next((by_name[name] for name in names if name in by_name), None)


def _kept(path: Path, name: str, values: Text) -> tuple[str, NDArray[Any]]:
    """A fact: age and sex under the names that all tables have for them, others as text."""
    known = FACTS.get(name.strip().casefold())
    if known:
        return known, tidy(path, known, values)
    return (f"{name}_stated" if name in {*COLUMNS, *RESERVED} else name), values


def _rows(path: Path, names: Text, images: Text) -> NDArray[np.int64]:
    """Row of the CSV for each image, found by file name with or without its ending."""
    stems = [Path(name).name.rsplit(".", 1)[0] for name in names.tolist()]
    twice = repeated(stems)
    if twice:
        raise LabelError(f"{path.name}: {len(twice)} images stand twice: {first_few(twice)}.")
    row_of = {stem: row for row, stem in enumerate(stems)}
    wanted = [Path(image).stem for image in images.tolist()]
    lacking = [stem for stem in wanted if stem not in row_of]
    if lacking:
        raise LabelError(f"{path.name} lacks {len(lacking)} of the images: {first_few(lacking)}.")
    return np.array([row_of[stem] for stem in wanted], np.int64)


def _agree(path: Path, table: LabelTable, cells: Text) -> None:
    unknown = sorted(set(cells.tolist()) - set(OUTCOMES))
    if unknown:
        raise LabelError(
            f"{path.name}: {first_few(unknown)} is no outcome; known: {list(OUTCOMES)}."
        )
    said = np.array([OUTCOMES[cell] for cell in cells.tolist()], np.uint8)
    odd = table.images[said != table.states[:, 0]].tolist()
    if odd:
        raise LabelError(
            f"{path.name} and the folders disagree on {len(odd)} images: {first_few(odd)}."
        )


COLLECTION = Collection(
    name="covid19-mortality",
    title="COVID-19 mortality, folders train and val",
    about="Radiographs of COVID-19 patients in folders by outcome, as classroom studies of "
    "mortality keep them; not one publication but a layout.",
    citation="That of the data which fill the folders.",
    licence="That of the data which fill the folders; ask who handed them out.",
    home="",
    layout="""\
train/covid, val/covid      patients who died
train/non, val/non          patients who survived
*.csv                       one table, if any: image; patient, death (1 or 0), others""",
    files=tuple(f"{part}/{label}/*" for part in PARTS for label in STATES),
    variants={"folders": Variant(about="Outcome by folder; facts from the CSV.", read=_read)},
    labels=LABELS,
)
