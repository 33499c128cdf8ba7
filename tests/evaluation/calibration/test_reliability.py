"""Reliability diagrams, ECE and decision curves, by hand and against scikit-learn."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from hilum.errors import EvaluationError
from hilum.evaluation.calibration import decision_curve, ece, reliability


def sample(seed, n=900, slope=1.0):
    rng = np.random.default_rng(seed)
    z = rng.normal(-1, 1.5, n)
    return rng.random(n) < 1 / (1 + np.exp(-slope * z)), 1 / (1 + np.exp(-z))


def test_bins_of_equal_width_are_those_of_scikit_learn():
    y, p = sample(0, slope=0.6)
    found = reliability(y, p, bins=8, by="width")
    observed, predicted = calibration_curve(y, p, n_bins=8, strategy="uniform")
    filled = found.counts > 0
    assert found.predicted[filled] == pytest.approx(predicted)
    assert [m.value for m in found.observed if m.defined] == pytest.approx(observed.tolist())


def test_bins_of_equal_counts_hold_equal_counts():
    y, p = sample(1)
    found = reliability(y, p)
    assert found.counts.tolist() == [90] * 10
    rows = np.argsort(p).reshape(10, 90)
    by_hand = np.mean([abs(p[r].mean() - y[r].mean()) for r in rows])
    assert found.ece.value == pytest.approx(by_hand)
    assert ece(y, p).value == found.ece.value


def test_equal_probabilities_share_a_bin():
    y, p = np.array([0, 1] * 50), np.repeat([0.1, 0.5, 0.9, 0.9, 0.9], 20)
    found = reliability(y, p)
    assert found.counts.tolist() == [20, 20, 60]
    # Half of the images have the finding at every probability.
    assert found.ece.value == pytest.approx((20 * 0.4 + 0 + 60 * 0.4) / 100)


def test_a_calibrated_forecast_has_the_ece_that_chance_gives():
    rng = np.random.default_rng(0)
    p = 1 / (1 + np.exp(-rng.normal(-1, 1.5, 900)))
    found = [reliability(rng.random(900) < p, p) for _ in range(300)]
    by_chance = np.mean([one.ece.value for one in found])
    assert found[0].ece_if_calibrated == pytest.approx(by_chance, rel=0.05)


def test_nothing_to_measure_is_undefined():
    found = reliability([], [])
    assert found.ece.reason == "no image"
    assert not found.counts.any()
    for wrong in ({"bins": 0}, {"by": "size"}):
        with pytest.raises(EvaluationError):
            reliability([0, 1], [0.1, 0.9], **wrong)
    with pytest.raises(EvaluationError, match="must lie in"):
        reliability([0, 1], [0.1, 1.2])


def test_net_benefit_by_hand():
    y, p = np.array([1, 1, 0, 0, 0]), np.array([0.9, 0.3, 0.6, 0.2, 0.1])
    curve = decision_curve(y, p, [0.2, 0.5])
    # At 0.2: 2 found, 2 false; a false one costs a quarter. At 0.5: 1 found, 1 false, costs one.
    assert curve.net_benefit == pytest.approx([(2 - 2 / 4) / 5, 0])
    assert curve.all == pytest.approx([(2 - 3 / 4) / 5, (2 - 3) / 5])
    assert curve.none.tolist() == [0, 0]
    assert curve.useful.tolist() == [True, False]


def test_a_decision_curve_of_one_class_says_so():
    assert decision_curve([0, 0], [0.1, 0.2]).reason == "no positive among 2 images"
    with pytest.raises(EvaluationError, match="thresholds must lie in"):
        decision_curve([0, 1], [0.1, 0.2], [0.0])


def test_perfect_probabilities_gain_the_prevalence():
    y = np.arange(10) < 3
    curve = decision_curve(y, np.where(y, 0.999, 0.001))
    assert curve.net_benefit == pytest.approx(np.full(99, 0.3))
