"""A table of results, and how measured numbers stand in its columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from hilum.evaluation import Measure
from hilum.report.names import cell

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of results.

    Attributes:
        header: names of the columns.
        rows: None is an empty cell.
        about: what it holds, a sentence.
    """

    header: tuple[str, ...]
    rows: tuple[Row, ...]
    about: str


def columns(name: str) -> tuple[str, str, str, str]:
    """Names of the columns of a measured number."""
    return name, f"{name}_low", f"{name}_high", f"{name}_reason"


def cells(measure: Measure | None) -> Row:
    """A measured number with its interval, and why it or its interval is undefined."""
    if measure is None:
        return None, None, None, ""
    return measure.value, measure.low, measure.high, measure.reason


def made(header: Sequence[str], rows: Iterable[Sequence[Any]], about: str) -> Table:
    """A table whose text no spreadsheet takes for a formula."""
    safe = (tuple(cell(c) if isinstance(c, str) else c for c in row) for row in rows)
    return Table(tuple(header), tuple(safe), about)
