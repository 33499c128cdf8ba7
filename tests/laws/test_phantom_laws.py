"""What holds for every drawn radiograph."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.phantoms import Lesion, draw_blank, draw_chest, draw_hand, draw_lateral
from hilum.phantoms.lesions import FINDINGS

seeds = st.integers(0, 2**32 - 1)
sizes = st.tuples(st.integers(64, 200), st.integers(64, 200))
views = st.sampled_from(["PA", "AP"])
lung_findings = sorted(set(FINDINGS) - {"cardiomegaly"})
lesions = st.builds(
    Lesion,
    st.sampled_from(lung_findings),
    st.sampled_from(["left", "right"]),
    st.floats(0.0, 1.0),
) | st.builds(Lesion, st.just("cardiomegaly"), extent=st.floats(0.0, 1.0))
quick = settings(max_examples=15, deadline=None)


@quick
@given(seeds, sizes, views, st.lists(lesions, max_size=3))
def test_grey_levels_lie_in_range_and_masks_in_the_picture(seed, size, view, drawn):
    phantom = draw_chest(np.random.default_rng(seed), size=size, view=view, lesions=drawn)
    assert phantom.pixels.shape == size
    assert phantom.pixels.dtype == np.float32
    assert 0.0 <= phantom.pixels.min() < 0.3
    assert 0.7 < phantom.pixels.max() <= 1.0
    assert len(phantom.masks) >= 3
    for name, (x, y, wide, high) in phantom.boxes.items():
        assert x >= 0
        assert y >= 0
        assert x + wide <= size[1]
        assert y + high <= size[0]
        assert phantom.masks[name][y : y + high, x : x + wide].sum() == phantom.masks[name].sum()
    left, right = phantom.masks["lung_left"], phantom.masks["lung_right"]
    assert not (left & right).any()
    assert not ((left | right) & phantom.masks["heart"]).any()


@quick
@given(seeds, views, lesions)
def test_a_lesion_changes_the_picture_only_near_its_mask(seed, view, lesion):
    size = (192, 192)
    without = draw_chest(np.random.default_rng(seed), size=size, view=view)
    phantom = draw_chest(np.random.default_rng(seed), size=size, view=view, lesions=[lesion])
    mask = phantom.masks[lesion.finding]
    assert mask.any()
    near = cv2.dilate(mask.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(bool)
    change = np.abs(phantom.pixels - without.pixels)
    assert change[~near].max() < 1e-4
    assert change[mask].max() > 0.01


@quick
@given(seeds, views)
def test_the_same_seed_draws_the_same_picture_and_another_seed_another(seed, view):
    one, two, other = (
        draw_chest(np.random.default_rng(s), size=(96, 96), view=view)
        for s in (seed, seed, seed + 1)
    )
    assert np.array_equal(one.pixels, two.pixels)
    assert all(np.array_equal(one.masks[name], two.masks[name]) for name in one.masks)
    assert not np.array_equal(one.pixels, other.pixels)


@quick
@given(seeds)
def test_lungs_are_darker_than_the_heart(seed):
    phantom = draw_chest(np.random.default_rng(seed), size=(128, 128))
    lungs = phantom.masks["lung_left"] | phantom.masks["lung_right"]
    assert (
        np.median(phantom.pixels[lungs]) < np.median(phantom.pixels[phantom.masks["heart"]]) - 0.1
    )


@quick
@given(seeds)
def test_the_hearts_apex_points_to_the_right_of_the_picture(seed):
    phantom = draw_chest(np.random.default_rng(seed), size=(128, 128))
    area = {name: mask.sum() for name, mask in phantom.masks.items()}
    assert area["lung_right"] > area["lung_left"]
    columns = np.arange(128)
    centre = {
        name: (mask.sum(0) * columns).sum() / mask.sum() for name, mask in phantom.masks.items()
    }
    assert centre["lung_right"] < centre["heart"] < centre["lung_left"]
    middle = (centre["lung_right"] + centre["lung_left"]) / 2
    assert centre["heart"] > middle - 2


@quick
@given(seeds, sizes, st.sampled_from([draw_lateral, draw_hand, draw_blank]))
def test_other_pictures_keep_range_and_size(seed, size, draw):
    phantom = draw(np.random.default_rng(seed), size=size)
    again = draw(np.random.default_rng(seed), size=size)
    assert phantom.pixels.shape == size
    assert phantom.pixels.min() >= 0.0
    assert phantom.pixels.max() <= 1.0
    assert np.array_equal(phantom.pixels, again.pixels)


@pytest.mark.parametrize("finding", sorted(FINDINGS))
def test_a_larger_extent_covers_more(finding):
    few = [
        draw_chest(
            np.random.default_rng(4), size=(192, 192), lesions=[Lesion(finding, extent=extent)]
        )
        .masks[finding]
        .sum()
        for extent in (0.0, 0.5, 1.0)
    ]
    assert few[0] < few[1] < few[2]
