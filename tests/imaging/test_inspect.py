"""What is in a file, without a word that names the patient."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import typer
from pydicom.datadict import tag_for_keyword
from typer.testing import CliRunner

from hilum import imaging
from hilum.cli.inspect import inspect

STORED = np.arange(64 * 48, dtype=np.uint16).reshape(64, 48)
SECRETS = {
    "PatientName": "Secret^Name",
    "PatientID": "SECRET-ID",
    "PatientBirthDate": "19610203",
    "PatientAddress": "Secret street",
    "OtherPatientIDs": "SECRET-OTHER",
    "AccessionNumber": "SECRET-ACC",
    "InstitutionName": "Secret hospital",
    "StationName": "SECRET-STN",
    "ReferringPhysicianName": "Secret^Doctor",
    "PerformingPhysicianName": "Secret^Second",
    "StudyDescription": "Secret study",
    "SeriesDescription": "Secret series",
    "ImageComments": "Secret comment",
    "StudyDate": "20200405",
    "StudyTime": "235959",
    "StudyID": "SECRET-STUDY",
    "DeviceSerialNumber": "SECRET-SERIAL",
    "EthnicGroup": "Secret group",
    "PatientInsurancePlanCodeSequence": [],
    "StudyInstanceUID": "1.2.3.19610203.777",
}


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.command()(inspect)
    return app


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return imaging.write_dicom(
        tmp_path / "x.dcm", STORED, window=(1500, 3000), bits_stored=12, overrides=SECRETS
    )


def test_nothing_shown_names_the_patient(file: Path):
    inspection = imaging.inspect(file)
    text = " ".join(row.value for row in inspection.rows)
    for keyword, secret in SECRETS.items():
        if isinstance(secret, str):
            assert secret not in text, keyword
    assert "ecret" not in text
    assert "SECRET" not in text
    shown = {row.keyword: row.value for row in inspection.rows}
    assert shown["PatientName"] == "(masked)"
    assert shown["StudyInstanceUID"] == "….777"
    assert shown["Rows"] == "64"
    assert shown["WindowWidth"] == "3000.0"
    assert shown["SOPClassUID"].startswith("Digital X-Ray")


def test_private_elements_are_counted_and_not_shown(file: Path):
    import pydicom

    dataset = pydicom.dcmread(file)
    dataset.private_block(0x0009, "SECRET MAKER", create=True).add_new(1, "LO", "Secret value")
    dataset.save_as(file)
    text = " ".join(row.value for row in imaging.inspect(file).rows)
    assert "2 elements, not shown" in text
    assert "ecret" not in text
    assert "MAKER" not in text


@pytest.mark.parametrize("keyword", ["Modality", "ViewPosition", "Manufacturer", "PatientSex"])
def test_a_value_that_swallowed_a_name_is_not_shown(file: Path, keyword: str):
    data = file.read_bytes()
    tag = tag_for_keyword(keyword)
    assert tag is not None
    start = struct.pack("<HH", tag >> 16, tag & 0xFFFF)
    at = data.index(start)
    vr, (length,) = data[at + 4 : at + 6], struct.unpack("<H", data[at + 6 : at + 8])
    name = struct.pack("<HH2sH", 0x0010, 0x0010, b"PN", 12) + b"Secret^Name "
    value = data[at + 8 : at + 8 + length] + name
    file.write_bytes(
        data[:at] + start + vr + struct.pack("<H", len(value)) + value + data[at + 8 + length :]
    )
    inspection = imaging.inspect(file)
    shown = {row.keyword: row.value for row in inspection.rows}
    assert shown[keyword] == "(no value of its kind, not shown)"
    assert "ecret" not in f"{inspection.rows} {inspection.notes} {inspection.error}"


def test_what_intake_would_do(file: Path):
    inspection = imaging.inspect(file)
    assert (inspection.shape, inspection.grey) == ((64, 48), "LINEAR 1500/3000")
    assert inspection.error is None
    assert inspection.radiograph is not None


def test_an_error_stands_in_the_result(tmp_path: Path, file: Path):
    text = tmp_path / "x.txt"
    text.write_text("hello")
    code, message = imaging.inspect(text).error or ("", "")
    assert code == "not-an-image"
    assert "is text" in message
    file.write_bytes(file.read_bytes()[:-500])
    inspection = imaging.inspect(file)
    assert inspection.error is not None
    assert inspection.error[0] == "damaged"
    assert len(inspection.rows) > 20


def test_the_command(app: typer.Typer, file: Path, tmp_path: Path):
    done = CliRunner().invoke(app, [str(file)])
    assert done.exit_code == 0
    assert "LINEAR 1500/3000" in done.output
    assert "ecret" not in done.output
    text = tmp_path / "x.txt"
    text.write_text("hello")
    both = CliRunner().invoke(app, [str(file), str(text)])
    assert both.exit_code == 1
    assert "not-an-image" in both.output


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("patient", "Spacing 0.2 × 0.15 mm at the patient\n"),
        ("detector", "Spacing 0.2 × 0.15 mm at the detector\n"),
        ("unknown", "0.15 mm, the header does not tell whether in the patient or at the detector"),
    ],
)
def test_where_a_spacing_holds_is_said(app: typer.Typer, tmp_path: Path, at: str, said: str):
    file = imaging.write_dicom(
        tmp_path / "s.dcm", STORED, bits_stored=12, spacing_mm=(0.2, 0.15), spacing_at=at
    )
    assert said in CliRunner().invoke(app, [str(file)]).output


def test_the_command_in_json(app: typer.Typer, file: Path):
    done = CliRunner().invoke(app, ["--json", str(file)])
    (one,) = json.loads(done.output)
    assert one["read"] is True
    assert one["shape"] == [64, 48]
    assert {row["keyword"] for row in one["header"]} >= {"Rows", "PatientName"}
    assert "ecret" not in done.output
