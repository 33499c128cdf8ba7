import json

import pytest

from hilum.bundles import Card, load, save, verify
from hilum.bundles.noting import NOTED, note
from hilum.bundles.store import parse
from hilum.errors import BundleError, DigestMismatch, RunError

OF = "another hospital's, 2024"


def measure(value, low=None, high=None, **more):
    return {"value": value, "reason": "" if value is not None else "too few", "low": low,
            "high": high, "level": 0.95, "positives": 7, "negatives": 0, **more}  # fmt: skip


def appraisal(**changed):
    finding = {
        "finding": "pneumonia", "positives": 12, "negatives": 30,
        "auroc": measure(0.61, 0.52, 0.7), "auroc_within": measure(0.58),
        "average_precision": measure(0.4), "confounded": "Classes come from different sources.",
        "line": {"slope": measure(0.9), "intercept": measure(0.1)},
        "points": [
            {"threshold": 0.6, "fixed_on": "bundle card",
             "shares": {"sensitivity": measure(0.7), "specificity": measure(0.4)}},
            {"threshold": 0.5, "fixed_on": "given", "shares": {"sensitivity": measure(0.1)}},
        ],
    }  # fmt: skip
    group = {"finding": "pneumonia", "positives": 5, "negatives": 15,
             "auroc": measure(0.66), "sensitivity": measure(0.8),
             "specificity": measure(None)}  # fmt: skip
    macro = {"macro": measure(0.61)}
    said = {
        "schema": "hilum.appraisal/1", "title": "tiny 1.2.3", "images": 42, "patients": 40,
        "findings": [finding], "strata_name": "site",
        "means": {"auroc": macro, "average_precision": macro, "auroc_within": measure(0.58)},
        "subgroups": [{"attribute": "sex", "point": "card",
                       "groups": [{"name": "F", "images": 20, "patients": 19, "findings": [group],
                                   "mean": measure(0.66)}]}],
        "inputs": [],
    }  # fmt: skip
    return json.dumps({**said, **changed}).encode()


def audit(**changed):
    line = {"code": "lungs-hidden", "title": "What is left when the lungs are hidden?",
            "outcome": "fails", "words": "All of it.", "advice": "", "unit": "AUROC left",
            "number": measure(0.95, 0.93, 0.97)}  # fmt: skip
    unasked = {"code": "drift", "title": "Did decisions change?", "outcome": "not asked",
               "words": "No other version.", "advice": "", "unit": "", "number": None}  # fmt: skip
    said = {"schema": "hilum.audit/1", "title": "tiny 1.2.3", "model": "tiny 1.2.3", "images": 42,
            "patients": 40, "verdicts": [line, unasked]}  # fmt: skip
    return json.dumps({**said, **changed}).encode()


@pytest.fixture(params=["tiny", "tiny.hilum"])
def bundle(request, tiny_card, tiny_model, tmp_path):
    return save(tiny_card, {"model.onnx": tiny_model}, tmp_path / request.param)


def test_numbers_of_an_evaluation_stand_on_the_card(bundle):
    done = note(bundle, appraisal(), OF, elsewhere=True)
    rows = {(row.metric, row.group): row for row in done.bundle.card.results}
    assert set(rows) == {
        ("AUROC", ""), ("AUROC within site", ""), ("average precision", ""),
        ("calibration slope", ""), ("sensitivity", ""), ("specificity", ""),
        ("AUROC", "sex: F"), ("sensitivity", "sex: F"),
    }  # fmt: skip
    assert (done.results, done.verdicts, done.replaced, done.undefined) == (8, 0, 0, 1)
    assert all(row.elsewhere and row.split == OF for row in rows.values())
    whole = rows["AUROC", ""]
    assert (whole.value, whole.low, whole.high, whole.positives, whole.images) == (
        0.61, 0.52, 0.7, 12, 42)  # fmt: skip
    assert whole.note == "42 images of 40 patients; Classes come from different sources."
    assert rows["sensitivity", ""].value == 0.7
    assert (rows["sensitivity", ""].positives, rows["sensitivity", ""].images) == (12, 42)
    assert (rows["sensitivity", "sex: F"].positives, rows["AUROC", "sex: F"].images) == (5, 20)


