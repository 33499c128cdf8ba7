"""Real DICOM files: three encodings of one picture, tables, both polarities, broken ones."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import pytest

from hilum import imaging
from hilum.domain import View
from hilum.errors import NotAnImage, UnsupportedImage


@pytest.fixture(scope="module")
def dicom(shared: Path) -> Path:
    return shared / "dicom"


def test_three_lossless_encodings_are_equal_to_the_bit(dicom: Path):
    one, two, three = (
        imaging.read(dicom / f"RG3_{kind}.dcm").pixels for kind in ("RLE", "JLSL", "J2KR")
    )
    assert (one == two).all()
    assert (one == three).all()


@pytest.mark.parametrize(
    ("one", "other"),
    [("RG3_JPLY", "RG3_RLE"), ("RG2_JPLY", "RG2_RLE"), ("RG1_JLSN", "RG1_J2KI")],
)
def test_lossy_encodings_stay_near(dicom: Path, one: str, other: str):
    first, second = (imaging.read(dicom / f"{name}.dcm").pixels for name in (one, other))
    assert np.abs(first - second).mean() * 255 < 1.5


def test_a_malformed_header_field_of_jpeg_extended_does_not_matter(dicom: Path):
    one, two = (imaging.read(dicom / f"RG2_JPLY{end}.dcm") for end in ("", "_fixed"))
    assert (one.pixels == two.pixels).all()


def test_the_monochrome1_chest(dicom: Path):
    radiograph = imaging.read(dicom / "RG1_J2KI.dcm")
    assert radiograph.shape == (1955, 1841)
    assert radiograph.acquisition.view is View.PA
    assert radiograph.acquisition.photometric == "MONOCHROME1"
    assert imaging.checks.measure(radiograph.pixels).likeness[0] > 0.3


def test_a_comment_behind_the_last_tile_is_read_past(dicom: Path):
    radiograph = imaging.read(dicom / "966.dcm")
    assert radiograph.shape == (2128, 2000)
    assert radiograph.acquisition.spacing_mm == (0.16, 0.16)
    assert "log-intensity" in {note.code for note in radiograph.notes}
    assert imaging.checks.measure(radiograph.pixels).likeness[0] > 0.3


def test_a_modality_table(dicom: Path):
    pydicom = pytest.importorskip("pydicom")
    file = dicom / "CR-ModalitySequenceLUT.dcm"
    dataset = pydicom.dcmread(file)
    frame = pydicom.encaps.get_frame(dataset.PixelData, 0, number_of_frames=1)
    stored = imagecodecs.ljpeg_decode(frame)  # another decoder than the one under test
    values = pydicom.pixels.apply_modality_lut(stored, dataset).astype(float)
    low, high = np.quantile(values, (0.005, 0.995), method="inverted_cdf")
    want = 1 - np.clip((values - low) / (high - low), 0, 1)
    assert np.abs(imaging.read(file).pixels - want).max() < 1e-6


def test_a_voi_table(dicom: Path):
    pydicom = pytest.importorskip("pydicom")
    file = dicom / "vlut_04.dcm"
    dataset = pydicom.dcmread(file)
    want = pydicom.pixels.apply_voi_lut(dataset.pixel_array, dataset) / 65535.0
    assert np.abs(imaging.read(file).pixels - want).max() < 1e-6


def test_a_signed_modality_table(dicom: Path):
    pydicom = pytest.importorskip("pydicom")
    file = dicom / "mlut_18.dcm"
    dataset = pydicom.dcmread(file)
    values = pydicom.pixels.apply_modality_lut(dataset.pixel_array, dataset).astype(float)
    low, high = np.quantile(values, (0.005, 0.995), method="inverted_cdf")
    want = np.clip((values - low) / (high - low), 0, 1)
    assert np.abs(imaging.read(file).pixels - want).max() < 1e-6


def test_what_holds_no_picture_says_so(dicom: Path):
    with pytest.raises(NotAnImage, match="no Pixel Data"):
        imaging.read(dicom / "no_meta_group_length.dcm")
    with pytest.raises(UnsupportedImage, match="16 × 16 px; at least 32"):
        imaging.read(dicom / "6154.dcm")


def test_big_endian(dicom: Path):
    assert imaging.read(dicom / "MR_small_bigendian.dcm").acquisition.grey == "LINEAR 600/1600"
    colour = imaging.read(dicom / "ExplVR_BigEnd.dcm")
    assert "colour" in {note.code for note in colour.notes}


@pytest.mark.skipif(shutil.which("dcmj2pnm") is None, reason="needs dcmtk")
@pytest.mark.parametrize(
    "name", ["RG3_RLE", "RG2_RLE", "dx_image", "vlut_04", "MR_small_bigendian", "RG1_JLSN"]
)
def test_within_one_grey_level_of_dcmtk(dicom: Path, tmp_path: Path, name: str):
    out = tmp_path / "x.png"
    options = {"vlut_04": ["+Wl", "1"]}.get(name, ["+Wi", "1"])
    command = ["dcmj2pnm", "+on", *options]
    source = dicom / f"{name}.dcm"
    if name == "RG1_JLSN":
        plain = tmp_path / "plain.dcm"
        subprocess.run(["dcmdjpls", source, plain], check=True, capture_output=True)
        source = plain
    subprocess.run([*command, source, out], check=True, capture_output=True)
    theirs = cv2.imread(str(out), cv2.IMREAD_UNCHANGED).astype(np.float64)
    ours = imaging.read(dicom / f"{name}.dcm").pixels * 255
    assert np.abs(theirs - ours).max() <= 1.0
