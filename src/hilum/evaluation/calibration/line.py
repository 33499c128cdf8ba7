"""Calibrators that are a line in log-odds: shift, temperature, Platt, pooled."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from hilum.errors import EvaluationError
from hilum.evaluation.calibration.calibrator import Calibrator
from hilum.evaluation.discrimination import cells, undefined
from hilum.evaluation.logistic import fit_line

_Line = Literal["shift", "temperature", "platt", "pooled"]


def fit_shift(logits: ArrayLike, targets: ArrayLike) -> Calibrator:
    """Calibration in the large: the slope stays 1, the intercept is fitted.

    What a model needs that was moved to a place with another prevalence and nothing else changed.

    Args:
        logits: log-odds of one finding, calibrated elsewhere, [n].
        targets: 0 or 1, [n].

    Returns:
        The calibrator, of slope 1.

    Raises:
        EvaluationError: one class only.

    Source:
        Steyerberg et al. 2004, Validation and updating of predictive logistic regression models,
        method 1. The targets are smoothed as in :func:`fit_platt`.
    """
    return _fit(logits, targets, None, "shift")[0]


def fit_temperature(logits: ArrayLike, targets: ArrayLike) -> Calibrator:
    """Temperature scaling: one slope, no intercept, by maximum likelihood.

    Args:
        logits: of one finding, [n]; or of all findings, flattened.
        targets: 0 or 1, [n].

    Returns:
        The calibrator; its slope is 1 / T.

    Raises:
        EvaluationError: one class only, or logits whose order speaks against the targets.

    Source:
        Guo et al. 2017, On Calibration of Modern Neural Networks, § 4.2, for two classes. The
        targets are smoothed as in :func:`fit_platt`, so that separable logits have a finite fit.
    """
    return _fit(logits, targets, None, "temperature")[0]


def fit_platt(logits: ArrayLike, targets: ArrayLike) -> Calibrator:
    """Platt scaling: slope and intercept by maximum likelihood on smoothed targets.

    Targets 1 and 0 become (n⁺ + 1) / (n⁺ + 2) and 1 / (n⁻ + 2), which keeps the fit finite when
    logits separate the classes. Newton's method with a line search.

    Args:
        logits: of one finding, [n].
        targets: 0 or 1, [n].

    Returns:
        The calibrator.

    Raises:
        EvaluationError: one class only, or logits whose order speaks against the targets.

    Source:
        Platt 1999, Probabilistic Outputs for Support Vector Machines, § 2.2; solved as Lin, Lin
        and Weng 2007, A Note on Platt's Probabilistic Outputs, advise.
    """
    return _fit(logits, targets, None, "platt")[0]


def fit_pooled(
    logits: ArrayLike, targets: ArrayLike, mask: ArrayLike | None = None
) -> list[Calibrator]:
    """Platt scaling with one slope for all findings and an intercept each.

    For findings with few positives: a slope of their own would be noise, or even negative. Targets
    are smoothed finding by finding as in :func:`fit_platt`; with one finding the two are the same.

    Args:
        logits: [n, findings].
        targets: 0 or 1, [n, findings].
        mask: True where a cell counts, [n, findings].

    Returns:
        One calibrator a finding. A finding without positives (or negatives) still gets the
        intercept that its smoothed targets ask for; its counts say so.

    Raises:
        EvaluationError: a finding without images, no finding with both classes, or logits whose
            order speaks against the targets.
    """
    return _fit(logits, targets, mask, "pooled")


def _fit(
    logits: ArrayLike,
    targets: ArrayLike,
    mask: ArrayLike | None,
    method: _Line,
) -> list[Calibrator]:
    truth, values, counts = cells(targets, logits, mask)
    if method != "pooled" and truth.shape[1] != 1:
        raise EvaluationError(
            f"{method} takes one finding, got {truth.shape[1]}; fit each, or use fit_pooled"
        )
    total = np.asarray(counts.sum(axis=0), np.int64)
    positives = np.asarray((truth & counts).sum(axis=0), np.int64)
    if not total.all():
        raise EvaluationError(f"finding {int(total.argmin())} has no image to calibrate on")
    if not ((positives > 0) & (positives < total)).any():
        raise EvaluationError(
            f"calibration needs positives and negatives: {undefined(truth[counts])}"
        )
    present = (positives + 1.0) / (positives + 2.0)
    absent = 1.0 / (total - positives + 2.0)
    smoothed = np.where(truth, present, absent)
    column = np.broadcast_to(np.arange(truth.shape[1]), truth.shape)[counts]
    slope, intercepts = fit_line(
        values[counts],
        smoothed[counts],
        None if method == "temperature" else column,
        slope=1.0 if method == "shift" else None,
    )
    if not slope > 0:
        raise EvaluationError(
            f"the fitted slope is {slope:.3g}: higher logits do not go with more positives "
            f"({int(positives.sum())} of {int(total.sum())}), and calibration must keep the order "
            f"of scores; use fit_pooled over all findings."
        )
    return [
        Calibrator(slope, float(b), method, int(p), int(n - p))
        for b, p, n in zip(
            np.broadcast_to(intercepts, positives.shape), positives, total, strict=True
        )
    ]
