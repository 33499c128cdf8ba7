"""Decisions: counts, shares, and where to cut."""

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    precision_score,
    recall_score,
)

from hilum.errors import EvaluationError
from hilum.evaluation import (
    Confusion,
    at_cost,
    at_sensitivity,
    at_specificity,
    confusion,
    youden,
)


def test_counts_and_shares_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    y, d = rng.random(300) < 0.3, rng.random(300) < 0.4
    found = confusion(y, d)
    assert [[found.tn, found.fp], [found.fn, found.tp]] == confusion_matrix(y, d).tolist()
    assert found.sensitivity.value == pytest.approx(recall_score(y, d))
    assert found.specificity.value == pytest.approx(recall_score(~y, ~d))
    assert found.ppv.value == pytest.approx(precision_score(y, d))
    assert found.npv.value == pytest.approx(precision_score(~y, ~d))
    assert found.f1.value == pytest.approx(f1_score(y, d))
    assert found.accuracy.value == pytest.approx(accuracy_score(y, d))
    assert found.balanced_accuracy.value == pytest.approx(balanced_accuracy_score(y, d))
    assert (found.f1.positives, found.f1.negatives) == (y.sum(), (~y).sum())


def test_nothing_by_nothing_is_undefined():
    empty = Confusion(0, 0, 0, 0)
    for name in ("sensitivity", "specificity", "ppv", "npv", "f1", "accuracy"):
        assert getattr(empty, name).value is None
    assert empty.accuracy.reason == "no image"
    healthy = Confusion(tp=0, fp=0, fn=0, tn=9)
    assert healthy.sensitivity.reason == "no positive"
    assert healthy.ppv.reason == "nothing was decided present"
    assert healthy.f1.reason == "no positive, and none was decided"
    assert healthy.balanced_accuracy.reason == "no positive"
    assert Confusion(tp=2, fp=0, fn=0, tn=0).balanced_accuracy.reason == "no negative"
    assert healthy.specificity.value == healthy.accuracy.value == 1.0
    with pytest.raises(EvaluationError, match="counts must not be negative"):
        Confusion(1, -1, 0, 0)
    with pytest.raises(EvaluationError, match="reference has 2 values, decisions 1"):
        confusion([0, 1], [1])
    with pytest.raises(EvaluationError, match="decisions must be 0 or 1"):
        confusion([0, 1], [0.3, 1])


Y = [0, 0, 1, 0, 1, 1, 0, 1]
P = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]


def test_youden_on_a_case_counted_by_hand():
    found = youden(Y, P)
    # From .25 on: all 4 positives, 2 of 4 negatives; from .45 on: 3 and 1. Equal; lowest wins.
    assert found.threshold == pytest.approx(0.25)
    assert found.confusion == Confusion(tp=4, fp=2, fn=0, tn=2)
    assert found.rule == "youden"


def test_the_threshold_gives_the_decisions_it_promises():
    rng = np.random.default_rng(0)
    y = rng.random(200) < 0.2
    p = np.round(np.clip(0.3 * y + 0.7 * rng.random(200), 0, 1), 2).astype(np.float32)
    points = [youden(y, p), at_sensitivity(y, p, 0.9), at_specificity(y, p, 0.8)]
    for point in points:
        assert 0 < point.threshold < 1
        assert confusion(y, p >= point.threshold) == point.confusion
    brute = max(
        confusion(y, p >= t).balanced_accuracy.value for t in np.linspace(0.001, 0.999, 2000)
    )
    assert points[0].confusion.balanced_accuracy.value == pytest.approx(brute)
    assert points[1].confusion.sensitivity.value >= 0.9
    assert points[2].confusion.specificity.value >= 0.8
    # One level higher loses the sensitivity, one level lower the specificity.
    higher = p[p > points[1].threshold].min()
    assert confusion(y, p > higher).sensitivity.value < 0.9
    lower = p[p < points[2].threshold].max()
    assert confusion(y, p >= lower).specificity.value < 0.8


