"""Estimates of label noise on labels that were flipped on purpose."""

import numpy as np
import pytest

from hilum.audit import Scores, Subject, audit, confident
from hilum.audit.noise import among_the_surest, of_perfect_labels
from tests.audit.drawn import table_of


def drawn(n, missed, invented, spread=0.8, seed=0):
    """Truth, labels with known errors, and calibrated probabilities of the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < 0.4
    score = np.where(truth, 1.0, -1.0) + rng.normal(0, spread, n)
    p = 1 / (1 + np.exp(-(2 * score / spread**2 + np.log(0.4 / 0.6))))
    labels = np.where(truth, rng.random(n) >= missed, rng.random(n) < invented)
    return truth, labels, p


@pytest.mark.parametrize(("missed", "invented"), [(0.2, 0.0), (0.0, 0.1), (0.2, 0.1), (0.0, 0.0)])
def test_the_share_of_wrong_labels_is_recovered(missed, invented):
    truth, labels, p = drawn(20_000, missed, invented, spread=0.45)
    found = confident(labels, p)
    assert found is not None
    assert found.share == pytest.approx((truth != labels).mean(), abs=0.02)
    wrong = truth != labels
    if wrong.any():
        first = found.doubtful[: int(wrong.sum() / 2)]
        assert wrong[first].mean() > 0.9


@pytest.mark.parametrize(("auroc", "prevalence"), [(0.8, 0.3), (0.9, 0.3), (0.9, 0.05)])
def test_what_perfect_labels_would_give(auroc, prevalence):
    """Drawn at random: labels without an error, calibrated scores of that AUROC."""
    from statistics import NormalDist

    rng = np.random.default_rng(3)
    apart = 2**0.5 * NormalDist().inv_cdf(auroc)
    truth = rng.random(40_000) < prevalence
    odds = apart * (truth * apart + rng.normal(size=40_000)) - apart**2 / 2
    found = confident(truth, 1 / (1 + np.exp(-odds - np.log(prevalence / (1 - prevalence)))))
    assert found is not None
    assert of_perfect_labels(auroc, prevalence) == pytest.approx(found.share, abs=0.01)
    assert of_perfect_labels(0.5, prevalence) is None
    assert of_perfect_labels(1.0, prevalence) is None


def test_weights_count_as_repeated_images():
    _, labels, p = drawn(400, 0.1, 0.1)
    weights = np.random.default_rng(1).integers(0, 3, 400)
    repeated = np.repeat(np.arange(400), weights)
    one, two = confident(labels, p, weights), confident(labels[repeated], p[repeated])
    assert one is not None
    assert two is not None
    assert one.share == pytest.approx(two.share)


@pytest.mark.parametrize("labels", [np.zeros(10, bool), np.ones(10, bool)])
def test_one_class_has_no_estimate(labels):
    assert confident(labels, np.linspace(0, 1, 10)) is None


def test_rows_worth_a_look_are_named_and_weak_scores_give_none(options):
    truth, labels, p = drawn(600, 0.15, 0.05, spread=0.5)
    table = table_of({"mass": labels.astype(int)})
    found = audit(Subject(title="x", table=table, scores=Scores("s", ("mass",), p[:, None])),
                  options)  # fmt: skip
    line = found.line("label-noise")
    assert line.outcome == "warns"
    assert line.number.low < (truth != labels).mean() < line.number.high + 0.03
    rows = found.tables["doubtful-labels"].rows
    assert found.tables["doubtful-labels"].private
    at = [int(row[0].removeprefix("image-").removesuffix(".png")) for row in rows[:20]]
    assert (truth != labels)[at].mean() > 0.9
    rng = np.random.default_rng(2)
    weak = Scores("s", ("mass",), rng.random((600, 1)))
    line = audit(Subject(title="x", table=table, scores=weak), options).line("label-noise")
    assert line.outcome == "not asked"
    assert "Mass" in line.words


@pytest.mark.parametrize(
    ("apart", "swapped", "outcome"),
    [(1.6, 0.0, "passes"), (2.5, 0.0, "passes"), (4.0, 0.12, "warns")],
)
def test_overlapping_scores_are_no_wrong_labels(options, apart, swapped, outcome):
    """Perfect labels under scores that overlap pass, though confident learning doubts many."""
    told = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        truth = rng.random(900) < 0.4
        score = apart * truth + rng.normal(size=900)
        p = 1 / (1 + np.exp(-(apart * score - apart**2 / 2 + np.log(0.4 / 0.6))))
        labels = truth ^ (rng.random(900) < swapped)
        found = audit(
            Subject(title="x", table=table_of({"mass": labels.astype(int)}),
                    scores=Scores("s", ("mass",), p[:, None])), options,
        )  # fmt: skip
        told.append(found.line("label-noise").outcome)
    assert told.count(outcome) >= 5, told


@pytest.mark.parametrize(("missed", "invented"), [(0.2, 0.0), (0.0, 0.1), (0.0, 0.0)])
def test_labels_among_the_surest_of_the_other_kind(missed, invented):
    truth, labels, p = drawn(20_000, missed, invented, spread=0.45)
    assert among_the_surest(labels, p) == pytest.approx((truth != labels).mean(), abs=0.02)
    weights = np.random.default_rng(2).integers(0, 3, 20_000)
    assert among_the_surest(labels, p, weights) == pytest.approx(
        among_the_surest(labels, p), abs=0.02
    )
    assert among_the_surest(np.ones(5, bool), np.linspace(0, 1, 5)) is None


def test_scores_that_are_no_probabilities_give_no_estimate(options):
    _, labels, p = drawn(400, 0.0, 0.0, spread=0.5)
    scores = Scores("s", ("mass",), 30 * p[:, None], probabilities=False)
    table = table_of({"mass": labels.astype(int)})
    line = audit(Subject(title="x", table=table, scores=scores), options).line("label-noise")
    assert line.outcome == "not asked"
    assert "no probabilities" in line.words
