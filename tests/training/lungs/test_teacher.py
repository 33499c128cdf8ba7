"""The teacher brings a rough outline to the edges, and keeps nothing that is no pair of lungs."""

import cv2
import numpy as np
import pytest

from hilum.evaluation.localisation.overlap import dice
from hilum.phantoms import draw_chest, draw_hand
from hilum.training.lungs.teacher import teach, without_ribs


def drawn(seed):
    phantom = draw_chest(np.random.default_rng(seed), size=(192, 192))
    return phantom.pixels, np.stack([phantom.masks["lung_right"], phantom.masks["lung_left"]])


def roughly(lungs, by):
    """Lungs drawn some pixels too large (by > 0) or too small."""
    kernel = np.ones((2 * abs(by) + 1,) * 2, np.uint8)
    change = cv2.dilate if by > 0 else cv2.erode
    return np.stack([change(m.astype(np.uint8), kernel) for m in lungs]).astype(np.float32)


@pytest.mark.parametrize("by", [-3, 3])
def test_a_rough_outline_is_brought_to_the_edge(by):
    better = 0
    for seed in range(4):
        grey, lungs = drawn(seed)
        proposal = roughly(lungs, by)
        taught = teach(grey, proposal)
        before, after = dice(proposal > 0.5, lungs), dice(taught.lungs, lungs)
        assert before is not None
        assert after is not None
        better += after > before
    assert better >= 3


def test_good_proposals_are_kept_and_others_not():
    grey, lungs = drawn(1)
    good = teach(grey, lungs.astype(np.float32))
    assert (good.kept, good.why_not) == (True, ())
    assert min(good.rise) > 0.2
    swapped = teach(grey, lungs[::-1].astype(np.float32))
    assert "sides" in swapped.why_not
    flat = teach(np.full_like(grey, 0.5), lungs.astype(np.float32))
    assert "edge" in flat.why_not
    unsure = teach(grey, lungs.astype(np.float32) * np.float32(0.6))
    assert "unsure" in unsure.why_not
    hand = draw_hand(np.random.default_rng(0), size=(192, 192)).pixels
    assert not teach(hand, lungs.astype(np.float32)).kept


def test_ribs_are_taken_away():
    grey, lungs = drawn(2)
    inside = cv2.erode(lungs[0].astype(np.uint8), np.ones((25, 25), np.uint8)) > 0
    assert without_ribs(grey)[inside].std() < 0.8 * grey[inside].std()
