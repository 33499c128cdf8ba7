"""Columns of text, and what error messages quote of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

Text = NDArray[Any]
"""A column of text: one dimension, Python strings in an object array. (numpy's variable-width
strings would be smaller; sorting them ends the process in numpy 2.4.)"""

FEW = 5
"""Offenders that a message names before it counts the rest."""


def text(values: Iterable[Any]) -> Text:
    """Values as a column of text.

    Args:
        values: strings, or an array of them; a column of text is not copied.
    """
    if isinstance(values, np.ndarray):
        held = cast("Text", values)
        return held if held.dtype == object else held.astype(str).astype(object)
    given = list(values)
    made = np.empty(len(given), object)
    made[:] = given
    return made


def coded(values: Text) -> tuple[Text, NDArray[np.int64]]:
    """Different values, and which of them each value is: ``np.unique`` for text, by hashing.

    Args:
        values: a column of text.

    Returns:
        The different values, rising; int64 [values], the place of each value among them.

    Example:
        >>> kinds, codes = coded(text(["b", "a", "b"]))
        >>> kinds.tolist(), codes.tolist()
        (['a', 'b'], [1, 0, 1])
    """
    number: dict[str, int] = {}
    first = np.fromiter(
        (number.setdefault(value, len(number)) for value in values), np.int64, len(values)
    )
    kinds = sorted(number)
    place = np.empty(len(kinds), np.int64)
    place[[number[kind] for kind in kinds]] = np.arange(len(kinds))
    return text(kinds), place[first] if kinds else first


def repeated(values: Iterable[str]) -> list[str]:
    """The values that stand more than once, each once, in the order of first standing."""
    given = list(values)
    if len(set(given)) == len(given):
        return []
    return [value for value, count in Counter(given).items() if count > 1]


def first_few(values: Iterable[object], *, quoted: bool = True) -> str:
    """The first few of many, and how many more there are: for messages.

    Example:
        >>> first_few(["a", "b", "c", "d", "e", "f", "g"])
        "'a', 'b', 'c', 'd', 'e' and 2 more"
    """
    values = list(values)
    shown = ", ".join(f"{v!r}" if quoted else str(v) for v in values[:FEW])
    return shown + (f" and {len(values) - FEW:,} more" if len(values) > FEW else "")
