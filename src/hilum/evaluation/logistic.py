"""Logistic regression on one variable with an intercept a group."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hilum.errors import EvaluationError

_STEPS = 200
_TOLERANCE = 1e-10


def sigmoid(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 / (1 + exp(−z)) without overflow."""
    small = np.exp(-np.abs(z))
    return np.where(z >= 0, 1.0, small) / (1.0 + small)


def fit_line(
    x: NDArray[np.float64],
    targets: NDArray[np.float64],
    groups: NDArray[np.int64] | None,
    *,
    slope: float | None = None,
) -> tuple[float, NDArray[np.float64]]:
    """Maximise the likelihood of targets under sigmoid(slope · x + intercept[group]).

    Newton's method with a halving line search. The Hessian is an arrow: one row for the slope, a
    diagonal for the intercepts, so a step costs one pass over the data.

    Args:
        x: finite, [n].
        targets: in [0, 1], [n]; with 0 and 1 alone the classes must overlap.
        groups: number of the intercept, [n]; None holds a single intercept at 0.
        slope: hold the slope at this value.

    Returns:
        The slope and the intercepts, [groups].

    Raises:
        EvaluationError: no convergence, which means that the maximum lies at infinity.

    Source:
        Lin, Lin and Weng 2007, A Note on Platt's Probabilistic Outputs, Algorithm 1.
    """
    at = np.zeros(len(x), np.int64) if groups is None else groups
    n = int(at.max()) + 1
    # Newton on a centred and scaled x converges whatever its unit is.
    middle = 0.0 if groups is None else float(x.mean())
    scale = float(np.abs(x - middle).max()) if slope is None else 1.0
    scale = scale or 1.0
    u = (x - middle) / scale
    a, b = (0.0 if slope is None else slope), np.zeros(n)
    loss = _loss(a * u + b[at], targets)
    for _ in range(_STEPS):
        p = sigmoid(a * u + b[at])
        miss, curve = p - targets, np.maximum(p * (1 - p), 1e-12)
        step_a, step_b = _step(u, miss, curve, at, (slope is None, groups is not None))
        rate = 1.0
        while True:
            new = _loss((a - rate * step_a) * u + (b - rate * step_b)[at], targets)
            if new <= loss + 1e-14 * abs(loss) or rate < 1e-10:
                break
            rate /= 2
        a, b, gain, loss = a - rate * step_a, b - rate * step_b, loss - new, new
        size = max(abs(step_a), float(np.abs(step_b).max()))
        if size <= _TOLERANCE * (1 + max(abs(a), float(np.abs(b).max()))) or gain == 0.0:
            return a / scale, b - a * middle / scale
    raise EvaluationError(
        f"the logistic fit of {len(x)} values did not converge in {_STEPS} steps; "
        f"do the two classes overlap?"
    )


def _step(
    u: NDArray[np.float64],
    miss: NDArray[np.float64],
    curve: NDArray[np.float64],
    at: NDArray[np.int64],
    free: tuple[bool, bool],
) -> tuple[float, NDArray[np.float64]]:
    """Newton's step for the slope and the intercepts; 0 for what is held."""
    n = int(at.max()) + 1
    g_b, h_b = np.bincount(at, miss, n), np.bincount(at, curve, n)
    if not free[0]:
        return 0.0, g_b / h_b
    g_a, h_a = float(miss @ u), float(curve @ (u * u)) + 1e-12
    if not free[1]:
        return g_a / h_a, np.zeros(n)
    cross = np.bincount(at, curve * u, n)
    step = (g_a - float(cross @ (g_b / h_b))) / (h_a - float(cross @ (cross / h_b)) + 1e-12)
    return step, (g_b - cross * step) / h_b


def _loss(z: NDArray[np.float64], targets: NDArray[np.float64]) -> float:
    return float((np.logaddexp(0.0, z) - targets * z).sum())
