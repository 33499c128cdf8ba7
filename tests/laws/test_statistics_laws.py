"""What holds of intervals, decisions and survival, whatever the numbers."""

import numpy as np
import pytest
from hypothesis import given as given_any
from hypothesis import settings
from hypothesis import strategies as st

from hilum.evaluation import (
    Confusion,
    ConfusionTable,
    Reference,
    at_cost,
    auroc,
    benjamini_hochberg,
    clopper_pearson,
    decision_intervals,
    delong,
    delong_compare,
    f1_averages,
    head_middle_tail,
    holm,
    intervals_of,
    kaplan_meier,
    logrank,
    micro_auroc,
    npv_at,
    ppv_at,
    wilson,
    youden,
)

near = pytest.approx


def given(*strategies):
    """As Hypothesis's own, without a deadline: a busy machine breaks no law."""
    return lambda test: settings(deadline=None, max_examples=60)(given_any(*strategies)(test))


@st.composite
def studies(draw):
    """A reference of both classes, at least two of each, and two scores with ties."""
    n = draw(st.integers(4, 40))
    y = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    y[:4] = True, True, False, False
    a, b = (
        np.array(draw(st.lists(st.integers(-6, 6), min_size=n, max_size=n)), float)
        for _ in range(2)
    )
    return y, a, b


confusions = st.builds(Confusion, *[st.integers(0, 30)] * 4)
p_values = st.lists(st.floats(0, 1), max_size=12)


@st.composite
def cohorts(draw):
    n = draw(st.integers(2, 30))
    days = draw(st.lists(st.integers(0, 12), min_size=n, max_size=n))
    events = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    groups = draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    return np.array(days, float), np.array(events), np.array(groups)


@given(studies())
def test_delong_looks_at_the_order_alone(study):
    y, a, b = study
    for f in (lambda x: 3 * x + 5, np.exp, lambda x: x**3):
        assert delong(y, f(a)) == delong(y, a)
        assert delong_compare(y, f(a), b) == delong_compare(y, a, b)


@given(studies())
def test_delong_of_turned_scores_and_of_the_other_class(study):
    y, a, _ = study
    (found,) = delong(y, a)
    assert found.value == near(auroc(y, a).value)
    for (turned,) in (delong(y, -a), delong(~y, a)):
        assert turned.value == near(1 - found.value)
        if found.low is not None:
            assert turned.low == near(1 - found.high, abs=1e-9)
            assert turned.high == near(1 - found.low, abs=1e-9)


@given(studies())
def test_delong_compared_the_other_way_round(study):
    y, a, b = study
    there, back = delong_compare(y, a, b), delong_compare(y, b, a)
    assert there.difference.value == near(-back.difference.value, abs=1e-12)
    assert there.p_value == (None if back.p_value is None else near(back.p_value))
    assert there.a == back.b
    assert delong_compare(y, a, a).p_value == 1.0


