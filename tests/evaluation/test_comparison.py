"""Two methods on the same images."""

import numpy as np
import pytest

from hilum.errors import EvaluationError
from hilum.evaluation import Reference, auroc, bootstrap, compare, intervals


@pytest.fixture
def sides():
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(150), rng.integers(1, 4, 150))
    targets = rng.random((len(who), 4)) < 0.3
    shared = rng.normal(size=targets.shape)
    better = targets + shared
    worse = 0.6 * targets + shared + 0.3 * rng.normal(size=targets.shape)
    return Reference.of(targets, who, strata=who % 3), better, worse


def test_a_method_against_itself_differs_by_nothing(sides):
    reference, a, _ = sides
    found = compare(reference, a, a, rng=np.random.default_rng(0), samples=100)
    for part in (*found.each, found.mean):
        assert (part.difference.value, part.difference.low, part.difference.high) == (0, 0, 0)
        assert part.p_value == 1.0


def test_pairing_makes_the_difference_surer_than_its_sides(sides):
    reference, a, b = sides
    found = compare(reference, a, b, rng=np.random.default_rng(0), samples=500)
    for part in (*found.each, found.mean):
        assert part.difference.value == part.a.value - part.b.value
        assert part.difference.low < part.difference.value < part.difference.high
        width = part.difference.high - part.difference.low
        assert width < part.a.high - part.a.low
    assert found.mean.p_value == pytest.approx(2 / 501)
    assert found.mean.difference.low > 0


def test_turned_around_the_difference_changes_its_sign(sides):
    reference, a, b = sides
    there, back = (
        compare(reference, *pair, rng=np.random.default_rng(1), samples=200)
        for pair in ((a, b), (b, a))
    )
    for x, y in zip((*there.each, there.mean), (*back.each, back.mean), strict=True):
        assert x.difference.value == -y.difference.value
        assert x.difference.low == pytest.approx(-y.difference.high, abs=1e-12)
        assert x.p_value == y.p_value


def test_both_sides_are_what_they_are_alone_on_the_same_draws(sides):
    reference, a, b = sides
    for metric in ("auroc", "auroc within strata", "average precision"):
        found = compare(reference, a, b, rng=np.random.default_rng(2), metric=metric, samples=50)
        for side, scores in (("a", a), ("b", b)):
            alone = intervals(
                reference, scores, rng=np.random.default_rng(2), metric=metric, samples=50
            )
            assert tuple(getattr(part, side) for part in found.each) == alone.each
            assert getattr(found.mean, side) == alone.mean


def test_the_paired_interval_is_that_of_the_plain_bootstrap(sides):
    reference, a, b = sides
    y, who = reference.targets[:, 0], reference.patients

    def difference(w):
        return auroc(y, a[:, 0], weights=w).value - auroc(y, b[:, 0], weights=w).value

    slow = bootstrap(difference, who, rng=np.random.default_rng(3), samples=100)
    fast = compare(
        Reference.of(y, who), a[:, 0], b[:, 0], rng=np.random.default_rng(3), samples=100
    ).each[0]
    assert fast.difference.value == pytest.approx(slow.value, abs=1e-12)
    assert fast.difference.low == pytest.approx(slow.low, abs=1e-12)
    assert fast.difference.high == pytest.approx(slow.high, abs=1e-12)


def test_the_p_value_is_as_often_small_as_it_says():
    rng = np.random.default_rng(0)
    small = 0
    for _ in range(200):
        y = np.arange(120) < 40
        a, b = (y + rng.normal(size=120) for _ in range(2))
        part = compare(Reference.of(y, range(120)), a, b, rng=rng, samples=200).each[0]
        small += part.p_value <= 0.1
    assert 0.05 <= small / 200 <= 0.16


def test_an_undefined_finding_is_not_compared(sides):
    reference, a, b = sides
    targets = reference.targets.copy()
    targets[:, 1] = False
    found = compare(
        Reference.of(targets, reference.patients), a, b, rng=np.random.default_rng(0), samples=50
    )
    assert found.each[1].difference.value is None
    assert found.each[1].difference.reason.startswith("no positive among")
    assert found.each[1].p_value is None
    assert found.mean.difference.value == pytest.approx(
        np.mean([found.each[f].difference.value for f in (0, 2, 3)])
    )


def test_a_message_names_the_side(sides):
    reference, a, b = sides
    b = b.copy()
    b[3, 2] = np.nan
    with pytest.raises(EvaluationError, match=r"scores_b hold.* first at row 3 column 2"):
        compare(reference, a, b, rng=np.random.default_rng(0))
