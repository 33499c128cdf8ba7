"""Age and sex."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.exploration.codes import Codes, coded
from hilum.domain import LabelTable

BAND_YEARS = 5
OLDEST_YEARS = 120
"""Ages beyond it, and below 0, are taken for mistakes."""

SEXES = ("F", "M", "O", "")
GROUPS = ((0, "0 to 17"), (18, "18 to 39"), (40, "40 to 59"), (60, "60 to 79"), (80, "80 and more"))
"""Age groups: first year, name."""


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """Age and sex of images and patients.

    Attributes:
        images: int64 [bands, sexes]: bands of five years from 0, sexes as :data:`SEXES`.
        patients: the same for patients, at the age of their earliest (youngest) image, and of the
            sex that their first row tells.
        age_quantiles: age in years at 0, 5, 25, 50, 75, 95 and 100 % of images; empty without ages.
        impossible: images with an age below 0 or above :data:`OLDEST_YEARS`; in no band.
        age_unknown: images without an age.
        sex_unknown: images without a sex.
        two_sexes: patients of whom some images say F and others M.
        younger_later: patients who are more than a year younger at a later visit.
    """

    images: NDArray[np.int64]
    patients: NDArray[np.int64]
    age_quantiles: tuple[float, ...]
    impossible: int
    age_unknown: int
    sex_unknown: int
    two_sexes: int
    younger_later: int


def count_people(table: LabelTable, patients: Codes) -> People | None:
    """Count ages and sexes; None where the table has neither column."""
    if not {"age_years", "sex"} & set(table.columns):
        return None
    n = len(table)
    age = table.columns.get("age_years", np.full(n, np.nan, np.float32))
    known = np.isfinite(age)
    possible = possible_age(age)
    sex = _sexes(table)
    youngest = np.full(len(patients), np.inf, np.float32)
    np.minimum.at(youngest, patients.number[possible], age[possible])
    told = np.full(len(patients), SEXES.index(""), np.int64)
    says = sex != SEXES.index("")
    who, first = np.unique(patients.number[says], return_index=True)
    told[who] = sex[says][first]
    aged = np.isfinite(youngest)
    f, m = (np.zeros(len(patients), bool) for _ in "FM")
    f[patients.number[sex == SEXES.index("F")]] = True
    m[patients.number[sex == SEXES.index("M")]] = True
    return People(
        images=_bands(age[possible], sex[possible]),
        patients=_bands(youngest[aged], told[aged]),
        age_quantiles=_quantiles(age[possible]),
        impossible=int((known & ~possible).sum()),
        age_unknown=int((~known).sum()),
        sex_unknown=int((~says).sum()),
        two_sexes=int((f & m).sum()),
        younger_later=_younger_later(table, patients, age, possible),
    )


def possible_age(age: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Whether an age is told and lies in 0 to :data:`OLDEST_YEARS` years."""
    with np.errstate(invalid="ignore"):
        return (age >= 0) & (age <= OLDEST_YEARS)


def age_groups(age: NDArray[np.floating]) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Age groups as numbers, with their names; "" for ages that are unknown or impossible."""
    starts = np.array([start for start, _ in GROUPS])
    number = np.searchsorted(starts, age, "right") - 1
    number[~possible_age(age)] = len(GROUPS)
    return number.astype(np.int32), (*(name for _, name in GROUPS), "")


def _sexes(table: LabelTable) -> NDArray[np.int64]:
    if "sex" not in table.columns:
        return np.full(len(table), SEXES.index(""), np.int64)
    codes = coded(table.columns["sex"])
    return np.array([SEXES.index(value) for value in codes.values], np.int64)[codes.number]


def _bands(age: NDArray[np.floating], sex: NDArray[np.int64]) -> NDArray[np.int64]:
    bands = OLDEST_YEARS // BAND_YEARS + 1
    cell = (age // BAND_YEARS).astype(np.int64) * len(SEXES) + sex
    return np.bincount(cell, minlength=bands * len(SEXES)).reshape(bands, len(SEXES))


def _quantiles(age: NDArray[np.floating]) -> tuple[float, ...]:
    if not len(age):
        return ()
    return tuple(np.quantile(age, (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1)).astype(float).tolist())


def _younger_later(
    table: LabelTable, patients: Codes, age: NDArray[np.floating], possible: NDArray[np.bool_]
) -> int:
    if "visit" not in table.columns:
        return 0
    use = possible & (table.columns["visit"] >= 0)
    who, visit, old = patients.number[use], table.columns["visit"][use], age[use]
    order = np.lexsort((visit, who))
    who, visit, old = who[order], visit[order], old[order]
    falls = (np.diff(who) == 0) & (np.diff(visit) > 0) & (np.diff(old) < -1)
    return len(np.unique(who[1:][falls]))
