"""Calibrators that bend: beta and isotonic."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.errors import EvaluationError
from hilum.evaluation import inputs
from hilum.evaluation.calibration.calibrator import BetaCurve, Calibrator, Steps
from hilum.evaluation.discrimination import undefined
from hilum.evaluation.logistic import sigmoid

_STEPS = 200


def fit_beta(logits: ArrayLike, targets: ArrayLike) -> Calibrator:
    """Beta calibration: log-odds = a · ln s − b · ln(1 − s) + c, s the sigmoid of the logit.

    It bends low and high probabilities each by its own, which Platt's line cannot, and a = b = 1,
    c = 0 leaves them alone. Maximum likelihood on targets smoothed as in :func:`fit_platt`; where
    a or b would be negative it is held at 0 and the others are fitted again, so that order stays.

    Args:
        logits: log-odds of one finding, [n]; best those of a first calibration.
        targets: 0 or 1, [n].

    Returns:
        The calibrator, with a :class:`BetaCurve`.

    Raises:
        EvaluationError: one class only, or logits whose order speaks against the targets.

    Source:
        Kull, Silva Filho and Flach 2017, Beta calibration: a well-founded and easily implemented
        improvement on logistic calibration for binary classifiers, § 4.
    """
    x, truth, wanted = _smoothed(logits, targets)
    features = np.stack([-np.logaddexp(0, -x), np.logaddexp(0, x), np.ones(len(x))], axis=1)
    found = np.zeros(3)
    free = np.ones(3, np.bool_)
    for _ in range(3):
        found[:] = 0
        found[free] = _fit(features[:, free], wanted)
        falls = free & (found < 0) & [True, True, False]
        if not falls.any():
            break
        free[int(np.where(falls, found, np.inf).argmin())] = False
    if not found[:2].any():
        raise EvaluationError(
            f"no rising beta curve fits: higher logits do not go with more positives "
            f"({int(truth.sum())} of {len(truth)}), and calibration must keep the order of scores"
        )
    curve = BetaCurve(float(found[0]), float(found[1]), float(found[2]))
    return Calibrator(1.0, 0.0, "beta", int(truth.sum()), int((~truth).sum()), curve)


def fit_isotonic(logits: ArrayLike, targets: ArrayLike) -> Calibrator:
    """Isotonic regression: the rising steps that lie nearest to the targets, joined by lines.

    Logits on one step get one probability, so ranking within it is lost (:meth:`Calibrator.ties`).
    Targets are smoothed as in :func:`fit_platt`: no probability is exactly 0 or 1. Needs many
    positives; with few it repeats their noise.

    Args:
        logits: log-odds of one finding, [n].
        targets: 0 or 1, [n].

    Returns:
        The calibrator, with :class:`Steps`.

    Raises:
        EvaluationError: one class only, or logits whose order speaks against the targets.

    Source:
        Zadrozny and Elkan 2002, Transforming Classifier Scores into Accurate Multiclass
        Probability Estimates, § 3; pool adjacent violators, Ayer et al. 1955.
    """
    x, truth, wanted = _smoothed(logits, targets)
    places, at = np.unique(x, return_inverse=True)
    sums, counts = np.asarray(np.bincount(at, wanted), np.float64), np.bincount(at)
    ends, levels = _pool(sums, counts)
    if len(levels) == 1:
        raise EvaluationError(
            f"isotonic regression gives one step: higher logits do not go with more positives "
            f"({int(truth.sum())} of {len(truth)}), and calibration must keep the order of scores"
        )
    starts = np.concatenate([[0], ends[:-1] + 1])
    corners = np.unique(np.concatenate([starts, ends]))
    level_of = np.searchsorted(ends, corners)
    steps = Steps(tuple(places[corners].tolist()), tuple(levels[level_of].tolist()))
    return Calibrator(1.0, 0.0, "isotonic", int(truth.sum()), int((~truth).sum()), steps)


def _smoothed(
    logits: ArrayLike, targets: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    truth = inputs.references(targets, "targets")
    x = inputs.vector(logits, "logits", len(truth))
    reason = undefined(truth)
    if reason:
        raise EvaluationError(f"calibration needs positives and negatives: {reason}")
    up, down = int(truth.sum()), int((~truth).sum())
    return x, truth, np.where(truth, (up + 1) / (up + 2), 1 / (down + 2))


def _fit(x: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logistic regression on the columns of x by Newton's method with a halving line search."""
    scale = np.abs(x).max(0)
    scale[scale == 0] = 1
    u = x / scale
    at = np.zeros(u.shape[1], np.float64)
    loss = _loss(u @ at, wanted)
    for _ in range(_STEPS):
        p = sigmoid(u @ at)
        slope = u.T @ (p - wanted)
        curve = (u * np.maximum(p * (1 - p), 1e-12)[:, None]).T @ u
        curve += 1e-10 * np.trace(curve) * np.eye(len(curve))
        step = np.asarray(np.linalg.solve(curve, slope), np.float64)
        rate = 1.0
        while (new := _loss(u @ (at - rate * step), wanted)) > loss and rate > 1e-10:
            rate /= 2
        gain, loss, at = loss - new, min(new, loss), np.asarray(at - rate * step, np.float64)
        if gain <= 1e-12 * (1 + abs(loss)):
            return np.asarray(at / scale, np.float64)
    raise EvaluationError(f"the logistic fit of {len(x)} values did not converge in {_STEPS} steps")


def _loss(z: NDArray[np.float64], wanted: NDArray[np.float64]) -> float:
    return float((np.logaddexp(0, z) - wanted * z).sum())


def _pool(
    sums: NDArray[np.float64], counts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Pool adjacent violators: the last place of every step, and its level."""
    held: list[tuple[float, int, int]] = []
    for place, new in enumerate(zip(sums.tolist(), counts.tolist(), strict=True)):
        total, count = new
        while held and held[-1][0] * count >= total * held[-1][1]:
            before = held.pop()
            total += before[0]
            count += before[1]
        held.append((total, count, place))
    ends = np.array([end for _, _, end in held], np.int64)
    return ends, np.array([total / count for total, count, _ in held])
