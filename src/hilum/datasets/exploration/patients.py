"""Patients: how many images and visits each has, and how far apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.exploration.codes import Codes, coded, distinct_pairs
from hilum.domain import LabelTable

FEW_PATIENTS = 0.01
"""Share of patients, those with the most images, of which :attr:`Patients.held_by_few` tells."""


@dataclass(frozen=True, slots=True)
class Patients:
    """Numbers on patients; each maps a number to how many patients or gaps have it.

    Attributes:
        images: images a patient → patients.
        held_by_few: share of all images that belong to the hundredth of patients with the most.
        alike: rows of images whose patients' identifiers are the same but for spaces, case and
            leading zeros: the first of one patient, the first of the other.
        visits: visits a patient → patients; None where visits are not told apart.
        visits_by: the column that tells visits apart: "visit", "study" or "date"; "" for none.
        gaps_days: whole days between one visit and the next of the same patient → gaps; None
            where the table tells no days.
        gaps_by: the column that tells days: "date" or "days"; "" for none.
    """

    images: Mapping[int, int]
    held_by_few: float
    alike: tuple[tuple[int, int], ...] = ()
    visits: Mapping[int, int] | None = None
    visits_by: str = ""
    gaps_days: Mapping[int, int] | None = None
    gaps_by: str = ""


def count_patients(table: LabelTable, patients: Codes) -> Patients:
    """Count images and visits a patient, and days between visits.

    Args:
        table: of labels.
        patients: its patients as numbers.
    """
    images = np.sort(patients.counts())
    few = max(1, round(FEW_PATIENTS * len(images)))
    visits, visits_by = _visits(table, patients)
    gaps, gaps_by = _gaps(table, patients)
    return Patients(
        images=_tally(images),
        held_by_few=float(images[-few:].sum() / images.sum()) if len(images) else 0.0,
        alike=_alike(patients),
        visits=visits,
        visits_by=visits_by,
        gaps_days=gaps,
        gaps_by=gaps_by,
    )


def _alike(patients: Codes) -> tuple[tuple[int, int], ...]:
    known: dict[str, int] = {}
    found = []
    for at, value in enumerate(patients.values):
        bare = value.strip().casefold()
        first = known.setdefault(bare.lstrip("0") or bare[:1], at)
        if first != at:
            found.append((first, at))
    if not found:
        return ()
    _, rows = np.unique(patients.number, return_index=True)
    return tuple((int(rows[one]), int(rows[other])) for one, other in found)


def _tally(numbers: NDArray[np.integer]) -> dict[int, int]:
    values, counts = np.unique(numbers, return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def _visits(table: LabelTable, patients: Codes) -> tuple[dict[int, int] | None, str]:
    """Distinct visits of each patient who has one that is told."""
    for name in ("visit", "study", "date"):
        if name not in table.columns:
            continue
        values = table.columns[name]
        known = values >= 0 if name == "visit" else values != ""
        if not known.any():
            continue
        number = values if name == "visit" else coded(values).number
        of = distinct_pairs(patients.number[known], number[known])
        visits = np.bincount(of)
        return _tally(visits[visits > 0]), name
    return None, ""


def _gaps(table: LabelTable, patients: Codes) -> tuple[dict[int, int] | None, str]:
    """Whole days from each visit of a patient to the next, later one."""
    for name in ("date", "days"):
        if name not in table.columns:
            continue
        values = table.columns[name]
        day = days_of(values) if name == "date" else np.round(values.astype(np.float64))
        known = np.isfinite(day)
        if not known.any():
            continue
        who, when = patients.number[known], day[known]
        order = np.lexsort((when, who))
        who, when = who[order], when[order]
        gaps = np.diff(when)[(np.diff(who) == 0) & (np.diff(when) > 0)]
        return _tally(gaps.astype(np.int64)), name
    return None, ""


def days_of(dates: NDArray[np.generic]) -> NDArray[np.float64]:
    """Days since 1970 of dates in ISO 8601, NaN where the day is not told.

    Args:
        dates: text [rows], "2020-03-01", "2020-03", "2020" or "".
    """
    codes = coded(dates)
    return np.array([_day(value) for value in codes.values], np.float64)[codes.number]


def _day(value: str) -> float:
    try:
        return float(np.datetime64(value[:10], "D").astype(int)) if len(value) >= 10 else np.nan
    except ValueError:
        return np.nan
