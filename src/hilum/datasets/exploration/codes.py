"""Columns as numbers, so that counting is quick and small."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_PIECE = 50_000


@dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """A column of text as numbers.

    Attributes:
        number: int32 [rows], 0 … len(values) − 1.
        values: the distinct values, in the order in which they first stand.
    """

    number: NDArray[np.int32]
    values: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.values)

    def counts(self) -> NDArray[np.int64]:
        """Rows of each value, [values]."""
        return np.bincount(self.number, minlength=len(self.values))


def coded(column: NDArray[Any]) -> Codes:
    """Number the values of a column of text, a piece at a time.

    Args:
        column: text [rows].
    """
    known: dict[str, int] = {}
    number = np.empty(len(column), np.int32)
    for start in range(0, len(column), _PIECE):
        piece = column[start : start + _PIECE].tolist()
        number[start : start + _PIECE] = [known.setdefault(value, len(known)) for value in piece]
    return Codes(number, tuple(known))


def distinct_pairs(one: NDArray[np.integer], other: NDArray[np.integer]) -> NDArray[np.int64]:
    """``one`` of each distinct pair of rows.

    Args:
        one: whole numbers from 0, [rows].
        other: the same, [rows].

    Returns:
        Sorted, [pairs]: counting it tells how many different ``other`` stand beside each.
    """
    width = int(other.max(initial=0)) + 1
    key = one.astype(np.int64) * width + other
    return np.unique(key) // width
