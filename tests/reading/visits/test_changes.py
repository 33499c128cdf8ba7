"""What became of a finding: the rule, its limits, and what is never compared."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.bundles import available, load
from hilum.domain import Prediction, View
from hilum.reading.visits import Kind, NotCompared, Visit, compare, courses, days_between, spread_of
from hilum.reading.visits.changes import WHYS, log_odds
from hilum.reading.visits.spread import Limit, Spread

POINT = 0.3
LIMIT = 1.0


def limits(value=LIMIT):
    return {key: Limit(value, value, value, 30, 40) for key in ("mass", "effusion")}


def spread(same=LIMIT, other=2 * LIMIT):
    return Spread("b 1.0.0", "", 0.95, "drawn", limits(same), limits(other), {})


def said(probability, key="mass", **facts):
    return Prediction(key, 0.0, probability, POINT, **facts)


def visit(*predictions, view=View.PA, taken="", **facts):
    known = {"reader": "r", "bundle": "b 1.0.0", "bundle_digest": "d"} | facts
    return Visit(predictions=predictions, view=view, taken=taken, **known)


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (0.1, 0.5, "new"),
        (0.5, 0.1, "gone"),
        (0.28, 0.32, "undecided"),  # it crossed, by less than the limit
        (0.32, 0.28, "undecided"),
        (0.35, 0.7, "worse"),
        (0.7, 0.35, "better"),
        (0.5, 0.6, "unchanged"),
        (0.01, 0.2, "unchanged"),  # absent on both
        (0.3, 0.3, "unchanged"),
        (0.0, 1.0, "new"),
    ],
)
def test_the_rule(before, after, kind):
    found = compare(visit(said(before)), visit(said(after)), spread())
    assert [str(change.kind) for change in found.changes] == [kind]
    assert (found.changes[0].why in WHYS) == (kind == "undecided")


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.1, 3))
def test_there_and_back(before, after, limit):
    """What is new one way is gone the other, and likewise worse and better."""
    opposite = {"new": "gone", "gone": "new", "worse": "better", "better": "worse"}
    there = compare(visit(said(before)), visit(said(after)), spread(limit)).changes[0]
    back = compare(visit(said(after)), visit(said(before)), spread(limit)).changes[0]
    assert str(back.kind) == opposite.get(str(there.kind), str(there.kind))
    assert back.log_odds == pytest.approx(-there.log_odds)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.1, 3))
def test_a_wider_limit_never_decides_more(before, after, limit):
    small = compare(visit(said(before)), visit(said(after)), spread(limit)).changes[0].kind
    large = compare(visit(said(before)), visit(said(after)), spread(2 * limit)).changes[0].kind
    assert large is small or large in {Kind.UNCHANGED, Kind.UNDECIDED}


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_change_exceeds_its_limit_and_a_decision_stands(before, after):
    change = compare(visit(said(before)), visit(said(after)), spread()).changes[0]
    if change.kind in {Kind.NEW, Kind.GONE, Kind.WORSE, Kind.BETTER}:
        assert abs(log_odds(after) - log_odds(before)) > LIMIT
        assert change.before.present or change.after.present


def test_unlike_views_have_their_own_limits_and_are_told():
    pair = visit(said(0.2), view=View.AP), visit(said(0.5))
    found = compare(*pair, spread())
    assert found.changes[0].kind is Kind.UNDECIDED
    assert [note.code for note in found.notes] == ["other-view", "date-unknown"]
    assert "AP before, PA now" in found.notes[0].message


def test_a_view_that_is_not_told_counts_as_another():
    found = compare(visit(said(0.2), view=View.UNKNOWN), visit(said(0.5)), spread())
    assert found.changes[0].limit == 2 * LIMIT
    assert "views-untold" in {note.code for note in found.notes}


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"bundle": "b 1.1.0", "bundle_digest": "e"}, "other-bundle"),
        ({"bundle_digest": "e"}, "other-bundle"),
        ({"reader": "s"}, "other-options"),
    ],
)
def test_what_another_bundle_said_is_never_compared(facts, code):
    found = compare(visit(said(0.1), **facts), visit(said(0.9)), spread())
    assert isinstance(found, NotCompared)
    assert [note.code for note in found.reasons] == [code]


def test_the_wrong_order_is_not_compared():
    found = compare(visit(said(0.1), taken="20240302"), visit(said(0.9), taken="20240301"), None)
    assert isinstance(found, NotCompared)
    assert found.reasons[0].code == "order"


def test_without_a_spread_what_is_present_is_undecided():
    found = compare(visit(said(0.1)), visit(said(0.9)), None)
    assert found.changes[0].kind is Kind.UNDECIDED
    assert "no-spread" in {note.code for note in found.notes}


@pytest.mark.parametrize(
    "pair",
    [
        (said(0.1), said(0.9, abstained=True)),
        (said(0.1, abstained=True), said(0.9)),
        (Prediction("mass", 0.0, 0.1, 0.2), said(0.9)),
    ],
)
def test_no_decision_is_no_change(pair):
    found = compare(visit(pair[0]), visit(pair[1]), spread())
    assert found.changes[0].kind is Kind.UNDECIDED


def test_only_findings_of_both_are_compared():
    found = compare(visit(said(0.1)), visit(said(0.9, "effusion"), said(0.1)), spread())
    assert [change.finding for change in found.changes] == ["mass"]


@pytest.mark.parametrize(
    ("first", "second", "days"),
    [
        ("20240228", "20240301093000", 2),
        ("20230101235959", "20230101", 0),
        ("20230102", "20230101", -1),
        ("", "20230101", None),
        ("202301", "20230101", None),
        ("20230230", "20230301", None),
        ("٢٠٢٣٠١٠١", "20230101", None),
    ],
)
def test_days(first, second, days):
    assert days_between(first, second) == days


def test_a_line_leaves_out_what_another_bundle_said():
    visits = [
        visit(said(0.1), taken="20240101"),
        visit(said(0.9), taken="20240103", reader="s"),
        visit(said(0.6), taken="20240111"),
    ]
    (line,) = courses(visits, spread())
    assert [point.days for point in line.points] == [0, 2, 10]
    assert [point.prediction is None for point in line.points] == [False, True, False]
    assert line.change is not None
    assert line.change.kind is Kind.NEW
    assert line.operating_point == POINT


def test_one_visit_is_a_line_without_a_change():
    (line,) = courses([visit(said(0.6))], spread())
    assert line.change is None
    with pytest.raises(ValueError, match="needs a visit"):
        courses([], None)


@pytest.mark.parametrize("name", [n for n in available() if load(n).card.findings])
def test_every_bundle_that_reads_findings_has_a_measured_spread(name):
    """Where this fails the bundle has changed: run scripts.visits_measure again."""
    bundle = load(name)
    found = spread_of(bundle)
    assert found is not None
    assert set(found.same_view) == set(bundle.card.keys) == set(found.other_views)
    assert found.bundle == str(bundle)
    for limit in (*found.same_view.values(), *found.other_views.values()):
        assert limit.low <= limit.log_odds <= limit.high
        assert limit.patients >= 20


def test_log_odds_of_certainty_are_finite():
    assert math.isfinite(log_odds(0.0))
    assert log_odds(1.0) == pytest.approx(-log_odds(0.0))
