"""Every branch of the grey-scale pipeline against the float oracle, through real files."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hilum import imaging
from hilum.errors import InvalidHeader
from hilum.imaging.grey import GreyFacts, LookUp, Window, render

from .oracle import grey

ONE_LEVEL = 1e-6


def pixels(bits: int, signed: bool, seed: int = 0) -> np.ndarray:
    """64 × 48 stored values over the whole range, ends included."""
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1)) if signed else (0, 2**bits)
    values = np.random.default_rng(seed).integers(low, high, (64, 48))
    values[0, :4] = low, low + 1, high - 2, high - 1
    kind = f"{'i' if signed else 'u'}{1 if bits <= 8 else 2}"
    return values.astype(kind)


def expected(stored: np.ndarray, **facts) -> np.ndarray:
    size = 2 ** (8 * stored.dtype.itemsize)
    return np.array([[grey(int(v) % size, **facts) for v in row] for row in stored])


WINDOWS = [
    (c, w, f) for f in ("LINEAR", "LINEAR_EXACT", "SIGMOID") for c, w in ((0.4, 0.3), (0.5, 1.2))
]
RESCALES = [(1.0, 0.0), (2.5, -1024.0), (-0.75, 300.5)]


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(
    ("bits", "signed"), list(itertools.product((8, 10, 12, 15, 16), (False, True)))
)
@pytest.mark.parametrize("rescale", RESCALES)
def test_windows_follow_their_clauses(tmp_path: Path, photometric, bits, signed, rescale):
    stored = pixels(bits, signed)
    slope, intercept = rescale
    ends = sorted(float(v) * slope + intercept for v in (stored.min(), stored.max()))
    for at, share, function in WINDOWS:
        span = ends[1] - ends[0]
        centre, width = round(ends[0] + at * span, 2), round(share * span, 2)
        file = imaging.write_dicom(
            tmp_path / "x.dcm",
            stored,
            photometric=photometric,
            bits_stored=bits,
            rescale=rescale,
            window=(centre, width),
            voi_function=function,
        )
        got = imaging.read(file)
        want = expected(
            stored,
            bits=bits,
            signed=signed,
            inverted=photometric == "MONOCHROME1",
            rescale=rescale,
            voi_window=(centre, width, function),
        )
        assert np.abs(got.pixels - want).max() < ONE_LEVEL
        assert function in got.acquisition.grey
        assert got.notes == ()


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_both_look_up_tables_follow_their_clauses(tmp_path: Path, signed, photometric):
    stored = pixels(12, signed)
    rng = np.random.default_rng(3)
    modality = (-1000 if signed else 100, np.sort(rng.integers(0, 4096, 3000)).tolist(), 16)
    voi = (50, np.sort(rng.integers(0, 1024, 2000)).tolist(), 10)
    file = imaging.write_dicom(
        tmp_path / "x.dcm",
        stored,
        photometric=photometric,
        bits_stored=12,
        modality_lut=modality,
        voi_lut=voi,
        window=(10.0, 20.0),
    )
    got = imaging.read(file)
    want = expected(
        stored,
        bits=12,
        signed=signed,
        inverted=photometric == "MONOCHROME1",
        modality_lut=modality,
        voi_lut=voi,
    )
    assert np.abs(got.pixels - want).max() < ONE_LEVEL
    assert [note.code for note in got.notes] == ["voi-lut-preferred"]


def test_a_voi_table_of_negative_inputs(tmp_path: Path):
    stored = pixels(12, signed=True)
    table = (-2048, list(range(4096)), 12)
    got = imaging.read(
        imaging.write_dicom(tmp_path / "x.dcm", stored, bits_stored=12, voi_lut=table)
    )
    want = expected(stored, bits=12, signed=True, inverted=False, voi_lut=table)
    assert np.abs(got.pixels - want).max() < ONE_LEVEL


def test_a_descriptor_of_0_means_65536_entries(tmp_path: Path):
    stored = pixels(16, signed=False)
    table = (0, np.linspace(0, 65535, 65536).round().astype(int).tolist(), 16)
    got = imaging.read(imaging.write_dicom(tmp_path / "x.dcm", stored, voi_lut=table))
    assert np.abs(got.pixels - stored / 65535).max() < ONE_LEVEL


@pytest.mark.parametrize(
    ("photometric", "shape", "inverted", "notes"),
    [
        ("MONOCHROME2", "IDENTITY", False, []),
        ("MONOCHROME2", "INVERSE", True, ["polarity-contradiction"]),
        ("MONOCHROME1", "INVERSE", True, []),
        ("MONOCHROME1", "IDENTITY", True, ["polarity-contradiction"]),
        ("MONOCHROME1", "", True, []),
        ("MONOCHROME2", "", False, []),
    ],
)
def test_polarity_is_turned_once(tmp_path: Path, photometric, shape, inverted, notes):
    stored = pixels(12, signed=False)
    file = imaging.write_dicom(
        tmp_path / "x.dcm",
        stored,
        photometric=photometric,
        presentation=shape,
        bits_stored=12,
        window=(2048, 4096),
    )
    got = imaging.read(file)
    want = stored / 4095
    assert np.abs(got.pixels - (1 - want if inverted else want)).max() < ONE_LEVEL
    assert [note.code for note in got.notes] == notes
    assert ("inverted" in got.acquisition.grey) is inverted


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("padding", [4095, (4000, 4095), (4095, 4000)])
def test_padding_is_black_and_moves_no_window(tmp_path: Path, photometric, padding):
    stored = pixels(11, signed=False)  # 0 to 2047
    stored[:, :20] = 4095
    file = imaging.write_dicom(
        tmp_path / "x.dcm", stored, photometric=photometric, bits_stored=12, padding=padding
    )
    got = imaging.read(file)
    assert (got.pixels[:, :20] == 0).all()
    inner = stored[:, 20:].astype(float)
    low, high = np.quantile(inner, (0.005, 0.995), method="inverted_cdf")
    want = np.clip((inner - low) / (high - low), 0, 1)
    want = 1 - want if photometric == "MONOCHROME1" else want
    assert np.abs(got.pixels[:, 20:] - want).max() < ONE_LEVEL
    assert [note.code for note in got.notes] == ["no-window"]


def test_signed_padding(tmp_path: Path):
    stored = pixels(12, signed=True)
    stored[:8] = -2000
    file = imaging.write_dicom(
        tmp_path / "x.dcm", stored, bits_stored=12, padding=-2000, window=(0, 4096)
    )
    got = imaging.read(file).pixels
    want = expected(
        stored,
        bits=12,
        signed=True,
        inverted=False,
        voi_window=(0, 4096, "LINEAR"),
        padding=(-2000, -2000),
    )
    assert np.abs(got - want).max() < ONE_LEVEL


def test_padding_beyond_the_stored_bits_is_meant_for_the_cell():
    cells = np.array([[0, 4095, 63536]], np.uint16)
    facts = GreyFacts(bits=12, padding=(63536, 63536), voi=Window(2048, 4096))
    shown = render(cells, facts).pixels
    assert shown.tolist() == [[0.0, 1.0, 0.0]]
    kept = render(cells, replace(facts, padding=None)).pixels
    assert kept[0, 2] == pytest.approx((63536 % 4096) / 4095)


def test_bits_above_bits_stored_are_masked(tmp_path: Path):
    stored = pixels(12, signed=False)
    overlay = (np.random.default_rng(1).integers(0, 16, stored.shape) << 12).astype(np.uint16)
    plain, drawn = (
        imaging.read(
            imaging.write_dicom(tmp_path / "x.dcm", one, bits_stored=12, window=(2048, 4096))
        ).pixels
        for one in (stored, stored | overlay)
    )
    assert (plain == drawn).all()


def test_a_high_bit_above_the_stored_bits_shifts(tmp_path: Path):
    stored = pixels(12, signed=False)
    file = imaging.write_dicom(
        tmp_path / "x.dcm",
        stored << 4,
        bits_stored=12,
        window=(2048, 4096),
        overrides={"HighBit": 15},
    )
    assert np.abs(imaging.read(file).pixels - stored / 4095).max() < ONE_LEVEL


@pytest.mark.parametrize(
    ("window", "function"), [((100, 0), "LINEAR"), ((100, -5), "SIGMOID"), ((100, 0.5), "LINEAR")]
)
def test_an_impossible_window_shows_the_full_range(tmp_path: Path, window, function):
    stored = pixels(12, signed=False) // 2 + 100
    file = imaging.write_dicom(
        tmp_path / "x.dcm", stored, bits_stored=12, window=window, voi_function=function
    )
    got = imaging.read(file)
    want = (stored - stored.min()) / (float(stored.max()) - float(stored.min()))
    assert np.abs(got.pixels - want).max() < ONE_LEVEL
    assert [(note.code, note.warning) for note in got.notes] == [("window-invalid", True)]


def test_a_window_of_width_1_is_a_threshold(tmp_path: Path):
    stored = pixels(8, signed=False)
    got = imaging.read(imaging.write_dicom(tmp_path / "x.dcm", stored, window=(128, 1)))
    assert (got.pixels == (stored > 127)).all()


def test_the_first_of_several_windows(tmp_path: Path):
    stored = pixels(12, signed=False)
    file = imaging.write_dicom(
        tmp_path / "x.dcm", stored, bits_stored=12, window=[(2048, 4096), (10, 20)]
    )
    got = imaging.read(file)
    assert np.abs(got.pixels - stored / 4095).max() < ONE_LEVEL
    assert [note.code for note in got.notes] == ["several-windows"]


def test_the_caller_may_set_or_ignore_windows(tmp_path: Path):
    stored = pixels(12, signed=False)
    file = imaging.write_dicom(tmp_path / "x.dcm", stored, bits_stored=12, window=(10, 20))
    given = imaging.read(file, window=(2048, 4096))
    assert np.abs(given.pixels - stored / 4095).max() < ONE_LEVEL
    ignored = imaging.read(file, voi="ignore")
    assert ignored.acquisition.grey.startswith("percentiles")
    with pytest.raises(ValueError, match="width of 1 or more"):
        imaging.read(file, window=(5, 0))


def test_eight_bits_without_a_window_are_shown_as_they_are(tmp_path: Path):
    stored = pixels(8, signed=False)
    got = imaging.read(imaging.write_dicom(tmp_path / "x.dcm", stored))
    assert np.abs(got.pixels - stored / 255).max() < ONE_LEVEL
    assert [(note.code, note.warning) for note in got.notes] == [("no-window", False)]


def test_constant_pixels_without_a_window_are_black(tmp_path: Path):
    stored = np.full((40, 40), 700, np.uint16)
    assert imaging.read(imaging.write_dicom(tmp_path / "x.dcm", stored)).pixels.max() == 0


@pytest.mark.parametrize("slope", [0.0, float("nan"), float("inf")])
def test_a_slope_that_says_nothing_is_refused(slope):
    with pytest.raises(InvalidHeader, match="Rescale Slope"):
        render(np.zeros((4, 4), np.uint16), GreyFacts(bits=12, slope=slope))


def test_lossy_overshoot_is_clipped_and_not_wrapped():
    cells = np.array([[1023, 1024, 1100]], np.uint16)
    facts = GreyFacts(bits=10, saturate=True, voi=Window(511.5, 1023, "LINEAR_EXACT"))
    assert render(cells, facts).pixels.tolist() == [[1.0, 1.0, 1.0]]


def test_a_table_takes_its_ends_beyond_its_range():
    table = LookUp(10, np.array([5.0, 6.0, 7.0]), 8)
    assert table(np.array([-100.0, 9.0, 10.0, 11.4, 12.0, 99.0])).tolist() == [5, 5, 5, 6, 7, 7]
