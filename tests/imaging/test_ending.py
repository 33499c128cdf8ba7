"""A codestream that was cut or overwritten is refused; one that is whole never is."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
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


@pytest.fixture
def in_this_process() -> Iterator[None]:
    """Many small pictures: spare them the way to another process."""
    imaging.isolate_decoders(False)
    yield
    imaging.isolate_decoders(True)


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


def tiled(picture: np.ndarray) -> bytes:
    return imagecodecs.htj2k_encode(picture, reversible=True, tile=(64, 64))


OTHERS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "jpeg-ls": ("jpeg-ls", lambda: imagecodecs.jpegls_encode(GREY12)),
    "jpeg-2000": ("jpeg2000", lambda: jpeg2000(GREY12, reversible=True)),
    "jpeg-2000-lossy": ("jpeg2000", lambda: jpeg2000(GREY12, level=50, reversible=False)),
    "htj2k-tiles": ("htj2k", lambda: tiled(GREY12)),
    "htj2k": ("htj2k", lambda: imagecodecs.htj2k_encode(GREY12, reversible=True)),
    "htj2k-lossy": ("htj2k", lambda: imagecodecs.htj2k_encode(GREY12, 0.002, reversible=False)),
}


def jpeg2000(picture: np.ndarray, level: int | None = None, **options: bool) -> bytes:
    return imagecodecs.jpeg2k_encode(picture, level, codecformat="j2k", **options)


def closed(data: bytes, kept: int, *, mended: bool = False) -> bytes:
    """Cut and close; mended: the last tile-part says that it ends there."""
    cut = data[:kept].rstrip(b"\xff") + b"\xff\xd9"
    at = cut.rfind(b"\xff\x90\x00\x0a")
    if mended and at > 0:
        cut = cut[: at + 6] + struct.pack(">I", len(cut) - 2 - at) + cut[at + 10 :]
    return cut


def near_the_end_and_before(size: int) -> list[int]:
    """Thirty places, and each of the last thirty bytes."""
    return [
        *np.linspace(size // 10, size - 40, 30).astype(int).tolist(),
        *range(size - 30, size - 2),
    ]


WORDS = (
    r"end before the last row|no scan|no frame|break off|marker|cannot be decoded|makes no sense"
)


@pytest.mark.parametrize("kind", KINDS)
def test_cut_pictures_with_an_end_marker_are_refused(kind: str, in_this_process: None):
    data = KINDS[kind]()
    whole = decoded(data)
    for kept in near_the_end_and_before(len(data)):
        try:
            got = decoded(closed(data, kept))
        except DamagedFile as error:
            assert re.search(WORDS, str(error))  # noqa: PT017  (it may be harmless as well)
        else:
            wrong = np.count_nonzero(got != whole)
            assert wrong <= (4 if kind.startswith("lossless") else 0), kept


@pytest.mark.parametrize("kind", OTHERS)
def test_other_codestreams_that_were_cut_are_refused(kind: str, in_this_process: None):
    codec, make = OTHERS[kind]
    data = make()
    whole = decode_stream(read_codestream(data), codec)
    for kept in near_the_end_and_before(len(data)):
        for mended in (False, True):
            try:
                got = decode_stream(read_codestream(closed(data, kept, mended=mended)), codec)
            except DamagedFile as error:
                assert re.search(WORDS, str(error))  # noqa: PT017  (it may be harmless as well)
            else:
                wrong = np.count_nonzero(got != whole)
                assert wrong <= (1 if codec == "jpeg-ls" else 0), kept


@pytest.mark.parametrize("kind", ["baseline", "extended-12", "lossless-12", "restarts", *OTHERS])
@pytest.mark.parametrize("fill", ["zeros", "anything"])
def test_overwritten_codestreams_are_refused(kind: str, fill: str, in_this_process: None):
    codec, make = OTHERS.get(kind, ("", KINDS.get(kind)))
    assert make is not None
    data = make()
    codec = codec or read_codestream(data).kind
    size = min(4096, len(data) // 3)
    for seed in range(8):
        rng = np.random.default_rng(seed)
        at = int(rng.integers(len(data) // 5, len(data) - size - len(data) // 10))
        hole = bytes(size) if fill == "zeros" else rng.bytes(size)
        with pytest.raises(DamagedFile, match=f"{WORDS}|overwritten|zeros in a row"):
            decode_stream(read_codestream(data[:at] + hole + data[at + size :]), codec)


def test_what_follows_the_end_marker_does_not_matter():
    data = KINDS["baseline"]()
    assert np.array_equal(decoded(data + data), decoded(data))  # as in files of two pictures


def test_restart_markers_must_count():
    data = KINDS["restarts"]()
    at = data.index(b"\xff\xd4", len(data) // 3)
    with pytest.raises(DamagedFile, match="out of order"):
        decoded(data[:at] + b"\xff\xd6" + data[at + 2 :])


@pytest.mark.parametrize("black", [0, 1 << 11, 4095])
def test_empty_packets_are_no_hole(black: int, in_this_process: None):
    plane = np.full((600, 500), black, np.uint16)
    for make in (tiled, jpeg2000, imagecodecs.htj2k_encode):
        data = make(plane)
        codec = "jpeg2000" if make is jpeg2000 else "htj2k"
        assert decode_stream(read_codestream(data), codec).shape == plane.shape


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
