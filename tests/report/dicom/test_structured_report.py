"""The structured report: what it says, to dcmtk and to programs."""

from __future__ import annotations

import json
import re

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hilum.domain.findings import all_findings
from hilum.domain.zones import ZONES
from hilum.report.dicom import structured_report, to_bytes
from tests.report.dicom.conftest import (
    FACTS,
    SIZE,
    faults,
    header,
    prediction,
    record,
    refusal,
    run,
)


def dumped(made, folder) -> str:
    path = folder / "report.dcm"
    path.write_bytes(to_bytes(made))
    done = run("dsrdump", "+Pl", "+Pc", path)
    assert (done.returncode, complaints(done.stderr)) == (0, [])
    return done.stdout


def complaints(told: str) -> list[str]:
    """What dcmtk complains of, but for its not checking texts in UTF-8."""
    return [line for line in told.splitlines() if "VR checker does not support" not in line]


def test_dsrdump_reads_it(tmp_path):
    told = dumped(structured_report(record(), header(tmp_path), FACTS), tmp_path)
    for line in (
        'CODE:(60046008,SCT,"Pleural effusion")=(52101004,SCT,"Present")',
        'CODE:(pleural_thickening,99HILUM,"Pleural thickening")=(272519000,SCT,"Absent")',
        '99HILUM,"Lymphangitic carcinomatosis")=(373068000,SCT,"Undetermined")',
        'NUM:(122157,DCM,"Probability")="0.87" (1,UCUM,"no units")',
        'NUM:(122157,DCM,"Probability")="0.123456789" (1,UCUM,"no units")',
        '"Operating point of the decision")="0.4" (1,UCUM,"no units")',
        '"Standard deviation over reading rounds")="0.02"',
        '(UNCALIBRATED,99HILUM,"Not calibrated: it ranks, and says no more")',
        '"Algorithm Name")="chest14"',
        '"Algorithm Version")="0.2.0"',
        f"Digest of the bundle's card (SHA-256): {'ab' * 32}",
        '(123110,DCM,"Artificial Intelligence")',
        "=(POLYLINE,10.5/20,40.5/20,40.5/60.25,10.5/60.25,10.5/20)",
        '(281394001,SCT,"Lower zone of lung")',
        '"Zones of the lungs")="right lower, left upper"',
        '"Score of the box, no probability")="0.7"',
        '"Warning")="The picture is rotated by 4°."',
        '"Caution")="AI, investigational; not for diagnosis.',
        '(111244,DCM,"Not all algorithms succeeded; with findings")',
        "Verification Flag   : UNVERIFIED",
        "Preliminary Flag    : PRELIMINARY",
        "Completion Flag     : PARTIAL",
    ):
        assert line in told, line
    assert "Told by nobody" not in told  # a note that is no warning
    assert "a.dcm" not in told  # a file's name may be a patient's
    assert re.search(r'"Device Observer UID"\)="2\.25\.\d+"', told)


def test_dsr2html_draws_it(tmp_path):
    path = tmp_path / "report.dcm"
    path.write_bytes(to_bytes(structured_report(record(), header(tmp_path), FACTS)))
    done = run("dsr2html", path, tmp_path / "report.html")
    assert (done.returncode, complaints(done.stderr)) == (0, [])
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "Pleural effusion" in page
    assert "investigational; not for diagnosis" in page


@pytest.mark.parametrize(
    ("predictions", "extra", "summary", "completion"),
    [
        ([("effusion", 0.9, "present")], {}, "111242", "COMPLETE"),
        ([("effusion", 0.1, "absent")], {"boxes": []}, "111241", "COMPLETE"),
        ([("effusion", 0.4, "abstained")], {"boxes": []}, "111243", "PARTIAL"),
        ([("effusion", 0.1, "absent")], {"stages": [{"stage": "b", "outcome": "refused",
         "reasons": []}], "boxes": []}, "111243", "PARTIAL"),
        ([("effusion", 0.1, "absent")], {"stages": [{"stage": "b", "outcome": "not-asked",
         "reasons": []}], "boxes": []}, "111241", "COMPLETE"),
        ([], {}, "111242", "COMPLETE"),  # a bundle that draws boxes alone
    ],
    ids=["present", "absent", "undecided", "a stage refused", "a stage not asked", "boxes alone"],
)  # fmt: skip
def test_whether_it_is_whole(predictions, extra, summary, completion, tmp_path):
    told = record(predictions=[prediction(*one) for one in predictions], **extra)
    made = structured_report(told, header(tmp_path), FACTS)
    assert made.CompletionFlag == completion
    assert f"=({summary},DCM," in dumped(made, tmp_path)


