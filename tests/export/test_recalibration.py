"""A bundle recalibrated on a local sample."""

import json

import numpy as np
import pytest

from hilum.bundles import load
from hilum.bundles.card import Calibration
from hilum.datasets.predictions import Predictions
from hilum.domain import LabelTable, State
from hilum.domain.text import text
from hilum.errors import BundleError, EvaluationError, InvalidCard
from hilum.evaluation.calibration import BetaCurve, Steps
from hilum.export.recalibration import (
    Asked,
    check_read_by,
    logits_of,
    recalibrate,
    uncalibrated,
)
from hilum.reading import Scale
from hilum.reading.scale import calibrator

KEYS = ("effusion", "pneumonia", "pleural_thickening")
OLD = ((0.5, -1.0), (1.5, 0.25), (1.0, 0.0))
"""Slope and intercept of the tiny card."""


def sample(patients=500, *, truth=lambda odds: 0.5 * odds - 1, seed=0, rare=False):
    """Logits and labels; ``truth`` bends the old log-odds of every finding."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(patients), rng.integers(1, 3, patients))
    logits = rng.normal(0.5, 2.5, (len(who), 3))
    states = np.zeros((len(who), 3), np.uint8)
    for at, (slope, intercept) in enumerate(OLD):
        odds = truth(slope * logits[:, at] + intercept)
        states[:, at] = rng.random(len(who)) < 1 / (1 + np.exp(-odds))
    if rare:
        states[:, 1] = np.where(np.cumsum(states[:, 1]) > 9, 0, states[:, 1])
    table = LabelTable([f"{i}.png" for i in range(len(who))], KEYS, states, [f"p{p}" for p in who])
    return logits, table


def probabilities(card, logits):
    scale = Scale.of(card, {})
    said = [scale.predictions(row.astype(np.float32)) for row in logits]
    return np.array([[p.probability for p in row] for row in said]), np.array(
        [[p.present for p in row] for row in said]
    )


@pytest.mark.parametrize("method", ["auto", "shift", "temperature", "platt", "beta", "isotonic"])
def test_a_new_version_reads_as_was_fitted(tiny_bundle, tmp_path, method):
    logits, table = sample(patients=700)
    found = recalibrate(tiny_bundle, logits, table, Asked(method=method, samples=50))
    new = found.save(tmp_path / "new.hilum")
    assert str(new) == "tiny 1.3.0"
    assert load(tmp_path / "new.hilum").card == new.card
    assert new.read_bytes("model.onnx") == tiny_bundle.read_bytes("model.onnx")
    said, present = probabilities(new.card, logits)
    _, before = probabilities(tiny_bundle.card, logits)
    for at, one in enumerate(found.each):
        fitted = one.calibrator(logits[:, at].astype(np.float32))
        assert said[:, at] == pytest.approx(fitted, abs=1e-12)
        # Order stays, and so do decisions; steps tie some, which is counted.
        assert (np.diff(said[np.argsort(logits[:, at]), at]) >= 0).all()
        assert (present[:, at] != before[:, at]).sum() == one.moved.changed
        if method != "isotonic":
            assert one.moved.changed == 0
            assert one.ties == 0
        row = new.card.findings[at]
        assert row.calibration.trusted
        assert row.calibration.method == one.method
        assert row.positives == (table.states[:, at] == State.PRESENT).sum()
        assert row.operating_point.rule.endswith(", moved")
        assert row.operating_point.sensitivity == pytest.approx(one.moved.sensitivity.value)


def test_what_is_gained_is_told_on_the_card(tiny_bundle):
    logits, table = sample()
    found = recalibrate(tiny_bundle, logits, table, Asked(samples=100, sample="Ward 3"))
    for one in found.each:
        assert one.method == "platt"
        assert one.change.difference.log_loss.high < 0
        assert one.change.after.slope.low < 1 < one.change.after.slope.high
        assert one.change.before.slope.high < 1
    card = found.card
    assert "Recalibrated for 3 of 3 findings on" in card.summary
    fitted_on = card.findings[0].calibration.fitted_on
    assert "Ward 3" in fitted_on
    assert "500 patients" in fitted_on
    assert tiny_bundle.digest in card.provenance["recalibrated_from"]
    metrics = {row.metric for row in card.results if row.finding == "effusion"}
    assert metrics == {
        *(f"{n} {w}" for n in ("Brier", "ECE", "calibration slope")
          for w in ("before recalibration", "after recalibration", "gained")),
        "sensitivity", "specificity",
    }  # fmt: skip
    assert all(row.low is not None for row in card.results)


def test_the_gain_is_honest_where_there_is_nothing_to_gain(tiny_bundle):
    """Fitted and judged on the same rows a curve always gains; on others it must not seem to."""
    gains = []
    for seed in range(8):
        logits, table = sample(patients=550, truth=lambda odds: odds, seed=seed)
        found = recalibrate(
            tiny_bundle, logits, table, Asked(method="isotonic", samples=20, seed=seed)
        )
        gains += [one.change.difference.log_loss.value for one in found.changed]
        same = [
            np.mean(np.logaddexp(0, -np.where(y, z, -z)))
            for one in found.changed
            for at in [KEYS.index(one.finding)]
            for y in [table.states[:, at] == 1]
            for z in [one.calibrator.log_odds(logits[:, at])]
        ]
        flattering = [
            loss - one.change.before.log_loss.value
            for loss, one in zip(same, found.changed, strict=True)
        ]
        assert max(flattering) < 0
    assert np.mean(gains) > 0


def test_what_is_right_is_left_alone(tiny_bundle):
    logits, table = sample(patients=1500, truth=lambda odds: odds)
    found = recalibrate(tiny_bundle, logits, table, Asked(samples=20))
    assert [one.method for one in found.each].count("none") >= 2
    kept = next(one for one in found.each if one.method == "none")
    assert kept.reason.startswith("as it is")
    assert (
        found.card.findings[KEYS.index(kept.finding)]
        == tiny_bundle.card.findings[KEYS.index(kept.finding)]
    )


def test_too_few_positives_are_refused_with_how_many_it_needs(tiny_bundle, tmp_path):
    logits, table = sample(rare=True)
    found = recalibrate(tiny_bundle, logits, table, Asked(samples=20))
    kept = found.each[1]
    assert kept.method == "none"
    assert kept.reason == (
        f"a line needs 30 patients with the finding and 30 without, there are "
        f"{kept.with_finding} and {kept.without}"
    )
    assert found.card.findings[1] == tiny_bundle.card.findings[1]
    few, labels = sample(patients=20)
    with pytest.raises(EvaluationError, match=r"(?s)No finding can be recalibrated.*isotonic 200"):
        recalibrate(tiny_bundle, few, labels)
    with pytest.raises(BundleError, match="exists"):
        found.save(tmp_path)


def test_images_of_one_patient_do_not_make_a_sample(tiny_bundle):
    logits, table = sample()
    one = LabelTable(table.images, KEYS, table.states, ["p1"] * len(table))
    with pytest.raises(EvaluationError, match="there are 1 and 1"):
        recalibrate(tiny_bundle, logits, one)


def test_images_that_were_not_read_do_not_count(tiny_bundle):
    logits, table = sample()
    logits[::2] = np.nan
    found = recalibrate(tiny_bundle, logits, table, Asked(method="shift", samples=20))
    assert found.images == len(logits) // 2
    assert found.each[0].images == found.images


def test_a_bent_calibration_is_refitted_from_its_line(tiny_bundle, tmp_path):
    logits, table = sample(truth=lambda odds: BetaCurve(0.2, 2.5, -0.5).log_odds(odds))
    first = recalibrate(tiny_bundle, logits, table, Asked(method="beta", samples=20))
    bent = first.save(tmp_path / "bent")
    assert isinstance(calibrator(bent.card.findings[0].calibration).curve, type(
        first.each[0].calibrator.curve
    ))  # fmt: skip
    again, labels = sample(seed=1)
    second = recalibrate(bent, again, labels, Asked(method="platt", samples=20))
    plain = recalibrate(tiny_bundle, again, labels, Asked(method="platt", samples=20))
    assert second.each[0].calibrator == plain.each[0].calibrator
    assert second.each[0].moved.changed == 0
    assert second.card.version == "1.4.0"
    assert second.card.findings[0].operating_point.rule == "youden, moved"


def test_logits_behind_probabilities(tiny_bundle):
    logits, table = sample(patients=30)
    said, _ = probabilities(tiny_bundle.card, logits)
    given = Predictions("tiny", text([f"x/{n}" for n in table.images[:20]]), KEYS, said[:20])
    found, how = logits_of(tiny_bundle, given, table)
    assert found[:20] == pytest.approx(logits[:20].astype(np.float32), abs=1e-5)
    assert np.isnan(found[20:]).all()
    assert how == "the last part of their paths"
    plain = uncalibrated(tiny_bundle)
    said, _ = probabilities(plain.card, logits)
    found, _ = logits_of(plain, Predictions("tiny", table.images, KEYS, said), table)
    assert found == pytest.approx(logits, abs=1e-5)
    few = Predictions("other", table.images, KEYS[:2], said[:, :2])
    with pytest.raises(EvaluationError, match="other does not tell of 'pleural_thickening'"):
        logits_of(tiny_bundle, few, table)
    strange = Predictions("tiny", text(["q.png"]), KEYS, said[:1])
    with pytest.raises(EvaluationError, match="None of the 1 images"):
        logits_of(tiny_bundle, strange, table)


def test_steps_do_not_tell_logits(tiny_bundle, tmp_path):
    logits, table = sample(patients=700)
    bent = recalibrate(tiny_bundle, logits, table, Asked(method="isotonic", samples=20))
    bent = bent.save(tmp_path / "bent")
    given = Predictions("tiny", table.images, KEYS, np.full(logits.shape, 0.5))
    with pytest.raises(EvaluationError, match=r"no line .*--data"):
        logits_of(bent, given, table)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"bundle": {"name": "x", "version": "1.0.0", "digest": "0"}}, "read with x 1.0.0"),
        ({"prevalence": "effusion=0.1"}, "restated for effusion=0.1"),
    ],
)
def test_predictions_of_another_bundle_are_refused(tiny_bundle, tmp_path, facts, message):
    check_read_by(tiny_bundle, tmp_path)
    own = {"bundle": {"digest": tiny_bundle.digest}, "prevalence": "training"}
    (tmp_path / ".hilum").mkdir()
    (tmp_path / ".hilum" / "run.json").write_text(json.dumps(own))
    check_read_by(tiny_bundle, tmp_path)
    (tmp_path / ".hilum" / "run.json").write_text(json.dumps(own | facts))
    with pytest.raises(EvaluationError, match=message):
        check_read_by(tiny_bundle, tmp_path)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"method": "beta"}, "go together"),
        ({"method": "platt", "beta": {"a": 1, "b": 1, "c": 0}}, "go together"),
        ({"method": "beta", "beta": {"a": 0, "b": 0, "c": 0}}, "must rise"),
        ({"method": "isotonic", "steps": {"at": [0, 0], "probability": [0.1, 0.2]}}, "must rise"),
        ({"method": "isotonic", "steps": {"at": [0], "probability": [0.1, 0.2]}}, "as many"),
        ({"method": "isotonic", "steps": {"at": [0, 1], "probability": [0.2, 0.1]}}, "not fall"),
        ({"method": "isotonic", "steps": {"at": [0], "probability": [1.0]}}, "less than 1"),
    ],
)
def test_cards_that_cannot_be(fields, message):
    with pytest.raises(ValueError, match=message):
        Calibration.model_validate(fields)


def test_a_card_without_such_curves_is_unknown(tiny_bundle, tmp_path):
    card = json.loads((tiny_bundle.location / "card.json").read_text())
    card["findings"][0]["calibration"] |= {"method": "spline"}
    (tmp_path / "card.json").write_text(json.dumps(card))
    (tmp_path / "model.onnx").write_bytes(tiny_bundle.read_bytes("model.onnx"))
    with pytest.raises(InvalidCard, match="'beta', 'isotonic'"):
        load(tmp_path)


def test_curves_of_cards_are_those_of_calibrators():
    steps = Calibration.model_validate(
        {"slope": 2, "intercept": 1, "method": "isotonic",
         "steps": {"at": [-1, 1], "probability": [0.2, 0.8]}}
    )  # fmt: skip
    assert calibrator(steps).curve == Steps((-1.0, 1.0), (0.2, 0.8))
    assert calibrator(steps)([-0.5]) == pytest.approx([0.5])
    assert calibrator(Calibration(slope=2, intercept=1)).curve is None


def test_questions_that_cannot_be_answered(tiny_bundle):
    logits, table = sample(patients=40)
    with pytest.raises(EvaluationError, match="Unknown method 'spline'"):
        recalibrate(tiny_bundle, logits, table, Asked(method="spline"))
    with pytest.raises(EvaluationError, match="logits must have shape"):
        recalibrate(tiny_bundle, logits[:, :2], table)
