"""Two methods compared on the same images."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.evaluation.averages import mean_of_draws
from hilum.evaluation.measure import Measure, with_interval
from hilum.evaluation.metrics import Metric, prepare, resample, summarise
from hilum.evaluation.reference import Reference
from hilum.evaluation.resampling import check


@dataclass(frozen=True, slots=True)
class Comparison:
    """How far method A lies above method B.

    Attributes:
        a: the number of method A, with its interval.
        b: the number of method B, with its interval.
        difference: a − b with its paired interval; undefined where a or b is.
        p_value: two-sided, from the same draws; None where there is no interval.
    """

    a: Measure
    b: Measure
    difference: Measure
    p_value: float | None


@dataclass(frozen=True, slots=True)
class Comparisons:
    """One comparison a finding, and that of the means.

    Attributes:
        each: one a finding, undefined ones included.
        mean: of the means over the findings that are defined.
    """

    each: tuple[Comparison, ...]
    mean: Comparison


def compare(
    reference: Reference,
    scores_a: ArrayLike,
    scores_b: ArrayLike,
    *,
    rng: np.random.Generator,
    metric: Metric = "auroc",
    samples: int = 2000,
    level: float = 0.95,
) -> Comparisons:
    """Two methods on the same images: every difference a − b with its paired interval.

    Both methods are measured on the same draws of patients, so what they share cancels. The
    p-value is 2 · min(#(d ≤ 0) + 1, #(d ≥ 0) + 1) / (draws + 1), at most 1, d being the
    difference in a draw.

    Args:
        reference: what both methods are measured against.
        scores_a: of method A, finite where a cell counts, [images, findings].
        scores_b: of method B.
        rng: the source of chance.
        metric: what to measure; "auroc within strata" needs a reference with strata.
        samples: number of draws of patients.
        level: confidence level, in (0, 1).

    Returns:
        One comparison a finding, and that of the means.

    Raises:
        EvaluationError: as :func:`intervals`.

    Source:
        Davison and Hinkley 1997, Bootstrap Methods and their Application, § 4.4 (p-values).
    """
    check(samples, level)
    sides = [
        prepare(reference, reference.scores(scores, name), (metric,))
        for scores, name in ((scores_a, "scores_a"), (scores_b, "scores_b"))
    ]
    values = resample(sides, (metric,), reference, samples, rng)[metric]
    a, b = (
        summarise(side.points[metric], drawn, reference, level)
        for side, drawn in zip(sides, values, strict=True)
    )
    apart = values[0] - values[1]
    return Comparisons(
        each=tuple(
            _comparison(x, y, d, reference, level)
            for x, y, d in zip(a.each, b.each, apart, strict=True)
        ),
        mean=_comparison(a.mean, b.mean, mean_of_draws(a.each, apart), reference, level),
    )


def _comparison(
    a: Measure, b: Measure, apart: NDArray[np.float64], reference: Reference, level: float
) -> Comparison:
    if a.value is None or b.value is None:
        return Comparison(a, b, replace(a, value=None), None)
    point = Measure(a.value - b.value, positives=a.positives, negatives=a.negatives)
    difference = with_interval(point, apart, groups=reference.groups, level=level)
    if difference.low is None:
        return Comparison(a, b, difference, None)
    lower, upper = int((apart <= 0).sum()), int((apart >= 0).sum())
    total = len(apart) - difference.undefined_samples
    return Comparison(a, b, difference, min(1.0, 2 * (min(lower, upper) + 1) / (total + 1)))
