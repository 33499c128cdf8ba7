import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra train: pip install 'hilum[train]'")

from hilum.phantoms import draw_chest
from hilum.training.segmentation.opacities import field, paint


def chest():
    phantom = draw_chest(np.random.default_rng(0), size=(128, 128))
    masks = np.stack([phantom.masks["lung_right"], phantom.masks["lung_left"]])
    return phantom.pixels, masks.astype(np.float32)


def test_lungs_get_whiter_and_nothing_far_from_them_changes():
    grey, lungs = chest()
    inside = lungs.max(0) > 0.5
    brighter = []
    for seed in range(30):
        painted = paint(grey, lungs, np.random.default_rng(seed))
        assert painted.dtype == np.float32
        assert (painted >= grey - 1e-6).all()
        assert painted.max() <= 1
        brighter.append(float((painted - grey)[inside].mean()))
        np.testing.assert_allclose(painted[:, :3], grey[:, :3], atol=1e-3)
    assert np.mean(brighter) > 0.05
    assert max(brighter) > 0.2  # some are nearly white


def test_no_lungs_no_paint():
    grey, lungs = chest()
    np.testing.assert_array_equal(paint(grey, lungs * 0, np.random.default_rng(0)), grey)


def test_a_field_is_smooth_and_bounded():
    found = field((64, 80), 3, np.random.default_rng(0))
    assert found.shape == (64, 80)
    assert np.abs(found).max() <= 1
    assert np.abs(np.diff(found, axis=0)).max() < 0.2
