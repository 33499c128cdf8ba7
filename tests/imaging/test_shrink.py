"""Pictures that are read smaller than they are stored."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.imaging import encode_png, read, write_dicom
from hilum.imaging.grey import look_up
from hilum.imaging.shrink import shrink
from hilum.phantoms import draw_chest

SYNTAXES = ("explicit", "rle", "jpeg-lossless", "jpeg-ls", "jpeg-2000")
GREY_LEVEL = 1 / 255


@pytest.fixture(scope="module")
def chest() -> np.ndarray:
    drawn = draw_chest(np.random.default_rng(0), size=(640, 520)).pixels
    return np.rint(drawn * 4095).astype(np.uint16)


def block_means(pixels: np.ndarray, block: int) -> np.ndarray:
    rows, columns = pixels.shape
    return pixels.reshape(rows // block, block, columns // block, block).mean(axis=(1, 3))


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("window", [None, (2048.0, 3000.0)])
def test_a_shrunk_dicom_is_the_mean_of_what_is_shown(
    tmp_path: Path, chest: np.ndarray, syntax: str, window
):
    path = tmp_path / "chest.dcm"
    write_dicom(path, chest, bits_stored=12, transfer_syntax=syntax)
    whole, small = read(path, window=window), read(path, window=window, longest_px=160)
    assert small.shape == (160, 130)
    assert np.abs(small.pixels - block_means(whole.pixels, 4)).max() < 0.01 * GREY_LEVEL
    assert small.source.shape == (640, 520)
    assert small.source.to_source([[0, 0], [130, 160]]).tolist() == [[0, 0], [520, 640]]
    assert small.acquisition == whole.acquisition
    assert small.notes == whole.notes


def test_a_shrunk_png_is_the_mean_of_what_is_shown(tmp_path: Path, chest: np.ndarray):
    path = tmp_path / "chest.png"
    path.write_bytes(encode_png((chest >> 4).astype(np.uint8)))
    whole, small = read(path), read(path, longest_px=320)
    assert np.abs(small.pixels - block_means(whole.pixels, 2)).max() < 0.01 * GREY_LEVEL
    assert small.source.to_source([[260, 320]]).tolist() == [[520, 640]]


def test_what_is_small_is_not_enlarged(tmp_path: Path, chest: np.ndarray):
    path = tmp_path / "chest.dcm"
    write_dicom(path, chest, bits_stored=12)
    assert np.array_equal(read(path, longest_px=640).pixels, read(path).pixels)


@pytest.mark.parametrize("longest", [0, -5])
def test_a_longest_side_is_at_least_1(tmp_path: Path, longest: int):
    with pytest.raises(ValueError, match="longest_px"):
        read(tmp_path / "none.dcm", longest_px=longest)


@given(
    st.integers(1, 90), st.integers(1, 90), st.integers(1, 120),
    st.sampled_from(["u1", "u2", "f4"]),
)  # fmt: skip
def test_sides_keep_their_proportion_and_levels_their_range(rows, columns, longest, dtype):
    pixels = np.random.default_rng(0).integers(0, 200, (rows, columns)).astype(dtype)
    small = shrink(pixels, longest)
    factor = min(1.0, longest / max(rows, columns))
    assert small.dtype == pixels.dtype
    assert max(small.shape) == min(longest, max(rows, columns))
    assert abs(small.shape[0] - max(1, rows * factor)) <= 0.5
    assert abs(small.shape[1] - max(1, columns * factor)) <= 0.5
    assert pixels.min() - 1e-3 <= small.min() <= small.max() <= pixels.max() + 1e-3


@given(
    st.integers(1, 90), st.integers(1, 90), st.integers(1, 90), st.sampled_from([1, 4]),
    st.sampled_from([1, 4]), st.sampled_from(["u1", "u2", "f4"]),
)  # fmt: skip
def test_it_is_opencv_s_mean_to_the_last_bit(rows, columns, longest, down, across, dtype):
    size = rows * down, columns * across
    rng, top = np.random.default_rng(0), {"u1": 256, "u2": 65536, "f4": 2}[dtype]
    pixels = rng.integers(0, top, size).astype(dtype)
    small = shrink(pixels, longest)
    expected = cv2.resize(pixels, small.shape[::-1], interpolation=cv2.INTER_AREA)
    assert np.array_equal(small, expected)


SIZES = [(3000, 2500), (2500, 3000), (2022, 2022), (2048, 2048), (2991, 2500), (2828, 2320),
         (3056, 2544), (3001, 2501)]  # fmt: skip


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_what_is_shown_is_shrunk_to_the_last_bit(size: tuple[int, int], dtype: type):
    rng = np.random.default_rng(0)
    cells = rng.integers(0, 256 if dtype is np.uint8 else 4096, size, dtype)
    kept, table = cells.copy(), rng.random(256 if dtype is np.uint8 else 65536)
    steps = np.rint(table * 65535).astype(np.uint16)
    small = look_up(table, cells, 1024)
    expected = cv2.resize(steps[cells], small.shape[::-1], interpolation=cv2.INTER_AREA)
    assert max(small.shape) == 1024
    assert np.array_equal(small, expected * np.float32(1 / 65535))
    assert np.array_equal(cells, kept)


class TestReduced:
    """JPEG 2000 and HTJ2K at a lower resolution."""

    @pytest.fixture(autouse=True)
    def pillow(self):
        pytest.importorskip("PIL", reason="Pillow decodes at a lower resolution")

    @pytest.mark.parametrize(("longest", "decoded"), [(320, "320 × 260"), (200, "320 × 260"),
                                                  (160, "160 × 130")])  # fmt: skip
    def test_as_low_as_the_longest_side_allows(
        self, tmp_path: Path, chest: np.ndarray, longest: int, decoded: str
    ):
        path = tmp_path / "chest.dcm"
        write_dicom(path, chest, bits_stored=12, transfer_syntax="jpeg-2000")
        whole = read(path, longest_px=longest)
        low = read(path, longest_px=longest, reduced=True)
        (note,) = [note for note in low.notes if note.code == "reduced-resolution"]
        assert decoded in note.message
        assert low.shape == whole.shape
        assert np.abs(low.pixels - whole.pixels).mean() < 5 * GREY_LEVEL
        assert low.source.to_source([[low.shape[1], low.shape[0]]]).tolist() == [[520, 640]]

    def test_not_below_the_longest_side(self, tmp_path: Path, chest: np.ndarray):
        path = tmp_path / "chest.dcm"
        write_dicom(path, chest, bits_stored=12, transfer_syntax="jpeg-2000")
        low, whole = read(path, longest_px=400, reduced=True), read(path, longest_px=400)
        assert np.array_equal(low.pixels, whole.pixels)
        assert low.notes == whole.notes

    @pytest.mark.parametrize("syntax", SYNTAXES[:-1])
    def test_nothing_changes_for_other_codecs(self, tmp_path: Path, chest: np.ndarray, syntax: str):
        path = tmp_path / "chest.dcm"
        write_dicom(path, chest, bits_stored=12, transfer_syntax=syntax)
        low, whole = read(path, longest_px=100, reduced=True), read(path, longest_px=100)
        assert np.array_equal(low.pixels, whole.pixels)

    def test_it_needs_a_longest_side(self, tmp_path: Path):
        with pytest.raises(ValueError, match="longest_px"):
            read(tmp_path / "none.dcm", reduced=True)
