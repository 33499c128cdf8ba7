"""Choosing a calibrator by what it does on other patients."""

import numpy as np
import pytest

from hilum.errors import EvaluationError
from hilum.evaluation.calibration import BetaCurve, choose_calibrator
from hilum.evaluation.calibration.choosing import deal


def sample(seed, truth, n=2000):
    rng = np.random.default_rng(seed)
    x = rng.normal(-1, 2, n)
    return x, rng.random(n) < 1 / (1 + np.exp(-truth(x))), rng.integers(0, n // 2, n)


@pytest.mark.parametrize(
    ("truth", "method"),
    [
        (lambda x: x, "none"),
        (lambda x: x - 1.5, "shift"),
        (lambda x: 0.3 * x, "temperature"),
        (lambda x: 0.4 * x - 1.2, "platt"),
        (lambda x: BetaCurve(0.2, 2.5, -0.5).log_odds(x), "beta"),
    ],
)
def test_the_method_that_made_the_sample_is_chosen(truth, method):
    chosen = [
        choose_calibrator(*sample(seed, truth), rng=np.random.default_rng(seed)).method
        for seed in range(7)
    ]
    assert chosen.count(method) >= 5, chosen


def test_isotonic_is_chosen_where_nothing_else_fits():
    x, y, who = sample(0, lambda x: np.where(x < -1, -2.5, np.where(x < 1, 0.0, 2.5)), n=8000)
    choice = choose_calibrator(x, y, who, rng=np.random.default_rng(0))
    assert choice.method == "isotonic"
    losses = {one.method: one.log_loss for one in choice.tried}
    assert losses["isotonic"] == min(losses.values())


def test_small_samples_are_told_how_many_they_need():
    x, y, who = sample(1, lambda x: x - 3, n=150)
    choice = choose_calibrator(x, y, who, rng=np.random.default_rng(0))
    reasons = {one.method: one.reason for one in choice.tried}
    assert reasons["isotonic"].startswith("isotonic needs 200 patients with the finding and 200")
    with pytest.raises(EvaluationError, match="isotonic needs 200 patients"):
        choose_calibrator(x, y, who, rng=np.random.default_rng(0), methods=["isotonic"])


def test_a_patient_is_in_one_fold_and_findings_are_spread():
    rng = np.random.default_rng(0)
    who = rng.integers(0, 60, 300)
    y = np.isin(who, np.arange(15))
    fold = deal(y, who, 5, rng)
    for patient in range(60):
        assert len(set(fold[who == patient])) == 1
    assert [len(set(who[y & (fold == k)])) for k in range(5)] == [3] * 5


def test_what_is_current_stands_for_none():
    x, y, who = sample(2, lambda x: 0.4 * x - 1.2)
    choice = choose_calibrator(x, y, who, rng=np.random.default_rng(0), current=0.4 * x - 1.2)
    assert (choice.method, choice.calibrator) == ("none", None)
