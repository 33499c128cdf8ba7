"""Columns of a label table beside its findings: attributes, days, and the event that came."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.domain import LabelTable, State
from hilum.domain.text import first_few, text
from hilum.errors import LabelError


def attributes(
    table: LabelTable, wanted: Iterable[str], days: str, keep: NDArray[np.int64]
) -> dict[str, NDArray[Any]]:
    """Columns of some rows: text, or float64 for numbers.

    Args:
        table: of the labels.
        wanted: columns; "" and those that the table has not are passed over.
        days: the one of them that is read as days; "" for none.
        keep: rows.
    """
    found: dict[str, NDArray[Any]] = {}
    for name in dict.fromkeys(wanted):
        if not name or name not in table.columns:
            continue
        values = table.columns[name][keep]
        if name == days:
            found[name] = days_of(name, values)
        elif values.dtype.kind == "f":
            found[name] = values.astype(np.float64)
        elif values.dtype.kind == "i":
            found[name] = text(["" if v < 0 else str(v) for v in values.tolist()])
        else:
            found[name] = values
    return found


def days_of(name: str, values: NDArray[Any]) -> NDArray[np.float64]:
    """Days as numbers, NaN where they are not known.

    Raises:
        LabelError: cells that are no numbers.
    """
    if values.dtype.kind in "fi":
        return values.astype(np.float64)
    try:
        return np.array([float(v) if v.strip() else np.nan for v in values.tolist()])
    except ValueError as error:
        raise LabelError(
            f"--survival takes a column of days; {name!r} holds words: "
            f"{first_few(dict.fromkeys(v for v in values.tolist() if v))}."
        ) from error


def event_of(
    table: LabelTable, event: str, keys: Sequence[str], risk: str, keep: NDArray[np.int64]
) -> tuple[NDArray[np.int8] | None, str]:
    """Whether the event came (1), came not (0), or is unknown (-1), and whose score is its risk.

    Args:
        table: of the labels.
        event: finding; "" for none.
        keys: findings that have a score.
        risk: the one that is asked for; "" for the event itself, or the only one.
        keep: rows.

    Raises:
        LabelError: it cannot be told whose score is the risk.
    """
    if not event:
        return None, ""
    risk = risk or (event if event in keys else keys[0] if len(keys) == 1 else "")
    if risk not in keys:
        raise LabelError(f"Which score is the risk? Name one of {first_few(keys)} with --risk.")
    states = table.states[keep, table.findings.index(event)]
    known = np.full(len(keep), -1, np.int8)
    known[states == State.PRESENT] = 1
    known[states == State.ABSENT] = 0
    return known, risk
