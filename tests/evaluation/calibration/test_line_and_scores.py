"""Probabilities that mean what they say, against scipy and scikit-learn."""

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

from hilum.errors import EvaluationError
from hilum.evaluation import (
    brier,
    calibration_slope_intercept,
    fit_platt,
    fit_pooled,
    fit_temperature,
    restate,
)


def drawn(seed, n=800, slope=0.5, intercept=-1.5):
    rng = np.random.default_rng(seed)
    logits = 3 * rng.normal(size=n) + 1
    return logits, rng.random(n) < 1 / (1 + np.exp(-(slope * logits + intercept)))


def loss(z, t):
    return np.sum(np.logaddexp(0, z) - t * z)


def smoothed(y):
    return np.where(y, (y.sum() + 1) / (y.sum() + 2), 1 / ((~y).sum() + 2))


def test_platt_is_the_maximum_of_the_likelihood():
    x, y = drawn(0)
    best = minimize(lambda v: loss(v[0] * x + v[1], smoothed(y)), [1, 0], tol=1e-12)
    fit = fit_platt(x, y)
    assert (fit.slope, fit.intercept) == pytest.approx(best.x, abs=1e-5)
    assert (fit.positives, fit.negatives, fit.method) == (y.sum(), (~y).sum(), "platt")


def test_temperature_is_the_maximum_of_the_likelihood():
    x, y = drawn(1, intercept=0)
    best = minimize(lambda v: loss(v[0] * x, smoothed(y)), [1], tol=1e-12)
    fit = fit_temperature(x, y)
    assert fit.slope == pytest.approx(best.x[0], abs=1e-5)
    assert fit.intercept == 0


def test_pooled_is_the_maximum_of_the_likelihood():
    parts = [drawn(s, intercept=i) for s, i in ((2, -2), (3, 0), (4, -5))]
    x, y = (np.column_stack([p[k] for p in parts]) for k in (0, 1))
    mask = np.random.default_rng(0).random(x.shape) < 0.8
    x[~mask] = np.nan
    t = np.column_stack([smoothed(y[mask[:, f], f])[np.cumsum(mask[:, f]) - 1] for f in range(3)])
    free = np.where(mask, x, 0)
    best = minimize(lambda v: loss((v[0] * free + v[1:])[mask], t[mask]), [1, 0, 0, 0], tol=1e-12)
    fits = fit_pooled(x, y, mask)
    assert [f.slope for f in fits] == pytest.approx([best.x[0]] * 3, abs=1e-5)
    assert [f.intercept for f in fits] == pytest.approx(best.x[1:], abs=1e-5)
    assert [f.positives for f in fits] == list((y & mask).sum(axis=0))


def test_pooled_over_one_finding_is_platt():
    x, y = drawn(5)
    (pooled,) = fit_pooled(x, y)
    platt = fit_platt(x, y)
    assert (pooled.slope, pooled.intercept) == (platt.slope, platt.intercept)


def test_pooled_takes_a_finding_without_positives():
    x, y = drawn(6)
    fits = fit_pooled(np.column_stack([x, x]), np.column_stack([y, np.zeros_like(y)]))
    assert fits[1].positives == 0
    assert fits[1](x).mean() == pytest.approx(1 / (len(x) + 2), rel=1e-3)


def test_a_fit_undoes_what_was_done_to_the_logits():
    x, y = drawn(7, n=20000, slope=0.5, intercept=-1.5)
    fit = fit_platt(x, y)
    assert (fit.slope, fit.intercept) == pytest.approx((0.5, -1.5), abs=0.07)


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_separable_logits_of_any_scale_have_a_finite_fit(scale):
    fit = fit_platt(np.array([-1.0, -2.0, 3.0, 4.0]) * scale, [0, 0, 1, 1])
    assert fit.slope * scale == pytest.approx(0.4267168, abs=1e-6)
    assert fit.intercept == pytest.approx(-0.4267168, abs=1e-6)


def test_extreme_logits_become_probabilities_without_overflow():
    x, y = drawn(8)
    probabilities = fit_platt(x, y)(np.array([-1e6, 0, 1e6]))
    assert probabilities[0] == 0
    assert probabilities[2] == 1


def test_what_cannot_be_calibrated_is_refused():
    x, y = drawn(9)
    with pytest.raises(EvaluationError, match="higher logits do not go with more positives"):
        fit_platt(-x, y)
    with pytest.raises(EvaluationError, match="the fitted slope is 0"):
        fit_platt(np.ones(4), [0, 1, 0, 1])
    with pytest.raises(EvaluationError, match="no positive among 3 images"):
        fit_platt([1, 2, 3], [0, 0, 0])
    with pytest.raises(EvaluationError, match="platt takes one finding, got 2"):
        fit_platt(np.ones((4, 2)), np.ones((4, 2)))
    with pytest.raises(EvaluationError, match="finding 1 has no image to calibrate on"):
        fit_pooled(np.ones((2, 2)), [[0, 0], [1, 1]], [[1, 0], [1, 0]])


