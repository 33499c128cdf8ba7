"""What a header may say of grey levels beside what ``test_grey_everywhere`` combines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hilum import imaging
from hilum.errors import InvalidHeader
from hilum.imaging.grey import GreyFacts, Window, render

ONE_LEVEL = 1e-6


def pixels(bits: int) -> np.ndarray:
    """64 × 48 stored values over the whole range, ends included."""
    values = np.random.default_rng(0).integers(0, 2**bits, (64, 48))
    values[0, :4] = 0, 1, 2**bits - 2, 2**bits - 1
    return values.astype("u1" if bits <= 8 else "u2")


def test_a_table_goes_before_a_window(tmp_path: Path):
    stored = pixels(12)
    table = (0, np.linspace(0, 1023, 4096).round().astype(int).tolist(), 10)
    file = imaging.write_dicom(
        tmp_path / "x.dcm", stored, bits_stored=12, voi_lut=table, window=(10.0, 20.0)
    )
    got = imaging.read(file)
    assert np.abs(got.pixels - np.array(table[1])[stored] / 1023).max() < ONE_LEVEL
    assert [note.code for note in got.notes] == ["voi-lut-preferred"]


def test_a_descriptor_of_0_means_65536_entries(tmp_path: Path):
    stored = pixels(16)
    table = (0, np.linspace(0, 65535, 65536).round().astype(int).tolist(), 16)
    got = imaging.read(imaging.write_dicom(tmp_path / "x.dcm", stored, voi_lut=table))
    assert np.abs(got.pixels - stored / 65535).max() < ONE_LEVEL


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("padding", [4095, (4000, 4095), (4095, 4000)])
def test_padding_is_black_and_moves_no_window(tmp_path: Path, photometric, padding):
    stored = pixels(11)  # 0 to 2047
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


def test_padding_beyond_the_stored_bits_is_meant_for_the_cell():
    cells = np.array([[0, 4095, 63536]], np.uint16)
    facts = GreyFacts(bits=12, padding=(63536, 63536), voi=Window(2048, 4096))
    shown = render(cells, facts).pixels
    assert shown.tolist() == [[0.0, 1.0, 0.0]]
    kept = render(cells, replace(facts, padding=None)).pixels
    assert kept[0, 2] == pytest.approx((63536 % 4096) / 4095)


def test_bits_above_bits_stored_are_masked(tmp_path: Path):
    stored = pixels(12)
    overlay = (np.random.default_rng(1).integers(0, 16, stored.shape) << 12).astype(np.uint16)
    plain, drawn = (
        imaging.read(
            imaging.write_dicom(tmp_path / "x.dcm", one, bits_stored=12, window=(2048, 4096))
        ).pixels
        for one in (stored, stored | overlay)
    )
    assert (plain == drawn).all()


@pytest.mark.parametrize(
    ("window", "function"), [((100, 0), "LINEAR"), ((100, -5), "SIGMOID"), ((100, 0.5), "LINEAR")]
)
def test_an_impossible_window_shows_the_full_range(tmp_path: Path, window, function):
    stored = pixels(12) // 2 + 100
    file = imaging.write_dicom(
        tmp_path / "x.dcm", stored, bits_stored=12, window=window, voi_function=function
    )
    got = imaging.read(file)
    want = (stored - stored.min()) / (float(stored.max()) - float(stored.min()))
    assert np.abs(got.pixels - want).max() < ONE_LEVEL
    assert [(note.code, note.warning) for note in got.notes] == [("window-invalid", True)]


def test_a_window_of_width_1_is_a_threshold(tmp_path: Path):
    stored = pixels(8)
    got = imaging.read(imaging.write_dicom(tmp_path / "x.dcm", stored, window=(128, 1)))
    assert (got.pixels == (stored > 127)).all()


def test_the_first_of_several_windows(tmp_path: Path):
    stored = pixels(12)
    file = imaging.write_dicom(
        tmp_path / "x.dcm", stored, bits_stored=12, window=[(2048, 4096), (10, 20)]
    )
    got = imaging.read(file)
    assert np.abs(got.pixels - stored / 4095).max() < ONE_LEVEL
    assert [note.code for note in got.notes] == ["several-windows"]


def test_the_caller_may_set_or_ignore_windows(tmp_path: Path):
    stored = pixels(12)
    file = imaging.write_dicom(tmp_path / "x.dcm", stored, bits_stored=12, window=(10, 20))
    given = imaging.read(file, window=(2048, 4096))
    assert np.abs(given.pixels - stored / 4095).max() < ONE_LEVEL
    ignored = imaging.read(file, voi="ignore")
    assert ignored.acquisition.grey.startswith("percentiles")
    with pytest.raises(ValueError, match="width of 1 or more"):
        imaging.read(file, window=(5, 0))


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
