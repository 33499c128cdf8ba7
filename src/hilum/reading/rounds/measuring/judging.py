"""Judges arms: the operating point is fixed on tune rows, every number is of the test rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.errors import EvaluationError
from hilum.evaluation import (
    Confusion,
    Measure,
    Reference,
    auroc,
    compare,
    confusion,
    decision_intervals,
    youden,
)
from hilum.reading.rounds.measuring.rows import Rows

Floats = NDArray[np.float64]
NUMBERS = {
    "accuracy": "accuracy",
    "precision": "ppv",
    "recall": "sensitivity",
    "specificity": "specificity",
    "f1": "f1",
}
"""As the study calls them → as :class:`hilum.evaluation.Confusion` does."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One arm on the test rows.

    Attributes:
        threshold: from which the finding is called present, chosen on the tune rows.
        tune_auroc: on the tune rows: flattering for an arm that was chosen by it.
        counts: decisions on the test rows.
        numbers: of :data:`NUMBERS`, with intervals by patient.
        auroc: with its interval.
        gain: AUROC above that of the plain look, on the same draws.
    """

    threshold: float
    tune_auroc: float
    counts: Confusion
    numbers: Mapping[str, Measure]
    auroc: Measure
    gain: Measure


def threshold_of(rows: Rows, values: Floats) -> float:
    """The operating point with the greatest sensitivity + specificity on the tune rows.

    Raises:
        EvaluationError: there is none.
    """
    point = youden(rows.present[rows.tune], values[rows.tune])
    if point.threshold is None:
        raise EvaluationError(f"No operating point on the tune rows: {point.reason}.")
    return point.threshold


def judge(
    rows: Rows,
    values: Floats,
    plain: Floats,
    *,
    threshold: float | None = None,
    samples: int = 2000,
    seed: int = 0,
) -> Judged:
    """Judge an arm.

    Args:
        rows: tune and test.
        values: probabilities of the arm, [rows].
        plain: of one plain look, [rows].
        threshold: in place of that of :func:`threshold_of`: half of the votes, for a vote.
        samples: draws of patients behind intervals.
        seed: of the draws; the same for all arms.
    """
    test = ~rows.tune
    point = threshold_of(rows, values) if threshold is None else threshold
    reference = Reference.of(rows.present[test], rows.patients[test])
    said = values[test] >= point
    rng = np.random.default_rng(seed)
    found = decision_intervals(reference, said, rng=rng, samples=samples)
    compared = compare(
        reference, values[test], plain[test], rng=np.random.default_rng(seed), samples=samples
    ).each[0]
    return Judged(
        threshold=point,
        tune_auroc=tune_auroc(rows, values),
        counts=confusion(rows.present[test], said),
        numbers={name: found[own][0] for name, own in NUMBERS.items()},
        auroc=compared.a,
        gain=compared.difference,
    )


def tune_auroc(rows: Rows, values: Floats) -> float:
    """AUROC on the tune rows, which every part has both classes for."""
    found = auroc(rows.present[rows.tune], values[rows.tune]).value
    if found is None:
        raise EvaluationError("The tune rows hold one class alone.")
    return found


@dataclass(frozen=True, slots=True)
class Abstention:
    """What leaving undecided rows to somebody else would gain, on the test rows.

    Attributes:
        by: what certainty is measured by.
        area: mean share of wrong decisions over all coverages; less is better.
        cut: limit beyond which nothing is decided, chosen on the tune rows to leave a share.
        wanted: that share of decided rows on the tune rows.
        coverage: share of test rows that are decided at that limit.
        wrong: share of wrong decisions among them.
        wrong_all: share of wrong decisions if all rows are decided.
    """

    by: str
    area: float
    cut: float
    wanted: float
    coverage: float
    wrong: float | None
    wrong_all: float


def abstention(
    rows: Rows, doubt: Floats, wrong: NDArray[np.bool_], *, by: str, wanted: float = 0.8
) -> Abstention:
    """Abstain where doubt is large.

    Args:
        rows: tune and test.
        doubt: the larger, the less sure, [rows].
        wrong: whether the decision is wrong, [rows].
        by: in words.
        wanted: share of the tune rows to decide.

    Returns:
        The area takes rows of equal doubt in every order at once.
    """
    test = ~rows.tune
    cut = float(np.quantile(doubt[rows.tune], wanted))
    decided = doubt[test] <= cut
    return Abstention(
        by=by,
        area=_area(doubt[test], wrong[test]),
        cut=cut,
        wanted=wanted,
        coverage=float(decided.mean()),
        wrong=float(wrong[test][decided].mean()) if decided.any() else None,
        wrong_all=float(wrong[test].mean()),
    )


def _area(doubt: Floats, wrong: NDArray[np.bool_]) -> float:
    order = np.argsort(doubt, kind="stable")
    values, start, count = np.unique(doubt[order], return_index=True, return_counts=True)
    del values
    share = np.repeat(np.add.reduceat(wrong[order].astype(float), start) / count, count)
    return float((np.cumsum(share) / np.arange(1, len(share) + 1)).mean())
