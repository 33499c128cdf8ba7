"""Kaplan–Meier and log-rank, against lifelines and by hand."""

import warnings

import numpy as np
import pytest

from hilum.errors import EvaluationError
from hilum.evaluation import kaplan_meier, logrank


@pytest.fixture(scope="module")
def lifelines():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own imports
        return pytest.importorskip("lifelines", reason="needs lifelines: pip install lifelines")


def cohort(seed, groups=2, n=80):
    """Days with ties, some observations ended early."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, groups, n)
    days = np.ceil(rng.exponential(20 + 15 * group))
    ended = np.ceil(rng.exponential(40, n))
    return np.minimum(days, ended), days <= ended, group


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("level", [0.95, 0.8])
def test_curves_are_those_of_lifelines(lifelines, seed, level):
    days, events, group = cohort(seed)
    for g, curve in enumerate(kaplan_meier(days, events, group, level=level)):
        at = group == g
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted = lifelines.KaplanMeierFitter(alpha=1 - level).fit(days[at], events[at])
            survival = fitted.survival_function_at_times(curve.days).to_numpy()
            low, high = fitted.confidence_interval_.loc[curve.days].to_numpy().T
            table = fitted.event_table.loc[curve.days]
        np.testing.assert_allclose(curve.survival, survival, atol=1e-12)
        alive = curve.survival > 0
        np.testing.assert_allclose(curve.low[alive], low[alive], atol=1e-9)
        np.testing.assert_allclose(curve.high[alive], high[alive], atol=1e-9)
        np.testing.assert_array_equal(curve.at_risk, table["at_risk"])
        np.testing.assert_array_equal(curve.died, table["observed"])
        assert (curve.patients, curve.events) == (at.sum(), events[at].sum())
        assert curve.last == days[at].max()
        np.testing.assert_array_equal(curve.censored, np.sort(days[at & ~events]))
        assert curve.median.value == fitted.median_survival_time_


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("groups", [2, 3, 5])
def test_the_test_is_that_of_lifelines(lifelines, seed, groups):
    days, events, group = cohort(seed, groups)
    found = logrank(days, events, group)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = lifelines.statistics.multivariate_logrank_test(days, group, events)
    assert found.statistic == pytest.approx(expected.test_statistic)
    assert found.p_value == pytest.approx(expected.p_value, abs=1e-12)
    assert found.degrees == groups - 1
    assert sum(found.expected) == pytest.approx(sum(found.observed)) == events.sum()


# Weeks in remission of Freireich et al. 1963, as every textbook has them.
TREATED = (6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35)
RELAPSED = (1,) * 9 + (0,) * 12
CONTROL = (1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23)


def test_the_textbook_example():
    """Remission: S(10) = .753, S(22) = .538, S(23) = .448; log-rank χ² 16.79; medians 23 and 8."""
    days = TREATED + CONTROL
    events = RELAPSED + (1,) * 21
    group = ["6-MP"] * 21 + ["placebo"] * 21
    treated, control = kaplan_meier(days, events, group)
    assert (treated.group, control.group) == ("6-MP", "placebo")
    for week, share in ((6, 0.857), (7, 0.807), (10, 0.753), (13, 0.690), (22, 0.538), (23, 0.448)):
        assert treated.at(week).value == pytest.approx(share, abs=5e-4)
    assert (treated.median.value, control.median.value) == (23, 8)
    found = logrank(days, events, group)
    assert found.statistic == pytest.approx(16.79, abs=5e-3)
    assert found.observed == (9, 21)
    assert found.expected == pytest.approx((19.25, 10.75), abs=5e-3)


def test_shares_at_a_day():
    (curve,) = kaplan_meier([5, 10, 10, 20], [1, 1, 0, 0])
    assert curve.at(4).value == 1.0
    assert curve.at(5).value == curve.at(9.9).value == 0.75
    assert curve.at(20).value == 0.5
    assert curve.at(21).reason == "nobody was watched beyond day 20"
    assert curve.at(10).low < 0.5 < curve.at(10).high
    assert curve.median.value == 10
    assert curve.median.low is None
    assert curve.median.reason == "no interval: the band does not cross one half twice"
    (alive,) = kaplan_meier([5, 6], [0, 0])
    assert alive.median.reason == "more than half survive to the end"
    assert len(alive.days) == 0
    assert alive.at(6).value == 1.0
    (dead,) = kaplan_meier([5, 6], [1, 1])
    assert dead.survival.tolist() == [0.5, 0.0]
    assert (dead.low[1], dead.high[1]) == (0.0, 0.0)


def test_tests_that_cannot_be_made():
    assert logrank([1, 2], [1, 1], ["a", "a"]).reason == "there is one group"
    none = logrank([1, 2], [0, 0], ["a", "b"])
    assert (none.statistic, none.p_value) == (None, None)
    assert none.reason == "no event was observed"
    apart = logrank([1, 5], [0, 1], ["a", "b"])
    assert apart.reason == "no day on which one of several groups could have died"
    # Nobody of "c" is left when the first one dies: it tells nothing and counts nowhere.
    days, events, groups = [2, 3, 5, 6, 1], [1, 1, 0, 1, 0], ["a", "a", "b", "b", "c"]
    three, two = logrank(days, events, groups), logrank(days[:4], events[:4], groups[:4])
    assert (three.statistic, three.degrees) == (pytest.approx(two.statistic), 1)
    assert three.p_value == pytest.approx(two.p_value)


@pytest.mark.parametrize(
    ("days", "events", "message"),
    [
        ([1, -2], [1, 0], "days must not be negative, got -2 at row 1"),
        ([1, float("nan")], [1, 0], "days hold NaN or infinity"),
        ([1], [1, 0], "days has 1 values where 2 were expected"),
        ([1, 2], [1, 2], "events must be 0 or 1, got 2"),
    ],
)
def test_days_that_cannot_be(days, events, message):
    for ask in (lambda: kaplan_meier(days, events), lambda: logrank(days, events, [0] * len(days))):
        with pytest.raises(EvaluationError, match=message):
            ask()


def test_the_band_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(600):
        days, ended = rng.exponential(30, 60), rng.exponential(60, 60)
        (curve,) = kaplan_meier(np.minimum(days, ended), days <= ended)
        found = curve.at(20)
        held += found.low <= np.exp(-20 / 30) <= found.high
    assert 0.92 <= held / 600 <= 0.98
