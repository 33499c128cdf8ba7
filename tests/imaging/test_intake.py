"""What cannot be read gets a typed error that names the cause; what can be read, reads the same."""

from __future__ import annotations

import threading
import zlib
from pathlib import Path

import numpy as np
import pytest

from hilum import imaging
from hilum.domain import View
from hilum.errors import (
    IntakeError,
    NotAnImage,
)
from hilum.imaging.write import TRANSFER_SYNTAXES

RNG = np.random.default_rng(5)
STORED = RNG.integers(0, 4096, (60, 50)).astype(np.uint16)


def smooth() -> np.ndarray:
    y, x = np.mgrid[0:60, 0:50]
    return (2000 + 1500 * np.sin(x / 9) * np.cos(y / 11)).astype(np.uint16)


def written(path: Path, stored: np.ndarray = STORED, **facts) -> Path:
    facts = {"bits_stored": 12, "window": (2048, 4096)} | facts
    return imaging.write_dicom(path / "x.dcm", stored, **facts)


def patched(file: Path, old: bytes, new: bytes) -> Path:
    data = file.read_bytes()
    assert data.count(old) >= 1
    file.write_bytes(data.replace(old, new, 1))
    return file


LOSSLESS = sorted(set(TRANSFER_SYNTAXES) - {"jpeg", "jpeg-extended"})


@pytest.mark.parametrize("syntax", LOSSLESS)
@pytest.mark.parametrize("signed", [False, True])
def test_lossless_transfer_syntaxes_read_alike(tmp_path: Path, syntax: str, signed: bool):
    stored = (STORED.astype(np.int16) - 2048) if signed else STORED
    window = (0, 4096) if signed else (2048, 4096)
    got = imaging.read(written(tmp_path, stored, transfer_syntax=syntax, window=window))
    assert np.abs(got.pixels - STORED / 4095).max() < 1e-6
    assert got.acquisition.transfer_syntax_uid == TRANSFER_SYNTAXES[syntax]
    assert got.notes == ()


def test_lossy_jpeg(tmp_path: Path):
    twelve = imaging.read(written(tmp_path, smooth(), transfer_syntax="jpeg-extended"))
    assert np.abs(twelve.pixels - smooth() / 4095).max() < 0.02
    eight = imaging.read(
        written(
            tmp_path,
            (smooth() >> 4).astype(np.uint8),
            transfer_syntax="jpeg",
            bits_stored=8,
            window=(128, 256),
        )
    )
    assert np.abs(eight.pixels - (smooth() >> 4) / 255).max() < 0.05


def test_facts_of_the_header(tmp_path: Path):
    got = imaging.read(
        written(
            tmp_path,
            view="AP",
            age="018M",
            sex="F",
            spacing_mm=(0.2, 0.15),
            laterality="R",
            orientation=("L", "F"),
            overrides={"KVP": "120"},
        ),
        name="a/b.dcm",
    )
    facts = got.acquisition
    assert (facts.modality, facts.body_part, facts.view) == ("DX", "CHEST", View.AP)
    assert (facts.age_years, facts.sex, facts.laterality) == (1.5, "F", "R")
    assert (facts.spacing_mm, facts.spacing_at) == ((0.2, 0.15), "detector")
    assert (facts.kvp, facts.bits_stored, facts.patient_orientation) == (120.0, 12, ("L", "F"))
    assert (got.source.name, got.source.format, got.source.shape) == ("a/b.dcm", "dicom", (60, 50))
    assert got.source.instance_uid.startswith("2.25.")
    assert not got.pixels.flags.writeable


IMAGER, NOMINAL = "ImagerPixelSpacing", "NominalScannedPixelSpacing"
TYPE = "PixelSpacingCalibrationType"


@pytest.mark.parametrize(
    ("others", "at"),
    [
        ({}, "unknown"),
        ({IMAGER: [0.2, 0.2]}, "detector"),
        ({IMAGER: ["0.2000", "0.20001"]}, "detector"),
        ({NOMINAL: [0.2, 0.2]}, "detector"),
        ({IMAGER: [0.3, 0.3]}, "patient"),
        ({IMAGER: [0.2, 0.22]}, "patient"),
        ({NOMINAL: [0.22, 0.22]}, "patient"),
        ({TYPE: "FIDUCIAL"}, "patient"),
        ({TYPE: "GEOMETRY", IMAGER: [0.2, 0.2]}, "patient"),
        ({TYPE: "NONE", IMAGER: [0.2, 0.2]}, "detector"),
        ({TYPE: ""}, "unknown"),
        ({IMAGER: [0, 0]}, "unknown"),
    ],
)
def test_pixel_spacing_holds_in_the_patient_only_where_it_was_calibrated(
    tmp_path: Path, others: dict, at: str
):
    """PS3.3 10.7.1."""
    file = written(tmp_path, spacing_mm=(0.2, 0.2), spacing_at="unknown", overrides=others)
    facts = imaging.read(file).acquisition
    assert (facts.spacing_mm, facts.spacing_at) == ((0.2, 0.2), at)


