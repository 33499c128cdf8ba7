"""AUROC and average precision of many findings at once, with intervals by patient."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.errors import EvaluationError
from hilum.evaluation.averages import mean_of_draws, weighted_mean_of
from hilum.evaluation.discrimination import measured, undefined
from hilum.evaluation.measure import FEWEST_PATIENTS, Measure, mean_of, with_interval
from hilum.evaluation.ranks import Kernel, Ranks, auroc_of, average_precision_of, rank, weigh
from hilum.evaluation.reference import Reference
from hilum.evaluation.resampling import check, draws

Metric = Literal["auroc", "auroc within strata", "average precision"]

KERNELS: dict[Metric, Kernel] = {
    "auroc": auroc_of,
    "auroc within strata": auroc_of,
    "average precision": average_precision_of,
}
_THREADS = 4
"""More would hold more memory than they win time."""
_ALONE = 1 << 24
"""Images × findings × draws below which threads cost more than they win."""


@dataclass(frozen=True, slots=True)
class Measures:
    """One number a finding, and their means.

    Attributes:
        each: one a finding, undefined ones included.
        mean: macro mean of the findings that are defined; its reason names those left out.
        weighted: the same with every finding counting by its positives.
    """

    each: tuple[Measure, ...]
    mean: Measure
    weighted: Measure


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One method's scores, sorted, and its numbers on the images as they are.

    Attributes:
        orders: one a finding, for each kind of order.
        points: metric → one a finding.
    """

    orders: dict[bool, list[Ranks]]
    points: dict[Metric, list[Measure]]


def intervals(
    reference: Reference,
    scores: ArrayLike,
    *,
    rng: np.random.Generator,
    metric: Metric = "auroc",
    samples: int = 2000,
    level: float = 0.95,
) -> Measures:
    """Every finding's number and their means, with percentile intervals by patient.

    Args:
        reference: what the scores are measured against.
        scores: finite where a cell counts, [images, findings].
        rng: the source of chance.
        metric: what to measure; "auroc within strata" needs a reference with strata.
        samples: number of draws of patients.
        level: confidence level, in (0, 1).

    Returns:
        The numbers. A mean is undefined in a draw where a finding that it holds is undefined, so
        that all draws average the same findings.

    Raises:
        EvaluationError: shapes that differ, NaN or infinity in a cell that counts, or no strata.
    """
    found = intervals_of(reference, scores, (metric,), rng=rng, samples=samples, level=level)
    return found[metric]


def intervals_of(
    reference: Reference,
    scores: ArrayLike,
    metrics: Sequence[Metric] = ("auroc", "average precision"),
    *,
    rng: np.random.Generator,
    samples: int = 2000,
    level: float = 0.95,
) -> dict[Metric, Measures]:
    """Several metrics on the same draws in one pass; otherwise as :func:`intervals`.

    Returns:
        The numbers of each metric, in the order of ``metrics``.
    """
    check(samples, level)
    side = prepare(reference, reference.scores(scores), metrics)
    drawn = resample([side], metrics, reference, samples, rng)
    return {m: summarise(side.points[m], drawn[m][0], reference, level) for m in metrics}


def prepare(reference: Reference, scores: NDArray[np.float64], metrics: Sequence[Metric]) -> Side:
    """Sort every finding's images, and measure it on the images as they are.

    Raises:
        EvaluationError: an unknown metric, or strata that are wanted and not there.
    """
    for metric in metrics:
        if metric not in KERNELS:
            raise EvaluationError(f"Unknown metric {metric!r}; known: {', '.join(KERNELS)}.")
        if _stratified(metric) and reference.strata is None:
            raise EvaluationError("auroc within strata needs Reference.of(…, strata=…)")
    kinds = {_stratified(metric) for metric in metrics}
    side = Side({kind: [] for kind in kinds}, {metric: [] for metric in metrics})
    whole = np.ones((1, reference.groups))
    for f in range(len(reference.findings)):
        rows = np.flatnonzero(reference.mask[:, f])
        truth, values = reference.targets[rows, f], scores[rows, f]
        for kind in kinds:
            strata = reference.strata[rows] if kind and reference.strata is not None else None
            side.orders[kind].append(rank(truth, values, reference.patients[rows], strata))
        for metric in side.points:
            order = side.orders[_stratified(metric)][f]
            value = weigh(order, whole, (KERNELS[metric],))[0, 0]
            side.points[metric].append(measured(truth, value, undefined(truth)))
    return side


def resample(
    sides: Sequence[Side],
    metrics: Sequence[Metric],
    reference: Reference,
    samples: int,
    rng: np.random.Generator,
) -> dict[Metric, NDArray[np.float64]]:
    """Every finding's number in every draw, the same draws for all sides, NaN where undefined.

    Findings are weighed by several threads; what comes out does not depend on how many.

    Returns:
        metric → float64 [sides, findings, draws].
    """
    findings = len(reference.findings)
    values: dict[Metric, NDArray[np.float64]] = {
        m: np.empty((len(sides), findings, samples)) for m in metrics
    }
    tasks: list[tuple[int, int, list[Metric], Ranks]] = [
        (s, f, [m for m in values if _stratified(m) == kind], orders[f])
        for s, side in enumerate(sides)
        for kind, orders in side.orders.items()
        for f in range(findings)
    ]

    def work(task: int, at: int, weights: NDArray[np.int32]) -> None:
        s, f, names, order = tasks[task]
        found = weigh(order, weights, [KERNELS[m] for m in names])
        for k, m in enumerate(names):
            values[m][s, f, at : at + len(weights)] = found[k]

    at, every = 0, range(len(tasks))
    cells = reference.targets.size * samples * len(sides)
    threads = 1 if cells < _ALONE else min(_THREADS, _cores())
    with ThreadPoolExecutor(threads) as pool:
        # The images do not bound the draws made at a time: weights are held by patient.
        for weights in draws(reference.groups, 0, samples, rng):
            if threads == 1:
                for task in every:
                    work(task, at, weights)
            else:
                for done in [pool.submit(work, task, at, weights) for task in every]:
                    done.result()
            at += len(weights)
    return values


def summarise(
    points: Sequence[Measure], drawn: NDArray[np.float64], reference: Reference, level: float
) -> Measures:
    """Numbers and their means with intervals, from draws [findings, draws]."""
    each = tuple(
        with_interval(point, values, groups=reference.groups, level=level)
        for point, values in zip(points, drawn, strict=True)
    )
    worst = int(np.argmax([m.undefined_samples if m.defined else -1 for m in each]))

    def with_ends(mean: Measure, draws: NDArray[np.float64]) -> Measure:
        mean = with_interval(mean, draws, groups=reference.groups, level=level)
        if mean.defined and mean.low is None and reference.groups >= FEWEST_PATIENTS:
            return replace(
                mean,
                reason=f"{mean.reason}, most often {reference.findings[worst]}; "
                f"average the others and say so",
            )
        return mean

    positives = [point.positives for point in points]
    return Measures(
        each,
        with_ends(mean_of(points, reference.findings), mean_of_draws(points, drawn)),
        with_ends(
            weighted_mean_of(points, positives, reference.findings),
            mean_of_draws(points, drawn, positives),
        ),
    )


def _stratified(metric: Metric) -> bool:
    return metric == "auroc within strata"


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
