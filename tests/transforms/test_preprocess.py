import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.bundles.card import Preprocessing
from hilum.transforms.preprocess import fit, prepare


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(20, 90),
    columns=st.integers(20, 90),
    how=st.sampled_from(["squash", "letterbox", "centre-crop"]),
)
def test_a_dot_is_found_again_within_a_pixel(rows: int, columns: int, how: str) -> None:
    spec = Preprocessing(size=(64, 48), fit=how)  # type: ignore[arg-type]
    pixels = np.zeros((rows, columns), np.float32)
    y, x = rows // 2, columns // 2
    pixels[y - 1 : y + 2, x - 1 : x + 2] = 1
    grey, to_pixels = fit(pixels, spec)
    high, wide = np.indices(grey.shape)
    weight = grey / grey.sum()
    centre = [((wide + 0.5) * weight).sum(), ((high + 0.5) * weight).sum()]
    assert np.allclose(to_pixels(centre), [x + 0.5, y + 0.5], atol=1.0)


@pytest.mark.parametrize("how", ["squash", "letterbox", "centre-crop"])
def test_corners_of_a_picture_of_the_same_shape_stay(how: str) -> None:
    spec = Preprocessing(size=(32, 32), fit=how)  # type: ignore[arg-type]
    pixels = np.random.default_rng(0).random((32, 32)).astype(np.float32)
    grey, to_pixels = fit(pixels, spec)
    assert np.array_equal(grey, pixels)
    assert np.allclose(to_pixels([[0, 0], [32, 32]]), [[0, 0], [32, 32]])


def test_letterbox_pads_with_black() -> None:
    grey, _ = fit(np.ones((20, 40), np.float32), Preprocessing(size=(40, 40), fit="letterbox"))
    assert grey[:10].max() == grey[30:].max() == 0
    assert grey[10:30].min() == 1


def test_shrinking_averages_areas() -> None:
    pixels = np.indices((64, 64)).sum(0) % 2
    grey, _ = fit(pixels.astype(np.float32), Preprocessing(size=(16, 16)))
    assert np.allclose(grey, 0.5)


def test_range_mean_and_deviation_a_channel() -> None:
    spec = Preprocessing(
        size=(16, 16), value_range=(-1, 1), mean=(0.0, 0.5, 1.0), std=(1.0, 2.0, 4.0), channels=3
    )
    image, _ = prepare(np.ones((16, 16), np.float32), spec)
    assert image.shape == (3, 16, 16)
    assert image[:, 0, 0].tolist() == [1.0, 0.25, 0.0]
    assert image.flags.writeable
