from __future__ import annotations

import numpy as np
import pytest

from hilum.errors import RecipeError
from hilum.training.losses.counts import (
    Counts,
    balanced,
    balanced_by_effective_number,
    effective_number,
    inverse_frequency,
)

COUNTS = Counts((10, 40), (90, 60), ("hernia", "mass"))


def test_weights_by_hand():
    assert [w.tolist() for w in balanced(COUNTS)] == [[9, 1.5], [1, 1]]
    present, absent = inverse_frequency(COUNTS)
    np.testing.assert_allclose(present, [10, 2.5])
    np.testing.assert_allclose(absent, [100 / 90, 100 / 60])


def test_inverse_frequency_gives_both_classes_the_same_sum():
    present, absent = inverse_frequency(COUNTS)
    np.testing.assert_allclose(present * COUNTS.positives, absent * COUNTS.negatives)


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9, 0.9999])
def test_effective_number_is_a_geometric_sum(beta):
    for n in (1, 2, 7, 300):
        assert effective_number(n, beta) == pytest.approx(sum(beta**k for k in range(n)))


def test_effective_number_has_the_limits_of_the_paper():
    assert effective_number(1000, 0.0) == 1
    assert effective_number(1000, 1 - 1e-12) == pytest.approx(1000, rel=1e-6)


def test_weights_by_effective_number_have_a_mean_of_one():
    n = np.array([5.0, 50, 5000])
    weights = balanced_by_effective_number(n, 0.999)
    raw = 1 / np.array([sum(0.999**k for k in range(int(x))) for x in n])
    np.testing.assert_allclose(weights, raw * 3 / raw.sum())
    assert balanced_by_effective_number(n, 0.0).tolist() == [1, 1, 1]


def test_counting_leaves_out_what_is_unknown():
    targets = np.array([[1, 0], [1, np.nan], [0, 0], [1, 1]])
    mask = np.array([[1, 1], [1, 0], [1, 1], [0, 1]], bool)
    assert Counts.of(targets, mask, ("a", "b")) == Counts((2, 1), (1, 2), ("a", "b"))
    # of findings that exclude each other only whole rows with one of them
    whole = Counts.of(targets, mask, ("a", "b"), exclusive=True)
    assert (whole.positives, whole.negatives) == ((1, 0), (0, 1))


def test_a_finding_without_examples_is_named():
    counts = Counts((3, 0, 0), (1, 9, 9), ("mass", "hernia", "edema"))
    with pytest.raises(RecipeError, match=r"present, and in the .* rows hernia, edema never are"):
        balanced(counts)
    with pytest.raises(RecipeError, match=r"absent.* mass never is"):
        inverse_frequency(Counts((3,), (0,), ("mass",)))
    many = Counts((0,) * 8, (1,) * 8)
    with pytest.raises(RecipeError, match="number 5 and 3 more never are"):
        balanced(many)
