"""DeLong's interval: published numbers, structural components counted pair by pair, coverage."""

import math

import numpy as np
import pytest

from hilum.errors import EvaluationError
from hilum.evaluation import auroc, auroc_each, delong, delong_compare

# Ratings 1 to 5 of 58 normal and 51 abnormal CT images: Hanley and McNeil 1982, Table I.
NORMAL = (33, 6, 6, 11, 2)
ABNORMAL = (3, 2, 2, 11, 33)


def rated():
    scores = np.repeat([1, 2, 3, 4, 5] * 2, NORMAL + ABNORMAL)
    return np.repeat([0, 1], (58, 51)), scores


def by_pairs(y, *scores):
    """AUROCs and their covariances, from the kernel of every pair."""
    up, down = [], []
    for s in scores:
        kernel = np.sign(s[y == 1][:, None] - s[y == 0][None, :]) / 2 + 0.5
        up.append(kernel.mean(axis=1))
        down.append(kernel.mean(axis=0))
    covariance = np.cov(up) / len(up[0]) + np.cov(down) / len(down[0])
    return [u.mean() for u in up], np.atleast_2d(covariance)


def test_the_numbers_that_stata_prints_for_hanley_and_mcneil():
    """``roctab``: area 0.8932, standard error 0.0307, interval 0.83295 to 0.95339."""
    (found,) = delong(*rated())
    assert found.value == pytest.approx(0.8932, abs=5e-5)
    assert (found.high - found.low) / (2 * 1.959964) == pytest.approx(0.0307, abs=5e-5)
    assert found.low == pytest.approx(0.83295, abs=5e-6)
    assert found.high == pytest.approx(0.95339, abs=5e-6)
    assert (found.positives, found.negatives) == (51, 58)


def test_the_numbers_of_a_published_implementation_of_sun_and_xu():
    """Its example prints AUC 0.8, variance 0.02875, interval 0.46767 to 1."""
    y = [0, 1, 0, 0, 1, 1, 0, 1, 0]
    s = [0.21, 0.32, 0.63, 0.35, 0.92, 0.79, 0.82, 0.99, 0.04]
    (found,) = delong(y, s)
    assert found.value == pytest.approx(0.8)
    assert ((found.value - found.low) / 1.959963984540054) ** 2 == pytest.approx(0.02875)
    assert found.low == pytest.approx(0.4676719375452081)
    assert found.high == 1.0


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("digits", [0, 1, 8])
def test_structural_components_of_every_pair(seed, digits):
    rng = np.random.default_rng(seed)
    y = rng.random(int(rng.integers(8, 120))) < 0.4
    y[:4] = True, True, False, False
    a = np.round(rng.normal(size=len(y)) + y, digits)
    b = np.round(0.5 * a + rng.normal(size=len(y)), digits)
    (first, second), covariance = by_pairs(y, a, b)
    for s, value, variance in ((a, first, covariance[0, 0]), (b, second, covariance[1, 1])):
        (found,) = delong(y, s, level=0.5)
        assert found.value == pytest.approx(value, abs=1e-12)
        half = 0.6744897501960817 * math.sqrt(variance)
        assert found.low == pytest.approx(max(0, value - half), abs=1e-12)
        assert found.high == pytest.approx(min(1, value + half), abs=1e-12)
    both = delong_compare(y, a, b)
    error = math.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    assert both.difference.value == pytest.approx(first - second, abs=1e-12)
    assert both.difference.high == pytest.approx(
        min(1, first - second + 1.959963984540054 * error), abs=1e-12
    )
    z = (first - second) / error
    assert both.p_value == pytest.approx(math.erfc(abs(z) / math.sqrt(2)), abs=1e-12)


def test_many_findings_and_a_mask():
    rng = np.random.default_rng(0)
    y = rng.random((200, 3)) < 0.3
    s = rng.normal(size=y.shape) + y
    mask = rng.random(y.shape) < 0.7
    found = delong(y, s, mask=mask)
    for f, measure in enumerate(found):
        at = mask[:, f]
        assert measure == delong(y[at, f], s[at, f])[0]
    assert [m.value for m in found] == pytest.approx([m.value for m in auroc_each(y, s, mask)])
    one = delong(y[:, 0], s)
    assert one[1] == delong(y[:, 0], s[:, 1])[0]


def test_where_there_is_no_interval_it_says_why():
    assert delong([0, 0], [1, 2])[0].reason == "no positive among 2 images"
    (apart,) = delong([0, 0, 1, 1], [1, 2, 3, 4])
    assert (apart.value, apart.low) == (1.0, None)
    assert apart.reason == "no interval: DeLong's variance is 0"
    (few,) = delong([0, 0, 1], [1, 3, 2])
    assert (few.value, few.low) == (0.5, None)
    assert few.reason == "no interval: one positive has no variance"
    assert delong([1, 1, 0], [1, 3, 2])[0].reason == "no interval: one negative has no variance"


def test_comparisons_that_cannot_be_made():
    same = delong_compare([0, 1, 0, 1], [1, 2, 3, 4], [10, 20, 30, 40])
    assert (same.difference.value, same.difference.low, same.p_value) == (0.0, 0.0, 1.0)
    sure = delong_compare([0, 0, 1, 1], [1, 2, 3, 4], [4, 3, 2, 1])
    assert sure.difference.value == 1.0
    assert sure.difference.reason == "no interval: DeLong's variance is 0"
    assert sure.p_value is None
    one = delong_compare([0, 0, 1], [1, 2, 3], [1, 3, 2])
    assert one.difference.reason == "no interval: one positive has no variance"
    assert one.p_value is None
    nothing = delong_compare([0, 0], [1, 2], [2, 1])
    assert nothing.difference.reason == "no positive among 2 images"
    with pytest.raises(EvaluationError, match="b has 1 values where 2 were expected"):
        delong_compare([0, 1], [1, 2], [1])


def test_the_interval_holds_the_truth_as_often_as_it_says():
    truth = 0.5 * (1 + math.erf(1 / math.sqrt(2) / math.sqrt(2)))
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(1000):
        y = np.arange(120) < 40
        (found,) = delong(y, rng.normal(size=120) + y)
        held += found.low <= truth <= found.high
    assert 0.93 <= held / 1000 <= 0.97


def test_the_test_finds_a_difference_that_is_not_there_as_often_as_it_says():
    rng = np.random.default_rng(1)
    wrong = 0
    for _ in range(1000):
        y = np.arange(150) < 50
        shared = rng.normal(size=150) + y
        a, b = (shared + rng.normal(size=150) for _ in range(2))
        wrong += delong_compare(y, a, b).p_value < 0.05
    assert 0.03 <= wrong / 1000 <= 0.07


def test_an_auroc_is_an_auroc():
    rng = np.random.default_rng(0)
    y, s = rng.random(5000) < 0.02, np.round(rng.normal(size=5000), 2)
    assert delong(y, s)[0].value == pytest.approx(auroc(y, s).value, abs=1e-12)
