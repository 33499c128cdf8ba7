"""What holds of every measure, whatever the scores."""

import numpy as np
import pytest
from hypothesis import assume, settings
from hypothesis import given as given_any
from hypothesis import strategies as st

from hilum.evaluation import (
    Confusion,
    Reference,
    at_sensitivity,
    at_specificity,
    auroc,
    auroc_within,
    average_precision,
    brier,
    compare,
    confusion,
    fit_platt,
    intervals,
    restate,
    youden,
)

near = pytest.approx


def given(*strategies):
    """As Hypothesis's own, without a deadline: a busy machine breaks no law."""
    return lambda test: settings(deadline=None)(given_any(*strategies)(test))


tied = st.integers(-6, 6)


@st.composite
def studies(draw, elements=tied):
    """A reference of both classes and scores with ties, float64."""
    pairs = draw(st.lists(st.tuples(st.booleans(), elements), min_size=2, max_size=40))
    y = np.array([p[0] for p in pairs])
    y[:2] = True, False
    return y, np.array([float(p[1]) for p in pairs])


def counts(y):
    return st.lists(st.integers(0, 4), min_size=len(y), max_size=len(y)).map(np.array)


@given(studies())
def test_a_rising_function_of_the_scores_changes_nothing(study):
    y, s = study
    for f in (lambda x: 3 * x + 5, np.exp, lambda x: x**3):
        assert auroc(y, f(s)) == auroc(y, s)
        assert average_precision(y, f(s)) == average_precision(y, s)


@given(studies())
def test_turned_scores_turn_the_auroc(study):
    y, s = study
    assert auroc(y, -s).value == near(1 - auroc(y, s).value)
    assert auroc(~y, s).value == near(1 - auroc(y, s).value)


@given(studies())
def test_scores_that_say_nothing_or_all(study):
    y, s = study
    assert auroc(y, np.zeros_like(s)).value == 0.5
    assert average_precision(y, np.zeros_like(s)).value == near(y.mean())
    assert auroc(y, y).value == 1.0
    assert average_precision(y, y).value == near(1.0)


@given(studies())
def test_one_stratum_is_no_stratum(study):
    y, s = study
    assert auroc_within(y, s, ["here"] * len(y)) == auroc(y, s)


@given(studies(), st.data())
def test_within_strata_shifts_of_a_stratum_change_nothing(study, data):
    y, s = study
    strata = data.draw(counts(y))
    assert auroc_within(y, s + 100 * strata, strata) == auroc_within(y, s, strata)


@given(studies(), st.data())
def test_within_strata_is_the_mean_of_strata_by_pairs(study, data):
    y, s = study
    strata = data.draw(counts(y))
    parts = [auroc(y[strata == k], s[strata == k]) for k in np.unique(strata)]
    pairs = [p.positives * p.negatives for p in parts]
    assume(sum(pairs))
    pooled = sum(n * p.value for n, p in zip(pairs, parts, strict=True) if n) / sum(pairs)
    assert auroc_within(y, s, strata).value == near(pooled)


@given(studies(), st.data())
def test_a_weight_is_a_repetition(study, data):
    y, s = study
    w = data.draw(counts(y))
    often = np.repeat(np.arange(len(y)), w)
    strata = np.arange(len(y)) % 3
    for weighted, repeated in (
        (auroc(y, s, weights=w), auroc(y[often], s[often])),
        (average_precision(y, s, weights=w), average_precision(y[often], s[often])),
        (
            auroc_within(y, s, strata, weights=w),
            auroc_within(y[often], s[often], strata[often]),
        ),
        (
            brier(y, (s + 6) / 12, weights=w),
            brier(y[often], (s[often] + 6) / 12),
        ),
    ):
        assert weighted.defined == repeated.defined
        if weighted.defined:
            assert weighted.value == near(repeated.value)


@given(studies(), st.data())
def test_the_order_of_images_does_not_matter(study, data):
    y, s = study
    at = np.array(data.draw(st.permutations(range(len(y)))))
    assert auroc(y[at], s[at]) == auroc(y, s)
    assert average_precision(y[at], s[at]).value == near(average_precision(y, s).value)


@given(studies(), st.data())
def test_an_interval_lies_in_range_and_compares_to_nothing_with_itself(study, data):
    y, s = study
    who = data.draw(counts(y))
    reference = Reference.of(y, who)
    found = intervals(reference, s, rng=np.random.default_rng(0), samples=40).each[0]
    assert found.samples == 40
    if found.low is not None:
        assert 0 <= found.low <= found.high <= 1
    else:
        assert found.reason
    alike = compare(reference, s, 2 * s + 1, rng=np.random.default_rng(0), samples=40).each[0]
    assert alike.difference.value == 0


@given(studies(st.floats(-30, 30)))
def test_calibration_keeps_the_order(study):
    y, s = study
    assume(auroc(y, s).value > 0.5)
    assume(s[y].mean() > s[~y].mean() + 0.01)
    calibrated = fit_platt(s, y)(s)
    order = np.argsort(s, kind="stable")
    assert (np.diff(calibrated[order]) >= 0).all()
    assert ((calibrated >= 0) & (calibrated <= 1)).all()


prevalences = st.floats(1e-4, 1 - 1e-4)
chances = st.floats(1e-6, 1 - 1e-6)


@given(chances, prevalences)
def test_the_same_prevalence_restates_nothing(p, at):
    assert restate(p, at, at) == near(p, rel=1e-12)


@given(chances, prevalences, prevalences)
def test_restating_there_and_back_restates_nothing(p, a, b):
    assert restate(restate(p, a, b), b, a) == near(p, rel=1e-7)


@given(st.tuples(chances, chances), prevalences, prevalences)
def test_restating_keeps_the_order_and_follows_the_prevalence(pair, a, b):
    low, high = sorted(pair)
    assert 0 <= restate(low, a, b) <= restate(high, a, b) <= 1
    if b > a:
        assert restate(low, a, b) >= low * (1 - 1e-12)


@given(chances, prevalences, prevalences, prevalences)
def test_restating_by_way_of_another_prevalence_is_restating(p, a, b, c):
    assert restate(restate(p, a, b), b, c) == near(restate(p, a, c), rel=1e-7)


@given(studies(st.integers(0, 10)))
def test_operating_points_decide_what_they_promise(study):
    y, s = study
    p = s / 10
    for point in (youden(y, p), at_sensitivity(y, p, 0.8), at_specificity(y, p, 0.8)):
        if point.threshold is None:
            assert point.reason
        else:
            assert 0 < point.threshold < 1
            assert confusion(y, p >= point.threshold) == point.confusion


@given(*[st.integers(0, 1000)] * 4)
def test_shares_mirror_when_the_finding_is_its_absence(tp, fp, fn, tn):
    here, there = Confusion(tp, fp, fn, tn), Confusion(tn, fn, fp, tp)
    assert here.sensitivity.value == there.specificity.value
    assert here.ppv.value == there.npv.value
    assert here.accuracy.value == there.accuracy.value