@given(studies())
def test_intervals_look_at_the_order_alone(study):
    y, a, b = study
    reference = Reference.of(np.column_stack([y, y]), np.arange(len(y)) // 2)

    def ask(x):
        return intervals_of(reference, x, rng=np.random.default_rng(0), samples=20)

    scores = np.column_stack([a, b])
    assert ask(np.exp(scores)) == ask(scores)


@given(confusions)
def test_the_finding_and_its_absence(found):
    turned = Confusion(tp=found.tn, fp=found.fn, fn=found.fp, tn=found.tp)
    for one, other in (
        ("sensitivity", "specificity"), ("ppv", "npv"), ("mcc", "mcc"), ("accuracy", "accuracy"),
        ("balanced_accuracy", "balanced_accuracy"),
    ):  # fmt: skip
        assert getattr(found, one).value == getattr(turned, other).value
    for prevalence in (0.01, 0.5, 0.9):
        here, there = ppv_at(found, prevalence), npv_at(turned, 1 - prevalence)
        assert here.value == (None if there.value is None else near(there.value))


@given(confusions)
def test_numbers_stay_in_their_ranges(found):
    for name in ("sensitivity", "specificity", "ppv", "npv", "f1", "accuracy"):
        value = getattr(found, name).value
        assert value is None or 0 <= value <= 1
    for value in (found.lr_positive.value, found.lr_negative.value):
        assert value is None or value >= 0
    if found.mcc.value is not None:
        assert -1 - 1e-12 <= found.mcc.value <= 1 + 1e-12
        up, down = found.lr_positive.value, found.lr_negative.value
        if up is not None and down is not None and found.mcc.value > 1e-9:
            assert up > 1 > down


@given(st.lists(confusions, min_size=1, max_size=5))
def test_means_lie_among_their_parts(counts):
    found = f1_averages(counts)
    values = [one.f1.value for one in counts if one.f1.value is not None]
    for mean in (found.macro, found.weighted, found.micro):
        assert mean.value is None or min(values) - 1e-12 <= mean.value <= max(values) + 1e-12


@given(st.lists(st.lists(st.integers(0, 20), min_size=3, max_size=3), min_size=3, max_size=3))
def test_classes_in_another_order(rows):
    counts, order = np.array(rows), [2, 0, 1]
    there = ConfusionTable(counts, ("a", "b", "c"))
    back = ConfusionTable(counts[np.ix_(order, order)], ("c", "a", "b"))
    assert there.accuracy == back.accuracy
    assert there.f1_averages.micro.value == there.accuracy.value
    for name in ("macro", "weighted"):
        one, other = (getattr(t.f1_averages, name).value for t in (there, back))
        assert one == (None if other is None else near(other))
    assert there.confusion("b") == back.confusion("b")


@given(p_values)
def test_corrected_p_values(values):
    family, false = holm(values), benjamini_hochberg(values)
    for raw, one, other in zip(values, family, false, strict=True):
        assert raw <= other + 1e-12
        assert other <= one + 1e-12 <= 1 + 1e-12
    assert holm(values[::-1]) == family[::-1]
    assert benjamini_hochberg(values[::-1]) == false[::-1]


@given(st.integers(0, 40), st.integers(1, 40))
def test_shares_and_what_is_left(part, rest):
    for interval in (wilson, clopper_pearson):
        found, other = interval(part, part + rest), interval(rest, part + rest)
        assert found.low == near(1 - other.high, abs=1e-12)
        assert 0 <= found.low <= found.value <= found.high <= 1


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 3000)))
def test_every_finding_is_in_one_group(counts):
    groups = head_middle_tail(counts)
    assert sorted(n for group in groups.values() for n in group) == sorted(counts)


@given(studies())
def test_equal_costs_at_even_odds_are_youden(study):
    y, a, _ = study
    p = (a + 7) / 14
    cheap, best = at_cost(y, p, 3, 3, prevalence=0.5), youden(y, p)
    assert cheap.confusion.balanced_accuracy.value == near(best.confusion.balanced_accuracy.value)


@given(studies())
def test_the_pot_of_one_finding_is_the_finding(study):
    y, a, _ = study
    assert micro_auroc(Reference.of(y, range(len(y))), a) == auroc(y, a)


@given(studies())
def test_intervals_of_decisions_hold_their_number(study):
    y, a, _ = study
    found = decision_intervals(
        Reference.of(y, range(len(y))), a > 0, rng=np.random.default_rng(0), samples=40
    )
    for measures in found.values():
        (one,) = measures
        assert one.low is None or one.low <= one.high
        assert one.value is not None or one.low is None


@given(cohorts())
def test_survival_falls_and_looks_at_the_order_alone(cohort):
    days, events, groups = cohort
    for curve, scaled in zip(
        kaplan_meier(days, events, groups), kaplan_meier(np.exp(days), events, groups), strict=True
    ):
        assert (np.diff(curve.survival) < 0).all()
        assert ((curve.low <= curve.survival) & (curve.survival <= curve.high)).all()
        assert ((curve.low >= 0) & (curve.high <= 1)).all()
        np.testing.assert_array_equal(curve.survival, scaled.survival)
    there, scaled = logrank(days, events, groups), logrank(np.exp(days), events, groups)
    assert there == scaled
    renamed = logrank(days, events, np.array(["z", "y", "x"])[groups])
    assert there.statistic == (
        None if renamed.statistic is None else near(renamed.statistic, abs=1e-9)
    )


@given(cohorts())
def test_when_all_are_watched_to_the_end_survival_is_a_share(cohort):
    days, _, _ = cohort
    (curve,) = kaplan_meier(days, np.ones(len(days)))
    for day, share in zip(curve.days, curve.survival, strict=True):
        assert share == near((days > day).mean(), abs=1e-12)
