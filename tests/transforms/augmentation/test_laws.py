"""What holds for every movement: boxes and masks go where the picture goes."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.transforms.augmentation import (
    CentreCrop,
    FlipLeftRight,
    FlipUpDown,
    LungCrop,
    Picture,
    RandomCrop,
    Rotate,
    Sequential,
    Shear,
    Shift,
    SomeOf,
    Warp,
    Zoom,
    augmented,
)

quick = settings(max_examples=60, deadline=None)
steps = st.sampled_from(
    [
        Warp(30, 0.3, 0.2, 0.2), Rotate((-180, 180)), Shift((-0.4, 0.4), (-0.4, 0.4)),
        Shear((-30, 30)), Zoom((0.6, 1.6), True), FlipLeftRight(), FlipUpDown(),
        CentreCrop(size_px=(64, 50)), RandomCrop(size_px=(70, 60)),
        RandomCrop(share=(0.4, 1), aspect=(0.5, 2)), LungCrop(),
    ]
)  # fmt: skip
chains = st.lists(steps, min_size=1, max_size=3).filter(
    lambda chain: sum(isinstance(s, CentreCrop | RandomCrop) for s in chain) < 2
)
rectangles = st.tuples(
    st.integers(0, 80), st.integers(0, 70), st.integers(4, 60), st.integers(4, 60)
)


def drawn_picture(rectangle) -> Picture:
    """A white rectangle on black, its box, and its mask."""
    x, y, w, h = rectangle
    grey = np.zeros((100, 90), np.float32)
    grey[y : y + h, x : x + w] = 1
    high, wide = (int(n) for n in (grey.any(1).sum(), grey.any(0).sum()))
    box = np.array([[x, y, wide, high]], np.float64)
    lungs = np.array([15.0, 10, 60, 70])
    return Picture(grey, box, grey[None].astype(np.uint8), lungs)


@quick
@given(chains, rectangles, st.integers(0, 2**32 - 1))
def test_a_rectangle_stays_in_its_box_and_under_its_mask(chain, rectangle, seed):
    before = drawn_picture(rectangle)
    after = augmented(before, Sequential(tuple(chain)), np.random.default_rng(seed))
    assert after.masks.shape == (1, *after.shape)
    assert set(np.unique(after.masks)) <= {0, 1}
    white = after.grey > 0.5
    # Mask and picture differ on the rectangle's rim only, by the way they are interpolated.
    masked = after.masks[0].astype(bool)
    rim = np.zeros_like(white)
    for by in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        rim |= (white != np.roll(white, by, (0, 1))) | (masked != np.roll(masked, by, (0, 1)))
    rim[[0, -1]] = rim[:, [0, -1]] = True
    assert not ((white != masked) & ~rim).any()
    for x, y, w, h in after.boxes:
        assert x >= 0
        assert x + w <= after.shape[1] + 1e-9
        assert y >= 0
        assert y + h <= after.shape[0] + 1e-9
        rows, columns = np.nonzero(white)
        if len(rows):
            assert columns.min() + 0.5 >= x - 0.51
            assert columns.max() + 0.5 <= x + w + 0.51
            assert rows.min() + 0.5 >= y - 0.51
            assert rows.max() + 0.5 <= y + h + 0.51


@quick
@given(rectangles, st.integers(0, 2**32 - 1))
def test_upright_movements_carry_boxes_tightly(rectangle, seed):
    chain = (Shift((-0.2, 0.2), (-0.2, 0.2)), Zoom((0.7, 1.3), True), FlipLeftRight())
    before = drawn_picture(rectangle)
    after = augmented(before, SomeOf(chain, 3, "random"), np.random.default_rng(seed))
    white = after.grey > 0.5
    if len(after.boxes) and white.any():
        x, y, w, h = after.boxes[0]
        rows, columns = np.nonzero(white)
        assert abs(columns.min() - x) <= 1
        assert abs(columns.max() + 1 - x - w) <= 1
        assert abs(rows.min() - y) <= 1
        assert abs(rows.max() + 1 - y - h) <= 1


@quick
@given(chains, st.integers(0, 2**32 - 1))
def test_grey_levels_stay_in_range_and_repeat(chain, seed):
    grey = np.random.default_rng(seed).random((100, 90), np.float32)
    picture = Picture(grey, lungs=np.array([15.0, 10, 60, 70]))
    policy = Sequential(tuple(chain))
    one, other = (augmented(picture, policy, np.random.default_rng(seed)) for _ in range(2))
    assert one.grey.tobytes() == other.grey.tobytes()
    assert one.grey.dtype == np.float32
    assert one.grey.min() >= 0
    assert one.grey.max() <= 1
