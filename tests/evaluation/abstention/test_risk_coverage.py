"""Risk against coverage, by hand and by brute force."""

from itertools import permutations

import numpy as np
import pytest

from hilum.errors import EvaluationError
from hilum.evaluation.abstention import risk_coverage


def test_ties_are_the_mean_of_all_orders():
    y = np.array([1, 0, 0, 1, 1])
    p = np.array([0.9, 0.3, 0.7, 0.3, 0.7])
    sure, wrong = np.abs(np.log(p / (1 - p))), (p >= 0.5) != y
    curves = [
        np.cumsum(wrong[list(order)]) / np.arange(1, 6)
        for order in permutations(range(5))
        if (np.diff(np.round(sure[list(order)], 12)) <= 0).all()
    ]
    p_tied = np.where(np.isclose(p, 0.3), 1 - 0.7, p)
    found = risk_coverage(y, p_tied)
    mean = np.mean(curves, axis=0)
    assert found.risk == pytest.approx(mean)
    assert found.area.value == pytest.approx(mean.mean())


def test_the_distance_counts_in_log_odds_from_the_threshold():
    # From 0.1, 0.01 is further away than 0.2.
    found = risk_coverage([1, 0], [0.01, 0.2], threshold=0.1)
    assert found.risk.tolist() == [1, 1]
    found = risk_coverage([0, 0], [0.01, 0.2], threshold=0.1)
    assert found.risk.tolist() == [0, 0.5]
    assert found.threshold == 0.1


def test_the_best_order_puts_errors_last():
    rng = np.random.default_rng(0)
    y, p = rng.random(200) < 0.4, rng.random(200)
    found = risk_coverage(y, p)
    wrong = np.sort((p >= 0.5) != y)
    best = (np.cumsum(wrong) / np.arange(1, 201)).mean()
    assert found.area_at_best == pytest.approx(best)
    assert found.area_at_best <= found.area.value
    assert found.at(1).value == pytest.approx(wrong.mean())
    assert found.at(0.5).value == found.risk[99]


def test_the_likeliest_of_several_is_decided():
    found = risk_coverage([0, 2, 1], [[0.8, 0.1, 0.1], [0.3, 0.3, 0.4], [0.5, 0.4, 0.1]])
    assert found.risk == pytest.approx([0, 0.5, 1 / 3])
    assert found.threshold is None


def test_sure_probabilities_are_the_surest():
    assert risk_coverage([1, 0, 1], [1.0, 0.0, 0.4]).risk == pytest.approx([0, 0, 1 / 3])


def test_questions_that_cannot_be_answered():
    assert risk_coverage([], []).area.reason == "no image"
    assert risk_coverage([], []).at(0.5).reason == "no image"
    for wrong in (0, 1):
        with pytest.raises(EvaluationError, match="threshold"):
            risk_coverage([0, 1], [0.1, 0.2], threshold=wrong)
    with pytest.raises(EvaluationError, match="coverage"):
        risk_coverage([0, 1], [0.1, 0.2]).at(0)
