"""From logits to probabilities that mean what they say, and how far they do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.errors import EvaluationError
from hilum.evaluation import inputs
from hilum.evaluation.discrimination import cells, measured, undefined
from hilum.evaluation.logistic import fit_line, sigmoid
from hilum.evaluation.measure import Measure


@dataclass(frozen=True, slots=True)
class Calibrator:
    """probability = sigmoid(slope · logit + intercept).

    Attributes:
        slope: more than 0, so that the order of the logits is kept; 1 / temperature.
        intercept: shift in log-odds.
        method: how it was fitted.
        positives: images with the finding behind it; few (under 30) are not to be trusted.
        negatives: images without it.
    """

    slope: float
    intercept: float
    method: Literal["temperature", "platt", "pooled"]
    positives: int
    negatives: int

    def __call__(self, logits: ArrayLike) -> NDArray[np.float64]:
        """Probabilities in [0, 1] of logits, of the same shape."""
        return sigmoid(self.slope * inputs.numbers(logits, "logits") + self.intercept)


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
    method: Literal["temperature", "platt", "pooled"],
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
        values[counts], smoothed[counts], None if method == "temperature" else column
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


def brier(
    reference: ArrayLike, probabilities: ArrayLike, *, weights: ArrayLike | None = None
) -> Measure:
    """Mean squared difference of probability and reference.

    Args:
        reference: 0 or 1, [n].
        probabilities: in [0, 1], [n].
        weights: ≥ 0, [n].

    Returns:
        A number in [0, 1], lower is better; undefined without images.

    Source:
        Brier 1950, for two classes, one of them counted.
    """
    truth = inputs.references(reference)
    values = inputs.probabilities(probabilities, "probabilities", len(truth))
    each = inputs.weights(weights, len(truth))
    if not each.any():
        return measured(truth, np.nan, "all weights are 0" if len(truth) else "no image")
    return measured(truth, float(np.average((values - truth) ** 2, weights=each)))


@dataclass(frozen=True, slots=True)
class CalibrationLine:
    """How probabilities err, in log-odds.

    Attributes:
        slope: 1 is right, under 1 means that probabilities are too extreme.
        intercept: with the slope held at 1 (calibration in the large): 0 is right, more than 0
            means that probabilities are too low.
    """

    slope: Measure
    intercept: Measure


def calibration_slope_intercept(reference: ArrayLike, probabilities: ArrayLike) -> CalibrationLine:
    """Slope and intercept of the reference on the log-odds of the probabilities.

    Args:
        reference: 0 or 1, [n].
        probabilities: in (0, 1), [n].

    Returns:
        Both numbers; the slope is undefined where the classes do not overlap, both with one class.

    Raises:
        EvaluationError: a probability of exactly 0 or 1, whose log-odds are infinite.

    Source:
        Cox 1958; Van Calster et al. 2016, A calibration hierarchy for risk models, § 2: logistic
        recalibration for the slope, with the log-odds as offset for the intercept.
    """
    truth = inputs.references(reference)
    values = inputs.probabilities(probabilities, "probabilities", len(truth))
    sure = (values <= 0) | (values >= 1)
    if sure.any():
        raise EvaluationError(
            f"{int(sure.sum())} of {len(values)} probabilities are exactly 0 or 1, their log-odds "
            f"infinite; compute probabilities from logits in float64."
        )
    reason = undefined(truth)
    if reason:
        nothing = measured(truth, np.nan, reason)
        return CalibrationLine(nothing, nothing)
    odds = np.log(values) - np.log1p(-values)
    column = np.zeros(len(odds), np.int64)
    shift = fit_line(odds, truth.astype(np.float64), column, slope=1.0)[1][0]
    intercept = measured(truth, float(shift))
    up, down = odds[truth], odds[~truth]
    if up.min() >= down.max() or up.max() <= down.min():
        why = "probabilities of positives and negatives do not overlap: the slope has no bound"
        if odds.min() == odds.max():
            why = "all probabilities are equal"
        return CalibrationLine(measured(truth, np.nan, why), intercept)
    slope = fit_line(odds, truth.astype(np.float64), column)[0]
    return CalibrationLine(measured(truth, slope), intercept)


@overload
def restate(probability: float, from_prevalence: float, to_prevalence: float) -> float: ...
@overload
def restate(
    probability: NDArray[np.floating], from_prevalence: float, to_prevalence: float
) -> NDArray[np.float64]: ...
def restate(
    probability: float | NDArray[np.floating], from_prevalence: float, to_prevalence: float
) -> float | NDArray[np.float64]:
    """The probability at another prevalence: its odds times the ratio of the prevalences' odds.

    Holds where the finding looks the same in both places and only its frequency differs.

    Args:
        probability: in [0, 1], calibrated at ``from_prevalence``.
        from_prevalence: in (0, 1).
        to_prevalence: in (0, 1).

    Returns:
        The probability at ``to_prevalence``, of the same shape. Thresholds restate likewise, so
        decisions do not change.

    Raises:
        EvaluationError: a value out of range.

    Source:
        Saerens, Latinne and Decaestecker 2002, Adjusting the Outputs of a Classifier to New a
        Priori Probabilities, eq. 4.

    Example:
        >>> round(restate(0.5, 0.5, 0.1), 6)
        0.1
    """
    for name, value in (("from_prevalence", from_prevalence), ("to_prevalence", to_prevalence)):
        if not 0 < value < 1:
            raise EvaluationError(f"{name} must lie in (0, 1), got {value}")
    values = np.asarray(probability, np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise EvaluationError("probability must lie in [0, 1], got NaN or a value outside it")
    up = values * (to_prevalence * (1 - from_prevalence))
    down = (1 - values) * (from_prevalence * (1 - to_prevalence))
    restated = up / (up + down)
    return restated if isinstance(probability, np.ndarray) else float(restated)
