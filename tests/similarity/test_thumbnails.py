from __future__ import annotations

import numpy as np
import pytest

from hilum.similarity import OnDemand, thumbnail


def test_a_thumbnail_is_the_mean_of_blocks():
    grey = np.arange(256 * 256, dtype=np.uint32).reshape(256, 256) // 300
    got = thumbnail(grey.astype(np.uint8))
    wanted = grey.astype(np.uint8).reshape(128, 2, 128, 2).mean((1, 3))
    assert got.dtype == np.uint8
    assert np.abs(got - wanted).max() <= 0.5


def test_floats_and_bytes_have_the_same_thumbnail():
    grey = np.random.default_rng(0).integers(0, 256, (300, 250)).astype(np.uint8)
    one, two = thumbnail(grey), thumbnail((grey / 255).astype(np.float32))
    assert np.abs(one.astype(int) - two).max() <= 1
    assert two.std() > 10


def test_a_small_picture_is_enlarged():
    assert thumbnail(np.full((40, 50), 7, np.uint8), size_px=96).tolist() == [[7] * 96] * 96


@pytest.mark.parametrize(
    ("grey", "size", "message"),
    [
        (np.zeros((9, 9, 3), np.uint8), 128, "rows and columns, got the shape"),
        (np.zeros((0, 9), np.uint8), 128, "rows and columns, got the shape"),
        (np.zeros((9, 9), np.float64), 128, "uint8 or float32, got float64"),
        (np.full((9, 9), 2, np.float32), 128, "lie in .0, 1., got 2 to 2"),
        (np.full((9, 9), np.nan, np.float32), 128, "got nan to nan"),
        (np.zeros((9, 9), np.uint8), 32, "at least 64 pixels, got 32"),
    ],
)
def test_what_is_no_grey_picture_is_refused(grey, size, message):
    with pytest.raises(ValueError, match=message):
        thumbnail(grey, size_px=size)


def test_thumbnails_on_demand_have_a_length_and_numbers():
    made = OnDemand(3, lambda number: np.full((64, 64), number, np.uint8))
    assert len(made) == 3
    assert made[2][0, 0] == 2
