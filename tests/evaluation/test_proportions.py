import pytest
from scipy.stats import binomtest

from hilum.errors import EvaluationError
from hilum.evaluation import wilson


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (1, 7), (33, 992), (416, 416)])
def test_wilson_is_that_of_scipy(successes: int, trials: int) -> None:
    found = wilson(successes, trials)
    expected = binomtest(successes, trials).proportion_ci(method="wilson")
    assert found.value == successes / trials
    assert found.low == pytest.approx(expected.low, abs=1e-12)
    assert found.high == pytest.approx(expected.high, abs=1e-12)


def test_no_trial_is_undefined() -> None:
    assert not wilson(0, 0).defined


def test_more_successes_than_trials_are_refused() -> None:
    with pytest.raises(EvaluationError, match="3 successes of 2"):
        wilson(3, 2)
