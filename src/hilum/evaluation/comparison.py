"""Intervals of many findings at once, and two methods compared on the same images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.errors import EvaluationError
from hilum.evaluation.discrimination import measured, undefined
from hilum.evaluation.measure import Measure, mean_of, with_interval
from hilum.evaluation.ranks import (
    Ranks,
    Weights,
    rank,
    weighted_auroc,
    weighted_average_precision,
)
from hilum.evaluation.reference import Reference
from hilum.evaluation.resampling import check, draws

Metric = Literal["auroc", "auroc within strata", "average precision"]

_KERNELS: dict[Metric, Callable[[Ranks, Weights], NDArray[np.float64]]] = {
    "auroc": weighted_auroc,
    "auroc within strata": weighted_auroc,
    "average precision": weighted_average_precision,
}


@dataclass(frozen=True, slots=True)
class Measures:
    """One number a finding, and their mean.

    Attributes:
        each: one a finding, undefined ones included.
        mean: of the findings that are defined; its reason names those left out.
    """

    each: tuple[Measure, ...]
    mean: Measure


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


def intervals(
    reference: Reference,
    scores: ArrayLike,
    *,
    rng: np.random.Generator,
    metric: Metric = "auroc",
    samples: int = 2000,
    level: float = 0.95,
) -> Measures:
    """Every finding's number and their mean, with percentile intervals by patient.

    Args:
        reference: what the scores are measured against.
        scores: finite where a cell counts, [images, findings].
        rng: the source of chance.
        metric: what to measure; "auroc within strata" needs a reference with strata.
        samples: number of draws of patients.
        level: confidence level, in (0, 1).

    Returns:
        The numbers. The mean is undefined in a draw where a finding that it holds is undefined, so
        that all draws average the same findings.

    Raises:
        EvaluationError: shapes that differ, NaN or infinity in a cell that counts, or no strata.
    """
    check(samples, level)
    check(samples, level)
    orders, points = _prepare(reference, reference.scores(scores), metric)
    chunks = draws(reference.groups, len(reference.targets), samples, rng)
    return _measures(points, _resample([orders], metric, chunks)[0], reference, level)


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
        _prepare(reference, reference.scores(scores, name), metric)
        for scores, name in ((scores_a, "scores_a"), (scores_b, "scores_b"))
    ]
    chunks = draws(reference.groups, len(reference.targets), samples, rng)
    values = _resample([orders for orders, _ in sides], metric, chunks)
    a, b = (
        _measures(points, drawn, reference, level)
        for (_, points), drawn in zip(sides, values, strict=True)
    )
    apart = values[0] - values[1]
    return Comparisons(
        each=tuple(
            _comparison(x, y, d, reference, level)
            for x, y, d in zip(a.each, b.each, apart, strict=True)
        ),
        mean=_comparison(a.mean, b.mean, _mean_draws(a.each, apart), reference, level),
    )


def _prepare(
    reference: Reference, scores: NDArray[np.float64], metric: Metric
) -> tuple[list[Ranks], list[Measure]]:
    """Every finding's order, and its number on the images as they are."""
    if metric not in _KERNELS:
        raise EvaluationError(f"Unknown metric {metric!r}; known: {', '.join(_KERNELS)}.")
    strata = reference.strata if metric == "auroc within strata" else None
    if metric == "auroc within strata" and strata is None:
        raise EvaluationError("auroc within strata needs Reference.of(…, strata=…)")
    orders: list[Ranks] = []
    points: list[Measure] = []
    whole = np.ones((1, reference.groups))
    for f in range(len(reference.findings)):
        rows = np.flatnonzero(reference.mask[:, f])
        truth = reference.targets[rows, f]
        part = None if strata is None else strata[rows]
        order = rank(truth, scores[rows, f], reference.patients[rows], part)
        orders.append(order)
        points.append(measured(truth, _KERNELS[metric](order, whole)[0], undefined(truth)))
    return orders, points


def _resample(
    sides: Sequence[Sequence[Ranks]],
    metric: Metric,
    chunks: Iterable[NDArray[np.int32]],
) -> NDArray[np.float64]:
    """Every finding's number in every draw, the same draws for all sides, NaN where undefined.

    Returns:
        float64 [sides, findings, draws].
    """
    kernel = _KERNELS[metric]
    parts = [
        np.array([[kernel(order, weights) for order in orders] for orders in sides])
        for weights in chunks
    ]
    return np.concatenate(parts, axis=2)


def _measures(
    points: Sequence[Measure], drawn: NDArray[np.float64], reference: Reference, level: float
) -> Measures:
    each = tuple(
        with_interval(point, values, groups=reference.groups, level=level)
        for point, values in zip(points, drawn, strict=True)
    )
    mean = with_interval(
        mean_of(points, reference.findings),
        _mean_draws(points, drawn),
        groups=reference.groups,
        level=level,
    )
    if mean.defined and mean.low is None and reference.groups > 1:
        worst = int(np.argmax([m.undefined_samples if m.defined else -1 for m in each]))
        mean = replace(
            mean,
            reason=f"{mean.reason}, most often {reference.findings[worst]}; "
            f"average the others and say so",
        )
    return Measures(each, mean)


def _mean_draws(points: Sequence[Measure], drawn: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean over the findings that are defined on the images as they are, in every draw."""
    kept = [f for f, point in enumerate(points) if point.defined]
    if not kept:
        return np.full(drawn.shape[1:], np.nan, np.float64)
    return np.asarray(drawn[kept].mean(axis=0))


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
