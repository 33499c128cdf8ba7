import json

import pytest

from hilum.bundles import Card, load, noting, save, verify
from hilum.bundles.card import Result
from hilum.bundles.noting import FITTED_THERE, NOTED, NOTED_UNDER
from hilum.bundles.store import parse
from hilum.datasets.predictions.load import FITTED_HERE
from hilum.errors import BundleError, DigestMismatch, RunError

OF = "another hospital's, 2024"
DIGEST = "the digest of the card"
OWN = "tiny 1.2.3"
OUT_OF_FOLD = f"{OWN}, out of fold"


def of_it(bundle, record):
    """The record, of the bundle as it is."""
    return record.replace(DIGEST.encode(), bundle.digest.encode())


def note(bundle, record, of, **options):
    return noting.note(bundle, of_it(bundle, record), of, **options)


def predictions(name=OWN, sha256=DIGEST):
    return [{"role": "predictions", "name": name, "sha256": sha256, "words": ""}]


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
        "inputs": predictions(),
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
    two = appraisal(findings=[*rows, {**rows[0], "finding": "effusion", "points": []}])
    results = note(bundle, two, OF).bundle.card.results
    assert [row.metric for row in results if row.is_mean] == [
        "AUROC", "AUROC within site", "average precision", "AUROC"]  # fmt: skip


def finding(**changed):
    return {**json.loads(appraisal())["findings"][0], **changed}


def at(threshold):
    point = {"threshold": threshold, "fixed_on": "bundle card", "shares": {}}
    return appraisal(findings=[finding(points=[point])])


@pytest.mark.parametrize(
    ("record", "of", "says"),
    [
        (b"{}", OF, "no appraisal.json"),
        (b"no json", OF, "no appraisal.json"),
        (appraisal(schema="hilum.appraisal/2"), OF, "no appraisal.json"),
        (appraisal(), " ", "which images"),
        (appraisal(inputs=predictions(sha256="0" * 64)), OF, "another tiny 1.2.3, or were read"),
        (appraisal(inputs=predictions(sha256="")), OF, "which this card .* never had"),
        (appraisal(inputs=predictions("rival 9.9.9")), OF, "named 'rival 9.9.9'"),
        (appraisal(inputs=predictions("tiny 1.2.4")), OF, "named 'tiny 1.2.4'"),
        (appraisal(inputs=predictions("tiny 1.2.4, out of fold")), OF, "named 'tiny 1.2.4, out"),
        (appraisal(inputs=predictions("mine")), OF, "named 'mine', and nothing in it says"),
        (appraisal(inputs=[*predictions(), *predictions("rival")]), OF, "named 'rival'"),
        (appraisal(inputs=[]), OF, "does not say what gave its predictions"),
        (at(0.61), OF, r"not those on the card of tiny 1\.2\.3: pneumonia 0\.61 \(card: 0\.6\)"),
        (audit(title="tiny 9.9.9"), OF, "is of tiny 9.9.9"),
        (audit(model="rival 9.9.9"), OF, "is of rival 9.9.9"),
        (audit(title="rival.csv", model=None), OF, "is of rival.csv"),
        (audit(title="rival", model="a probe on the features of x, out of fold"), OF, "of rival"),
        (audit(verdicts=[]), OF, "no verdict"),
        (appraisal(findings=[finding(finding="mass")]), OF, "does not read 'mass'"),
    ],
)  # fmt: skip
def test_what_does_not_belong_on_the_card_is_refused(tiny_bundle, record, of, says):
    before = (tiny_bundle.location / "card.json").read_bytes()
    with pytest.raises(RunError, match=says):
        note(tiny_bundle, record, of)
    assert (tiny_bundle.location / "card.json").read_bytes() == before


def test_an_evaluation_of_the_bundle_before_a_note_still_counts(bundle):
    record = of_it(bundle, appraisal())
    after = note(bundle, audit(), OF).bundle
    assert note(after, record, OF).results == 8


