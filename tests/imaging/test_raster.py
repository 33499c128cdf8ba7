"""PNG, JPEG and TIFF of every kind that people have, and those that are refused."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import pytest

from hilum import imaging
from hilum.errors import DamagedFile, UnsupportedImage
from hilum.imaging.tiff import first_page

RNG = np.random.default_rng(2)
GREY8 = RNG.integers(0, 256, (48, 40)).astype(np.uint8)
GREY16 = RNG.integers(0, 65536, (48, 40)).astype(np.uint16)


def saved(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_png_of_8_and_16_bits(tmp_path: Path):
    eight = imaging.read(saved(tmp_path / "a.png", imagecodecs.png_encode(GREY8)))
    assert np.abs(eight.pixels - GREY8 / 255).max() < 1e-6
    assert (eight.source.format, eight.acquisition.bits_stored, eight.notes) == ("png", 8, ())
    sixteen = imaging.read(saved(tmp_path / "b.png", imagecodecs.png_encode(GREY16)))
    assert np.abs(sixteen.pixels - GREY16 / 65535).max() < 1e-6
    assert (sixteen.acquisition.bits_stored, sixteen.notes) == (16, ())


def test_12_bits_in_a_16_bit_file_are_stretched_with_a_warning(tmp_path: Path):
    stored = GREY16 >> 4
    got = imaging.read(saved(tmp_path / "a.png", imagecodecs.png_encode(stored)))
    low, high = np.quantile(stored, (0.005, 0.995), method="inverted_cdf")
    want = np.clip((stored.astype(float) - low) / (float(high) - low), 0, 1)
    assert np.abs(got.pixels - want).max() < 1e-6
    assert [(note.code, note.warning) for note in got.notes] == [("depth-guessed", True)]


def test_rgb_alpha_and_palette(tmp_path: Path):
    grey = np.dstack([GREY8] * 3)
    rgb = imaging.read(saved(tmp_path / "a.png", imagecodecs.png_encode(grey)))
    assert np.abs(rgb.pixels - GREY8 / 255).max() < 0.004
    assert (rgb.chroma, rgb.notes) == (0.0, ())
    solid = np.dstack([GREY8, np.full_like(GREY8, 255)])
    assert imaging.read(saved(tmp_path / "b.png", imagecodecs.png_encode(solid))).notes == ()
    half = solid.copy()
    half[:, :20, 1] = 0
    got = imaging.read(saved(tmp_path / "c.png", imagecodecs.png_encode(half)))
    assert got.pixels[:, :20].max() == 0
    assert np.abs(got.pixels[:, 20:] - GREY8[:, 20:] / 255).max() < 1e-6
    assert [note.code for note in got.notes] == ["transparent"]


def test_jpeg(tmp_path: Path):
    y, x = np.mgrid[0:48, 0:40]
    smooth = (120 + 80 * np.sin(x / 8) * np.cos(y / 9)).astype(np.uint8)
    got = imaging.read(saved(tmp_path / "a.jpg", imagecodecs.jpeg8_encode(smooth, 95)))
    assert np.abs(got.pixels - smooth / 255).max() < 0.03
    assert (got.source.format, got.acquisition.bits_stored) == ("jpeg", 8)
    photo = np.zeros((48, 40, 3), np.uint8)
    photo[..., 2] = 255
    blue = imaging.read(saved(tmp_path / "b.jpg", imagecodecs.jpeg8_encode(photo, 95)))
    assert blue.pixels.mean() == pytest.approx(0.114, abs=0.01)
    assert blue.chroma > 0.95
    assert [note.code for note in blue.notes] == ["colour"]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiff(tmp_path: Path, dtype):
    stored = GREY8 if dtype is np.uint8 else GREY16
    file = tmp_path / "a.tif"
    cv2.imwrite(str(file), stored)
    got = imaging.read(file)
    assert np.abs(got.pixels - stored / np.iinfo(dtype).max).max() < 1e-6
    assert got.source.format == "tiff"


def tiff(samples: np.ndarray, **tags: int) -> bytes:
    """A TIFF of one strip; ``tags`` as t258=16."""
    rows, columns = samples.shape
    bits = 8 * samples.dtype.itemsize
    values = {256: columns, 257: rows, 258: bits, 259: 1, 262: 1, 277: 1, 278: rows}
    values |= {273: 8, 279: samples.nbytes} | {int(tag[1:]): value for tag, value in tags.items()}
    data = samples.astype(samples.dtype.newbyteorder("<")).tobytes()
    out = struct.pack("<2sHI", b"II", 42, 8 + len(data)) + data
    out += struct.pack("<H", len(values))
    for tag, value in sorted(values.items()):
        out += struct.pack("<HHII", tag, 4 if tag in (273, 279) else 3, 1, value)
    return out + struct.pack("<I", 0)


def test_a_tiff_whose_zero_is_white(tmp_path: Path):
    got = imaging.read(saved(tmp_path / "a.tif", tiff(GREY8, t262=0)))
    assert np.abs(got.pixels - (1 - GREY8 / 255)).max() < 1e-6
    assert got.acquisition.grey.endswith("inverted")


def test_a_floating_point_tiff(tmp_path: Path):
    share = (GREY16 / 65535).astype(np.float32)
    got = imaging.read(saved(tmp_path / "a.tif", tiff(share, t339=3)))
    assert (got.pixels == share).all()
    with pytest.raises(UnsupportedImage, match="outside \\[0, 1\\]"):
        imaging.read(saved(tmp_path / "b.tif", tiff(share * 3, t339=3)))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (tiff(GREY8, t258=1), "two grey levels"),
        (tiff(GREY16.astype(np.int16), t339=2), "sample format 2"),
        (tiff(GREY8, t262=8), "photometric interpretation 8"),
        (tiff(GREY8, t277=7), "7 samples a pixel"),
        (tiff(GREY16, t256=9000, t257=9000, t277=4), "MiB are not decoded"),
        (tiff(GREY8[:, :8]), "at least 32"),
        (tiff(GREY8, t256=60000, t257=60000), "million pixels"),
        (imagecodecs.png_encode(GREY8[:9]), "at least 32"),
        (imagecodecs.jpegls_encode(GREY8), "JPEG-LS"),
    ],
)
def test_kinds_that_are_refused(tmp_path: Path, data: bytes, words: str):
    with pytest.raises(UnsupportedImage, match=words):
        imaging.read(saved(tmp_path / "a", data))


def test_directories_without_end_are_refused_or_counted_soon(tmp_path: Path):
    data = tiff(GREY8)
    large = data[:-4] + struct.pack("<IH", len(data), 60_000) + bytes(12 * 60_000 + 4)
    with pytest.raises(DamagedFile, match="60,000 entries"):
        imaging.read(saved(tmp_path / "a.tif", large))
    apart = b"".join(  # 3,000 empty directories in a row
        struct.pack("<HI", 0, len(data) + 6 * (place + 1)) for place in range(3000)
    )
    many = data[:-4] + struct.pack("<I", len(data)) + apart + struct.pack("<HI", 0, 0)
    page = first_page(many)
    assert (page.pages, page.rows) == (1000, 48)


def test_a_png_bomb_is_refused_before_it_is_unpacked(tmp_path: Path):
    data = bytearray(imagecodecs.png_encode(GREY8))
    data[16:24] = struct.pack(">II", 100_000, 100_000)
    with pytest.raises(UnsupportedImage, match="million pixels"):
        imaging.read(saved(tmp_path / "a.png", data))


@pytest.mark.parametrize(
    "data",
    [
        imagecodecs.png_encode(GREY16),
        imagecodecs.jpeg8_encode(GREY8),
        tiff(GREY8),
    ],
)
@pytest.mark.parametrize("kept", [0.2, 0.6, 0.97])
def test_cut_pictures_are_refused(tmp_path: Path, data: bytes, kept: float):
    with pytest.raises(DamagedFile, match=r"cut|break|decoded"):
        imaging.read(saved(tmp_path / "a", data[: int(len(data) * kept)]))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_honoured_and_leads_back(tmp_path: Path, orientation: int):
    picture = np.zeros((48, 40), np.uint8)
    picture[8:16, 24:32] = 250  # the stored place of a bright square
    plain = imagecodecs.jpeg8_encode(picture, 100)
    exif = struct.pack("<2sHIHHHIHHI", b"II", 42, 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 8) + b"Exif\x00\x00" + exif
    got = imaging.read(saved(tmp_path / "a.jpg", plain[:2] + segment + plain[2:]))
    assert got.shape == ((48, 40) if orientation <= 4 else (40, 48))
    assert got.source.shape == (48, 40)
    y, x = np.argwhere(got.pixels > 0.5).mean(axis=0) + 0.5
    assert np.allclose(got.source.to_source((x, y)), (28, 12), atol=0.1)
    upright = {
        1: picture,
        2: np.fliplr(picture),
        3: np.rot90(picture, 2),
        4: np.flipud(picture),
        5: picture.T,
        6: np.rot90(picture, -1),
        7: np.rot90(picture, 2).T,
        8: np.rot90(picture),
    }[orientation]
    assert np.abs(got.pixels - upright / 255).max() < 0.05


@pytest.mark.parametrize("shape", [(40, 50), (40, 50, 3)])
def test_previews(shape: tuple[int, ...]):
    picture = RNG.random(shape, dtype=np.float32)
    back = imagecodecs.png_decode(imaging.encode_png(picture))
    assert np.abs(back / 255 - picture).max() <= 0.5001 / 255
    whole = imagecodecs.png_decode(imaging.encode_png((picture * 255).astype(np.uint8)))
    assert (whole == (picture * 255).astype(np.uint8)).all()
    flat = np.full(shape, 0.25, np.float32)
    flat[..., 0] = 0.75 if len(shape) == 3 else 0.25
    jpeg = imagecodecs.jpeg8_decode(imaging.encode_jpeg(flat, quality=95))
    assert np.abs(jpeg / 255 - flat).max() < 0.02
