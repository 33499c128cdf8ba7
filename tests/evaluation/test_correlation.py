import numpy as np
import pytest

from hilum.errors import EvaluationError
from hilum.evaluation.correlation import pearson, spearman, spearman_interval


@pytest.fixture
def pairs():
    rng = np.random.default_rng(2)
    one = rng.integers(0, 12, 80).astype(float)  # many ties
    return one, 0.4 * one + rng.normal(0, 2, 80)


def test_correlations_are_those_of_scipy(pairs):
    stats = pytest.importorskip("scipy.stats", reason="needs scipy: pip install 'hilum[analyse]'")
    one, other = pairs
    assert spearman(one, other) == pytest.approx(stats.spearmanr(one, other).statistic)
    assert pearson(one, other) == pytest.approx(stats.pearsonr(one, other).statistic)


def test_weights_count_as_repeated_pairs(pairs):
    one, other = pairs
    weights = np.random.default_rng(5).integers(0, 4, len(one))
    rows = np.repeat(np.arange(len(one)), weights)
    for how in (spearman, pearson):
        assert how(one, other, weights) == pytest.approx(how(one[rows], other[rows]))


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ([1, 2, 3], [10, 20, 90], 1.0),
        ([1, 2, 3], [3, 2, 1], -1.0),
        ([0.1, 0.1, 0.1], [1, 2, 3], None),
        ([1, 2, 3], [0.7, 0.7, 0.7], None),
        ([], [], None),
    ],
)
def test_order_decides(one, other, said):
    found = spearman(one, other)
    assert found == (said if said is None else pytest.approx(said))


def test_an_interval_draws_patients(pairs):
    one, other = pairs
    rng = np.random.default_rng
    alone = spearman_interval(one, other, np.arange(80), rng=rng(0), samples=400)
    twice = np.repeat(one, 3), np.repeat(other, 3), np.repeat(np.arange(80), 3)
    copied = spearman_interval(*twice, rng=rng(0), samples=400)
    assert copied.value == pytest.approx(alone.value, abs=1e-3)
    wide = [found.high - found.low for found in (alone, copied)]
    assert wide[1] == pytest.approx(wide[0], rel=0.1)  # copies of a patient add no knowledge
    assert alone.low < spearman(one, other) < alone.high


def test_a_difference_is_of_the_same_draws(pairs):
    one, other = pairs
    rng = np.random.default_rng(0)
    same = spearman_interval(one, other, np.arange(80), rng=rng, than=2 * one, samples=50)
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)
    against = spearman_interval(one, other, np.arange(80), rng=rng, than=-one, samples=50)
    assert against.value == pytest.approx(2 * spearman(one, other))


@pytest.mark.parametrize(
    "wrong", [([1, 2], [1, 2, 3], None), ([1, np.nan], [1, 2], None), ([1, 2], [1, 2], [1, -1])]
)
def test_what_cannot_be_correlated_is_refused(wrong):
    with pytest.raises(EvaluationError):
        spearman(*wrong)