def test_nothing_present_is_not_called_normal(tmp_path):
    told = record(predictions=[prediction("effusion", 0.1, "absent")], boxes=[])
    text = dumped(structured_report(told, header(tmp_path), FACTS), tmp_path)
    assert "No finding reaches its operating point. This does not say that" in text


def test_a_refusal_never_looks_normal(tmp_path):
    made = structured_report(refusal(), header(tmp_path), FACTS)
    text = dumped(made, tmp_path)
    assert '=(111245,DCM,"No algorithms succeeded; without findings")' in text
    assert '"Not read, because")="This is a lateral view."' in text
    assert "NOT READ. This radiograph was not judged" in text
    assert "Completion Flag     : PARTIAL" in text
    assert "Probability" not in text
    assert "normal" not in text.replace("neither that it is normal nor that it is not", "")


def test_a_refusal_needs_no_size(tmp_path):
    source = header(tmp_path)
    del source.Rows, source.Columns
    assert faults(structured_report(refusal(), source, FACTS), tmp_path) == []


def test_stages_of_a_chain_are_told(tmp_path):
    told = record(predictions=[prediction("effusion", 0.9, "present", stage="second")], boxes=[])
    text = dumped(structured_report(told, header(tmp_path), FACTS), tmp_path)
    assert '"Tracking Identifier")="Pleural effusion (second)"' in text
    assert "Stage of the chain: second" in text


def test_a_frame_is_named_where_the_class_has_several(tmp_path):
    stored = np.zeros((2, *SIZE), np.uint8)
    source = header(tmp_path, stored, modality="OT")
    source.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7.2"  # multi-frame grayscale byte
    made = structured_report(record(), source, FACTS)
    assert faults(made, tmp_path) == []
    frames = {int(element.value) for element in made.iterall() if element.tag == 0x00081160}
    assert frames == {1}


def test_its_schemes_are_named(tmp_path):
    made = structured_report(record(), header(tmp_path), FACTS)
    (scheme,) = made.CodingSchemeIdentificationSequence
    assert scheme.CodingSchemeDesignator == "99HILUM"


KEYS = [row.key for row in all_findings()]
SHARE = st.floats(0, 1).map(lambda value: float(f"{value:.9g}"))
TEXT = st.text(max_size=80)
PREDICTION = st.fixed_dictionaries(
    {
        "probability": SHARE,
        "operating_point": st.floats(1e-9, 1 - 1e-9).map(lambda value: float(f"{value:.9g}")),
        "decision": st.sampled_from(["present", "absent", "abstained"]),
        "calibrated": st.booleans(),
    },
    optional={"spread": SHARE, "stage": TEXT},
)
BOX = st.fixed_dictionaries(
    {
        "finding": st.sampled_from(KEYS),
        "score": SHARE,
        "xywh": st.tuples(*2 * [st.floats(-50, 150)], *2 * [st.floats(0.01, 500)]).map(list),
        "origin": st.sampled_from(["detector", "heatmap"]),
        "zones": st.lists(st.sampled_from([*ZONES]), unique=True),
        "in_lungs": st.none() | SHARE,
        "size_mm": st.none() | st.tuples(*2 * [st.floats(0.1, 500)]).map(list),
    }
)
NOTES = st.lists(
    st.fixed_dictionaries({"code": st.just("x"), "message": TEXT, "warning": st.booleans()}),
    max_size=4,
)
READING = st.builds(
    lambda told, boxes, notes: record(
        predictions=[prediction(key, 0.5, "absent") | one for key, one in told.items()],
        boxes=boxes,
        boxed=sorted({box["finding"] for box in boxes}),
        notes=notes,
    ),
    st.dictionaries(st.sampled_from(KEYS), PREDICTION, max_size=6),
    st.lists(BOX, max_size=3),
    NOTES,
)
REFUSAL = st.builds(lambda notes: refusal(reasons=notes), NOTES.filter(bool))


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(told=READING | REFUSAL)
def test_any_record_becomes_a_valid_report(told, tmp_path):
    told = json.loads(json.dumps(told))  # as it comes from readings.json
    made = structured_report(told, header(tmp_path), FACTS)
    assert faults(made, tmp_path) == []
    again = pydicom.dcmread(tmp_path / "made.dcm")
    meanings = {
        item.CodeMeaning for sequence in again.iterall() if sequence.VR == "SQ"
        for item in sequence.value if "CodeMeaning" in item
    }  # fmt: skip
    names = {row.key: row.name for row in all_findings()}
    assert {names[one["finding"]] for one in told.get("predictions", ())} <= meanings
