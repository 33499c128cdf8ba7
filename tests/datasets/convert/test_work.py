"""One file → one picture: what it holds, and what it must not hold."""

from __future__ import annotations

import struct

import cv2
import imagecodecs
import numpy as np
import pytest
import xxhash

from hilum.datasets.convert import Options
from hilum.datasets.convert.work import Request, work
from hilum.imaging import FoundFile, read, write_dicom
from hilum.phantoms import draw_chest
from tests.datasets.convert.conftest import SECRET, chest_file, stored


def convert(path, images, **options):
    """The result and the picture's file."""
    images.mkdir(exist_ok=True)
    request = Request(FoundFile(path, path.name), str(path), "", "", Options(**options), images,
                      apart=True)  # fmt: skip
    result = work(request)
    assert not result.code, result.message
    return result, images / result.image


def decoded(path):
    if path.suffix == ".j2c":
        return imagecodecs.jpeg2k_decode(path.read_bytes())
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def test_eight_bits_are_what_read_shows(tmp_path):
    path = chest_file(tmp_path / "a.dcm", transfer_syntax="jpeg-ls", photometric="MONOCHROME1")
    result, file = convert(path, tmp_path / "images", size=128)
    expected = np.rint(read(path, longest_px=128).pixels * 255)
    assert np.abs(decoded(file) - expected).max() <= 1
    assert (result.row["height_px"], result.row["width_px"]) == expected.shape == (128, 119)
    assert (result.row["source_height_px"], result.row["source_width_px"]) == (300, 280)


def test_the_name_is_the_start_of_the_digest_of_the_file(tmp_path):
    path = chest_file(tmp_path / "a.dcm")
    result, file = convert(path, tmp_path / "images")
    digest = xxhash.xxh3_128(path.read_bytes()).hexdigest()
    assert file.name == f"{digest[:16]}.png"
    assert result.digest == digest
    assert result.bytes == file.stat().st_size


@pytest.mark.parametrize("size", [32, 100, 299, 300, 1024, None])
def test_the_longest_side_is_never_enlarged(tmp_path, size):
    result, file = convert(chest_file(tmp_path / "a.dcm"), tmp_path / "images", size=size)
    assert max(decoded(file).shape) == min(size or 300, 300) == result.row["height_px"]


@pytest.mark.parametrize(
    ("facts", "dtype", "slope", "intercept"),
    [
        ({"bits_stored": 12}, np.uint16, 1.0, 0.0),
        ({"bits_stored": 12, "transfer_syntax": "jpeg-lossless"}, np.uint16, 1.0, 0.0),
        ({"bits_stored": 12, "transfer_syntax": "rle", "window": (300, 50)}, np.uint16, 1.0, 0.0),
        ({"bits_stored": 12, "rescale": (0.25, -1024.0)}, np.uint16, 0.25, -1024.0),
        ({"bits_stored": 12, "rescale": (-2.0, 10.0)}, np.uint16, 2.0, -8180.0),
        ({"bits_stored": 12}, np.int16, 1.0, -2048.0),
        ({"bits_stored": 12, "photometric": "MONOCHROME1"}, np.uint16, -1.0, 4095.0),
        ({"bits_stored": 16}, np.uint16, 1.0, 0.0),
        ({"bits_stored": 10}, np.uint16, 1.0, 0.0),
        ({"bits_stored": 8}, np.uint8, 1.0, 0.0),
    ],
)
@pytest.mark.parametrize("form", ["png", "htj2k"])
def test_kept_bits_lead_back_to_every_modality_value(
    tmp_path, facts, dtype, slope, intercept, form
):
    bits = facts["bits_stored"]
    values = stored(3, (1 << bits) - 1).astype(np.int64)
    values.flat[:2] = 0, (1 << bits) - 1
    if np.dtype(dtype).kind == "i":
        values -= 1 << (bits - 1)
    path = write_dicom(tmp_path / "a.dcm", values.astype(dtype), **facts)
    result, file = convert(path, tmp_path / "images", size=None, bits="keep", format=form)
    kept = decoded(file)
    assert kept.dtype == (np.uint8 if bits <= 8 else np.uint16)
    assert result.row["bits"] == bits
    assert result.row["modality_slope"] == pytest.approx(slope)
    assert result.row["modality_intercept"] == pytest.approx(intercept)
    back = result.row["modality_slope"] * kept + result.row["modality_intercept"]
    rescale = facts.get("rescale", (1.0, 0.0))
    np.testing.assert_allclose(back, values * rescale[0] + rescale[1], rtol=0, atol=1e-3)


