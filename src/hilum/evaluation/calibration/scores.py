"""How far probabilities are from what happened: Brier, log loss, slope and intercept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import ge, gt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.errors import EvaluationError
from hilum.evaluation import inputs
from hilum.evaluation.discrimination import measured, undefined
from hilum.evaluation.logistic import fit_line, sigmoid
from hilum.evaluation.measure import Measure


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


def log_loss(
    reference: ArrayLike, probabilities: ArrayLike, *, weights: ArrayLike | None = None
) -> Measure:
    """Mean of −ln of the probability given to what was so.

    Args:
        reference: 0 or 1, [n].
        probabilities: in [0, 1], [n].
        weights: ≥ 0, [n].

    Returns:
        A number ≥ 0, lower is better; undefined without images, or where a probability of exactly
        0 or 1 was wrong.

    Source:
        Good 1952, Rational Decisions.
    """
    truth = inputs.references(reference)
    values = inputs.probabilities(probabilities, "probabilities", len(truth))
    each = inputs.weights(weights, len(truth))
    if not each.any():
        return measured(truth, np.nan, "all weights are 0" if len(truth) else "no image")
    given = np.where(truth, values, 1 - values)
    wrong = int((given == 0).sum())
    if wrong:
        return measured(truth, np.nan, f"{wrong} probabilities of exactly 0 or 1 were wrong")
    return measured(truth, float(np.average(-np.log(given), weights=each)))


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


def _shift(odds: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    """The shift of log-odds at which as many positives are expected as there are.

    The expected number rises with the shift, from none to all, so halving finds it however far
    the log-odds lie apart; steps of Newton overshoot there. Where it stays equal for a while, for
    the classes are apart, it is the middle of that.
    """
    wanted = int(truth.sum())

    def edge(beyond: Callable[[float, int], bool]) -> float:
        low, high = -float(odds.max()) - 40.0, -float(odds.min()) + 40.0
        while (middle := (low + high) / 2) not in (low, high):
            expected = float(sigmoid(odds + middle).sum())
            low, high = (low, middle) if beyond(expected, wanted) else (middle, high)
        return high

    return (edge(ge) + edge(gt)) / 2


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
    intercept = measured(truth, _shift(odds, truth))
    up, down = odds[truth], odds[~truth]
    if up.min() >= down.max() or up.max() <= down.min():
        why = "probabilities of positives and negatives do not overlap: the slope has no bound"
        if odds.min() == odds.max():
            why = "all probabilities are equal"
        return CalibrationLine(measured(truth, np.nan, why), intercept)
    try:
        slope = fit_line(odds, truth.astype(np.float64), column)[0]
    except EvaluationError as error:
        return CalibrationLine(measured(truth, np.nan, str(error)), intercept)
    return CalibrationLine(measured(truth, slope), intercept)
