import pytest
from scipy.stats import binom, binomtest, norm

from hilum.errors import EvaluationError
from hilum.evaluation import clopper_pearson, wilson
from hilum.evaluation.proportions import normal_quantile, two_sided

CASES = [(0, 10), (1, 7), (33, 992), (416, 416)]


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
@pytest.mark.parametrize(("successes", "trials"), CASES)
@pytest.mark.parametrize(("ours", "theirs"), [(wilson, "wilson"), (clopper_pearson, "exact")])
def test_intervals_are_those_of_scipy(ours, theirs, successes, trials, level) -> None:
    found = ours(successes, trials, level=level)
    expected = binomtest(successes, trials).proportion_ci(level, method=theirs)
    assert found.value == successes / trials
    assert found.low == pytest.approx(expected.low, abs=1e-12)
    assert found.high == pytest.approx(expected.high, abs=1e-12)
    assert (found.positives, found.negatives) == (successes, trials - successes)
    assert found.level == level


@pytest.mark.parametrize("ours", [wilson, clopper_pearson])
def test_what_cannot_be(ours) -> None:
    assert ours(0, 0).reason == "no trial"
    with pytest.raises(EvaluationError, match="3 successes of 2"):
        ours(3, 2)
    with pytest.raises(EvaluationError, match=r"level must lie in \(0, 1\), got 95"):
        ours(1, 2, level=95)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("trials", [20, 100])
def test_clopper_and_pearson_are_never_too_short(share, trials) -> None:
    """The chance of every count, summed where the interval holds the truth."""
    held = wilson_held = 0.0
    for count in range(trials + 1):
        mass = float(binom.pmf(count, trials, share))
        exact, score = clopper_pearson(count, trials), wilson(count, trials)
        held += mass * (exact.low <= share <= exact.high)
        wilson_held += mass * (score.low <= share <= score.high)
    assert held >= 0.95
    assert 0.89 < wilson_held <= held + 1e-12


def test_normal_numbers_are_those_of_scipy() -> None:
    for level in (0.5, 0.9, 0.95, 0.999):
        assert normal_quantile(level) == pytest.approx(norm.ppf((1 + level) / 2), abs=1e-12)
    for z in (0.0, 0.3, -1.96, 5.0):
        assert two_sided(z) == pytest.approx(2 * norm.sf(abs(z)), abs=1e-12)