@pytest.mark.parametrize("at", ["patient", "detector", "unknown"])
def test_where_a_spacing_holds_is_written_as_it_is_read(tmp_path: Path, at: str):
    facts = imaging.read(written(tmp_path, spacing_mm=(0.2, 0.2), spacing_at=at)).acquisition
    assert facts.spacing_at == at


def test_no_spacing_holds_nowhere(tmp_path: Path):
    facts = imaging.read(written(tmp_path)).acquisition
    assert (facts.spacing_mm, facts.spacing_at) == (None, None)


@pytest.mark.parametrize(
    ("position", "view"),
    [("PA", View.PA), ("LL", View.LATERAL), ("", View.UNKNOWN), ("LLD", View.OTHER)],
)
def test_views(tmp_path: Path, position: str, view: View):
    assert imaging.read(written(tmp_path, view=position)).acquisition.view is view


def test_a_coded_view(tmp_path: Path):
    from pydicom import Dataset

    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "399348003", "SCT", "AP"
    file = written(tmp_path, view="", overrides={"ViewCodeSequence": [item]})
    assert imaging.read(file).acquisition.view is View.AP


def test_colour_is_turned_to_grey(tmp_path: Path):
    rgb = np.zeros((40, 40, 3), np.uint8)
    rgb[:, :20] = (255, 0, 0)
    rgb[:, 20:] = 100
    got = imaging.read(imaging.write_dicom(tmp_path / "x.dcm", rgb, photometric="RGB"))
    assert got.pixels[0, 0] == pytest.approx(0.299, abs=0.003)
    assert got.pixels[0, 30] == pytest.approx(100 / 255, abs=0.003)
    assert got.chroma == pytest.approx(0.5)
    assert "colour" in {note.code for note in got.notes}


@pytest.mark.parametrize("syntax", [*LOSSLESS, "jpeg-extended"])
def test_cut_files_are_refused(tmp_path: Path, syntax: str):
    file = written(tmp_path, transfer_syntax=syntax)
    data = file.read_bytes()
    for kept in (0.5, 0.9, 0.98):
        file.write_bytes(data[: int(len(data) * kept)])
        with pytest.raises(IntakeError, match=r"cut|damaged|no Pixel Data|missing|break"):
            imaging.read(file)


def test_a_damaged_deflation(tmp_path: Path):
    file = written(tmp_path, transfer_syntax="deflated")
    data = bytearray(file.read_bytes())
    data[-200:-100] = zlib.compress(b"else")[:1] * 100
    file.write_bytes(data)
    with pytest.raises(IntakeError, match=r"damaged|cut|missing|parsed|no Pixel Data"):
        imaging.read(file)


def test_files_that_the_system_refuses(tmp_path: Path):
    with pytest.raises(IntakeError, match="cannot be opened"):
        imaging.read(tmp_path / "missing.dcm")
    with pytest.raises(NotAnImage, match="folder"):
        imaging.read(tmp_path)


def test_what_pydicom_warns_of_becomes_a_note(tmp_path: Path):
    file = written(tmp_path)
    data = file.read_bytes()
    at = data.rfind(b"2.25.", 0, data.index(b"PHANTOM"))  # SOP Instance UID
    file.write_bytes(data[:at] + b"2.-5." + data[at + 5 :])
    got = imaging.read(file)
    assert [(note.code, note.warning) for note in got.notes] == [
        ("header-value-left-out", False),
        ("header-irregular", False),
    ]
    assert got.source.instance_uid == ""
    file = patched(written(tmp_path), b"ISO_IR 192", b"ISO_IR 999")
    assert {note.code for note in imaging.read(file).notes} <= {"character-set"}
    shown = {row.keyword: row.value for row in imaging.inspect(file).rows}
    assert shown["PatientName"] == "(masked)"


def test_two_threads_read_at_once(tmp_path: Path):
    files = [
        imaging.write_dicom(tmp_path / f"{i}.dcm", STORED + i, bits_stored=13, window=(4096, 8192))
        for i in range(8)
    ]
    wrong: list[int] = []

    def work(which: int) -> None:
        want = (STORED + which) / 8191
        same = [np.allclose(imaging.read(files[which]).pixels, want, atol=1e-6) for _ in range(10)]
        wrong.extend([which] * same.count(False))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_writing_is_deterministic(tmp_path: Path):
    one = imaging.write_dicom(tmp_path / "1.dcm", STORED, window=(5, 6)).read_bytes()
    two = imaging.write_dicom(tmp_path / "2.dcm", STORED, window=(5, 6)).read_bytes()
    other = imaging.write_dicom(tmp_path / "3.dcm", STORED, window=(5, 7)).read_bytes()
    assert one == two
    assert one != other
    with pytest.raises(ValueError, match="8 or 16 whole bits"):
        imaging.write_dicom(tmp_path / "4.dcm", np.zeros((40, 40)))
    with pytest.raises(ValueError, match="transfer syntax 'mp3'"):
        imaging.write_dicom(tmp_path / "4.dcm", STORED, transfer_syntax="mp3")
