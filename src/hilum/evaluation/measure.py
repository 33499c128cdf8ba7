"""A measured number, its interval, or the reason why there is none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hilum.errors import EvaluationError

UNDEFINED_SHARE = 0.05
"""Share of undefined draws up to which an interval is stated."""
FEWEST_PATIENTS = 5
"""Patients from which an interval is stated: of fewer there are too few different draws."""
FEW_PATIENTS = 10
"""Tested patients below which an appraisal states none: resampling so few shows nothing."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A number that may be undefined, with its interval where one was asked for.

    Attributes:
        value: the number; None when undefined, never NaN.
        reason: why the value or its interval is undefined, or what a mean left out; empty when
            there is nothing to say.
        low: lower end of the interval; None without one.
        high: upper end of the interval; None without one.
        level: confidence level of the interval.
        positives: images on which the finding is present; summed over findings in a mean.
        negatives: images on which it is absent; likewise.
        samples: bootstrap draws behind the interval; 0 without one.
        undefined_samples: draws in which the number was undefined.
    """

    value: float | None
    reason: str = ""
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    positives: int = 0
    negatives: int = 0
    samples: int = 0
    undefined_samples: int = 0

    def __post_init__(self) -> None:
        for name in ("value", "low", "high"):
            number = getattr(self, name)
            if number is not None and not math.isfinite(number):
                raise EvaluationError(f"{name} is {number}: an undefined number is None")
        if self.value is None and not self.reason:
            raise EvaluationError("an undefined measure needs the reason why it is undefined")
        if (self.low is None) != (self.high is None):
            raise EvaluationError("an interval needs both ends")

    @property
    def defined(self) -> bool:
        """Whether there is a number."""
        return self.value is not None

    @property
    def images(self) -> int:
        """Images that were measured."""
        return self.positives + self.negatives

    def __str__(self) -> str:
        if self.value is None:
            return f"undefined ({self.reason})"
        interval = "" if self.low is None else f" ({self.low:.3f} to {self.high:.3f})"
        return f"{self.value:.3f}{interval}"


def mean_of(measures: Sequence[Measure], names: Sequence[str] = ()) -> Measure:
    """The mean of the measures that are defined, saying which were left out and why.

    Args:
        measures: one a finding.
        names: what the measures are of, for the reason; their numbers from 0 without.

    Returns:
        The mean; undefined when no measure is defined. It has no interval: that of a mean does
        not follow from those of its parts.
    """
    names = names or [f"finding {i}" for i in range(len(measures))]
    if len(names) != len(measures):
        raise EvaluationError(f"{len(names)} names were given for {len(measures)} measures")
    if not measures:
        return Measure(None, "there is nothing to average")
    kept = [m for m in measures if m.value is not None]
    out = [f"{n} ({m.reason})" for n, m in zip(names, measures, strict=True) if m.value is None]
    if not kept:
        return Measure(None, "no finding is defined: " + ", ".join(out))
    return Measure(
        math.fsum(m.value for m in kept if m.value is not None) / len(kept),
        f"mean of {len(kept)} of {len(measures)}; left out: {', '.join(out)}" if out else "",
        positives=sum(m.positives for m in kept),
        negatives=sum(m.negatives for m in kept),
    )


def with_interval(
    measure: Measure, draws: NDArray[np.float64], *, groups: int, level: float
) -> Measure:
    """The measure with a percentile interval from bootstrap draws.

    Args:
        measure: the number on the images as they are.
        draws: the number on every draw, NaN where undefined, [samples].
        groups: patients that were drawn from.
        level: confidence level, in (0, 1).

    Returns:
        The measure with low and high; without, and with the reason, when the value is undefined,
        when there are fewer than 5 patients or when more than 5 % of the draws are undefined.

    Source:
        Efron and Tibshirani 1993, An Introduction to the Bootstrap, § 13.3.
    """
    missing = int(np.isnan(draws).sum())
    measure = replace(measure, level=level, samples=len(draws), undefined_samples=missing)
    if measure.value is None:
        return measure
    if groups < 2:
        return _add_reason(measure, f"no interval: {groups} patient cannot be resampled")
    if groups < FEWEST_PATIENTS:
        return _add_reason(measure, f"no interval: {groups} patients are too few to resample")
    if missing > UNDEFINED_SHARE * len(draws):
        return _add_reason(
            measure,
            f"no interval: undefined in {missing} of {len(draws)} draws, too few patients with "
            f"or without the finding",
        )
    low, high = np.nanquantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return replace(measure, low=float(low), high=float(high))


def _add_reason(measure: Measure, reason: str) -> Measure:
    return replace(measure, reason="; ".join(r for r in (measure.reason, reason) if r))
