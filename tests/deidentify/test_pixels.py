"""Text in the pixels of DICOM files and pictures: blacked, refused or left."""

from __future__ import annotations

import cv2
import numpy as np
import pydicom
import pytest

from hilum import imaging
from hilum.deidentify import clean_dicom, clean_picture, find_text
from hilum.errors import DamagedFile, IntakeError, NotCleaned, UnsupportedImage
from hilum.imaging import FoundFile
from hilum.imaging.decode import decode
from hilum.imaging.dicomfile import open_dicom, quiet
from hilum.imaging.header import pixel_header
from hilum.imaging.write import TRANSFER_SYNTAXES
from tests.deidentify.drawn import PLAIN, burned, chest, covered, outside, stored

WORDS, INK = burned(chest(), "ROESLER 1956", (40, 60), height=26)
LOSSLESS = {
    **TRANSFER_SYNTAXES,
    "jpeg": TRANSFER_SYNTAXES["jpeg-lossless"],
    "jpeg-extended": TRANSFER_SYNTAXES["jpeg-lossless"],
}


def cells(data: bytes):
    """Stored cells and the transfer syntax."""
    with quiet():
        file = open_dicom(data)
        pixel = pixel_header(file.dataset)
    return decode(file, pixel)[0], file.syntax


def written(folder, pixels=None, **facts) -> bytes:
    pixels = stored(WORDS) if pixels is None else pixels
    facts = {"bits_stored": 12, "window": (2048, 4096), **facts}
    if pixels.dtype == np.uint8:
        facts = {**facts, "bits_stored": 8, "window": (128, 256)}
    return imaging.write_dicom(folder / "a.dcm", pixels, **facts).read_bytes()


@pytest.mark.parametrize("syntax", TRANSFER_SYNTAXES)
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_text_is_blacked_and_the_rest_kept(tmp_path, syntax, photometric):
    picture = WORDS if photometric == "MONOCHROME2" else 1 - WORDS
    pixels = stored(picture, 8 if syntax == "jpeg" else 12)
    data = written(tmp_path, pixels, photometric=photometric, transfer_syntax=syntax)
    clean = clean_dicom(data, PLAIN)
    assert covered(INK, clean.regions) == 1
    (before, _), (after, became) = cells(data), cells(clean.data)
    assert became == LOSSLESS[syntax]
    free = outside(INK.shape, clean.regions)
    assert np.array_equal(before[free], after[free])
    assert set(after[~free]) == {before.max() if photometric == "MONOCHROME1" else before.min()}
    shown = imaging.read(FoundFile(tmp_path / "b", "b"), data=clean.data)
    assert find_text(shown.pixels) == ()
    made = pydicom.dcmread(tmp_path / "a.dcm")
    assert made.BurnedInAnnotation == "NO"
    codes = [item.CodeValue for item in pydicom.dcmread(_kept(tmp_path, clean.data))[
        "DeidentificationMethodCodeSequence"].value]  # fmt: skip
    assert "113101" in codes


def _kept(folder, data: bytes):
    (folder / "b.dcm").write_bytes(data)
    return folder / "b.dcm"


@pytest.mark.parametrize("syntax", ["explicit", "rle", "jpeg-2000", "htj2k", "jpeg-ls"])
def test_signed_pixels(tmp_path, syntax):
    pixels = stored(WORDS).astype(np.int16) - 2048
    data = written(tmp_path, pixels, transfer_syntax=syntax, window=(0, 4096))
    clean = clean_dicom(data, PLAIN)
    assert covered(INK, clean.regions) == 1
    (tmp_path / "b.dcm").write_bytes(clean.data)
    free = outside(INK.shape, clean.regions)
    before, after = imaging.read(tmp_path / "a.dcm"), imaging.read(tmp_path / "b.dcm")
    assert np.array_equal(before.pixels[free], after.pixels[free])
    assert after.pixels[~free].max() <= after.pixels.min() + 1e-6


@pytest.mark.parametrize("syntax", ["explicit", "big-endian", "rle", "jpeg-lossless", "jpeg-2000"])
def test_colour(tmp_path, syntax):
    colour = np.repeat(stored(chest(), 8)[..., None], 3, axis=2)
    _, ink = burned(chest(), "ROESLER 1956", (40, 60), height=26)
    colour[ink] = (255, 255, 0)
    data = written(tmp_path, colour, photometric="RGB", transfer_syntax=syntax, modality="OT")
    clean = clean_dicom(data, PLAIN)
    assert covered(ink, clean.regions) == 1
    (before, _), (after, _) = cells(data), cells(clean.data)
    free = outside(ink.shape, clean.regions)
    assert np.array_equal(before[free], after[free])
    assert not after[~free].any()


def test_text_beyond_the_window_is_found(tmp_path):
    """White on what the window shows white, and everybody's to see with another window."""
    grey = np.clip(chest() * 0.4, 0, 0.4)
    grey[:120] = 0.5
    picture, ink = burned(grey, "ROESLER 1956", (40, 60), height=26, level=0.95)
    data = written(tmp_path, stored(picture), window=(400, 800))
    assert imaging.read(tmp_path / "a.dcm").pixels[:120].min() == 1
    assert covered(ink, clean_dicom(data, PLAIN).regions) == 1