def test_brier_is_that_of_scikit_learn():
    x, y = drawn(10)
    p, w = fit_platt(x, y)(x), np.arange(len(x)) % 4
    assert brier(y, p).value == pytest.approx(brier_score_loss(y, p))
    assert brier(y, p, weights=w).value == pytest.approx(brier_score_loss(y, p, sample_weight=w))
    assert brier([], []).reason == "no image"
    assert brier([1], [0.2], weights=[0]).reason == "all weights are 0"
    with pytest.raises(EvaluationError, match=r"must lie in \[0, 1\], got 1.2 at row 1"):
        brier([0, 1], [0.1, 1.2])


def test_the_calibration_line_is_logistic_regression():
    x, y = drawn(11)
    p = 1 / (1 + np.exp(-x))
    line = calibration_slope_intercept(y, p)
    free = LogisticRegression(C=np.inf, tol=1e-10).fit(x[:, None], y)
    assert line.slope.value == pytest.approx(free.coef_[0, 0], abs=1e-4)
    shift = minimize(lambda v: loss(x + v[0], y), [0], tol=1e-12).x[0]
    assert line.intercept.value == pytest.approx(shift, abs=1e-5)


def test_after_calibration_the_line_is_straight():
    x, y = drawn(12, n=5000)
    line = calibration_slope_intercept(y, fit_platt(x, y)(x))
    assert line.slope.value == pytest.approx(1, abs=0.01)
    assert line.intercept.value == pytest.approx(0, abs=0.01)


def test_a_line_that_has_no_bound_is_undefined():
    one = calibration_slope_intercept([0, 0], [0.1, 0.2])
    assert one.slope.reason == one.intercept.reason == "no positive among 2 images"
    apart = calibration_slope_intercept([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.7])
    assert "do not overlap" in apart.slope.reason
    assert apart.intercept.value is not None
    same = calibration_slope_intercept([0, 1, 1, 1], [0.5] * 4)
    assert same.slope.reason == "all probabilities are equal"
    assert same.intercept.value == pytest.approx(np.log(3))
    with pytest.raises(EvaluationError, match="1 of 2 probabilities are exactly 0 or 1"):
        calibration_slope_intercept([0, 1], [0.0, 0.5])


def test_a_restated_probability_is_that_of_bayes():
    # Sensitivity .8, specificity .9: the PPV at each prevalence, from counts.
    ppv = {p: 0.8 * p / (0.8 * p + 0.1 * (1 - p)) for p in (0.3, 0.02)}
    assert restate(ppv[0.3], 0.3, 0.02) == pytest.approx(ppv[0.02])
    array = restate(np.array([0.0, ppv[0.3], 1.0], np.float32), 0.3, 0.02)
    assert array == pytest.approx([0, ppv[0.02], 1])
    assert array.dtype == np.float64


def test_prevalence_lies_between_0_and_1():
    with pytest.raises(EvaluationError, match=r"to_prevalence must lie in \(0, 1\), got 1"):
        restate(0.5, 0.5, 1)
    with pytest.raises(EvaluationError, match=r"from_prevalence must lie in \(0, 1\), got 0"):
        restate(0.5, 0, 0.5)
    with pytest.raises(EvaluationError, match=r"probability must lie in \[0, 1\]"):
        restate(float("nan"), 0.5, 0.5)


@pytest.mark.parametrize(
    ("odds", "truth", "intercept"),
    [
        ([34.14, -45.63, -67.51, 36.0, -55.34, -43.86], [1, 0, 0, 1, 0, 0], 0.0),
        ([20.0, 30.0, -20.0, -30.0], [1, 1, 0, 0], 0.0),
        ([-30.0, -20.0, 25.0, 35.0], [1, 0, 1, 0], None),
    ],
)
def test_log_odds_far_apart_have_an_intercept(odds, truth, intercept):
    """Steps of Newton overshoot there; the expected number of positives is what there is."""
    at = np.clip(odds, -36, 36)
    line = calibration_slope_intercept(truth, 1 / (1 + np.exp(-at)))
    assert sum(1 / (1 + np.exp(-(at + line.intercept.value)))) == pytest.approx(sum(truth))
    if intercept is not None:
        assert abs(line.intercept.value - intercept) < 6
