"""Patients whose survival is known, and how they are divided."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.column_map import load_map, read_mapped
from hilum.domain import LabelTable, State
from hilum.domain.text import Text, coded, text
from hilum.errors import LabelError
from hilum.evaluation import Reference
from hilum.recipes import SHIPPED

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

OUTER, INNER = 5, 4
"""Folds that are held out in turn, and folds of the others that choose."""
FEWEST = 2 * OUTER
"""Patients of each outcome that there must be."""
CARE = ("intubated", "went_icu", "in_icu", "needed_supplemental_O2")
"""What ``extra`` tells of a patient's care; it happens on the way to the outcome."""


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """Images of patients of whom it is known whether they died.

    Attributes:
        table: a row an image.
        died: bool [images], the same for all images of a patient.
        patients: number of the patient, 0 to patients − 1, int64 [images].
        age: years, NaN where unknown, [images].
        male: 1 for men, 0 for women, NaN where unknown, [images].
        days: since onset or admission, NaN where unknown, [images].
        care: of :data:`CARE`, 1 for yes, 0 for no, NaN where unknown, [images].
        covid: whether the image is labelled COVID-19, bool [images].
        source: web site where the table tells it, else the licence, [images].
        file: width and height of the published file, and their ratio, [images, 3].
    """

    table: LabelTable
    died: NDArray[np.bool_]
    patients: Rows
    age: Floats
    male: Floats
    days: Floats
    care: Mapping[str, Floats]
    covid: NDArray[np.bool_]
    source: Text
    file: Floats

    @property
    def count(self) -> int:
        """Number of patients."""
        return int(self.patients.max()) + 1

    @property
    def patients_died(self) -> NDArray[np.bool_]:
        """Whether a patient died, bool [patients]."""
        return np.bincount(self.patients, self.died) > 0

    @property
    def digest(self) -> str:
        """Another one for other images, patients or outcomes."""
        said = [self.table.images.tolist(), self.patients.tolist(), self.died.tolist()]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:12]

    def means(self, values: Floats) -> Floats:
        """Means over the images of each patient, [..., patients] of [..., images]."""
        number = np.bincount(self.patients, minlength=self.count)
        flat = values.reshape(-1, len(self.patients))
        sums = [np.bincount(self.patients, row, self.count) for row in flat]
        return (np.array(sums) / number).reshape(*values.shape[:-1], self.count)


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """One outer fold.

    Attributes:
        held: rows that are asked in the end, by networks that saw nothing of their patients.
        rest: all other rows.
        inner: (rows learnt from, rows that choose), by patient; the second parts make up ``rest``.
    """

    held: Rows
    rest: Rows
    inner: tuple[tuple[Rows, Rows], ...]


def read_cohort(folder: Path) -> Cohort:
    """The images of ``manifest.csv`` with a known outcome.

    Args:
        folder: with ``manifest.csv``, columns as the map ``columns/radiographs`` says, and a column
            ``extra`` of ``key=value`` parted by ``|``.

    Raises:
        LabelError: it is not there, holds too few patients of an outcome, or states two outcomes
            of one patient.
    """
    found = load_map(SHIPPED / "columns" / "radiographs.toml")
    columns = {**found.columns, "extra": "extra"}
    whole = read_mapped(folder, found.model_copy(update={"columns": columns, "boxes": None}))
    states = whole.select(["death"]).states[:, 0]
    table = whole.rows(np.flatnonzero(np.isin(states, [State.PRESENT, State.ABSENT])))
    died = table.select(["death"]).states[:, 0] == State.PRESENT
    patients = coded(table.patients)[1].astype(np.int64)
    _check(died, patients)
    extra = [_pairs(one) for one in table.columns["extra"].tolist()]
    size = [table.columns[f"original_{side}_px"].astype(np.float64) for side in ("width", "height")]
    sex = table.columns["sex"]
    return Cohort(
        table=table,
        died=died,
        patients=patients,
        age=table.columns["age_years"].astype(np.float64),
        male=np.select([sex == "M", sex == "F"], [1.0, 0.0], np.nan),
        days=np.array([_number(one.get("offset", "")) for one in extra]),
        care={
            name: np.array([{"Y": 1.0, "N": 0.0}.get(one.get(name, ""), np.nan) for one in extra])
            for name in CARE
        },
        covid=table.select(["covid_19"]).states[:, 0] == State.PRESENT,
        source=text(_site(one) for one in table.columns["licence"].tolist()),
        file=np.column_stack([*size, size[0] / size[1]]),
    )


def divide(cohort: Cohort, seed: int = 0) -> tuple[Fold, ...]:
    """Patients into folds, each with as equal a share of those who died as can be.

    Args:
        cohort: to divide.
        seed: of the division; every arm of the study is given the same.
    """
    from sklearn.model_selection import StratifiedKFold

    died, who = cohort.patients_died, cohort.patients

    def parts(some: Rows, k: int, number: int) -> list[tuple[Rows, Rows]]:
        split = StratifiedKFold(k, shuffle=True, random_state=number)
        return [
            (np.flatnonzero(np.isin(who, some[a])), np.flatnonzero(np.isin(who, some[b])))
            for a, b in split.split(some, died[some])
        ]

    every = np.arange(cohort.count)
    found = []
    for at, (rest, held) in enumerate(parts(every, OUTER, seed)):
        inner = parts(np.unique(who[rest]), INNER, 1000 * (seed + 1) + at)
        found.append(Fold(held, rest, tuple(inner)))
    return tuple(found)


def fold_of(folds: tuple[Fold, ...], rows: int) -> Rows:
    """Number of the outer fold that a row is held out in, [rows]."""
    out = np.full(rows, -1)
    for at, fold in enumerate(folds):
        out[fold.held] = at
    return out


def references(cohort: Cohort, folds: tuple[Fold, ...]) -> tuple[Reference, Reference]:
    """What scores of images, and of patients, are measured against; strata are the folds.

    Models of two folds need not agree on a base rate, so only pairs of one fold are compared.
    """
    fold = fold_of(folds, len(cohort.died))
    first = np.unique(cohort.patients, return_index=True)[1]
    names = ("death",)
    return (
        Reference.of(cohort.died, cohort.patients, strata=fold, findings=names),
        Reference.of(
            cohort.patients_died, np.arange(cohort.count), strata=fold[first], findings=names
        ),
    )


def _check(died: NDArray[np.bool_], patients: Rows) -> None:
    count = int(patients.max(initial=-1)) + 1
    deaths = np.bincount(patients, died, count)
    images = np.bincount(patients, minlength=count)
    both = int(((deaths > 0) & (deaths < images)).sum())
    if both:
        raise LabelError(f"survival: {both} patients are said to have died and to have survived.")
    dead = int((deaths > 0).sum())
    if min(dead, count - dead) < FEWEST:
        raise LabelError(
            f"survival: of {dead} patients who died and {count - dead} who did not, there must be "
            f"{FEWEST} at least, so that folds within folds hold some of each."
        )


def _pairs(extra: str) -> dict[str, str]:
    """``key=value`` parted by ``|``; what follows a ``;`` is a remark."""
    parts = (one.partition(";")[0].partition("=") for one in extra.split("|"))
    return {key.strip(): value.strip() for key, sign, value in parts if sign}


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return np.nan


def _site(licence: str) -> str:
    """The web site that a licence's text names, else the licence."""
    before, there, address = licence.partition("://")
    del before
    return address.partition("/")[0] if there else licence.strip()
