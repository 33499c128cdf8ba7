"""Curves over predicted boxes of falling score, weighed as often as a bootstrap wants."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.evaluation import inputs
from hilum.evaluation.localisation.predicted import Matches
from hilum.evaluation.measure import (
    FEW_PATIENTS,
    FEWEST_PATIENTS,
    Measure,
    mean_of,
    with_interval,
)
from hilum.evaluation.resampling import CELLS, check, draws


@dataclass(frozen=True, slots=True, eq=False)
class ByPatient:
    """How intervals are made: patients are drawn with replacement.

    Attributes:
        patients: who each image is of, [images].
        rng: the source of chance; it is not changed: the same draws serve every number, which so
            can be compared.
        samples: number of draws.
        level: confidence level, in (0, 1).
    """

    patients: ArrayLike
    rng: np.random.Generator
    samples: int = 2000
    level: float = 0.95

    def __post_init__(self) -> None:
        check(self.samples, self.level)

    def weights(
        self, counted: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], int, Iterable[NDArray[np.int32]]]:
        """Draws among the patients of the images that count.

        Args:
            counted: bool [images].

        Returns:
            The place of each image's patient in a draw, [images], the last place, of weight 0,
            for images that do not count; the number of patients; chunks of draws
            [some, patients + 1].
        """
        n = len(counted)
        who = inputs.codes(self.patients, "patients", n)
        people, at = np.unique(who[counted], return_inverse=True)
        place = np.full(n, len(people), np.int64)
        place[counted] = at
        if not len(people):
            return place, 0, []
        chunks = draws(len(people), max(n, 1), self.samples, deepcopy(self.rng))
        return place, len(people), (_with_nobody(some) for some in chunks)


def _with_nobody(drawn: NDArray[np.int32]) -> NDArray[np.int32]:
    return np.concatenate([drawn, np.zeros((len(drawn), 1), np.int32)], axis=1)


Kernel = Callable[[Matches, NDArray[np.float64]], NDArray[np.float64]]
"""From matches and how often every image counts, [draws, images], to numbers [numbers, draws]; NaN
where undefined."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """One number a finding, and their mean.

    Attributes:
        each: one a finding, undefined ones included; positives are the images with a box,
            negatives those without.
        mean: of the findings that are defined; its reason names those left out.
    """

    each: tuple[Measure, ...]
    mean: Measure


def stated(
    measure: Measure, draws: NDArray[np.float64], by: ByPatient, *, people: int, boxed: int
) -> Measure:
    """The measure with its interval, by the same rule as everything else that is appraised.

    Args:
        measure: the number on the images as they are.
        draws: the number on every draw, NaN where undefined, [samples].
        by: how the draws were made.
        people: patients of the images that count.
        boxed: those of them with a reference box, or as many where boxes do not matter.

    Returns:
        The measure; without an interval, and with the reason, where there are fewer than
        :data:`FEW_PATIENTS` patients or :data:`FEWEST_PATIENTS` with a box.
    """
    made = with_interval(measure, draws, groups=people, level=by.level)
    few = ""
    if people < FEW_PATIENTS:
        few = f"no interval: {people} patients are too few"
    elif boxed < FEWEST_PATIENTS:
        few = f"no interval: {boxed} {'patient' if boxed == 1 else 'patients'} with a box"
    if not few or made.low is None:
        return made
    said = "; ".join(part for part in (made.reason, few) if part)
    return replace(made, low=None, high=None, reason=said)


def average_precision_draws(
    found: Matches, weights: NDArray[np.float64], *, coco: bool
) -> NDArray[np.float64]:
    """Average precision of every draw, [1, draws]; NaN where no reference box counts."""
    total = weights @ found.boxes
    each = weights[:, found.row]
    right = np.cumsum(each * found.hit, axis=1)
    said = np.cumsum(each, axis=1)
    precision = np.divide(right, said, out=np.zeros(right.shape), where=said > 0)
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    recall = np.divide(right, total[:, None], out=np.zeros(right.shape), where=(total > 0)[:, None])
    if coco:
        value = np.array([_at_101(r, e) for r, e in zip(recall, envelope, strict=True)], np.float64)
    else:
        value = (np.diff(recall, axis=1, prepend=0.0) * envelope).sum(1)
    value = value.reshape(len(weights))
    value[total <= 0] = np.nan
    return value[None]


def _at_101(recall: NDArray[np.float64], envelope: NDArray[np.float64]) -> float:
    at = np.searchsorted(recall, np.linspace(0, 1, 101), "left")
    return float(np.append(envelope, 0.0)[at].mean())


def sensitivity_draws(
    found: Matches, weights: NDArray[np.float64], rates: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Sensitivity with so many false boxes an image, and their mean, [rates + 1, draws]."""
    total, images = weights @ found.boxes, weights @ found.counted
    each = weights[:, found.row]
    last = np.append(np.diff(found.score) != 0, True)[: len(found.score)]
    right = np.cumsum(each * found.hit, axis=1)[:, last]
    wrong = np.cumsum(each * ~found.hit, axis=1)[:, last]
    value = np.full((len(rates) + 1, len(weights)), np.nan)
    for at in np.flatnonzero(total > 0).tolist():
        allowed = rates * images[at] + 1e-9
        place = np.asarray(np.searchsorted(wrong[at], allowed, "right"), np.int64)
        value[:-1, at] = np.concatenate([[0.0], right[at]])[place] / total[at]
    value[-1] = value[:-1].mean(0)
    return value