def test_kept_bits_of_a_modality_lut_are_its_entries(tmp_path):
    values = stored(3, 255).astype(np.uint16)
    table = (np.arange(256) * 3).tolist()
    path = write_dicom(tmp_path / "a.dcm", values, bits_stored=12, modality_lut=(0, table, 10))
    result, file = convert(path, tmp_path / "images", size=None, bits="keep")
    np.testing.assert_array_equal(decoded(file), values * 3)
    assert result.row["bits"] == 10


@pytest.mark.parametrize(
    ("name", "top", "bits"),
    [("a.png", 65535, 16), ("dark.png", 4095, 16), ("a.tif", 65535, 16), ("b.png", 255, 8)],
)
def test_kept_bits_of_a_raster_are_its_samples(tmp_path, name, top, bits):
    cv2.imwrite(str(tmp_path / name), stored(4, top))
    result, file = convert(tmp_path / name, tmp_path / "images", size=None, bits="keep")
    np.testing.assert_array_equal(decoded(file), stored(4, top))
    assert (result.row["bits"], result.row["modality_slope"]) == (bits, None)


def test_kept_bits_of_a_shrunk_picture_are_means_of_the_samples(tmp_path):
    path = write_dicom(tmp_path / "a.dcm", stored(5), bits_stored=12, window=(100, 10))
    _, file = convert(path, tmp_path / "images", size=100, bits="keep")
    mean = cv2.resize(stored(5), (93, 100), interpolation=cv2.INTER_AREA)
    assert np.abs(decoded(file).astype(int) - mean).max() <= 1


def test_jpeg_is_close_and_htj2k_exact(tmp_path):
    path = chest_file(tmp_path / "a.dcm")
    _, png = convert(path, tmp_path / "images")
    _, jpeg = convert(path, tmp_path / "images", format="jpeg")
    _, htj2k = convert(path, tmp_path / "images", format="htj2k")
    np.testing.assert_array_equal(decoded(htj2k), decoded(png))
    assert 0 < np.abs(decoded(jpeg).astype(int) - decoded(png)).max() <= 20
    _, worse = convert(path, tmp_path / "images", format="jpeg", quality=30)
    assert worse.stat().st_size < jpeg.stat().st_size or worse == jpeg


@pytest.mark.parametrize("form", ["png", "jpeg", "htj2k"])
def test_nothing_but_pixels_is_in_a_picture(tmp_path, form):
    folder = tmp_path / SECRET
    folder.mkdir()
    result, file = convert(chest_file(folder / f"{SECRET}.dcm"), tmp_path / "images", format=form)
    data = file.read_bytes()
    assert SECRET.encode() not in data
    assert SECRET not in str(result.row) + result.image
    if form == "png":
        assert set(_chunks(data)) == {b"IHDR", b"IDAT", b"IEND"}
    if form == "jpeg":
        assert not set(_markers(data)) & {0xFE, *range(0xE1, 0xF0)}


def _chunks(data):
    at = 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        yield data[at + 4 : at + 8]
        at += 12 + length


def _markers(data):
    at = 2
    while data[at + 1] != 0xDA:
        yield data[at + 1]
        at += 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]


def test_ages_above_89_are_one(tmp_path):
    for age, written in (("093Y", 90.0), ("089Y", 89.0), ("018M", 1.5)):
        result, _ = convert(chest_file(tmp_path / "a.dcm", age=age), tmp_path / "images")
        assert result.row["age_years"] == written


def test_spacing_is_that_of_the_picture(tmp_path):
    path = chest_file(tmp_path / "a.dcm", spacing_mm=(1.2, 1.2))
    result, _ = convert(path, tmp_path / "images", size=150)
    assert result.row["spacing_rows_mm"] == pytest.approx(2.4)
    assert result.row["spacing_columns_mm"] == pytest.approx(2.4)


@pytest.mark.parametrize("size", [64, 1024])
def test_blurred_pictures_are_left_out_with_their_scores(tmp_path, size):
    sharp = draw_chest(np.random.default_rng(0), size=(600, 560)).pixels
    images = tmp_path / "images"
    images.mkdir()
    for name, sigma, left_out in (("sharp", 0.0, False), ("blurred", 4.0, True)):
        grey = cv2.GaussianBlur(sharp, (0, 0), sigma) if sigma else sharp
        path = tmp_path / f"{name}.png"
        cv2.imwrite(str(path), np.rint(grey * 255).astype(np.uint8))
        options = Options(size=size, drop_blurred=True)
        result = work(Request(FoundFile(path, path.name), str(path), "", "", options, images,
                              apart=True))  # fmt: skip
        assert (result.code == "blurred") is left_out
        assert bool(result.image) is not left_out
        assert result.row["sharpness"] > 0
        assert (f"{result.row['sharpness']:.2f}" in result.message) is left_out
    assert len(list(images.iterdir())) == 1
