"""A JPEG that was cut and closed with an end marker is refused; one that is whole never is."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import pytest

from hilum import imaging
from hilum.errors import DamagedFile, UnsupportedImage
from hilum.imaging.codestream import read_codestream
from hilum.imaging.decode import decode_stream

ROWS, COLUMNS = 203, 181
y, x = np.mgrid[0:ROWS, 0:COLUMNS]
NOISE = np.random.default_rng(4).normal(0, 6, (ROWS, COLUMNS))
GREY8 = np.clip(120 + 80 * np.sin(x / 20) * np.cos(y / 31) + NOISE, 0, 255).astype(np.uint8)
GREY12 = GREY8.astype(np.uint16) * 16 + 5
RGB8 = np.dstack([GREY8, GREY8[::-1], GREY8[:, ::-1]])
MIDDLE8 = np.where(y > 100, 128, GREY8).astype(np.uint8)  # ends as a decoder fills what is missing


def by_opencv(picture: np.ndarray, *options: int) -> bytes:
    return cv2.imencode(".jpg", picture, options)[1].tobytes()


def lossless(picture: np.ndarray, bits: int, predictor: int = 1) -> bytes:
    return imagecodecs.jpeg8_encode(picture, lossless=True, bitspersample=bits, predictor=predictor)


KINDS: dict[str, Callable[[], bytes]] = {
    "baseline": lambda: imagecodecs.jpeg8_encode(GREY8, 90),
    "baseline-colour": lambda: imagecodecs.jpeg8_encode(RGB8, 90),
    "extended-12": lambda: imagecodecs.jpeg8_encode(GREY12, bitspersample=12),
    "restarts": lambda: by_opencv(GREY8, cv2.IMWRITE_JPEG_RST_INTERVAL, 20),
    "progressive": lambda: by_opencv(GREY8, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "progressive-colour": lambda: by_opencv(RGB8, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "lossless-8": lambda: lossless(GREY8, 8),
    "lossless-12": lambda: lossless(GREY12, 12),
    "lossless-16": lambda: lossless(GREY12, 16),
    "lossless-plane": lambda: lossless(GREY12, 16, 4),
    "lossless-mean": lambda: lossless(GREY12, 16, 7),
    "ends-in-the-middle-grey": lambda: imagecodecs.jpeg8_encode(MIDDLE8, 90),
}


def decoded(data: bytes) -> np.ndarray:
    stream = read_codestream(data)
    return decode_stream(stream, stream.kind)


@pytest.mark.parametrize("kind", KINDS)
def test_whole_pictures_are_read(kind: str):
    data = KINDS[kind]()
    assert decoded(data).shape[:2] == (ROWS, COLUMNS)
    assert decoded(data + b"\x00").shape[:2] == (ROWS, COLUMNS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kept", [0.3, 0.5, 0.7, 0.9, 0.98])
def test_cut_pictures_with_an_end_marker_are_refused(kind: str, kept: float):
    data = KINDS[kind]()
    if kind == "ends-in-the-middle-grey":
        kept *= 0.8  # its last rows take few bytes
    cut = data[: int(len(data) * kept)].rstrip(b"\xff") + b"\xff\xd9"
    with pytest.raises(DamagedFile, match=r"end before the last row|no scan|no frame|break off"):
        decoded(cut)


def test_a_cut_at_a_restart_marker_is_refused():
    data = KINDS["restarts"]()
    at = data.index(b"\xff\xd4", len(data) // 3)
    for cut in (data[:at], data[: at + 2]):
        with pytest.raises(DamagedFile, match="end before the last row"):
            decoded(cut + b"\xff\xd9")


@pytest.mark.parametrize("black", [0, 255])
def test_a_black_or_white_lower_half_is_a_picture(black: int):
    picture = GREY8.copy()
    picture[100:] = black
    for data in (imagecodecs.jpeg8_encode(picture, 90), lossless(picture, 8)):
        assert np.abs(decoded(data)[120:].astype(int) - black).max() == 0


@pytest.mark.parametrize("syntax", ["jpeg", "jpeg-extended", "jpeg-lossless"])
def test_in_a_dicom_file(tmp_path: Path, syntax: str):
    eight = syntax == "jpeg"
    file = imaging.write_dicom(
        tmp_path / "x.dcm",
        GREY8 if eight else GREY12,
        bits_stored=8 if eight else 12,
        transfer_syntax=syntax,
    )
    imaging.read(file)
    data = file.read_bytes()
    begin, end = data.rindex(b"\xff\xd8\xff"), data.rindex(b"\xff\xd9")
    kept = (end - begin) // 4 * 2
    half = data[begin : begin + kept - 2].rstrip(b"\xff") + b"\xff\xd9"
    half += bytes(kept - len(half))
    file.write_bytes(data[: begin - 4] + struct.pack("<I", kept) + half + data[-8:])
    with pytest.raises(DamagedFile, match="end before the last row"):
        imaging.read(file)


def test_jpeg_2000_half_of_which_is_zeros_is_refused(tmp_path: Path):
    stored = np.random.default_rng(1).integers(0, 4096, (200, 200)).astype(np.uint16)
    file = imaging.write_dicom(tmp_path / "x.dcm", stored, transfer_syntax="jpeg-2000")
    imaging.read(file)
    data = bytearray(file.read_bytes())
    end = data.rindex(b"\xff\xd9")
    half = end - len(data) // 2
    data[half:end] = bytes(end - half)
    file.write_bytes(data)
    with pytest.raises(DamagedFile, match="zeros in a row"):
        imaging.read(file)


def test_arithmetic_coding_is_refused():
    data = imagecodecs.jpeg8_encode(GREY8).replace(b"\xff\xc0", b"\xff\xc9", 1)
    with pytest.raises(UnsupportedImage, match="Arithmetic-coded"):
        read_codestream(data)


def test_real_jpegs_are_whole(shared: Path):
    files = sorted((shared / "radiographs" / "ieee8023").glob("*.jp*g"))[:20]
    for file in files:
        imaging.read(file)
