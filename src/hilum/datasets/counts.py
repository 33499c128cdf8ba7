"""Numbers that publishers state of their collections, counted in a table."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hilum.datasets.collection import Count
from hilum.domain import LabelTable, State, finding


def images(expected: int) -> Count:
    """Rows of the table."""
    return Count("images", expected, len)


def patients(expected: int) -> Count:
    """Different patients."""
    return Count("patients", expected, lambda table: len(np.unique(table.patients)))


def distinct(column: str, expected: int, what: str) -> Count:
    """Different values of a column, the unknown "" left aside."""
    return Count(what, expected, lambda table: len(set(table.column(column).tolist()) - {""}))


def part(expected: int, *values: str, column: str = "split") -> Count:
    """Images whose column has one of the values; 0 where the table has no such column."""

    def found(table: LabelTable) -> int:
        return int(np.isin(table.columns[column], values).sum()) if column in table.columns else 0

    return Count(f"images, {column} {' or '.join(values)}", expected, found)


def present(expected: Mapping[str, int]) -> tuple[Count, ...]:
    """Images on which a finding is present.

    Args:
        expected: key → number.
    """
    return tuple(
        Count(finding(key).name, number, lambda table, key=key: _in_state(table, key))
        for key, number in expected.items()
    )


def without_finding(expected: int) -> Count:
    """Images of which the source says something, but that none of the findings is present."""

    def found(table: LabelTable) -> int:
        said = (table.states != State.UNMENTIONED).any(1)
        return int((said & (table.states != State.PRESENT).all(1)).sum())

    return Count("No finding", expected, found)


def boxes(expected: int) -> Count:
    """Boxes on all images."""
    return Count("boxes", expected, lambda table: 0 if table.boxes is None else len(table.boxes))


def boxed_images(expected: int) -> Count:
    """Images with a box."""

    def found(table: LabelTable) -> int:
        return 0 if table.boxes is None else len(np.unique(table.boxes.row))

    return Count("images with a box", expected, found)


def _in_state(table: LabelTable, key: str) -> int:
    if key not in table.findings:
        return 0
    return int((table.states[:, table.findings.index(key)] == State.PRESENT).sum())
