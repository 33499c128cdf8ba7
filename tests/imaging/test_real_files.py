"""Real DICOM files: three encodings of one picture, tables, both polarities, broken ones.

Each file that is read is compared with an independent decoder: stored values and grey levels.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numpy as np
import pydicom
import pytest

from hilum import imaging
from hilum.domain import View
from hilum.errors import NotAnImage, UnsupportedImage
from hilum.imaging.decode import decode
from hilum.imaging.dicomfile import open_dicom
from hilum.imaging.header import pixel_header


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
    file = dicom / "CR-ModalitySequenceLUT.dcm"
    dataset = pydicom.dcmread(file)
    frame = pydicom.encaps.get_frame(dataset.PixelData, 0, number_of_frames=1)
    stored = imagecodecs.ljpeg_decode(frame)  # another decoder than the one under test
    values = pydicom.pixels.apply_modality_lut(stored, dataset).astype(float)
    low, high = np.quantile(values, (0.005, 0.995), method="inverted_cdf")
    want = 1 - np.clip((values - low) / (high - low), 0, 1)
    assert np.abs(imaging.read(file).pixels - want).max() < 1e-6


def test_a_voi_table(dicom: Path):
    file = dicom / "vlut_04.dcm"
    dataset = pydicom.dcmread(file)
    want = pydicom.pixels.apply_voi_lut(dataset.pixel_array, dataset) / 65535.0
    assert np.abs(imaging.read(file).pixels - want).max() < 1e-6


def test_a_signed_modality_table(dicom: Path):
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


NATIVE, J2K, LS = "1.2.840.10008.1.2", "1.2.840.10008.1.2.4.9", "1.2.840.10008.1.2.4.8"
RLE, BIG_ENDIAN, DEFLATED = f"{NATIVE}.5", f"{NATIVE}.2", f"{NATIVE}.1.99"
LOSSY = {
    "1.2.276.0.7230010.3.1.4.8323329.6904.1517875201.850819", "RG1_J2KI", "RG2_JPLY",
    "RG2_JPLY_fixed", "RG3_JPLY",
}  # fmt: skip
"""Decoders may round these differently; ISO 10918-2 allows JPEG one level."""

READ = (
    "1.2.276.0.7230010.3.1.4.8323329.6904.1517875201.850819", "966", "CR-ModalitySequenceLUT",
    "ExplVR_BigEnd", "JPEG2KLossless_1s_1f_u_16_16", "MR_small_bigendian",
    "NM_Kakadu44_SOTmarkerincons", "RG1_J2KI", "RG1_JLSN", "RG2_JPLY", "RG2_JPLY_fixed", "RG2_RLE",
    "RG3_J2KR", "RG3_JLSL", "RG3_JPLY", "RG3_RLE", "dx_image", "mlut_18", "vlut_04",
)  # fmt: skip
NOT_READ = ("6154", "no_meta_group_length")


def plain(file: Path, out: Path) -> Path:
    """The same file with plain pixels: by dcmtk, and by gdcm for JPEG 2000, which dcmtk lacks."""
    dataset = pydicom.dcmread(file)
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax.startswith(J2K):
        pytest.importorskip("gdcm", reason="needs gdcm: pip install 'hilum[bench]'")
        if file.stem == "966":  # no decoder takes the comment behind its last tile-part
            frame = pydicom.encaps.get_frame(dataset.PixelData, 0, number_of_frames=1)
            whole = frame[: frame.rindex(b"\xff\x64")] + b"\xff\xd9"
            dataset.PixelData = pydicom.encaps.encapsulate([whole])
        dataset.decompress(decoding_plugin="gdcm")
        dataset.save_as(out)
        return out
    command = ["dcmconv", "+te"]
    if syntax == RLE:
        command = ["dcmdrle"]
    elif syntax.startswith(LS):
        command = ["dcmdjpls"]
    elif syntax.startswith(f"{NATIVE}.4"):
        command = ["dcmdjpeg"]
    if shutil.which(command[0]) is None:
        pytest.skip(f"no {command[0]} here: apt-get install dcmtk")
    subprocess.run([*command, file, out], check=True, capture_output=True)
    return out


def test_no_file_is_left_out(dicom: Path):
    assert {file.stem for file in dicom.glob("*.dcm")} == {*READ, *NOT_READ}


@pytest.mark.parametrize("name", READ)
def test_stored_values_are_those_of_another_decoder(dicom: Path, tmp_path: Path, name: str):
    theirs = pydicom.dcmread(plain(dicom / f"{name}.dcm", tmp_path / "plain.dcm"))
    file = open_dicom((dicom / f"{name}.dcm").read_bytes())
    ours, _ = decode(file, pixel_header(file.dataset))
    top = 2**theirs.BitsStored - 1
    cells = cells_of(theirs)
    if theirs.get("PlanarConfiguration") == 1:
        cells = np.moveaxis(cells.reshape(3, *ours.shape[:2]), 0, 2)
    cells = cells.reshape(ours.shape).astype(np.int64)
    if name in LOSSY:
        assert np.abs(np.minimum(ours, top) - np.minimum(cells, top)).max() <= 1
    else:
        assert ((ours & top) == (cells & top)).all()


def cells_of(dataset: Any) -> Any:
    kind = f"<u{dataset.BitsAllocated // 8}"
    count = dataset.Rows * dataset.Columns * dataset.SamplesPerPixel
    return np.frombuffer(dataset.PixelData, kind, count)


def clipped(file: Path) -> Path:
    """Overshoot of a lossy codec at its highest value: dcm2pnm takes no more than Bits Stored."""
    dataset = pydicom.dcmread(file)
    dataset.PixelData = np.minimum(cells_of(dataset), 2**dataset.BitsStored - 1).tobytes()
    dataset.save_as(file)
    return file


def as_hilum(words: str, dataset: Any) -> list[str]:
    """Tell dcmtk to show what Hilum shows."""
    if words.startswith("VOI LUT"):
        return ["+Wl", "1"]
    if words.startswith(("full range", "luma")):
        return []
    if "WindowCenter" in dataset:
        return ["+Wi", "1"]
    low, high = map(float, re.findall(r"-?[0-9.]+", words)[:2])
    # (x - low) / (high - low), written as a LINEAR window (PS3.3 C.11.2.1.2.1)
    return ["+Ww", str((low + high) / 2 + 0.5), str(high - low + 1)]


@pytest.mark.parametrize("name", READ)
def test_within_one_grey_level_of_dcmtk(dicom: Path, tmp_path: Path, name: str):
    if shutil.which("dcmj2pnm") is None:
        pytest.skip("no dcmj2pnm here: apt-get install dcmtk")
    source, out = plain(dicom / f"{name}.dcm", tmp_path / "plain.dcm"), tmp_path / "x.png"
    got = imaging.read(dicom / f"{name}.dcm")
    options = as_hilum(got.acquisition.grey, pydicom.dcmread(source, stop_before_pixels=True))
    source = clipped(source) if name in LOSSY else source
    subprocess.run(["dcmj2pnm", "+on", *options, source, out], check=True, capture_output=True)
    theirs = cv2.imread(str(out), cv2.IMREAD_UNCHANGED).astype(np.float64)
    if theirs.ndim == 3:
        theirs = theirs @ np.array([0.114, 0.587, 0.299])  # blue, green, red
    assert np.abs(theirs - got.pixels * 255).max() <= 1.0
