"""AUROC and shares with the part that each patient has in their error.

A number's error is the sum of what single patients move it by (its influence function). Sums of
squares of these give its variance; of differences, that of a gap between two groups of images, in
which a patient may have images on both sides. No draw is needed, so that a p-value can be small
enough to survive the correction for many gaps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hilum.evaluation.discrimination import measured, undefined
from hilum.evaluation.measure import Measure, mean_of
from hilum.evaluation.proportions import normal_quantile, two_sided

FEWEST = 5
"""Patients with, and without, the finding from which an interval is stated."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A number, and what each patient moves it by.

    Attributes:
        measure: without an interval.
        moves: float64 [patients of the whole appraisal]; their sum is 0.
        few: why no interval may be stated; "" where it may.
    """

    measure: Measure
    moves: NDArray[np.float64]
    few: str = ""


def auroc_part(
    truth: NDArray[np.bool_],
    scores: NDArray[np.float64],
    patients: NDArray[np.int64],
    groups: int,
) -> Part:
    """AUROC of some images.

    Args:
        truth: [n].
        scores: finite, [n].
        patients: number of the patient, [n], 0 to groups − 1.
        groups: patients of the whole appraisal.

    Source:
        Obuchowski 1997, Nonparametric Analysis of Clustered ROC Curve Data, Biometrics 53, 567–578:
        structural components as DeLong et al. 1988 have them, summed by patient.
    """
    reason = undefined(truth)
    if reason:
        return Part(measured(truth, np.nan, reason), np.zeros(groups), reason)
    order = np.argsort(scores, kind="stable")
    truth, scores, patients = truth[order], scores[order], patients[order]
    up, down = scores[truth], scores[~truth]
    beneath = _halfway(down, up) / len(down)
    above = 1 - _halfway(up, down) / len(up)
    value = float(beneath.mean())
    moves = np.zeros(groups)
    moves += np.bincount(patients[truth], (beneath - value) / len(up), groups)
    moves += np.bincount(patients[~truth], (above - value) / len(down), groups)
    few = few_patients(patients[truth], patients[~truth])
    return Part(measured(truth, value), moves, few)


def share_part(
    right: NDArray[np.bool_],
    patients: NDArray[np.int64],
    groups: int,
    words: str,
) -> Part:
    """A share of some images, such as the sensitivity among positives.

    Args:
        right: which images count in the numerator, [n].
        patients: [n].
        groups: patients of the whole appraisal.
        words: what there is none of where n is 0: "no positive".

    Source:
        The variance of a ratio of sums over clusters: Cochran 1977, Sampling Techniques, § 2.11;
        Rao and Scott 1992.
    """
    n = len(right)
    if not n:
        return Part(Measure(None, words), np.zeros(groups), words)
    value = float(right.mean())
    moves = np.zeros(groups)
    moves += np.bincount(patients, (right - value) / n, groups)
    people = len(np.unique(patients))
    few = f"no interval: {_people(people)} only" if people < FEWEST else ""
    count = int(right.sum())
    return Part(Measure(value, positives=count, negatives=n - count), moves, few)


def mean_part(parts: list[Part], names: tuple[str, ...]) -> Part:
    """The mean of the parts that are defined."""
    kept = [part for part in parts if part.measure.defined]
    measure = mean_of([part.measure for part in parts], names)
    if not kept:
        return Part(measure, np.zeros(len(parts[0].moves) if parts else 0), measure.reason)
    few = next((part.few for part in kept if part.few), "")
    return Part(measure, np.mean([part.moves for part in kept], axis=0), few)


def stated(part: Part, level: float, lowest: float = 0.0) -> Measure:
    """The number with its interval, normal and cut at ``lowest`` and 1."""
    if not part.measure.defined:
        return replace(part.measure, level=level)
    if part.few:
        return _because(replace(part.measure, level=level), part.few)
    return _with_interval(part.measure, _error(part.moves), level, lowest)


def gap(a: Part, b: Part, level: float) -> tuple[Measure, float | None]:
    """The difference a − b with its interval, and the p-value of no difference.

    Returns:
        Undefined where either is; without an interval and a p-value where either has too few
        patients, or nothing varies.
    """
    for side in (a, b):
        if side.measure.value is None:
            return replace(side.measure, level=level), None
    assert a.measure.value is not None
    assert b.measure.value is not None
    apart = a.measure.value - b.measure.value
    point = Measure(
        apart,
        level=level,
        positives=a.measure.positives,
        negatives=a.measure.negatives,
    )
    few = a.few or b.few
    if few:
        return _because(point, few), None
    error = _error(a.moves - b.moves)
    found = _with_interval(point, error, level, -1.0)
    return found, None if found.low is None else two_sided(apart / error)


def _error(moves: NDArray[np.float64]) -> float:
    """Standard error; patients without a part in the number do not count."""
    there = int(np.count_nonzero(moves))
    if there < 2:
        return 0.0
    return math.sqrt(float(moves @ moves) * there / (there - 1))


def _with_interval(point: Measure, error: float, level: float, lowest: float) -> Measure:
    if error < 1e-12 or point.value is None:
        return _because(replace(point, level=level), "no interval: nothing varies")
    half = normal_quantile(level) * error
    low, high = max(lowest, point.value - half), min(1.0, point.value + half)
    return replace(point, low=low, high=high, level=level)


def _because(point: Measure, reason: str) -> Measure:
    return replace(point, reason="; ".join(r for r in (point.reason, reason) if r))


def _halfway(hay: NDArray[np.float64], needles: NDArray[np.float64]) -> NDArray[np.float64]:
    """How many of ``hay`` lie below each needle, half for ties; both rising."""
    return (hay.searchsorted(needles, "left") + hay.searchsorted(needles, "right")) / 2


def few_patients(with_: NDArray[np.int64], without: NDArray[np.int64]) -> str:
    """Why there can be no interval, of the patients of images with and without a finding."""
    for rows, words in ((with_, "with"), (without, "without")):
        people = len(np.unique(rows))
        if people < FEWEST:
            return f"no interval: {_people(people)} {words} the finding"
    return ""


def _people(count: int) -> str:
    return "1 patient" if count == 1 else f"{count} patients"