def measures(
    every: Sequence[Matches],
    kernel: Kernel,
    findings: Sequence[str],
    by: ByPatient | None,
) -> list[Numbers]:
    """Each of the kernel's numbers of every finding, and their mean, with intervals by patient.

    Args:
        every: matches, one a finding.
        kernel: what to measure.
        findings: names for the mean's reason.
        by: how intervals are made; none where None.
    """
    counted = np.any([found.counted for found in every], axis=0)
    whole = np.ones((1, len(counted)))
    values = [kernel(found, whole)[:, 0].tolist() for found in every]
    points = [
        [_measure(found, value) for found, value in zip(every, row, strict=True)]
        for row in zip(*values, strict=True)
    ]
    plain = [Numbers(tuple(row), mean_of(row, findings)) for row in points]
    if by is None:
        return plain
    place, people, chunks = by.weights(counted)
    if not people:
        return plain
    drawn = _resampled(every, kernel, place, chunks)
    own = [
        (len(np.unique(place[one.counted])), len(np.unique(place[one.boxes > 0]))) for one in every
    ]
    boxed = len(np.unique(place[np.any([one.boxes > 0 for one in every], axis=0)]))
    found: list[Numbers] = []
    for one, values in zip(plain, drawn, strict=True):
        each = tuple(
            stated(m, v, by, people=some, boxed=of)
            for m, v, (some, of) in zip(one.each, values, own, strict=True)
        )
        defined = [f for f, point in enumerate(one.each) if point.defined]
        mean = one.mean
        if defined:
            mean = stated(mean, values[defined].mean(axis=0), by, people=people, boxed=boxed)
        found.append(Numbers(each, mean))
    return found


def _resampled(
    every: Sequence[Matches],
    kernel: Kernel,
    place: NDArray[np.int64],
    chunks: Iterable[NDArray[np.int32]],
) -> NDArray[np.float64]:
    """Every number in every draw: [numbers, findings, draws]."""
    most = max(1, *(len(found.row) for found in every))
    parts: list[NDArray[np.float64]] = []
    for chunk in chunks:
        pieces = -(-len(chunk) * most // CELLS) or 1
        for weights in np.array_split(chunk, pieces):
            each = weights[:, place].astype(np.float64)
            parts.append(np.stack([kernel(found, each) for found in every], axis=1))
    return np.concatenate(parts, axis=2)


def _measure(found: Matches, value: float) -> Measure:
    boxed = int((found.boxes > 0).sum())
    plain = int(found.counted.sum()) - boxed
    if np.isnan(value):
        return Measure(
            None, f"no reference box on {plain} images", positives=boxed, negatives=plain
        )
    return Measure(float(value), positives=boxed, negatives=plain)