def test_rules_say_what_they_asked_for():
    assert at_sensitivity(Y, P, 0.75).threshold == pytest.approx(0.45)
    assert at_sensitivity(Y, P).rule == "sensitivity>=0.9"
    assert at_specificity(Y, P, 0.75).threshold == pytest.approx(0.45)
    assert at_specificity(Y, P).threshold == pytest.approx(0.75)
    assert at_specificity(Y, P).rule == "specificity>=0.9"
    with pytest.raises(EvaluationError, match=r"sensitivity must lie in \(0, 1\], got 90"):
        at_sensitivity(Y, P, 90)


@pytest.mark.parametrize("low", [0.3, float(np.nextafter(0.3, 1))])
def test_neighbours_in_floating_point_are_told_apart(low):
    # Half-way between neighbours rounds down to one of them and up to the other.
    high = float(np.nextafter(low, 1))
    point = youden([0, 1], [low, high])
    assert low < point.threshold <= high
    assert point.confusion == Confusion(tp=1, fp=0, fn=0, tn=1)


def test_where_no_threshold_helps_there_is_none():
    assert youden([0, 0], [0.1, 0.2]).reason == "no positive among 2 images"
    assert youden([0, 0], [0.1, 0.2]).threshold is None
    stuck = at_sensitivity([1, 0], [0.0, 0.5], 1.0)
    assert stuck.threshold is None
    assert stuck.reason == "no threshold in (0, 1) fulfils the rule"
    assert at_specificity([1, 0], [0.5, 1.0], 1.0).threshold is None
    assert youden([0, 1], [0.0, 1.0]).threshold == 0.5


@pytest.mark.parametrize("prevalence", [None, 0.02, 0.7])
@pytest.mark.parametrize(("fp", "fn"), [(1, 1), (1, 10), (7.5, 1)])
def test_the_cheapest_threshold(fp, fn, prevalence):
    rng = np.random.default_rng(3)
    y = rng.random(150) < 0.3
    p = np.round(np.clip(0.3 * y + 0.7 * rng.random(150), 0, 1), 2)

    def cost(decisions):
        counts = confusion(y, decisions)
        share = y.mean() if prevalence is None else prevalence
        misses = share * (1 - counts.sensitivity.value) * fn
        return misses + (1 - share) * (1 - counts.specificity.value) * fp

    found = at_cost(y, p, fp, fn, prevalence=prevalence)
    least = min(cost(p >= t) for t in np.linspace(0.0005, 0.9995, 2000))
    assert cost(p >= found.threshold) == pytest.approx(least, abs=1e-12)
    assert confusion(y, p >= found.threshold) == found.confusion
    lower = [t for t in np.linspace(0.0005, found.threshold, 500) if (p >= t).sum() > (
        p >= found.threshold).sum()]  # fmt: skip
    assert all(cost(p >= t) > least + 1e-12 for t in lower)


def test_costs_say_what_they_are():
    assert at_cost(Y, P, 1, 10).rule == "cost 1:10"
    assert at_cost(Y, P, 1, 2.5, prevalence=0.02).rule == "cost 1:2.5 at prevalence 0.02"
    # Missing is dear: everything that any positive reaches is called.
    assert at_cost(Y, P, 1, 100).threshold == pytest.approx(0.25)
    # Alarms are dear: nothing is called that a negative reaches.
    assert at_cost(Y, P, 100, 1).threshold == pytest.approx(0.75)
    assert at_cost([0, 0], [0.1, 0.2], 1, 1).reason == "no positive among 2 images"
    for fp, fn in ((0, 1), (1, -1), (1, float("inf"))):
        with pytest.raises(EvaluationError, match="must be more than 0"):
            at_cost(Y, P, fp, fn)
    with pytest.raises(EvaluationError, match=r"prevalence must lie in \(0, 1\), got 2"):
        at_cost(Y, P, 1, 1, prevalence=2)
