"""Conformal sets: the promise is kept over many calibrations, by simulation."""

import numpy as np
import pytest

from hilum.errors import EvaluationError
from hilum.evaluation.abstention import conformal, judge_sets


def images(rng, n, *, prevalence=0.2, overconfident=3.0):
    """Probabilities that mean nothing of the sort: the promise needs no calibration."""
    y = rng.random(n) < prevalence
    z = rng.normal(np.where(y, 0.0, -1.6), 1)
    return y, 1 / (1 + np.exp(-overconfident * z))


def near(shares, promised):
    """Within three standard errors, and not far above: 1 / (n + 1) at most."""
    error = np.std(shares) / np.sqrt(len(shares))
    return promised - 3 * error < np.mean(shares) < promised + 1 / 60 + 3 * error


@pytest.mark.parametrize("promised", [0.8, 0.9])
@pytest.mark.parametrize("by_class", [False, True])
def test_coverage_is_as_promised(promised, by_class):
    rng = np.random.default_rng(0)
    marginal, positives, negatives = [], [], []
    for _ in range(400):
        rule = conformal(*images(rng, 300), promised=promised, by_class=by_class)
        found = judge_sets(rule, *images(rng, 500))
        marginal.append(found.coverage.value)
        negatives.append(found.each[0].value)
        positives.append(found.each[1].value)
    assert near(marginal, promised)
    if by_class:
        assert near(positives, promised)
        assert near(negatives, promised)
    else:  # the rarer class pays for the commoner one
        assert np.mean(positives) < promised - 0.02


@pytest.mark.parametrize("by_class", [False, True])
def test_coverage_of_one_of_several_is_as_promised(by_class):
    rng = np.random.default_rng(1)
    centres = np.array([[0, 0], [1.5, 0], [0, 1.5]])

    def draw(n):
        y = rng.choice(3, n, p=[0.6, 0.3, 0.1])
        x = centres[y] + rng.normal(size=(n, 2))
        score = -((x[:, None] - centres) ** 2).sum(-1)
        p = np.exp(score - score.max(1, keepdims=True))
        return y, p / p.sum(1, keepdims=True)

    found = [judge_sets(conformal(*draw(400), by_class=by_class), *draw(400)) for _ in range(300)]
    assert near([one.coverage.value for one in found], 0.9)
    if by_class:
        for k in range(3):
            assert near([one.each[k].value for one in found], 0.9)


def test_patients_with_many_images_do_not_break_the_promise():
    """Images of a patient are alike, and the sick have more of them."""
    rng = np.random.default_rng(2)

    def draw(patients, *, one):
        hard = rng.normal(size=patients)
        count = np.where(hard > 0.5, 1 if one else 12, 1)
        who = np.repeat(np.arange(patients), count)
        y = rng.random(len(who)) < 0.5
        z = np.where(y, 1, -1) * (1 - hard[who]) + 0.3 * rng.normal(size=len(who))
        return y, 1 / (1 + np.exp(-z)), who

    with_patients, without = [], []
    for _ in range(300):
        y, p, who = draw(80, one=False)
        new_y, new_p, _ = draw(400, one=True)
        with_patients.append(judge_sets(conformal(y, p, patients=who), new_y, new_p).coverage.value)
        without.append(judge_sets(conformal(y, p), new_y, new_p).coverage.value)
    assert near(with_patients, 0.9)
    assert np.mean(without) > 0.93  # many images of hard patients made the sets larger than needed


def test_too_few_to_promise_anything_give_every_class():
    rule = conformal([0, 1, 1], [0.1, 0.9, 0.8], promised=0.9)
    assert rule.least == (0, 0)
    assert rule.needed == 9
    assert rule.sets([0.0, 0.5, 1.0]).all()
    nine = conformal(np.tile([0, 1, 1], 3), np.tile([0.1, 0.9, 0.8], 3), promised=0.9)
    assert nine.least == pytest.approx((0.8, 0.8))
    assert nine.patients == (9, 9)


def test_sets_are_told():
    rule = conformal(np.tile([0, 1], 10), np.tile([0.2, 0.8], 10), promised=0.9)
    found = judge_sets(rule, [0, 1, 1, 0], [0.1, 0.9, 0.5, 0.9])
    assert rule.sets([0.1, 0.9, 0.5, 0.9]).tolist() == [
        [True, False], [False, True], [False, False], [False, True]
    ]  # fmt: skip
    assert (found.coverage.value, found.size.value) == (0.5, 0.75)
    assert (found.single.value, found.empty.value) == (0.75, 0.25)
    assert found.single_wrong.value == pytest.approx(1 / 3)
    assert found.coverage.low is not None


def test_questions_that_cannot_be_answered():
    with pytest.raises(EvaluationError, match="there is none"):
        conformal([], [])
    with pytest.raises(EvaluationError, match="promised must lie"):
        conformal([0, 1], [0.1, 0.9], promised=1.0)
    with pytest.raises(EvaluationError, match="numbers of classes, 0 to 1"):
        conformal([0, 2], [[0.1, 0.9], [0.4, 0.6]])
    rule = conformal([0, 1], [0.1, 0.9])
    with pytest.raises(EvaluationError, match="knows 2 classes, not 3"):
        judge_sets(rule, [0], [[0.1, 0.2, 0.7]])
