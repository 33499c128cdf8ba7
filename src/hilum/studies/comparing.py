"""What a lever does: arms compared over seeds, on the same draws of patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.errors import RunError
from hilum.evaluation import Measure, Reference
from hilum.evaluation.measure import with_interval
from hilum.evaluation.ranks import rank, weighted_auroc
from hilum.evaluation.resampling import draws

LEVEL = 0.95
"""Confidence of intervals, and 1 − the level of Holm's correction."""

Scores = Mapping[int, NDArray[np.float32]]
"""Seed → log-odds [images, findings]."""


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """AUROC within strata of one arm, the mean over findings.

    Attributes:
        seeds: that it was run with.
        each: a number a seed, float64 [seeds].
        draws: the same for every draw of patients, float64 [seeds, draws]; NaN where undefined.
        findings: of each finding, the mean over seeds, float64 [findings].
    """

    seeds: tuple[int, ...]
    each: NDArray[np.float64]
    draws: NDArray[np.float64]
    findings: NDArray[np.float64]

    def some(self, seeds: Sequence[int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Numbers and draws of some seeds."""
        at = [self.seeds.index(seed) for seed in seeds]
        return self.each[at], self.draws[at]


@dataclass(frozen=True, slots=True)
class Effect:
    """An arm against another, both run with the same seeds.

    Attributes:
        difference: of the means over seeds and findings, with its paired interval by patients.
        seeds: that both were run with.
        least: smallest difference of a seed.
        most: largest.
        p_value: two-sided, from the same draws; None without an interval.
        holm: that p-value after Holm's correction over all comparisons of the study.
    """

    difference: Measure
    seeds: tuple[int, ...]
    least: float
    most: float
    p_value: float | None
    holm: float | None = None

    @property
    def verdict(self) -> str:
        """What the interval says: "helps" or "harms" where it leaves zero out, else "not shown"."""
        low, high = self.difference.low, self.difference.high
        if low is None or high is None:
            return "no interval"
        if low > 0:
            return "helps"
        return "harms" if high < 0 else "not shown"

    @property
    def survives(self) -> bool:
        """Whether it is left after Holm's correction."""
        return self.holm is not None and self.holm <= 1 - LEVEL


def measure(reference: Reference, scores: Scores, weights: Sequence[NDArray[np.int32]]) -> Measured:
    """Measure an arm on all images, and on draws of patients.

    Args:
        reference: with strata.
        scores: of the arm.
        weights: chunks of draws, from :func:`drawn`; the same for all arms.

    Raises:
        RunError: a finding is never present and absent within one stratum.
    """
    whole = np.ones((1, reference.groups), np.int32)
    points, values = [], []
    for logits in scores.values():
        checked = reference.scores(logits)
        point, value = [], []
        for k in range(len(reference.findings)):
            rows = np.flatnonzero(reference.mask[:, k])
            strata = None if reference.strata is None else reference.strata[rows]
            order = rank(
                reference.targets[rows, k], checked[rows, k], reference.patients[rows], strata
            )
            point.append(weighted_auroc(order, whole)[0])
            value.append(np.concatenate([weighted_auroc(order, one) for one in weights]))
        points.append(point)
        values.append(np.mean(value, axis=0))
    found = np.array(points)
    defined: list[bool] = np.all(np.isfinite(found), axis=0).tolist()
    if not all(defined):
        lacking = [k for k, there in zip(reference.findings, defined, strict=True) if not there]
        raise RunError(
            f"{', '.join(lacking)}: never present and absent within one stratum; leave it out."
        )
    return Measured(tuple(scores), found.mean(1), np.array(values), found.mean(0))


def drawn(reference: Reference, samples: int, rng: np.random.Generator) -> list[NDArray[np.int32]]:
    """Draws of patients, for :func:`measure`."""
    return list(draws(reference.groups, len(reference.targets), samples, rng))


def with_its_interval(reference: Reference, found: Measured) -> Measure:
    """An arm's mean over seeds, with its interval by patients."""
    said = Measure(float(found.each.mean()))
    return with_interval(said, found.draws.mean(0), groups=reference.groups, level=LEVEL)


def effect(reference: Reference, arm: Measured, other: Measured) -> Effect:
    """One arm against another, over the seeds that both were run with.

    The mean over seeds is taken inside each draw of patients. The p-value is
    2 · min(#(d ≤ 0) + 1, #(d ≥ 0) + 1) / (draws + 1), at most 1.

    Raises:
        RunError: they have no seed in common.

    Source:
        Davison and Hinkley 1997, Bootstrap Methods and their Application, § 4.4 (p-values).
    """
    seeds = tuple(seed for seed in arm.seeds if seed in other.seeds)
    if not seeds:
        raise RunError("Two arms that are compared have no seed in common.")
    (a, of_a), (b, of_b) = arm.some(seeds), other.some(seeds)
    each = a - b
    apart = (of_a - of_b).mean(0)
    point = Measure(float(each.mean()))
    difference = with_interval(point, apart, groups=reference.groups, level=LEVEL)
    p_value = None
    if difference.low is not None:
        total = int(np.isfinite(apart).sum())
        fewer = min(int((apart <= 0).sum()), int((apart >= 0).sum()))
        p_value = min(1.0, 2 * (fewer + 1) / (total + 1))
    return Effect(difference, seeds, float(each.min()), float(each.max()), p_value)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """p-values after Holm's step-down correction; None stays, and is no comparison.

    Source:
        Holm 1979, A simple sequentially rejective multiple test procedure.

    Example:
        >>> holm([0.01, None, 0.04, 0.03])
        [0.03, None, 0.06, 0.06]
    """
    order = sorted((p, at) for at, p in enumerate(p_values) if p is not None)
    found: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank_, (p, at) in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank_) * p))
        found[at] = largest
    return found
