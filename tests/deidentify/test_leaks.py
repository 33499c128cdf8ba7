"""A patient planted in every corner of a file is in nothing that is written or said."""

from __future__ import annotations

import re
import shutil
import subprocess
import zlib
from dataclasses import replace

import numpy as np
import pydicom
import pytest

from hilum import imaging
from hilum.deidentify import clean_dicom
from hilum.imaging.write import TRANSFER_SYNTAXES
from tests.deidentify.drawn import EVERYTHING, PLAIN, TELLING, chest, planted, stored


def leaks(data: bytes) -> list[str]:
    low = data.lower()
    return [word for word in TELLING if word.encode() in low]


def unpacked(data: bytes) -> bytes:
    """A file with its deflated part, where it has one, as it is."""
    if TRANSFER_SYNTAXES["deflated"].encode() not in data[:400]:
        return data
    begin = 132 + 12 + int.from_bytes(data[140:144], "little")
    return data[:begin] + zlib.decompressobj(-15).decompress(data[begin:])


def test_the_patient_is_in_the_file_to_begin_with(tmp_path):
    data = planted(tmp_path).read_bytes()
    assert leaks(data) == list(TELLING)
    assert len(re.findall(rb"roesler|jadwiga", data.lower())) > 30


@pytest.mark.parametrize("syntax", TRANSFER_SYNTAXES)
@pytest.mark.parametrize(
    "rules", [PLAIN, EVERYTHING, replace(EVERYTHING, dates="keep")], ids=["plain", "all", "dates"]
)
def test_nothing_of_the_patient_is_written(tmp_path, syntax, rules):
    path = planted(tmp_path, syntax=syntax)
    clean = clean_dicom(path.read_bytes(), rules)
    assert leaks(unpacked(clean.data)) == []
    (tmp_path / "clean.dcm").write_bytes(clean.data)
    before, after = imaging.read(path), imaging.read(tmp_path / "clean.dcm")
    assert np.array_equal(before.pixels, after.pixels)
    assert (
        pydicom.dcmread(tmp_path / "clean.dcm").file_meta.TransferSyntaxUID
        == (TRANSFER_SYNTAXES[syntax])
    )


def test_a_deflated_file_is_looked_into_here(tmp_path):
    assert leaks(unpacked(planted(tmp_path, syntax="deflated").read_bytes())) == list(TELLING)


def test_nothing_is_logged_or_warned_of(tmp_path, caplog, recwarn):
    clean_dicom(planted(tmp_path).read_bytes(), EVERYTHING)
    assert leaks(caplog.text.encode()) == []
    assert not recwarn.list


def test_other_uids_stay_only_where_they_are_kept(tmp_path):
    data = planted(tmp_path).read_bytes()
    kept = clean_dicom(data, replace(PLAIN, keep_uids=True))
    assert leaks(kept.data) == ["47110815"]  # this patient's number stands in a UID
    assert kept.uid.endswith("47110815")


def test_bits_that_are_not_stored_are_emptied(tmp_path):
    pixels = stored(chest())
    hidden = np.frombuffer(b"Roesler Jadwiga " * 40, np.uint8).astype(np.uint16)
    pixels[0, : 2 * 200] |= (np.unpackbits(hidden[:50].astype(np.uint8)).astype(np.uint16)) << 15
    path = imaging.write_dicom(tmp_path / "a.dcm", pixels, bits_stored=12, window=(2048, 4096))
    clean = clean_dicom(path.read_bytes(), PLAIN)
    (tmp_path / "b.dcm").write_bytes(clean.data)
    after = pydicom.dcmread(tmp_path / "b.dcm").pixel_array
    assert after.max() < 4096
    assert np.array_equal(after, pixels & 4095)


def test_padding_behind_the_pixels_is_emptied(tmp_path):
    path = imaging.write_dicom(tmp_path / "a.dcm", stored(chest()), bits_stored=12)
    dataset = pydicom.dcmread(path)
    dataset.PixelData += b"Roesler, Jadwiga"
    dataset.save_as(path)
    assert leaks(path.read_bytes()) == ["roesler", "jadwiga"]
    assert leaks(clean_dicom(path.read_bytes(), PLAIN).data) == []


@pytest.mark.skipif(not shutil.which("dcmdump"), reason="needs dcmtk")
@pytest.mark.parametrize("syntax", ["implicit", "big-endian", "deflated", "jpeg-ls", "rle"])
def test_dcmdump_reads_it_and_finds_nobody(tmp_path, syntax):
    clean = clean_dicom(planted(tmp_path, syntax=syntax).read_bytes(), EVERYTHING)
    (tmp_path / "b.dcm").write_bytes(clean.data)
    done = subprocess.run(
        ["dcmdump", "+L", "+P", "PatientIdentityRemoved", "-q", tmp_path / "b.dcm"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "YES" in done.stdout
    whole = subprocess.run(
        ["dcmdump", "+L", tmp_path / "b.dcm"], capture_output=True, check=True
    ).stdout
    assert leaks(whole) == []
    assert b"(0019," not in whole


def vfy(path) -> set[str]:
    done = subprocess.run(
        ["dciodvfy", "-new", str(path)], capture_output=True, text=True, errors="replace",
        check=False,
    )  # fmt: skip
    lines = (done.stdout + done.stderr).splitlines()
    assert lines, "dciodvfy says what the object is"
    return {line for line in lines if line.startswith("Error")}


@pytest.mark.skipif(not shutil.which("dciodvfy"), reason="needs dicom3tools")
@pytest.mark.parametrize("modality", ["DX", "CR", "SC"])
@pytest.mark.parametrize("rules", [PLAIN, EVERYTHING], ids=["plain", "all"])
def test_no_error_that_was_not_there(tmp_path, modality, rules):
    path = imaging.write_dicom(
        tmp_path / "a.dcm", stored(chest()), bits_stored=12, modality=modality, age="093Y", sex="M",
        window=(2048, 4096), overrides={"StudyDate": "20240229", "StudyTime": "101112"},
    )  # fmt: skip
    (tmp_path / "b.dcm").write_bytes(clean_dicom(path.read_bytes(), rules).data)
    assert vfy(tmp_path / "b.dcm") <= vfy(path)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("dciodvfy"), reason="needs dicom3tools")
def test_real_files_have_no_error_that_was_not_there(shared, tmp_path):
    from hilum.errors import HilumError

    cleaned = 0
    for path in sorted((shared / "dicom").glob("*.dcm")):
        data = path.read_bytes()
        try:
            clean = clean_dicom(data, EVERYTHING, "leave")
        except HilumError:
            continue
        (tmp_path / "b.dcm").write_bytes(clean.data)
        assert vfy(tmp_path / "b.dcm") <= vfy(path), path.name
        assert np.array_equal(imaging.read(path).pixels, imaging.read(tmp_path / "b.dcm").pixels)
        cleaned += 1
    assert cleaned >= 19
