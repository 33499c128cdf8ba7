"""Columns of text, held compactly, and what error messages quote of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

Text = NDArray[Any]
"""A column of text: one dimension, numpy's variable-width strings (16 bytes a short value)."""

_KIND = np.dtypes.StringDType()

FEW = 5
"""Offenders that a message names before it counts the rest."""


def text(values: Iterable[Any]) -> Text:
    """Values as a column of text.

    Args:
        values: strings, or an array of them; a column of text is not copied.
    """
    if isinstance(values, np.ndarray):
        held = cast("Text", values)
        return held[...] if held.dtype == _KIND else held.astype(_KIND)
    return np.array(list(values), dtype=_KIND)


def repeated(values: Iterable[str]) -> list[str]:
    """The values that stand more than once, each once, in the order of first standing."""
    if isinstance(values, np.ndarray):
        ordered = np.sort(cast("Text", values))
        if not (ordered[1:] == ordered[:-1]).any():
            return []
        values = cast("Text", values).tolist()
    values = list(values)
    if len(set(values)) == len(values):
        return []
    return [value for value, count in Counter(values).items() if count > 1]


def first_few(values: Iterable[object], *, quoted: bool = True) -> str:
    """The first few of many, and how many more there are: for messages.

    Example:
        >>> first_few(["a", "b", "c", "d", "e", "f", "g"])
        "'a', 'b', 'c', 'd', 'e' and 2 more"
    """
    values = list(values)
    shown = ", ".join(f"{v!r}" if quoted else str(v) for v in values[:FEW])
    return shown + (f" and {len(values) - FEW:,} more" if len(values) > FEW else "")
