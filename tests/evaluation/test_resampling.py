"""Intervals: what is drawn, how often they hold the truth, when they are withheld."""

import math
import time

import numpy as np
import pytest

from hilum.errors import EvaluationError
from hilum.evaluation import (
    Measure,
    Reference,
    auroc,
    auroc_within,
    average_precision,
    bootstrap,
    intervals,
    resampling,
)
from hilum.evaluation.resampling import draws


def study(rng, patients=60, findings=3):
    """Images of patients who come more than once, with findings that scores partly tell."""
    who = np.repeat(np.arange(patients), rng.integers(1, 5, patients))
    targets = rng.random((len(who), findings)) < 0.3
    scores = np.round(rng.normal(size=targets.shape) + targets, 1)
    return who, targets, scores


def test_a_draw_holds_as_many_patients_as_there_are():
    rows = np.concatenate(list(draws(40, 100, 500, np.random.default_rng(0))))
    assert rows.shape == (500, 40)
    assert (rows.sum(axis=1) == 40).all()
    # A patient is left out of a draw with probability (1 − 1/40)⁴⁰ = .363.
    assert (rows == 0).mean() == pytest.approx((1 - 1 / 40) ** 40, abs=0.01)


def test_draws_do_not_depend_on_how_many_are_made_at_a_time(monkeypatch):
    whole = np.concatenate(list(draws(37, 50, 101, np.random.default_rng(4))))
    monkeypatch.setattr(resampling, "CELLS", 350)
    parts = list(draws(37, 50, 101, np.random.default_rng(4)))
    assert len(parts) == 15
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_images_of_a_patient_are_drawn_together():
    who = np.array(["a", "b", "a", "c", "b", "a"])
    seen = []

    def statistic(weights):
        seen.append(weights.copy())
        return float(weights.sum())

    found = bootstrap(statistic, who, rng=np.random.default_rng(0), samples=50)
    assert found.value == 6.0
    for weights in seen:
        assert weights[0] == weights[2] == weights[5]
        assert weights[1] == weights[4]
    assert len(seen) == 51


def test_the_fast_path_is_the_plain_bootstrap():
    who, targets, scores = study(np.random.default_rng(1))
    strata = np.arange(len(who)) % 2
    plain = Reference.of(targets, who, strata=strata)
    for metric, one in (("auroc", auroc), ("average precision", average_precision)):
        fast = intervals(plain, scores, rng=np.random.default_rng(5), metric=metric, samples=200)
        for f in range(3):
            slow = bootstrap(
                lambda w, f=f, one=one: one(targets[:, f], scores[:, f], weights=w),
                who,
                rng=np.random.default_rng(5),
                samples=200,
            )
            assert fast.each[f].value == slow.value
            assert fast.each[f].low == pytest.approx(slow.low, abs=1e-12)
            assert fast.each[f].high == pytest.approx(slow.high, abs=1e-12)


def test_the_fast_path_within_strata_and_mask_is_the_plain_bootstrap():
    rng = np.random.default_rng(2)
    who, targets, scores = study(rng)
    strata = rng.choice(["a", "b", "c"], len(who))
    mask = rng.random(targets.shape) < 0.8
    reference = Reference.of(targets, who, mask=mask, strata=strata)
    fast = intervals(
        reference, scores, rng=np.random.default_rng(5), metric="auroc within strata", samples=100
    )
    for f in range(3):
        at = mask[:, f]

        def one(w, f=f, at=at):
            return auroc_within(targets[at, f], scores[at, f], strata[at], weights=w[at])

        slow = bootstrap(one, who, rng=np.random.default_rng(5), samples=100)
        assert fast.each[f].value == slow.value
        assert fast.each[f].low == pytest.approx(slow.low, abs=1e-12)
        assert fast.each[f].high == pytest.approx(slow.high, abs=1e-12)


def test_the_mean_has_an_interval_of_its_own():
    who, targets, scores = study(np.random.default_rng(3))
    found = intervals(Reference.of(targets, who), scores, rng=np.random.default_rng(0), samples=300)
    assert found.mean.value == pytest.approx(np.mean([m.value for m in found.each]))
    assert found.mean.low < found.mean.value < found.mean.high
    # Findings err independently here, so their mean is surer than any of them.
    width = found.mean.high - found.mean.low
    assert all(width < m.high - m.low for m in found.each)


def test_a_finding_of_few_patients_has_a_value_but_no_interval():
    who, targets, scores = study(np.random.default_rng(3))
    targets[:, 1] = who == 7
    names = ("mass", "hernia", "edema")
    found = intervals(
        Reference.of(targets, who, findings=names),
        scores,
        rng=np.random.default_rng(0),
        samples=400,
    )
    rare = found.each[1]
    assert rare.value is not None
    assert rare.low is None
    # The only patient with the finding is left out of a draw with probability .365.
    assert rare.undefined_samples / 400 == pytest.approx(0.365, abs=0.08)
    assert rare.reason.startswith(f"no interval: undefined in {rare.undefined_samples} of 400")
    assert found.mean.low is None
    assert "most often hernia; average the others" in found.mean.reason
    assert found.each[0].low is not None


def test_few_undefined_draws_are_counted_and_the_interval_stands():
    who = np.arange(40)
    targets = np.arange(40) < 4  # left out of a draw with probability (36/40)⁴⁰ = .0148
    scores = np.random.default_rng(0).normal(size=40)
    found = intervals(Reference.of(targets, who), scores, rng=np.random.default_rng(0)).each[0]
    assert 5 <= found.undefined_samples <= 60
    assert found.low is not None


