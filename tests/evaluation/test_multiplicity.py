"""Corrected p-values."""

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from hilum.errors import EvaluationError
from hilum.evaluation import benjamini_hochberg, holm

# The fifteen p-values of Benjamini and Hochberg 1995, § 4, in rising order.
PUBLISHED = (0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240,
             0.4262, 0.5719, 0.6528, 0.7590, 1.0)  # fmt: skip


def test_the_published_example():
    """Bonferroni and step-down find three of them at .05, the false discovery rate four."""
    assert [p <= 0.05 for p in holm(PUBLISHED)].count(True) == 3
    assert [p <= 0.05 for p in benjamini_hochberg(PUBLISHED)].count(True) == 4


def test_step_by_step():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert benjamini_hochberg([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.02, 0.04, 0.04, 0.02])


@pytest.mark.parametrize("seed", range(5))
def test_false_discoveries_are_those_of_scipy(seed):
    p = np.random.default_rng(seed).random(30) ** 3
    assert benjamini_hochberg(p) == pytest.approx(false_discovery_control(p))


def test_tests_that_could_not_be_made_do_not_count():
    assert holm([0.02, None, 0.03]) == (0.04, None, 0.04)
    assert benjamini_hochberg([None, 0.02]) == (None, 0.02)
    assert holm([]) == ()
    assert holm([None]) == (None,)


@pytest.mark.parametrize("bad", [-0.1, 1.5, float("nan")])
def test_what_is_no_p_value(bad):
    for correct in (holm, benjamini_hochberg):
        with pytest.raises(EvaluationError, match=r"p-values must lie in \[0, 1\]"):
            correct([0.5, bad])


def test_holm_errs_in_no_more_studies_than_it_says():
    rng = np.random.default_rng(0)
    wrong = sum(min(holm(rng.random(14))) < 0.05 for _ in range(2000))
    assert 0.035 <= wrong / 2000 <= 0.065