@pytest.mark.parametrize("answer", ["refuse", "clean"])
def test_what_may_hold_text_and_cannot_be_judged_is_refused(tmp_path, answer):
    frames = np.stack([stored(chest())] * 2)
    with pytest.raises(NotCleaned, match="2 frames"):
        clean_dicom(written(tmp_path, frames), PLAIN, answer)
    admitted = written(tmp_path, stored(chest()), overrides={"BurnedInAnnotation": "YES"})
    with pytest.raises(NotCleaned, match="none was found"):
        clean_dicom(admitted, PLAIN, answer)


def test_refuse_and_leave(tmp_path):
    data = written(tmp_path)
    with pytest.raises(NotCleaned, match="at 1 place"):
        clean_dicom(data, PLAIN, "refuse")
    left = clean_dicom(data, PLAIN, "leave")
    assert left.regions == ()
    assert np.array_equal(cells(left.data)[0], cells(data)[0])
    codes = [i.CodeValue for i in pydicom.dcmread(_kept(tmp_path, left.data))[
        "DeidentificationMethodCodeSequence"].value]  # fmt: skip
    assert "113101" not in codes
    frames = written(tmp_path, np.stack([stored(WORDS)] * 3))
    assert pydicom.dcmread(
        _kept(tmp_path, clean_dicom(frames, PLAIN, "leave").data)
    ).pixel_array.shape == (3, *WORDS.shape)


def test_compressed_pixels_without_text_stay_as_they_are(tmp_path):
    data = written(tmp_path, stored(chest()), transfer_syntax="jpeg-2000")
    clean = clean_dicom(data, PLAIN)
    stream = data[data.find(b"\xff\x4f\xff\x51") : data.rfind(b"\xff\xd9")]
    kept = clean.data[clean.data.find(b"\xff\x4f\xff\x51") : clean.data.rfind(b"\xff\xd9")]
    tiles = stream[stream.find(b"\xff\x90") :]
    assert kept.endswith(tiles)
    assert len(tiles) > 10_000


@pytest.mark.parametrize(
    ("overrides", "error", "said"),
    [
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.104.1"}, NotCleaned, "Encapsulated PDF"),
        ({"SOPClassUID": "1.2.3.4"}, NotCleaned, "private or unknown"),
        ({"SOPClassUID": None}, IntakeError, "SOPClassUID is missing"),
        ({"PhotometricInterpretation": "TRUECOLOR"}, UnsupportedImage, "TRUECOLOR"),
        ({"Rows": 400}, DamagedFile, "wrong"),
    ],
)  # fmt: skip
def test_what_is_refused(tmp_path, overrides, error, said):
    data = written(tmp_path)
    dataset = pydicom.dcmread(tmp_path / "a.dcm")
    for keyword, value in overrides.items():
        if value is None:
            del dataset[keyword]
        else:
            setattr(dataset, keyword, value)
    dataset.save_as(tmp_path / "c.dcm")
    with pytest.raises(error, match=said):
        clean_dicom((tmp_path / "c.dcm").read_bytes(), PLAIN)
    assert clean_dicom(data, PLAIN).data


@pytest.mark.parametrize("share", [0.001, 0.02, 0.1, 0.6, 0.999])
@pytest.mark.parametrize("syntax", ["explicit", "jpeg-2000"])
def test_a_file_that_was_cut_is_refused(tmp_path, share, syntax):
    data = written(tmp_path, transfer_syntax=syntax)
    with pytest.raises(IntakeError, match=r"cut|breaks? off|missing|no Pixel Data|empty|kind"):
        clean_dicom(data[: int(share * len(data))], PLAIN)


@pytest.mark.parametrize("kind", ["png", "jpg", "tiff", "png16"])
def test_pictures_lose_their_metadata_and_their_text(tmp_path, kind):
    depth = 16 if kind == "png16" else 8
    pixels = stored(WORDS, depth)
    done, buffer = cv2.imencode("." + kind.removesuffix("16"), pixels)
    assert done
    data = buffer.tobytes()
    if kind.startswith("png"):
        data = data[:33] + b"\0\0\0\x0ctEXtName\0Roesler\0\0\0\0" + data[33:]
    elif kind == "jpg":
        data = data[:2] + b"\xff\xfe\0\x09Roesler" + data[2:]
    else:
        data += b"Roesler"
    path = tmp_path / f"a.{kind.removesuffix('16')}"
    path.write_bytes(data)
    clean = clean_picture(FoundFile(path, path.name), data)
    assert clean.suffix == ".png"
    assert b"Roesler" not in clean.data
    assert covered(INK, clean.regions) == 1
    after = cv2.imdecode(np.frombuffer(clean.data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert after.dtype == (np.uint16 if depth == 16 else np.uint8)
    before = cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED)
    free = outside(INK.shape, clean.regions)
    assert np.array_equal(before[free], after[free])
    assert not after[~free].any()
    with pytest.raises(NotCleaned, match="--pixels clean"):
        clean_picture(FoundFile(path, path.name), data, "refuse")
