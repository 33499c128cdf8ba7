"""AUROC and average precision, against scikit-learn and against counting pairs."""

import itertools

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from hilum.errors import EvaluationError
from hilum.evaluation import (
    auroc,
    auroc_each,
    auroc_within,
    average_precision,
    average_precision_each,
)


@pytest.fixture(params=range(6))
def case(request):
    """Reference, scores full of ties, weights with zeros."""
    rng = np.random.default_rng(request.param)
    n = int(rng.integers(5, 300))
    reference = rng.random(n) < rng.uniform(0.1, 0.9)
    reference[:2] = True, False
    weights = rng.integers(0, 5, n).astype(float)
    weights[:2] = 1.5, 0.25
    return reference, np.round(rng.normal(size=n) + reference, int(rng.integers(0, 3))), weights


def test_auroc_is_that_of_scikit_learn(case):
    y, s, w = case
    assert auroc(y, s).value == pytest.approx(roc_auc_score(y, s), abs=1e-12)
    assert auroc(y, s, weights=w).value == pytest.approx(
        roc_auc_score(y, s, sample_weight=w), abs=1e-12
    )


def test_average_precision_is_that_of_scikit_learn(case):
    y, s, w = case
    assert average_precision(y, s).value == pytest.approx(average_precision_score(y, s), abs=1e-12)
    assert average_precision(y, s, weights=w).value == pytest.approx(
        average_precision_score(y, s, sample_weight=w), abs=1e-12
    )


def test_auroc_within_strata_counts_pairs_of_one_stratum(case):
    y, s, w = case
    strata = np.arange(len(y)) * 7 % 3
    right = pairs = 0.0
    for i, j in itertools.product(np.flatnonzero(y), np.flatnonzero(~y)):
        if strata[i] == strata[j]:
            pairs += w[i] * w[j]
            right += w[i] * w[j] * (0.5 * (s[i] >= s[j]) + 0.5 * (s[i] > s[j]))
    found = auroc_within(y, s, strata, weights=w)
    if pairs:
        assert found.value == pytest.approx(right / pairs, abs=1e-12)
    else:
        assert found.value is None


def test_a_score_that_knows_the_stratum_alone_is_worth_nothing_within_it():
    strata = np.array(["road a"] * 50 + ["road b"] * 50)
    y = np.r_[np.arange(50) % 10 == 0, np.arange(50) % 10 != 0]
    s = (strata == "road b").astype(float)
    assert auroc(y, s).value == pytest.approx(0.9)
    assert auroc_within(y, s, strata).value == 0.5


def test_one_class_is_undefined_and_says_why():
    assert auroc([0, 0, 0], [1, 2, 3]).reason == "no positive among 3 images"
    assert average_precision([1, 1], [1, 2]).reason == "no negative among 2 images"
    assert auroc([], []).reason == "no image"
    assert auroc([0, 1, 1], [1, 2, 3], weights=[0, 1, 1]).reason == (
        "all positives or all negatives have weight 0"
    )
    within = auroc_within([0, 0, 1, 1], [1, 2, 3, 4], ["a", "a", "b", "b"])
    assert within.value is None
    assert within.reason == "no stratum holds both positives and negatives"


def test_counts_stand_beside_the_number():
    found = auroc([0, 0, 1], [0.1, 0.2, 0.3])
    assert (found.value, found.positives, found.negatives, found.images) == (1.0, 1, 2, 3)


def test_each_finding_is_measured_on_the_cells_that_count(case):
    y, s, _ = case
    rng = np.random.default_rng(1)
    targets = np.column_stack([y, ~y, np.zeros(len(y))]).astype(float)
    scores = np.column_stack([s, s, s])
    mask = rng.random(targets.shape) < 0.7
    mask[:2] = True
    targets[~mask], scores[~mask] = np.nan, np.nan
    for each, one in ((auroc_each, auroc), (average_precision_each, average_precision)):
        found = each(targets, scores, mask)
        for f in range(3):
            at = mask[:, f]
            assert found[f] == one(targets[at, f], scores[at, f])
        assert found[2].reason == f"no positive among {mask[:, 2].sum()} images"


def test_each_finding_within_strata(case):
    y, s, _ = case
    strata = np.arange(len(y)) % 2
    assert auroc_each(y, s, strata=strata) == [auroc_within(y, s, strata)]


@pytest.mark.parametrize(
    ("reference", "scores", "message"),
    [
        ([0, 1], [0.1, np.nan], "scores hold NaN or infinity in 1 of 2 cells, first at row 1"),
        ([0, 1], [0.1, np.inf], "scores hold NaN or infinity"),
        ([0, 1], [0.1], "scores has 1 values where 2 were expected"),
        ([0, 2], [0.1, 0.2], "reference must be 0 or 1, got 2 at row 1"),
        ([0, np.nan], [0.1, 0.2], "reference must be 0 or 1, got nan at row 1"),
        ([[0, 1]], [0.1, 0.2], r"reference must have one axis, got shape \[1, 2\]"),
        (["yes", "no"], [0.1, 0.2], "reference must be an array of numbers"),
    ],
)
@pytest.mark.parametrize("metric", [auroc, average_precision])
def test_what_cannot_be_measured_is_refused(metric, reference, scores, message):
    with pytest.raises(EvaluationError, match=message):
        metric(reference, scores)


def test_weights_must_fit():
    with pytest.raises(EvaluationError, match="weights must not be negative, got -1 at row 1"):
        auroc([0, 1], [1, 2], weights=[1, -1])
    with pytest.raises(EvaluationError, match="weights has 1 values where 2 were expected"):
        auroc([0, 1], [1, 2], weights=[1])


def test_tables_must_fit():
    with pytest.raises(EvaluationError, match=r"scores must have shape \[2, 2\], got \[2, 1\]"):
        auroc_each([[0, 1], [1, 0]], [[0.1], [0.2]])
    with pytest.raises(EvaluationError, match="first at row 0 column 1"):
        auroc_each([[0, 1], [1, 0]], [[0.1, np.nan], [0.2, 0.1]])
    with pytest.raises(EvaluationError, match="mask must be 0 or 1"):
        auroc_each([[0, 1], [1, 0]], [[0.1, 0.3], [0.2, 0.1]], [[1, 2], [1, 1]])
    with pytest.raises(EvaluationError, match="strata must have one value an image, 2"):
        auroc_within([0, 1], [1, 2], ["a"])
    with pytest.raises(EvaluationError, match="strata hold NaN"):
        auroc_within([0, 1], [1, 2], [1.0, np.nan])
