"""Comments and application data in compressed pictures."""

from __future__ import annotations

import struct

import cv2
import imagecodecs
import numpy as np
import pytest

from hilum.deidentify.codestreams import without_comments
from hilum.errors import DamagedFile
from tests.deidentify.drawn import chest, stored

GREY = stored(chest(), 8)
DEEP = stored(chest(), 12)
PROGRESSIVE = (cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_RST_INTERVAL, 4)


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


COMMENT = segment(0xFE, b"Roesler")
J2K_COMMENT = segment(0x64, b"\0\1Roesler")
EXIF = segment(0xE1, b"Exif\0\0Roesler")
PHOTOSHOP = segment(0xED, b"Roesler")


def into(data: bytes, *segments: bytes, at: int = 2) -> bytes:
    return data[:at] + b"".join(segments) + data[at:]


def jpeg(*options: int, colour: bool = False) -> bytes:
    picture = cv2.cvtColor(GREY, cv2.COLOR_GRAY2BGR) if colour else GREY
    return cv2.imencode(".jpg", picture, options)[1].tobytes()


JPEGS = {
    "baseline": (jpeg(), imagecodecs.jpeg8_decode),
    "progressive": (jpeg(*PROGRESSIVE), imagecodecs.jpeg8_decode),
    "colour": (jpeg(colour=True), imagecodecs.jpeg8_decode),
    "extended": (imagecodecs.jpeg8_encode(DEEP, 95, bitspersample=12), imagecodecs.jpeg8_decode),
    "lossless": (
        imagecodecs.jpeg8_encode(DEEP, lossless=True, predictor=1, bitspersample=12),
        imagecodecs.jpeg8_decode,
    ),
    "jpeg-ls": (imagecodecs.jpegls_encode(DEEP), imagecodecs.jpegls_decode),
}
JPEG_2000 = {
    "jpeg-2000": imagecodecs.jpeg2k_encode(DEEP, codecformat="j2k", reversible=True),
    "htj2k": imagecodecs.htj2k_encode(DEEP, reversible=True),
}


@pytest.mark.parametrize("name", JPEGS)
def test_a_jpeg_keeps_its_picture_and_nothing_else(name):
    data, decode = JPEGS[name]
    data = bytes(data)
    told = into(data, COMMENT, EXIF, b"\xff", PHOTOSHOP) + b"Roesler behind the end"
    clean = without_comments(told)
    assert b"Roesler" not in clean
    assert np.array_equal(decode(clean), decode(data))
    assert without_comments(clean) == clean


def test_comments_between_scans_go():
    data, decode = JPEGS["progressive"]
    at = [i for i in range(len(data) - 1) if data[i : i + 2] == b"\xff\xda"]
    assert len(at) > 2
    clean = without_comments(into(data, COMMENT, at=at[2]))
    assert b"Roesler" not in clean
    assert np.array_equal(decode(clean), decode(data))


def test_a_thumbnail_goes_with_the_rest_of_jfif():
    data = JPEGS["baseline"][0]
    body = b"JFIF\0\1\1\0\0\1\0\1\4\1" + b"Roesler Jadw"
    length = 4 + struct.unpack(">H", data[4:6])[0]
    clean = without_comments(into(data[:2] + data[length:], segment(0xE0, body)))
    assert b"Roesler" not in clean
    assert b"JFIF" in clean


@pytest.mark.parametrize("name", JPEG_2000)
def test_a_jpeg_2000_codestream_keeps_its_picture_and_nothing_else(name):
    data = bytes(JPEG_2000[name])
    at = data.find(b"\xff\x52")  # COD, after SIZ
    clean = without_comments(into(data, J2K_COMMENT, at=at) + b"Roesler")
    assert b"Roesler" not in clean
    assert b"\xff\x64" not in clean[: clean.find(b"\xff\x90")]
    assert np.array_equal(imagecodecs.jpeg2k_decode(clean), DEEP)


def test_a_comment_within_a_tile_is_not_passed_over():
    data = bytes(JPEG_2000["jpeg-2000"])
    sot = data.find(b"\xff\x90")
    (size,) = struct.unpack_from(">I", data, sot + 6)
    longer = into(data, J2K_COMMENT, at=sot + 12)
    longer = longer[: sot + 6] + struct.pack(">I", size + len(J2K_COMMENT)) + longer[sot + 10 :]
    with pytest.raises(DamagedFile, match="comments cannot be told"):
        without_comments(longer)


@pytest.mark.parametrize("name", [*JPEGS, *JPEG_2000])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_what_breaks_off_is_refused(name, share):
    data = bytes(JPEGS[name][0] if name in JPEGS else JPEG_2000[name])
    with pytest.raises(DamagedFile, match="break off"):
        without_comments(data[: int(share * (len(data) - 3))])
