"""Beta and isotonic calibration against scipy and scikit-learn."""

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.isotonic import IsotonicRegression

from hilum.errors import EvaluationError
from hilum.evaluation.calibration import (
    BetaCurve,
    Calibrator,
    Steps,
    fit_beta,
    fit_isotonic,
    fit_platt,
    fit_shift,
)


def bent(seed, n=1500, a=0.4, b=1.8, c=-0.3):
    """Log-odds whose truth follows a beta curve."""
    rng = np.random.default_rng(seed)
    x = rng.normal(-1, 2, n)
    return x, rng.random(n) < 1 / (1 + np.exp(-BetaCurve(a, b, c).log_odds(x)))


def smoothed(y):
    return np.where(y, (y.sum() + 1) / (y.sum() + 2), 1 / ((~y).sum() + 2))


def loss(z, t):
    return np.sum(np.logaddexp(0, z) - t * z)


def test_beta_is_the_maximum_of_the_likelihood():
    x, y = bent(0)

    def at(v):
        return loss(-v[0] * np.logaddexp(0, -x) + v[1] * np.logaddexp(0, x) + v[2], smoothed(y))

    best = minimize(at, [1, 1, 0], tol=1e-12)
    curve = fit_beta(x, y).curve
    assert (curve.a, curve.b, curve.c) == pytest.approx(best.x, abs=1e-4)


def test_beta_finds_the_curve_again():
    curve = fit_beta(*bent(1, n=60_000)).curve
    assert (curve.a, curve.b, curve.c) == pytest.approx((0.4, 1.8, -0.3), abs=0.08)


def test_beta_holds_a_falling_side_level():
    rng = np.random.default_rng(0)
    x = rng.normal(0, 2, 4000)
    # Below 0 higher logits go with fewer positives: a alone would be negative.
    y = rng.random(4000) < np.where(x < 0, 0.3 - 0.1 * np.tanh(x), 0.35 + 0.5 * np.tanh(x))
    curve = fit_beta(x, y).curve
    assert curve.a == 0
    assert curve.b > 0


def test_isotonic_is_that_of_scikit_learn():
    x, y = bent(2)
    mine = fit_isotonic(x, y)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(x, smoothed(y))
    grid = np.concatenate([x, np.linspace(-12, 12, 500)])
    assert mine(grid) == pytest.approx(theirs.predict(grid), abs=1e-9)


def test_isotonic_takes_equal_logits_together():
    x, y = bent(3)
    x = np.round(x)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(x, smoothed(y))
    assert fit_isotonic(x, y)(x) == pytest.approx(theirs.predict(x), abs=1e-9)


def test_a_shift_makes_the_mean_right_and_leaves_the_slope():
    x, y = bent(4)
    fit = fit_shift(x, y)
    assert fit.slope == 1
    assert fit(x).mean() == pytest.approx(smoothed(y).mean(), abs=1e-8)


@pytest.mark.parametrize("fit", [fit_shift, fit_platt, fit_beta, fit_isotonic])
def test_order_is_kept(fit):
    x, y = bent(5)
    found = fit(x, y)(np.sort(x))
    assert (np.diff(found) >= 0).all()
    assert ((found > 0) & (found < 1)).all()


def test_only_steps_tie():
    x, y = bent(6)
    assert fit_beta(x, y).ties(x) == fit_platt(x, y).ties(x) == 0
    isotonic = fit_isotonic(x, y)
    assert isotonic.ties(x) > len(x) / 2
    assert fit_isotonic(x, y).ties([x.max(), x.max() + 1, x.max() + 2]) == 3


def test_a_curve_of_a_line_is_a_curve_of_logits():
    x, y = bent(7)
    for fit in (fit_shift, fit_platt, fit_beta, fit_isotonic):
        on_line = fit(0.5 * x - 1, y)
        assert on_line.after(0.5, -1)(x) == pytest.approx(on_line(0.5 * x - 1))


@pytest.mark.parametrize("fit", [fit_beta, fit_isotonic])
def test_logits_against_the_finding_are_refused(fit):
    x = np.linspace(-2, 2, 200)
    with pytest.raises(EvaluationError, match="must keep the order"):
        fit(-x, x > 0)
    with pytest.raises(EvaluationError, match="no positive among 3 images"):
        fit([0, 1, 2], [0, 0, 0])
    with pytest.raises(EvaluationError, match="NaN"):
        fit([0, 1, np.nan], [0, 1, 0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BetaCurve(-1, 1, 0), "must rise"),
        (lambda: BetaCurve(0, 0, 0), "must rise"),
        (lambda: Steps((0, 0), (0.1, 0.2)), "rising places"),
        (lambda: Steps((0, 1), (0.2, 0.1)), "never fall"),
        (lambda: Steps((0, 1), (0.0, 0.1)), r"in \(0, 1\)"),
        (lambda: Steps((), ()), "as many places"),
    ],
)
def test_curves_that_cannot_be(make, message):
    with pytest.raises(EvaluationError, match=message):
        make()


def test_far_logits_do_not_overflow():
    for curve in (None, BetaCurve(1.5, 0.5, 0.1), Steps((-1.0, 1.0), (0.2, 0.7))):
        found = Calibrator(1.0, 0.0, "beta", 0, 0, curve)([-1e5, 1e5])
        assert np.isfinite(found).all()
        assert found[0] < found[1]
