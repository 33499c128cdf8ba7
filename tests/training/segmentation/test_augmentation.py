from dataclasses import replace

import numpy as np
import pytest

from hilum.phantoms import draw_chest
from hilum.training.segmentation.augmentation import Variety, field, vary

STILL = Variety(
    rotate_deg=0, zoom=0, stretch=0, shift=0, gamma=0, contrast=0, brightness=0, uneven=0, marks=0
)


@pytest.fixture(scope="module")
def chest():
    phantom = draw_chest(np.random.default_rng(0), size=(96, 96))
    masks = np.stack([phantom.masks["lung_right"], phantom.masks["lung_left"]])
    return phantom.pixels, masks.astype(np.float32)


@pytest.mark.parametrize("seed", range(30))
def test_ranges_and_shapes_hold(chest, seed):
    grey, masks = vary(*chest, Variety(marks=0.8), np.random.default_rng(seed))
    assert (grey.shape, masks.shape) == ((96, 96), (2, 96, 96))
    assert (grey.dtype, masks.dtype) == (np.float32, np.float32)
    assert 0 <= grey.min() <= grey.max() <= 1
    assert 0 <= masks.min() <= masks.max() <= 1


def test_the_same_seed_gives_the_same(chest):
    one, other = (vary(*chest, Variety(), np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1], other[1])


def test_picture_and_masks_move_together(chest):
    """Painted with its own mask, a picture still agrees with that mask after every move."""
    moving = replace(STILL, rotate_deg=14, zoom=0.3, stretch=0.2, shift=0.09)
    _, masks = chest
    for seed in range(20):
        picture = masks.max(0)
        grey, moved = vary(picture, masks, moving, np.random.default_rng(seed))
        inside = moved.max(0) > 0.5
        assert inside.any()
        assert grey[inside].mean() > 0.9


def test_nothing_mirrors(chest):
    _, masks = chest
    for seed in range(30):
        _, moved = vary(*chest, Variety(), np.random.default_rng(seed))
        across = np.arange(96)
        right, left = ((m.sum(0) * across).sum() / max(m.sum(), 1e-6) for m in moved)
        assert moved[0].sum() < 1 or moved[1].sum() < 1 or right < left
    assert masks.sum() > 0


def test_a_field_is_smooth_and_bounded():
    found = field((64, 80), 3, np.random.default_rng(0))
    assert found.shape == (64, 80)
    assert np.abs(found).max() <= 1
    assert np.abs(np.diff(found, axis=0)).max() < 0.2
