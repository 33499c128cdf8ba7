"""The steps of the recipe that was first: what they draw is part of a shipped bundle."""

import numpy as np
import pytest

from hilum.transforms.augmentation import (
    Augmentation,
    Exposure,
    Grain,
    Picture,
    Sequential,
    Warp,
    apply,
    augment,
    augmented,
)
from hilum.transforms.augmentation.policies import Drawn

STEPS: tuple[Augmentation, ...] = (Warp(), Exposure(), Grain(chance=1.0))


def picture() -> np.ndarray:
    rows, columns = np.indices((64, 64)) / 63
    return ((rows + columns) / 2).astype(np.float32)


@pytest.mark.parametrize("seed", range(5))
def test_the_same_seed_gives_the_same_picture_in_range(seed):
    before = picture()
    one = augment(before, STEPS, np.random.default_rng(seed))
    other = augment(before, STEPS, np.random.default_rng(seed))
    assert np.array_equal(one, other)
    assert not np.array_equal(one, before)
    assert np.array_equal(before, picture())
    assert one.dtype == np.float32
    assert one.min() >= 0
    assert one.max() <= 1


def test_a_policy_draws_what_its_steps_draw():
    one = augment(picture(), STEPS, np.random.default_rng([0, 3, 7]))
    policy = Sequential(STEPS)
    other = augmented(Picture(picture()), policy, np.random.default_rng([0, 3, 7]))
    assert one.tobytes() == other.grey.tobytes()


@pytest.mark.parametrize("seed", range(3))
def test_numbers_are_drawn_in_the_order_that_chest14_was_trained_with(seed):
    drawn = Sequential((Warp(), Exposure(), Grain())).draw(np.random.default_rng([seed, 1, 2]))
    rng = np.random.default_rng([seed, 1, 2])
    assert drawn[0].params == {
        "angle": rng.uniform(-10, 10),
        "zoom": np.exp(rng.uniform(-np.log1p(0.12), np.log1p(0.12))),
        "stretch": np.exp(rng.uniform(-np.log1p(0.05), np.log1p(0.05))),
        "x": rng.uniform(-0.05, 0.05),
        "y": rng.uniform(-0.05, 0.05),
    }
    assert drawn[1].params == {
        "gamma": np.exp(rng.uniform(-0.3, 0.3)),
        "contrast": rng.uniform(0.8, 1.2),
        "brightness": rng.uniform(-0.08, 0.08),
    }
    blur, noise = rng.random(2) < 0.2
    assert drawn[2].params == {
        "blur": rng.uniform(0.4, 1.2) if blur else 0,
        "noise": rng.uniform(0.005, 0.03) if noise else 0,
        "seed": rng.integers(2**31),
    }


@pytest.mark.parametrize(
    ("step", "params"),
    [
        (Warp(), {"angle": 0.0, "zoom": 1.0, "stretch": 1.0, "x": 0.0, "y": 0.0}),
        (Exposure(), {"gamma": 1.0, "contrast": 1.0, "brightness": 0.0}),
        (Grain(), {"blur": 0.0, "noise": 0.0, "seed": 0.0}),
    ],
)
def test_neutral_parameters_change_nothing(step, params):
    done = apply(Picture(picture()), [Drawn(step, params)])
    assert np.allclose(done.grey, picture(), atol=1e-6)


def test_a_shift_moves_to_the_right_and_down():
    dot = np.zeros((64, 64), np.float32)
    dot[20, 20] = 1
    params = {"angle": 0.0, "zoom": 1.0, "stretch": 1.0, "x": 0.125, "y": 0.25}
    moved = apply(Picture(dot), [Drawn(Warp(), params)]).grey
    assert np.unravel_index(moved.argmax(), moved.shape) == (36, 28)


def test_a_stretch_keeps_the_centre():
    dot = np.zeros((65, 65), np.float32)
    dot[32, 32] = 1
    params = {"angle": 30.0, "zoom": 1.1, "stretch": 1.05, "x": 0.0, "y": 0.0}
    moved = apply(Picture(dot), [Drawn(Warp(), params)]).grey
    assert np.unravel_index(moved.argmax(), moved.shape) == (32, 32)


def test_nothing_in_the_default_recipe_mirrors():
    assert not Sequential(STEPS).mirrors
