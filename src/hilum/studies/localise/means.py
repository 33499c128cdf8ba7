"""Means with intervals by patient, as the tables of this study show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hilum.evaluation.measure import Measure, with_interval
from hilum.evaluation.resampling import draws

SAMPLES = 4000

Told = Mapping[str, float | None]
"""A number and the ends of its 95 % interval: value, low, high."""


def means(
    values: NDArray[np.float64], patients: Sequence[str], names: Sequence[str]
) -> dict[str, Told]:
    """Means over rows with 95 % intervals, patients being drawn with replacement.

    Args:
        values: [rows, names].
        patients: whose each row is, [rows].
        names: of the columns.
    """
    people, who = np.unique(np.array(patients), return_inverse=True)
    sums = np.stack([np.bincount(who, column, len(people)) for column in values.T], axis=1)
    counts = np.bincount(who, minlength=len(people))
    chunks = draws(len(people), len(values), SAMPLES, np.random.default_rng(0))
    drawn = np.concatenate([(w @ sums) / (w @ counts)[:, None] for w in chunks])
    out: dict[str, Told] = {}
    for at, name in enumerate(names):
        point = Measure(float(values[:, at].mean()))
        one = with_interval(point, drawn[:, at], groups=len(people), level=0.95)
        out[name] = {"value": one.value, "low": one.low, "high": one.high}
    return out


def cell(one: Told, *, sign: bool = False) -> str:
    """A mean as a table shows it; with a sign, bold where the interval is clear of zero."""
    form = "{:+.2f}" if sign else "{:.2f}"
    value, low, high = (one[name] for name in ("value", "low", "high"))
    if value is None:
        return "undefined"
    if low is None or high is None:
        return form.format(value)
    text = f"{form.format(value)} ({form.format(low)} to {form.format(high)})"
    return f"**{text}**" if sign and (low > 0 or high < 0) else text
