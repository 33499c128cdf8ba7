"""Intervals of calibration numbers against the plain bootstrap."""

import numpy as np
import pytest

from hilum.errors import EvaluationError
from hilum.evaluation import bootstrap
from hilum.evaluation.calibration import (
    brier,
    calibration_change,
    calibration_intervals,
    calibration_slope_intercept,
    log_loss,
)


def sample(seed, n=200, *, slope=1.3, shift=0.2):
    rng = np.random.default_rng(seed)
    z = rng.normal(-1, 1.2, n)
    y = rng.random(n) < 1 / (1 + np.exp(-(slope * z + shift)))
    return y, 1 / (1 + np.exp(-z)), np.arange(n) // 2


def again(function, y, p, who):
    def number(weights):
        rows = np.repeat(np.arange(len(y)), weights)
        return function(y[rows], p[rows])

    return bootstrap(number, who, rng=np.random.default_rng(1), samples=300)


def test_intervals_are_those_of_the_plain_bootstrap():
    y, p, who = sample(0)
    found = calibration_intervals(y, p, who, rng=np.random.default_rng(1), samples=300)
    plain = {
        "brier": brier,
        "log_loss": log_loss,
        "slope": lambda y, p: calibration_slope_intercept(y, p).slope,
        "intercept": lambda y, p: calibration_slope_intercept(y, p).intercept,
    }
    for name, function in plain.items():
        mine, theirs = getattr(found, name), again(function, y, p, who)
        assert (mine.value, mine.low, mine.high) == pytest.approx(
            (theirs.value, theirs.low, theirs.high), abs=1e-6
        ), name


def test_many_images_are_put_in_narrow_bins_without_loss():
    y, p, who = sample(1, n=3000)
    found = calibration_intervals(y, p, who, rng=np.random.default_rng(1), samples=60)

    def slope(weights):
        rows = np.repeat(np.arange(len(y)), weights)
        return calibration_slope_intercept(y[rows], p[rows]).slope

    plain = bootstrap(slope, who, rng=np.random.default_rng(1), samples=60)
    assert (found.slope.low, found.slope.high) == pytest.approx((plain.low, plain.high), abs=2e-3)


def test_the_ece_of_calibrated_probabilities_may_be_nothing():
    covered = 0
    for seed in range(60):
        y, p, who = sample(seed, n=400, slope=1, shift=0)
        number = calibration_intervals(y, p, who, rng=np.random.default_rng(seed), samples=200).ece
        assert number.low <= number.value <= number.high
        covered += number.low == 0
    assert covered >= 54  # 95 % of 60, less two standard errors


def test_differences_are_paired():
    y, p, who = sample(3, n=600, slope=0.4, shift=-0.5)
    better = 1 / (1 + np.exp(-(0.4 * np.log(p / (1 - p)) - 0.5)))
    found = calibration_change(y, p, better, who, rng=np.random.default_rng(0), samples=400)
    for name in ("brier", "log_loss", "ece", "slope"):
        gain = getattr(found.difference, name)
        assert gain.high < 0, name
    assert found.difference.brier.value == pytest.approx(
        found.after.brier.value - found.before.brier.value
    )
    same = calibration_change(y, p, p, who, rng=np.random.default_rng(0), samples=50).difference
    assert (same.brier.low, same.brier.high) == (0, 0)


def test_one_class_has_no_slope():
    _, p, who = sample(4)
    found = calibration_intervals(np.zeros(200), p, who, rng=np.random.default_rng(0), samples=20)
    assert found.slope.value is None
    assert found.brier.low is not None


def test_sure_probabilities_are_refused():
    with pytest.raises(EvaluationError, match="exactly 0 or 1"):
        calibration_intervals([0, 1], [0.0, 0.5], [0, 1], rng=np.random.default_rng(0))


def test_log_loss_by_hand():
    assert log_loss([1, 0], [0.5, 0.2]).value == pytest.approx(-(np.log(0.5) + np.log(0.8)) / 2)
    assert log_loss([1, 0], [0.0, 0.2]).reason == "1 probabilities of exactly 0 or 1 were wrong"
    assert log_loss([], []).reason == "no image"