def test_an_undefined_finding_stays_out_of_the_mean():
    who, targets, scores = study(np.random.default_rng(3))
    targets[:, 2] = False
    found = intervals(Reference.of(targets, who), scores, rng=np.random.default_rng(0), samples=200)
    assert found.each[2].value is None
    assert found.mean.low is not None
    assert found.mean.reason.startswith("mean of 2 of 3; left out: finding 2 (no positive")


def test_one_patient_has_no_interval():
    reference = Reference.of([0, 1, 0, 1], ["a"] * 4)
    found = intervals(reference, [1, 2, 3, 4], rng=np.random.default_rng(0)).each[0]
    assert found.value == 0.75
    assert found.low is None
    assert found.reason == "no interval: 1 patient cannot be resampled"


def test_three_patients_in_all_have_no_interval():
    who = [0, 0, 1, 1, 2, 2, 2]
    reference = Reference.of([0, 1, 0, 1, 0, 1, 1], who)
    found = intervals(reference, np.arange(7), rng=np.random.default_rng(0), samples=50)
    for measure in (found.each[0], found.mean, found.weighted):
        assert measure.value is not None
        assert measure.low is None
        assert measure.reason == "no interval: 3 patients are too few to resample"


def test_the_same_seed_gives_the_same_interval():
    who, targets, scores = study(np.random.default_rng(3))
    reference = Reference.of(targets, who)
    first, second = (
        intervals(reference, scores, rng=np.random.default_rng(9), samples=100) for _ in range(2)
    )
    assert first == second


def test_intervals_by_patient_hold_the_truth_as_often_as_they_say():
    """95 % intervals cover in about 95 % of studies; drawn by image they are far too narrow."""
    truth = 0.5 * (1 + math.erf(1.0 / math.sqrt(2 * 1.25) / math.sqrt(2)))
    rng = np.random.default_rng(0)
    by_patient = by_image = 0
    for _ in range(300):
        who = np.repeat(np.arange(80), rng.integers(1, 8, 80))
        sick = (rng.random(80) < 0.4)[who]
        scores = sick + rng.normal(size=80)[who] + 0.5 * rng.normal(size=len(who))
        for units in (who, np.arange(len(who))):
            found = intervals(Reference.of(sick, units), scores, rng=rng, samples=250).each[0]
            held = found.low <= truth <= found.high
            by_patient += held and units is who
            by_image += held and units is not who
    assert 0.91 <= by_patient / 300 <= 0.98
    assert by_image / 300 < 0.8


def test_a_statistic_may_be_undefined_but_not_nan():
    rng = np.random.default_rng(0)
    found = bootstrap(lambda w: None, range(5), rng=rng, samples=10)
    assert found.reason == "the statistic is undefined"
    assert found.undefined_samples == 10
    with pytest.raises(EvaluationError, match="the statistic returned nan; return None"):
        bootstrap(lambda w: float("nan"), range(5), rng=rng)


def test_a_statistic_may_take_rows():
    values = np.random.default_rng(0).normal(size=400)
    found = bootstrap(
        lambda w: float(np.repeat(values, w).mean()), range(400), rng=np.random.default_rng(0)
    )
    half = 1.96 * values.std() / 20
    assert found.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.1 * half)
    assert isinstance(found, Measure)


def test_settings_that_mean_nothing_are_refused():
    rng = np.random.default_rng(0)
    reference = Reference.of([0, 1], ["a", "b"])
    with pytest.raises(EvaluationError, match="samples must be at least 1, got 0"):
        intervals(reference, [1, 2], rng=rng, samples=0)
    with pytest.raises(EvaluationError, match=r"level must lie in \(0, 1\), got 95"):
        intervals(reference, [1, 2], rng=rng, level=95)
    with pytest.raises(EvaluationError, match="Unknown metric 'auc'; known: auroc"):
        intervals(reference, [1, 2], rng=rng, metric="auc")
    with pytest.raises(EvaluationError, match="auroc within strata needs"):
        intervals(reference, [1, 2], rng=rng, metric="auroc within strata")
    with pytest.raises(EvaluationError, match="nothing can be resampled: there is no image"):
        intervals(Reference.of(np.zeros((0, 2)), []), np.zeros((0, 2)), rng=rng)


def test_a_reference_must_fit():
    with pytest.raises(EvaluationError, match="patients must have one value an image, 2"):
        Reference.of([0, 1], ["a"])
    with pytest.raises(EvaluationError, match="1 findings are named, targets have 2 columns"):
        Reference.of([[0, 1]], ["a"], findings=["mass"])
    with pytest.raises(EvaluationError, match=r"targets must be 0 or 1, got 0\.5 at row 1"):
        Reference.of([0, 0.5], ["a", "b"])
    with pytest.raises(EvaluationError, match=r"scores must have shape \[2, 1\], got \[3, 1\]"):
        Reference.of([0, 1], ["a", "b"]).scores([1, 2, 3])


def test_intervals_are_quick():
    """1,400 images × 14 findings × 2,000 draws within 8 s on a busy core (some 0.2 s alone)."""
    rng = np.random.default_rng(0)
    targets = rng.random((1400, 14)) < 0.1
    reference = Reference.of(targets, rng.integers(0, 1200, 1400))
    start = time.process_time()
    found = intervals(reference, rng.normal(size=targets.shape) + targets, rng=rng)
    assert time.process_time() - start < 8
    assert found.mean.samples == 2000
