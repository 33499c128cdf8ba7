"""Numbers with their intervals, as JSON and as cells of a table."""

from __future__ import annotations

from collections.abc import Sequence

from hilum.evaluation import Measure

Three = Sequence[float | None]
"""A number and the ends of its interval; None where there is none."""


def three(measure: Measure | None) -> list[float | None]:
    """Value, low and high of a measure."""
    return [None, None, None] if measure is None else [measure.value, measure.low, measure.high]


def told(values: Three, *, sign: bool = False) -> str:
    """A number with its interval.

    Example:
        >>> told([0.5, 0.4, 0.6]), told([0.5, None, None], sign=True), told([None, None, None])
        ('0.500 (0.400 to 0.600)', '+0.500', '–')
    """
    value, low, high = values
    if value is None:
        return "–"
    form = "+.3f" if sign else ".3f"
    return f"{value:{form}}" + ("" if low is None else f" ({low:{form}} to {high:{form}})")