def test_the_rest_of_the_bundle_stays_and_its_digests_hold(bundle):
    before = bundle.card
    after = note(note(bundle, appraisal(), OF).bundle, audit(), OF).bundle
    assert verify(bundle.location) == []
    assert after.card.files == before.files
    same = {"results": (), "verdicts": (), "provenance": {}}
    assert after.card.model_copy(update=same) == before.model_copy(update=same)
    assert after.card.provenance[NOTED].split()[0] == bundle.digest
    assert len(after.card.provenance[NOTED].split()) == 2


def test_what_is_noted_again_is_replaced_and_other_images_stay(bundle):
    held = bundle
    for of in (OF, "held out"):
        held = note(note(held, appraisal(), of).bundle, audit(), of).bundle
    again = note(note(held, appraisal(), OF).bundle, audit(images=50), OF)
    assert again.replaced == 2
    assert len(again.bundle.card.results) == len(held.card.results)
    assert [row.asked_of for row in again.bundle.card.verdicts] == [
        "held out: 42 images of 40 patients, scored by tiny 1.2.3"] * 2 + [
        f"{OF}: 50 images of 40 patients, scored by tiny 1.2.3"] * 2  # fmt: skip


def test_verdicts_keep_their_number(bundle):
    one, two = note(bundle, audit(), OF).bundle.card.verdicts
    assert (one.code, one.outcome, one.unit, one.value, one.low, one.high) == (
        "lungs-hidden", "fails", "AUROC left", 0.95, 0.93, 0.97)  # fmt: skip
    assert (two.outcome, two.value) == ("not asked", None)


def test_several_findings_have_a_mean_too(bundle):
    rows = json.loads(appraisal())["findings"]
    two = appraisal(findings=[*rows, {**rows[0], "finding": "effusion"}])
    results = note(bundle, two, OF).bundle.card.results
    assert [row.metric for row in results if row.is_mean] == [
        "AUROC", "AUROC within site", "average precision", "AUROC"]  # fmt: skip


def other(**more):
    return [{"role": "predictions", "name": "tiny 1.2.3", "sha256": "0" * 64, "words": "", **more}]


@pytest.mark.parametrize(
    ("record", "of", "says"),
    [
        (b"{}", OF, "no appraisal.json"),
        (b"no json", OF, "no appraisal.json"),
        (appraisal(schema="hilum.appraisal/2"), OF, "no appraisal.json"),
        (appraisal(), " ", "which images"),
        (appraisal(inputs=other()), OF, "another tiny 1.2.3"),
        (audit(title="tiny 9.9.9"), OF, "is of tiny 9.9.9"),
        (audit(verdicts=[]), OF, "no verdict"),
        (appraisal(findings=[{**json.loads(appraisal())["findings"][0], "finding": "mass"}]), OF,
         "does not read 'mass'"),
    ],
)  # fmt: skip
def test_what_does_not_belong_on_the_card_is_refused(tiny_bundle, record, of, says):
    before = (tiny_bundle.location / "card.json").read_bytes()
    with pytest.raises(RunError, match=says):
        note(tiny_bundle, record, of)
    assert (tiny_bundle.location / "card.json").read_bytes() == before


def test_an_evaluation_of_the_bundle_before_a_note_still_counts(bundle):
    record = appraisal(inputs=other(sha256=bundle.digest))
    after = note(bundle, audit(), OF).bundle
    assert note(after, record, OF).results == 8


def test_a_changed_file_is_not_covered_up(tiny_card, tiny_model, tmp_path):
    held = save(tiny_card, {"model.onnx": tiny_model}, tmp_path / "tiny")
    (tmp_path / "tiny" / "model.onnx").write_bytes(tiny_model + b" ")
    with pytest.raises(DigestMismatch):
        note(held, audit(), OF)


def test_a_folder_that_cannot_be_written_to_keeps_its_card(bundle, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(BundleError, match="No space left"):
        note(bundle, audit(), OF)
    assert load(bundle.location).digest == bundle.digest
    assert [p.name for p in bundle.location.parent.iterdir()] == [bundle.location.name]


def test_cards_from_before_still_load(tiny_card):
    fields = tiny_card.model_dump(by_alias=True, mode="json")
    del fields["verdicts"]
    fields["results"] = [{"metric": "AUROC", "finding": "effusion", "split": "test", "value": 0.7}]
    card: Card = parse(json.dumps(fields).encode(), where="an old card")
    assert (card.verdicts, card.results[0].group, card.results[0].elsewhere) == ((), "", False)
