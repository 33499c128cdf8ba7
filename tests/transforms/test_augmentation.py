import numpy as np
import pytest

from hilum.transforms.augmentation import Augmentation, Exposure, Grain, Warp, augment

STEPS: tuple[Augmentation, ...] = (Warp(), Exposure(), Grain(chance=1.0))


def picture() -> np.ndarray:
    rows, columns = np.indices((64, 64)) / 63
    return ((rows + columns) / 2).astype(np.float32)


@pytest.mark.parametrize("seed", range(5))
def test_the_same_seed_gives_the_same_picture_in_range(seed: int) -> None:
    before = picture()
    one = augment(before, STEPS, np.random.default_rng(seed))
    other = augment(before, STEPS, np.random.default_rng(seed))
    assert np.array_equal(one, other)
    assert not np.array_equal(one, before)
    assert np.array_equal(before, picture())
    assert one.dtype == np.float32
    assert one.min() >= 0
    assert one.max() <= 1


@pytest.mark.parametrize(
    ("step", "params"),
    [
        (Warp(), {"angle": 0.0, "zoom": 1.0, "stretch": 1.0, "x": 0.0, "y": 0.0}),
        (Exposure(), {"gamma": 1.0, "contrast": 1.0, "brightness": 0.0}),
        (Grain(), {"blur": 0.0, "noise": 0.0, "seed": 0.0}),
    ],
)
def test_neutral_parameters_change_nothing(step: Augmentation, params: dict[str, float]) -> None:
    assert np.allclose(step.apply(picture(), params), picture(), atol=1e-6)


def test_a_shift_moves_to_the_right_and_down() -> None:
    dot = np.zeros((64, 64), np.float32)
    dot[20, 20] = 1
    moved = Warp().apply(dot, {"angle": 0.0, "zoom": 1.0, "stretch": 1.0, "x": 0.125, "y": 0.25})
    assert np.unravel_index(moved.argmax(), moved.shape) == (36, 28)


def test_a_stretch_keeps_the_centre() -> None:
    dot = np.zeros((65, 65), np.float32)
    dot[32, 32] = 1
    moved = Warp().apply(dot, {"angle": 30.0, "zoom": 1.1, "stretch": 1.05, "x": 0.0, "y": 0.0})
    assert np.unravel_index(moved.argmax(), moved.shape) == (32, 32)


def test_nothing_in_the_default_recipe_mirrors() -> None:
    assert not any(step.mirrors for step in STEPS)
