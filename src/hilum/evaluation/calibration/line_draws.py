"""Calibration slope and intercept of many bootstrap draws at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.evaluation.logistic import sigmoid

BINS = 256
"""Narrow bins of log-odds that stand for images: as many images, or fewer, stand for themselves."""
_STEPS = 30
_FURTHEST = 100.0
"""Slope or intercept beyond which a draw's classes count as not overlapping."""


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """Images in bins of their log-odds, a row a patient.

    Attributes:
        odds: mean log-odds of a bin, [bins].
        images: images of a patient in a bin, [patients, bins].
        positives: of these, those with the finding, [patients, bins].
    """

    odds: NDArray[np.float64]
    images: NDArray[np.float64]
    positives: NDArray[np.float64]

    @classmethod
    def of(
        cls, odds: NDArray[np.float64], truth: NDArray[np.bool_], who: NDArray[np.int64]
    ) -> Line:
        """Put images in bins of equal counts, equal log-odds in one bin."""
        places, level = np.unique(odds, return_inverse=True)
        at = level
        if len(places) > BINS:
            rank = np.cumsum(np.bincount(level)) - 1
            at = np.unique((rank * BINS // len(odds))[level], return_inverse=True)[1]
        bins, groups = int(at.max()) + 1, int(who.max()) + 1
        place, size = who * bins + at, groups * bins
        return cls(
            np.asarray(np.bincount(at, odds, bins) / np.bincount(at, minlength=bins), np.float64),
            np.asarray(np.bincount(place, minlength=size), np.float64).reshape(groups, bins),
            np.asarray(np.bincount(place, truth, size), np.float64).reshape(groups, bins),
        )

    def fitted(self, weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        """Slope, and intercept with the slope held at 1, of every draw; NaN where there is none.

        Args:
            weights: how often a patient was drawn, [draws, patients].
        """
        images, positives = weights @ self.images, weights @ self.positives
        slope = _newton(self.odds, images, positives, free=True)
        return slope, _newton(self.odds, images, positives, free=False)


def _newton(
    odds: NDArray[np.float64],
    images: NDArray[np.float64],
    positives: NDArray[np.float64],
    *,
    free: bool,
) -> NDArray[np.float64]:
    """Newton's method in all draws side by side: the slope where it is free, else the intercept."""
    share = np.clip(positives.sum(1) / images.sum(1), 1e-6, 1 - 1e-6)
    a = np.ones(len(images))
    b = np.log(share / (1 - share)) - (images @ odds) / images.sum(1)
    size = np.full(len(images), np.inf)
    for _ in range(_STEPS):
        p = sigmoid(a[:, None] * odds + b[:, None])
        miss, curve = images * p - positives, images * p * (1 - p)
        g_b, h_b = miss.sum(1), curve.sum(1) + 1e-12
        step_a = np.zeros(len(images))
        step_b = g_b / h_b
        if free:
            g_a, cross, h_a = miss @ odds, curve @ odds, curve @ odds**2
            step_a = (g_a - cross * g_b / h_b) / np.maximum(h_a - cross**2 / h_b, 1e-12)
            step_b = (g_b - cross * step_a) / h_b
        # Steps are held short: far from the maximum Newton's overshoot.
        held = np.minimum(1, 2 / np.maximum(np.maximum(np.abs(step_a), np.abs(step_b)), 1e-12))
        a, b = a - held * step_a, b - held * step_b
        size = np.maximum(np.abs(step_a), np.abs(step_b))
        if (size[(np.abs(a) < _FURTHEST) & (np.abs(b) < _FURTHEST)] < 1e-8).all():
            break
    known = (size < 1e-6) & (np.abs(a) < _FURTHEST) & (np.abs(b) < _FURTHEST)
    return np.where(known, a if free else b, np.nan)
