"""Dates as label tables write them, and visits counted by them."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.domain.text import Text, coded, first_few, text
from hilum.errors import LabelError

_DAY = re.compile(r"(\d{4})(\d\d)(\d\d)(?:\.0)?")


def iso_dates(path: Path, column: str, cells: Text) -> Text:
    """DICOM dates ("21800506") as ISO 8601 ("2180-05-06").

    Args:
        path: named in messages.
        column: named in messages.
        cells: text [rows]; empty where unknown.

    Raises:
        LabelError: a cell is no such date.
    """
    values, inverse = coded(cells)
    found = [_DAY.fullmatch(value.strip()) for value in values.tolist()]
    odd = [v for v, day in zip(values.tolist(), found, strict=True) if v.strip() and day is None]
    if odd:
        raise LabelError(f"{path.name}, column {column!r}: {first_few(odd)} is no date YYYYMMDD.")
    return text(["-".join(day.groups()) if day else "" for day in found])[inverse]


_PART = re.compile(r"\d{4}(-(0[1-9]|1[0-2]))?")
_TIME = ("%H", "%I", "%X", "%c")
_DAYS = ("%d", "%j", "%x", "%c", "%D", "%F")
_MONTHS = ("%m", "%b", "%B")


def told_dates(path: Path, column: str, cells: Text, spelling: str = "") -> Text:
    """Dates of any one spelling as ISO 8601, to the precision that they have.

    Args:
        path: named in messages.
        column: named in messages.
        cells: text [rows]; empty or "nan" where unknown.
        spelling: as in :meth:`datetime.datetime.strptime`, such as "%d.%m.%Y"; "" for ISO 8601.

    Raises:
        LabelError: cells of another spelling, with the first few.
    """
    values, inverse = coded(cells)
    made, odd = [], []
    for value in values.tolist():
        bare = value.strip()
        try:
            known = bare.casefold() not in {"", "nan"}
            made.append(_date(bare, spelling) if known else "")
        except ValueError:
            odd.append(value)
    if odd:
        wanted = f"spelt {spelling}" if spelling else "in ISO 8601 (2020-03-31)"
        hint = "" if spelling else '; say how they are spelt, such as date_format = "%d.%m.%Y"'
        many = "1 value is no date" if len(odd) == 1 else f"{len(odd):,} values are no dates"
        raise LabelError(
            f"{path.name}, column {column!r}: {many} {wanted}: {first_few(odd)}{hint}."
        )
    return text(made)[inverse]


def is_spelling(spelling: str) -> bool:
    """Whether a text such as "%d.%m.%Y" spells dates that can be read again."""
    try:
        datetime.strptime(datetime(2001, 2, 3).strftime(spelling), spelling)
    except ValueError:
        return False
    return any(year in spelling for year in ("%Y", "%y", "%x", "%c", "%D", "%F"))


def _date(value: str, spelling: str) -> str:
    if not spelling:
        if _PART.fullmatch(value):
            return value
        moment, timed = datetime.fromisoformat(value), len(value) > len("2020-03-31")
        return moment.isoformat() if timed else moment.date().isoformat()
    moment = datetime.strptime(value, spelling)
    if any(part in spelling for part in _TIME):
        return moment.isoformat()
    if any(part in spelling for part in _DAYS):
        return moment.date().isoformat()
    return moment.strftime("%Y-%m" if any(part in spelling for part in _MONTHS) else "%Y")


def visits(patients: Text, studies: Text, when: Text) -> NDArray[np.int32]:
    """The number of the visit, by patient, rising in time from 0.

    Args:
        patients: text [images].
        studies: text [images]; images of one study are one visit.
        when: text [images], in which order is time: ISO dates, with or without the time of day;
            the earliest of a study counts. Studies of one moment come in the order of their names.

    Returns:
        int32 [images]; −1 where ``when`` is empty.
    """
    _, patient = coded(patients)
    _, study = coded(studies)
    _, moment = coded(when)
    order = np.lexsort((moment, study, patient))
    new = np.ones(len(order), np.bool_)
    new[1:] = (np.diff(patient[order]) != 0) | (np.diff(study[order]) != 0)
    group = np.empty(len(order), np.int64)
    group[order] = np.cumsum(new) - 1
    first = order[new]  # of each study, its earliest image
    by_time = np.lexsort((study[first], moment[first], patient[first]))
    starts = np.ones(len(first), np.bool_)
    starts[1:] = np.diff(patient[first][by_time]) != 0
    at = np.arange(len(first))
    number = np.empty(len(first), np.int64)
    number[by_time] = at - np.maximum.accumulate(np.where(starts, at, 0))
    return np.where(when == "", -1, number[group]).astype(np.int32)