@pytest.mark.parametrize(
    ("title", "model"),
    [
        (OWN, None),
        (OUT_OF_FOLD, None),
        ("run", OUT_OF_FOLD),
        ("out", OWN),
        (OWN, "a probe on the features of one convolution, out of fold"),
    ],
)
def test_audits_that_asked_this_bundle_are_noted(bundle, title, model):
    assert note(bundle, audit(title=title, model=model), OF).verdicts == 2


def test_the_threshold_may_be_rounded_as_it_is_written(bundle):
    assert note(bundle, at(0.6000000001), OF).results


def test_the_calibration_slope_of_rows_that_it_was_fitted_on_is_left_out(bundle):
    assert FITTED_HERE.startswith(FITTED_THERE)
    for said in (
        appraisal(warnings=[FITTED_HERE]),
        appraisal(notes=[f"tiny: {FITTED_HERE}"]),
        appraisal(inputs=predictions(OUT_OF_FOLD, "0" * 64)),
    ):
        done = note(bundle, said, OF)
        bundle = done.bundle
        assert "calibration slope" not in {row.metric for row in bundle.card.results}
        assert done.results == 7
        assert done.left_out == (
            "Calibration slopes are left out: the calibration was fitted on these very rows.",
        )
    done = note(bundle, appraisal(), OF)
    assert (done.results, done.left_out) == (8, ())


def test_words_that_begin_alike_are_other_words(bundle):
    held = bundle
    for of in ("A: test", "A", "A: 3", "A: test: B"):
        done = note(held, audit(), of)
        held = done.bundle
        assert done.replaced == 0
    assert len(held.card.verdicts) == 8
    assert note(held, audit(model=None), "A").replaced == 2


def test_what_was_not_noted_is_not_replaced(tiny_card, tiny_model, tmp_path):
    learnt = Result(metric="AUROC", finding="effusion", split="test", value=0.7)
    card = tiny_card.model_copy(update={"results": (learnt,)})
    held = save(card, {"model.onnx": tiny_model}, tmp_path / "tiny")
    held = note(held, audit(), "test").bundle
    with pytest.raises(RunError, match="1 numbers under 'test' that were not noted"):
        note(held, appraisal(), "test")
    assert load(held.location).card.results == (learnt,)
    held = note(held, appraisal(), OF).bundle
    assert json.loads(held.card.provenance[NOTED_UNDER]) == [OF]
    again = note(held, appraisal(), OF)
    assert (again.replaced, again.bundle.card.results[0]) == (8, learnt)


@pytest.mark.parametrize("kept", ["no JSON", '{"test": 1}', "[1]"])
def test_a_damaged_list_of_words_replaces_nothing(tiny_card, tiny_model, tmp_path, kept):
    learnt = Result(metric="AUROC", finding="effusion", split="test", value=0.7)
    change = {"results": (learnt,), "provenance": {NOTED_UNDER: kept}}
    card = tiny_card.model_copy(update=change)
    held = save(card, {"model.onnx": tiny_model}, tmp_path / "tiny")
    with pytest.raises(RunError, match=r"not noted|no list in JSON"):
        note(held, appraisal(), "test")


def test_an_evaluation_and_an_audit_are_noted_together(bundle):
    records = [("a", of_it(bundle, appraisal())), ("b", audit())]
    one, two = noting.note_all(bundle, records, OF, elsewhere=True)
    assert (one.results, two.verdicts) == (8, 2)
    assert (len(two.bundle.card.results), len(two.bundle.card.verdicts)) == (8, 2)
    assert load(bundle.location).digest == two.bundle.digest


@pytest.mark.parametrize(
    ("records", "says"),
    [
        ([("a", appraisal()), ("c", audit()), ("b", appraisal())], "a and b are both evaluations"),
        ([("a", audit()), ("b", audit(images=3))], "a and b are both audits"),
        ([("a", appraisal()), ("b", audit(title="rival", model=None))], "is of rival"),
    ],
)
def test_nothing_is_written_where_one_of_several_is_refused(bundle, records, says):
    records = [(name, of_it(bundle, record)) for name, record in records]
    with pytest.raises(RunError, match=says):
        noting.note_all(bundle, records, OF)
    assert load(bundle.location).digest == bundle.digest


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
