"""Dates as label tables write them, and visits counted by them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.domain.text import Text, first_few, text
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
    values, inverse = np.unique(cells, return_inverse=True)
    found = [_DAY.fullmatch(value.strip()) for value in values.tolist()]
    odd = [v for v, day in zip(values.tolist(), found, strict=True) if v.strip() and day is None]
    if odd:
        raise LabelError(f"{path.name}, column {column!r}: {first_few(odd)} is no date YYYYMMDD.")
    return text(["-".join(day.groups()) if day else "" for day in found])[inverse]


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
    _, patient = np.unique(patients, return_inverse=True)
    _, study = np.unique(studies, return_inverse=True)
    _, moment = np.unique(when, return_inverse=True)
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
