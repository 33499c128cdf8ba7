"""Correlation of two numbers an image, with intervals by patient."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.errors import EvaluationError
from hilum.evaluation.measure import Measure
from hilum.evaluation.resampling import bootstrap


def pearson(one: ArrayLike, other: ArrayLike, weights: ArrayLike | None = None) -> float | None:
    """Pearson's correlation in [-1, 1]; None where one of the two is the same everywhere.

    Args:
        one: [n], finite.
        other: [n], finite.
        weights: [n], how often every pair counts; once when None.
    """
    a, b, w = _pairs(one, other, weights)
    total = w.sum()
    if not total > 0:
        return None
    a, b = a - (w @ a) / total, b - (w @ b) / total
    size = np.sqrt((w @ a**2) * (w @ b**2))
    # What rounding leaves of equal numbers is no spread.
    if not size > 1e-12 * total * max(float(np.abs(a).max() * np.abs(b).max()), 1e-300):
        return None
    return float(np.clip((w @ (a * b)) / size, -1.0, 1.0))


def spearman(one: ArrayLike, other: ArrayLike, weights: ArrayLike | None = None) -> float | None:
    """Spearman's rank correlation in [-1, 1]: Pearson's of midranks; None as there.

    Args:
        one: [n], finite.
        other: [n], finite.
        weights: [n], how often every pair counts, in its ranks as well; once when None.
    """
    a, b, w = _pairs(one, other, weights)
    return _of_orders(_order(a), _order(b), w)


def spearman_interval(
    one: ArrayLike,
    other: ArrayLike,
    groups: ArrayLike,
    *,
    rng: np.random.Generator,
    than: ArrayLike | None = None,
    samples: int = 2000,
    level: float = 0.95,
) -> Measure:
    """Spearman's correlation with an interval, patients being drawn with replacement.

    Args:
        one: [n].
        other: [n], what it is correlated with.
        groups: the patient of every image, [n].
        rng: the source of chance.
        than: [n], in place of ``one``: the difference of the two correlations with ``other`` is
            told, both of the same draws.
        samples: number of draws.
        level: confidence level, in (0, 1).
    """
    mine, to = (_order(side) for side in _pairs(one, other, None)[:2])
    rival = None if than is None else _order(_pairs(than, other, None)[0])

    def statistic(drawn: NDArray[np.int32]) -> float | None:
        weights = drawn.astype(np.float64)
        found = _of_orders(mine, to, weights)
        if rival is None or found is None:
            return found
        less = _of_orders(rival, to, weights)
        return None if less is None else found - less

    return bootstrap(statistic, groups, rng=rng, samples=samples, level=level)


def _pairs(
    one: ArrayLike, other: ArrayLike, weights: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    a, b = np.asarray(one, np.float64), np.asarray(other, np.float64)
    w = np.ones(a.shape) if weights is None else np.asarray(weights, np.float64)
    if a.ndim != 1 or not a.shape == b.shape == w.shape:
        raise EvaluationError(f"pairs of {a.shape}, {b.shape} and {w.shape} do not fit")
    if not (np.isfinite(a).all() and np.isfinite(b).all() and (w >= 0).all()):
        raise EvaluationError("a correlation needs finite numbers, and weights of 0 or more")
    return a, b, w


def _order(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """The place of each value among the different ones."""
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def _of_orders(
    one: NDArray[np.int64], other: NDArray[np.int64], weights: NDArray[np.float64]
) -> float | None:
    """Spearman's correlation of places that :func:`_order` gave."""
    return pearson(_midranks(one, weights), _midranks(other, weights), weights)


def _midranks(order: NDArray[np.int64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    tied = np.bincount(order, weights)
    return (np.cumsum(tied) - (tied - 1) / 2)[order]
