import numpy as np
import pytest

from hilum.errors import RunError
from hilum.evaluation import Reference
from hilum.training.numbers import calibrate, cross_fitted_slopes, measure


def drawn(positives: list[int], strength: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    targets = np.zeros((400, len(positives)), np.float32)
    for column, count in enumerate(positives):
        targets[:count, column] = 1
    logits = (strength * (targets - 0.5) + rng.normal(0, 1, targets.shape)).astype(np.float32)
    return logits, targets, np.ones(targets.shape, np.bool_)


def test_thirty_positives_make_a_calibration_trusted() -> None:
    found = calibrate(("mass", "nodule", "hernia"), *drawn([100, 30, 29], 2.0), "rows")
    assert [f.calibration.trusted for f in found] == [True, True, False]
    assert [f.calibration.method for f in found] == ["platt", "platt", "pooled"]
    assert [f.positives for f in found] == [100, 30, 29]
    assert found[0].prevalence == 0.25
    point = found[0].operating_point
    assert point.sensitivity is not None
    assert point.specificity is not None
    assert point.specificity >= 0.9
    assert point.sensitivity > 0.5


def test_calibrated_probabilities_meet_the_prevalence() -> None:
    logits, targets, mask = drawn([100], 2.0)
    scale = calibrate(("mass",), logits, targets, mask, "rows")[0].calibration
    probability = 1 / (1 + np.exp(-(scale.slope * logits + scale.intercept)))
    assert probability.mean() == pytest.approx(0.25, abs=0.01)


def test_scores_that_speak_against_every_finding_stop_the_run() -> None:
    with pytest.raises(RunError, match="nothing was learnt"):
        calibrate(("mass",), *drawn([100], -2.0), "rows")


def test_complete_separation_has_no_interval() -> None:
    targets = np.array([[1.0], [0.0]] * 5, np.float32)
    patients = [f"p{at}" for at in range(10)]
    reference = Reference.of(targets, patients, findings=("mass",))
    found = measure(("mass",), 3 * targets, reference, split="test", note="", seed=0, strata="")
    auroc = [row for row in found if row.metric == "AUROC"]
    assert [(row.value, row.low, row.high) for row in auroc] == [(1.0, None, None)] * 2
    assert "separate completely" in auroc[0].note


def test_slopes_of_calibrations_from_other_folds() -> None:
    logits, targets, _mask = drawn([150, 60], 2.0)
    reference = Reference.of(targets, [f"p{at}" for at in range(400)], findings=("mass", "nodule"))
    parts = [np.arange(at, 400, 5) for at in range(5)]
    words = {"split": "rows", "note": ""}
    found = cross_fitted_slopes(reference, 3 * logits, parts, **words)
    assert [(row.metric, row.finding) for row in found] == [
        ("calibration slope", "mass"), ("calibration slope", "nodule"),
    ]  # fmt: skip
    for row in found:
        assert row.value == pytest.approx(1.0, abs=0.1)  # whatever the logits' own scale is
    # A fold whose scores are of another scale is not put right by the others.
    odd = logits.copy()
    odd[parts[0]] *= 20
    assert cross_fitted_slopes(reference, odd, parts, **words)[0].value < 0.6  # type: ignore[operator]
    # And what the other folds cannot calibrate is undefined.
    first = np.flatnonzero(targets[:, 0] > 0)
    halves = [first, np.setdiff1d(np.arange(400), first)]
    alone = Reference.of(targets[:, :1], [f"p{at}" for at in range(400)], findings=("mass",))
    none = cross_fitted_slopes(alone, logits[:, :1], halves, **words)[0]
    assert none.value is None
    assert "the other folds give no calibration" in none.note
