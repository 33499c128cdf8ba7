"""Patients as tables and file names write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hilum.datasets.columns import compose, fields
from hilum.domain.text import Text, coded, text

NOBODY = frozenset({"", "nan", "none", "null"})
"""What stands, in small letters, where a table names no patient."""


def person(written: str) -> str:
    """A patient without blanks around; "" where nobody is named.

    Example:
        >>> person(" p1 "), person("nan")
        ('p1', '')
    """
    bare = written.strip()
    return "" if bare.casefold() in NOBODY else bare


def persons(pattern: str, cells: Mapping[str, Text]) -> Text:
    """The patient of each row.

    Args:
        pattern: a column, or a text with columns in braces.
        cells: column → text [rows].

    Returns:
        Text [rows]; "" where one of the columns names nobody.
    """
    named = {name: _each(cells[name]) for name in fields(pattern)}
    nobody = np.any([values == "" for values in named.values()], axis=0)
    made = compose(pattern, named).copy()
    made[nobody] = ""
    return made


def _each(cells: Text) -> Text:
    values, inverse = coded(cells)
    bare: Sequence[str] = [person(value) for value in values.tolist()]
    return text(bare)[inverse]
