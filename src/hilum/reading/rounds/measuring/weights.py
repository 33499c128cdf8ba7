"""Weights of rounds learnt from labelled radiographs, and judged out of fold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.errors import EvaluationError
from hilum.evaluation.logistic import sigmoid

Floats = NDArray[np.float64]

FOLDS = 5
SHRINK = 1.0
"""How strongly weights are drawn to each other, in units of log likelihood: rounds are so alike
that without it a handful of images decides which of two twins counts."""
_STEPS = 2000
_LEAST = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Learnt:
    """Weights, and what they give on patients that they were not learnt from.

    Attributes:
        weights: of all rows, one a round, none negative, summing to 1.
        out_of_fold: probability of each row by weights of other patients, [rows].
        fold: of each row, [rows].
    """

    weights: tuple[float, ...]
    out_of_fold: Floats
    fold: NDArray[np.int64]


def learn(
    probabilities: Floats,
    present: NDArray[np.bool_],
    patients: NDArray[np.int64],
    *,
    rng: np.random.Generator,
    folds: int = FOLDS,
) -> Learnt:
    """Learn weights for the join "weighted".

    A logistic regression on the rounds' log-odds without negative weights, whose scale and
    intercept are then dropped: they say how probabilities are calibrated here, the weights say
    whom to trust.

    Args:
        probabilities: [rows, rounds] in [0, 1], of a network that learnt from none of the rows.
        present: bool [rows].
        patients: [rows]; a patient is in one fold alone.
        rng: deals the folds.
        folds: their number.

    Raises:
        EvaluationError: fewer patients with or without the finding than folds.
    """
    odds = _log_odds(probabilities)
    fold = deal(present, patients, folds, rng)
    joined = np.zeros(len(odds))
    for at in range(folds):
        rows = fold == at
        joined[rows] = odds[rows] @ fit_weights(odds[~rows], present[~rows])
    final = fit_weights(odds, present)
    return Learnt(tuple(final.tolist()), sigmoid(joined), fold)


def fit_weights(odds: Floats, present: NDArray[np.bool_], shrink: float = SHRINK) -> Floats:
    """Weights [rounds] that sum to 1, from log-odds [rows, rounds]; equal ones where none tells.

    Source:
        Beck and Teboulle 2009, A Fast Iterative Shrinkage-Thresholding Algorithm, § 4.
    """
    rows, rounds = odds.shape
    equal = np.full(rounds, 1 / rounds)
    scale = float(odds.std()) or 1.0
    x = (odds - odds.mean()) / scale
    targets = present.astype(np.float64)
    design = np.column_stack([x, np.ones(rows)])
    step = 1 / (np.linalg.norm(design, 2) ** 2 / 4 + 2 * shrink)
    now = np.concatenate([equal, [0.0]])
    ahead, pace = now, 1.0
    for _ in range(_STEPS):
        miss = sigmoid(design @ ahead) - targets
        slope = design.T @ miss
        slope[:-1] += 2 * shrink * (ahead[:-1] - ahead[:-1].mean())
        after = ahead - step * slope
        after[:-1] = np.maximum(after[:-1], 0)
        faster = (1 + np.sqrt(1 + 4 * pace * pace)) / 2
        ahead = after + (pace - 1) / faster * (after - now)
        if np.abs(after - now).max() < 1e-10:
            now = after
            break
        now, pace = after, faster
    total = now[:-1].sum()
    return equal if total <= _LEAST else now[:-1] / total


def deal(
    present: NDArray[np.bool_],
    patients: NDArray[np.int64],
    folds: int,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Folds by patient, those with the finding and those without dealt apart, [rows].

    Raises:
        EvaluationError: fewer patients of a kind than folds.
    """
    has = np.unique(patients[present])
    has_not = np.setdiff1d(np.unique(patients), has)
    if min(len(has), len(has_not)) < folds:
        raise EvaluationError(
            f"{folds} folds need as many patients with and without the finding; there are "
            f"{len(has)} and {len(has_not)}."
        )
    of_patient: dict[int, int] = {}
    for kind in (has, has_not):
        for place, patient in enumerate(rng.permutation(kind).tolist()):
            of_patient[patient] = place % folds
    return np.array([of_patient[patient] for patient in patients.tolist()], np.int64)


def _log_odds(probabilities: Floats) -> Floats:
    clipped = np.clip(probabilities, _LEAST, 1 - _LEAST)
    return np.log(clipped) - np.log1p(-clipped)
