"""Every kind of object, of every kind of source: valid, the same again, and about the patient."""

from __future__ import annotations

import logging
import warnings

import numpy as np
import pydicom
import pytest

from hilum.domain import Affine
from hilum.errors import ResultError, UnknownName
from hilum.imaging.write import _IMPLEMENTATION, TRANSFER_SYNTAXES
from hilum.report.dicom import (
    KINDS,
    ResultFacts,
    derived_uid,
    describe,
    heatmap_segmentation,
    lung_segmentation,
    presentation_state,
    secondary_capture,
    structured_report,
    to_bytes,
)
from hilum.report.dicom.uids import IMPLEMENTATION
from tests.report.dicom.conftest import (
    FACTS,
    SIZE,
    faults,
    header,
    heatmaps,
    masks,
    record,
    refusal,
)

MAKE = {
    "sr": lambda source, facts, told: structured_report(told, source, facts),
    "gsps": lambda source, facts, told: presentation_state(told, source, facts),
    "seg-lungs": lambda source, facts, told: lung_segmentation(
        masks(), source, facts, to_stored=Affine.scale(2, 2)
    ),
    "seg-heatmaps": lambda source, facts, told: heatmap_segmentation(
        told, heatmaps("effusion", "pleural_thickening"), source, facts
    ),
    "sc": lambda source, facts, told: secondary_capture(
        told, source, facts, picture=np.linspace(0, 1, SIZE[0] * SIZE[1]).reshape(SIZE)
    ),
}
WIDE = np.arange(SIZE[0] * SIZE[1], dtype=np.uint16).reshape(SIZE)
SIGNED = (WIDE.astype(np.int32) - 6000).astype(np.int16)
BYTES = (WIDE % 256).astype(np.uint8)
RAMP = list(range(0, 1024, 4))
SOURCES = {
    "plain": (WIDE, {}),
    "dark is high": (WIDE, {"photometric": "MONOCHROME1"}),
    "CR": (WIDE, {"modality": "CR", "window": (6000, 12000)}),
    "capture": (BYTES, {"modality": "OT"}),
    "several windows": (WIDE, {"window": [(6000, 12000), (100, 200)]}),
    "sigmoid": (WIDE, {"window": (6000, 12000), "voi_function": "SIGMOID"}),
    "window without width": (WIDE, {"window": (6000, 0)}),
    "voi table": (WIDE, {"voi_lut": (0, RAMP, 10)}),
    "signed": (SIGNED, {"window": (0, 12000), "rescale": (1.5, -7.25)}),
    "signed voi table": (SIGNED, {"voi_lut": (-600, RAMP, 10), "bits_stored": 16}),
    "modality table": (WIDE, {"modality_lut": (0, RAMP, 10), "voi_lut": (0, RAMP, 10)}),
    "several frames": (np.stack([WIDE, WIDE]), {"modality": "OT"}),
    "spacing": (WIDE, {"spacing_mm": (0.2, 0.2), "spacing_at": "patient", "age": "045Y"}),
    "turned": (WIDE, {"orientation": ("F", "R"), "sex": "F"}),
    "Chinese": (WIDE, {"patient_name": "Wang^XiaoDong=王^小東", "patient_id": "病歷-1"}),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("source", SOURCES)
def test_valid_by_dciodvfy(kind, source, tmp_path):
    stored, facts = SOURCES[source]
    made = MAKE[kind](header(tmp_path, stored, **facts), FACTS, record())
    assert faults(made, tmp_path) == []
    assert (made.SOPClassUID, made.Modality) == (
        describe(kind).sop_class_uid, describe(kind).modality,
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["sr", "gsps", "sc"])
def test_refusals_are_valid_too(kind, tmp_path):
    assert faults(MAKE[kind](header(tmp_path), FACTS, refusal()), tmp_path) == []


@pytest.mark.parametrize("syntax", TRANSFER_SYNTAXES)
def test_header_of_every_transfer_syntax(syntax, tmp_path):
    stored, facts = WIDE, {"transfer_syntax": syntax, "bits_stored": 12}
    if syntax == "jpeg":
        stored, facts = BYTES, {"transfer_syntax": syntax}
    source = header(tmp_path, stored % 4096 if stored.dtype == np.uint16 else stored, **facts)
    for kind in ("sr", "gsps"):
        assert faults(MAKE[kind](source, FACTS, record()), tmp_path) == [], kind


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_input_gives_the_same_bytes(kind, tmp_path):
    once = to_bytes(MAKE[kind](header(tmp_path), FACTS, record()))
    again = to_bytes(MAKE[kind](header(tmp_path), FACTS, record()))
    assert once == again
    keys = {"reading_key": "other"}, {"bundle_digest": "cd" * 32}
    uids = {pydicom.dcmread(tmp_path / "source.dcm").SOPInstanceUID}
    for changes in ({}, *keys):
        facts = ResultFacts(
            **{name: getattr(FACTS, name) for name in FACTS.__dataclass_fields__} | changes
        )
        uids.add(MAKE[kind](header(tmp_path), facts, record()).SOPInstanceUID)
    assert len(uids) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_times_come_from_the_facts(kind, tmp_path):
    source = header(tmp_path)
    made = MAKE[kind](source, FACTS, record())
    # 1795333075.25 s after 1970 is 2026-11-22 07:37:55.25 UTC
    assert (made.InstanceCreationDate, made.InstanceCreationTime) == ("20261122", "153755.250000")
    source.TimezoneOffsetFromUTC = "-0930"
    made = MAKE[kind](source, FACTS, record())
    assert (made.SeriesDate, made.SeriesTime) == ("20261121", "220755.250000")
    assert made.TimezoneOffsetFromUTC == "-0930"


@pytest.mark.parametrize("kind", KINDS)
def test_patient_and_study_are_the_radiographs(kind, tmp_path):
    source = header(
        tmp_path,
        patient_name="Wang^XiaoDong=王^小東",
        patient_id="A 123",
        sex="M",
        overrides={
            "StudyDate": "20260102", "StudyTime": "030405", "AccessionNumber": "ACC1",
            "ReferringPhysicianName": "Ärztin^Eva", "StudyDescription": "Thorax p.a.",
        },
    )  # fmt: skip
    made = pydicom.dcmread(
        _written(MAKE[kind](source, FACTS, record()), tmp_path), stop_before_pixels=True
    )
    assert made.SpecificCharacterSet == "ISO_IR 192"
    assert str(made.PatientName) == "Wang^XiaoDong=王^小東"
    assert (made.PatientID, made.PatientSex, made.StudyDate) == ("A 123", "M", "20260102")
    assert (made.AccessionNumber, made.StudyDescription) == ("ACC1", "Thorax p.a.")
    assert str(made.ReferringPhysicianName) == "Ärztin^Eva"
    assert made.StudyInstanceUID == source.StudyInstanceUID
    assert made.SeriesInstanceUID != source.SeriesInstanceUID
    assert made.file_meta.ImplementationClassUID == IMPLEMENTATION == _IMPLEMENTATION


def _written(made, folder):
    path = folder / "again.dcm"
    path.write_bytes(to_bytes(made))
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_no_name_in_warnings_and_logs(kind, tmp_path, caplog):
    source = header(tmp_path, patient_name="Onlyonename", patient_id="SECRET-77")
    with caplog.at_level(logging.DEBUG), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        MAKE[kind](source, FACTS, record())
    said = caplog.text + "".join(str(one.message) for one in caught)
    assert "Onlyonename" not in said
    assert "SECRET-77" not in said


@pytest.mark.parametrize("kind", ["sr", "gsps", "seg-heatmaps"])
def test_a_reading_of_another_picture(kind, tmp_path):
    source = header(tmp_path, WIDE[:60])
    with pytest.raises(ResultError, match="120 × 100 px, the header of one of 60 × 100"):
        MAKE[kind](source, FACTS, record())


def test_a_finding_that_nobody_knows(tmp_path):
    told = record(predictions=[{**record()["predictions"][0], "finding": "effusio"}])
    with pytest.raises(UnknownName, match="effusion"):
        structured_report(told, header(tmp_path), FACTS)


@pytest.mark.parametrize(
    "changes",
    [
        {"bundle": " "}, {"hilum": ""}, {"bundle_digest": "XYZ"}, {"made_at": float("nan")},
        {"made_at": -1.0}, {"utc_offset_min": 9000},
    ],
    ids=str,
)  # fmt: skip
def test_facts_that_cannot_be(changes):
    given = {"bundle": "a 1", "bundle_digest": "ab" * 32, "hilum": "0.1.0", "made_at": 1.0}
    with pytest.raises(ResultError):
        ResultFacts(**given | changes)


def test_bundles_with_and_without_version():
    given = {"bundle_digest": "ab" * 32, "hilum": "0.1.0", "made_at": 1.0}
    facts = ResultFacts(bundle="chest 14 0.2.0", **given)
    assert (facts.bundle_name, facts.bundle_version) == ("chest 14", "0.2.0")
    facts = ResultFacts(bundle="mine", **given)
    assert (facts.bundle_name, facts.bundle_version) == ("mine", "ab" * 6)


def test_uids_are_those_of_uuids():
    uids = {derived_uid("1.2", kind, "ab", key) for kind in KINDS for key in ("", "a", "\ud800")}
    assert len(uids) == 3 * len(KINDS)
    for uid in uids:
        number = int(uid.removeprefix("2.25."))
        assert number < 1 << 128
        assert (number >> 76 & 0xF, number >> 62 & 0b11) == (8, 0b10)  # RFC 9562: version, variant


def test_kinds_are_described():
    assert [kind.key for kind in KINDS.values()] == list(KINDS)
    assert len({kind.series_number for kind in KINDS.values()}) == len(KINDS)
    with pytest.raises(UnknownName, match="seg-lungs"):
        describe("seg-lung")
