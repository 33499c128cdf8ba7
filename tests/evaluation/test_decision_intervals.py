"""Intervals of decisions by patient: the plain bootstrap says the same, only slower."""

import numpy as np
import pytest

from hilum.errors import EvaluationError
from hilum.evaluation import (
    Confusion,
    Reference,
    bootstrap,
    brier,
    decision_intervals,
    decision_means,
    f1_averages,
    mean_intervals,
    npv_at,
    ppv_at,
)
from hilum.evaluation.decision_intervals import DECISION_NUMBERS


@pytest.fixture
def study():
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(90), rng.integers(1, 5, 90))
    y = rng.random((len(who), 3)) < [0.4, 0.3, 0.2]
    mask = rng.random(y.shape) < 0.9
    return Reference.of(y, who, mask=mask), rng.normal(size=y.shape) + y > 0.7


def counted(reference, decisions, f, weights=None):
    at = reference.mask[:, f]
    y, d = reference.targets[at, f], decisions[at, f]
    w = np.ones(at.sum(), int) if weights is None else weights[at]
    return Confusion(*(int(w[cell].sum()) for cell in (y & d, ~y & d, y & ~d, ~y & ~d)))


@pytest.mark.parametrize("name", DECISION_NUMBERS)
def test_every_number_is_that_of_the_plain_bootstrap(study, name):
    reference, decisions = study
    fast = decision_intervals(reference, decisions, rng=np.random.default_rng(3), samples=120)
    for f in range(3):
        slow = bootstrap(
            lambda w, f=f: getattr(counted(reference, decisions, f, w), name),
            reference.patients,
            rng=np.random.default_rng(3),
            samples=120,
        )
        found = fast[name][f]
        assert (found.value, found.samples, found.reason) == (slow.value, 120, slow.reason)
        assert found.low == pytest.approx(slow.low, abs=1e-12)
        assert found.high == pytest.approx(slow.high, abs=1e-12)


def test_restated_predictive_values_are_those_of_the_plain_bootstrap(study):
    reference, decisions = study
    fast = decision_intervals(
        reference, decisions, rng=np.random.default_rng(3), samples=120,
        prevalences=[0.02, None, 0.6],
    )  # fmt: skip
    for name, one in (("ppv_restated", ppv_at), ("npv_restated", npv_at)):
        assert fast[name][1].reason == "no prevalence was given"
        for f, prevalence in ((0, 0.02), (2, 0.6)):
            slow = bootstrap(
                lambda w, f=f, p=prevalence, one=one: one(counted(reference, decisions, f, w), p),
                reference.patients,
                rng=np.random.default_rng(3),
                samples=120,
            )
            assert fast[name][f].value == slow.value
            assert fast[name][f].low == pytest.approx(slow.low, abs=1e-12)
            assert fast[name][f].high == pytest.approx(slow.high, abs=1e-12)


def test_means_are_those_of_the_plain_bootstrap(study):
    reference, decisions = study
    fast = decision_means(reference, decisions, rng=np.random.default_rng(3), samples=120)
    assert tuple(fast) == DECISION_NUMBERS
    sizes = [counted(reference, decisions, f) for f in range(3)]
    for average in ("macro", "micro"):
        slow = bootstrap(
            lambda w, a=average: getattr(
                f1_averages([counted(reference, decisions, f, w) for f in range(3)]), a
            ),
            reference.patients,
            rng=np.random.default_rng(3),
            samples=120,
        )
        found = getattr(fast["f1"], average)
        assert found.value == pytest.approx(slow.value, abs=1e-12)
        assert found.low == pytest.approx(slow.low, abs=1e-12)
        assert found.high == pytest.approx(slow.high, abs=1e-12)
    weighted = np.average([c.f1.value for c in sizes], weights=[c.tp + c.fn for c in sizes])
    assert fast["f1"].weighted.value == pytest.approx(weighted)
    assert fast["f1"].weighted.low < weighted < fast["f1"].weighted.high


def test_a_number_that_is_often_undefined_has_no_interval():
    reference = Reference.of([[1, 0]] + [[0, 0]] * 30, range(31), findings=("mass", "hernia"))
    said = np.zeros((31, 2))
    said[:2, 0] = 1
    found = decision_intervals(reference, said, rng=np.random.default_rng(0), samples=400)
    assert found["sensitivity"][0].value == 1.0
    assert found["sensitivity"][0].low is None
    assert "undefined in" in found["sensitivity"][0].reason
    assert found["specificity"][0].low < 1.0
    assert found["sensitivity"][1].reason == "no positive"
    assert found["ppv"][1].reason == "nothing was decided present"
    means = decision_means(reference, said, rng=np.random.default_rng(0), samples=100)
    assert "left out: hernia (no positive)" in means["sensitivity"].macro.reason


def test_means_of_images_are_those_of_the_plain_bootstrap(study):
    reference, _ = study
    p = np.random.default_rng(1).random(reference.targets.shape)
    errors = (p - reference.targets) ** 2
    found = mean_intervals(reference, errors, rng=np.random.default_rng(3), samples=120)
    for f in range(3):
        at = reference.mask[:, f]
        slow = bootstrap(
            lambda w, f=f, at=at: brier(reference.targets[at, f], p[at, f], weights=w[at]),
            reference.patients,
            rng=np.random.default_rng(3),
            samples=120,
        )
        assert found[f].value == pytest.approx(slow.value, abs=1e-12)
        assert found[f].low == pytest.approx(slow.low, abs=1e-12)
        assert found[f].high == pytest.approx(slow.high, abs=1e-12)
    share = mean_intervals(
        Reference.of([0] * 5, [*"abcde"]), [0] * 5, rng=np.random.default_rng(0), samples=10
    )
    assert (share[0].value, share[0].low, share[0].high) == (0.0, 0.0, 0.0)


def test_what_does_not_fit_is_refused(study):
    reference, decisions = study
    rng = np.random.default_rng(0)
    with pytest.raises(EvaluationError, match=r"decisions must be 0 or 1, got 0\.5"):
        decision_intervals(reference, decisions * 0.5, rng=rng)
    with pytest.raises(EvaluationError, match="decisions must have shape"):
        decision_intervals(reference, decisions[:, :2], rng=rng)
    with pytest.raises(EvaluationError, match="1 prevalences were given for 3 findings"):
        decision_intervals(reference, decisions, rng=rng, samples=2, prevalences=[0.1])
    with pytest.raises(EvaluationError, match="samples must be at least 1"):
        decision_means(reference, decisions, rng=rng, samples=0)


def test_intervals_by_patient_hold_the_truth_as_often_as_they_say():
    """Sensitivity .7 of images that go together by patient; drawn by image, far too narrow."""
    rng = np.random.default_rng(0)
    by_patient = by_image = 0
    for _ in range(300):
        who = np.repeat(np.arange(80), 4)
        seen = rng.beta(0.7 * 2, 0.3 * 2, 80)[who] > rng.random(320)
        for units in (who, np.arange(320)):
            found = decision_intervals(
                Reference.of(np.ones(320), units), seen, rng=rng, samples=300
            )["sensitivity"][0]
            held = found.low <= 0.7 <= found.high
            by_patient += held and units is who
            by_image += held and units is not who
    assert 0.91 <= by_patient / 300 <= 0.98
    assert by_image / 300 < 0.88
