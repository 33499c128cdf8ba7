import numpy as np
import pytest
from scipy import ndimage

from hilum.phantoms import draw_chest
from hilum.transforms.augmentation import (
    FlipLeftRight,
    FlipUpDown,
    Picture,
    Rotate,
    Sequential,
    Shear,
    Shift,
    Zoom,
    apply,
    augmented,
)
from hilum.transforms.augmentation.policies import Drawn


@pytest.fixture(scope="module")
def grey() -> np.ndarray:
    return draw_chest(np.random.default_rng(1), size=(90, 121)).pixels


def keras(grey, degrees, across, down, shear, zoom):
    """Keras's ``apply_affine_transform``, from its published matrices, by scipy."""
    theta, slant = np.deg2rad(degrees), np.deg2rad(shear)
    rotation = [[np.cos(theta), -np.sin(theta), 0], [np.sin(theta), np.cos(theta), 0], [0, 0, 1]]
    shift = [[1, 0, down], [0, 1, across], [0, 0, 1]]
    sheared = [[1, -np.sin(slant), 0], [0, np.cos(slant), 0], [0, 0, 1]]
    zoomed = [[zoom[0], 0, 0], [0, zoom[1], 0], [0, 0, 1]]
    matrix = np.array(rotation) @ shift @ sheared @ zoomed
    middle = (np.array(grey.shape) - 1) / 2
    offset = matrix[:2, :2] @ -middle + matrix[:2, 2] + middle
    return ndimage.affine_transform(grey, matrix[:2, :2], offset, order=1, mode="nearest")


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_s1_gives_what_keras_gives(grey, seed):
    policy = Sequential(
        (
            Rotate((-10, 10), "edge"),
            Shift((-0.05, 0.05), (-0.05, 0.05), "edge"),
            Shear((-3, 3), "edge"),
            Zoom((0.96, 1.04), True, "edge"),
        )
    )
    drawn = policy.draw(np.random.default_rng(seed))
    turn, shift, shear, zoom = (one.params for one in drawn)
    expected = keras(
        grey,
        -turn["degrees"],  # Keras says where a pixel comes from, not where it goes
        -shift["across"] * grey.shape[1],
        -shift["down"] * grey.shape[0],
        shear["degrees"],
        (zoom["down"], zoom["across"]),
    )
    assert zoom["down"] != zoom["across"]
    done = apply(Picture(grey), drawn).grey
    assert np.abs(done - expected).max() < 2e-3


@pytest.mark.parametrize("degrees", [-30.0, 7.5, 90.0])
def test_rotation_agrees_with_scipy(grey, degrees):
    square = grey[:, :90].copy()
    done = apply(Picture(square), [Drawn(Rotate(), {"degrees": degrees})]).grey
    expected = ndimage.rotate(square, degrees, reshape=False, order=1)
    inside = ndimage.rotate(np.ones_like(square), degrees, reshape=False, order=1) > 0.999
    inside = ndimage.binary_erosion(inside, iterations=2)  # edges fade in different ways
    assert inside.mean() > 0.6
    assert np.abs(done - expected)[inside].max() < 2e-3


def test_a_right_angle_turns_against_the_clock(grey):
    square = grey[:, :90].copy()
    done = apply(Picture(square), [Drawn(Rotate(), {"degrees": 90.0})]).grey
    assert np.allclose(done, np.rot90(square), atol=1e-5)


@pytest.mark.parametrize(
    ("step", "params"),
    [
        (Rotate(), {"degrees": 0.0}),
        (Shift(), {"across": 0.0, "down": 0.0}),
        (Shear(), {"degrees": 0.0}),
        (Zoom(), {"across": 1.0, "down": 1.0}),
        (FlipLeftRight(), {"flip": 0.0}),
        (FlipUpDown(), {"flip": 0.0}),
    ],
)
def test_neutral_parameters_give_the_same_bytes(grey, step, params):
    assert apply(Picture(grey), [Drawn(step, params)]).grey.tobytes() == grey.tobytes()


def test_flips_copy_pixels_and_mirror_boxes(grey):
    boxes = np.array([[10.0, 20.0, 30.0, 5.5]])
    done = apply(Picture(grey, boxes), [Drawn(FlipLeftRight(), {"flip": 1.0})])
    assert done.grey.tobytes() == np.ascontiguousarray(grey[:, ::-1]).tobytes()
    assert done.boxes.tolist() == [[121 - 40, 20, 30, 5.5]]
    done = apply(Picture(grey, boxes), [Drawn(FlipUpDown(), {"flip": 1.0})])
    assert done.grey.tobytes() == np.ascontiguousarray(grey[::-1]).tobytes()
    assert done.boxes.tolist() == [[10, 90 - 25.5, 30, 5.5]]


def test_flips_happen_as_often_as_said():
    rng = np.random.default_rng(0)
    flips = [FlipLeftRight(chance=0.3).sample(rng)["flip"] for _ in range(4000)]
    assert np.mean(flips) == pytest.approx(0.3, abs=0.036)  # five standard deviations


def test_only_the_flip_left_right_mirrors():
    steps = (Rotate(), Shift(), Shear(), Zoom(), FlipLeftRight(), FlipUpDown())
    assert [step.mirrors for step in steps] == [False, False, False, False, True, False]


@pytest.mark.parametrize(("outside", "level"), [("black", 0.0), ("edge", 1.0)])
def test_what_comes_in_from_outside(outside, level):
    white = np.ones((40, 40), np.float32)
    step = Shift(0.5, 0.0, outside)
    done = augmented(Picture(white), Sequential((step,)), np.random.default_rng(0))
    assert (done.grey[:, :19] == level).all()
    assert (done.grey[:, 21:] == 1).all()


def test_movements_in_a_row_are_one_interpolation(grey):
    there_and_back = [Drawn(Shift(), {"across": s, "down": 0.5 * s}) for s in (0.3, -0.3)]
    done = apply(Picture(grey), there_and_back).grey
    assert np.abs(done - grey).max() < 1e-5
    turns = [Drawn(Rotate(), {"degrees": 10.0})] * 9
    once = apply(Picture(grey), [Drawn(Rotate(), {"degrees": 90.0})]).grey
    assert np.abs(apply(Picture(grey), turns).grey - once).max() < 1e-3


def test_different_outsides_are_kept_apart():
    white = np.ones((40, 40), np.float32)
    drawn = [
        Drawn(Shift(outside="edge"), {"across": 0.25, "down": 0.0}),
        Drawn(Shift(outside="black"), {"across": 0.25, "down": 0.0}),
    ]
    done = apply(Picture(white), drawn).grey
    assert (done[:, :10] == 0).all()
    assert (done[:, 10:] == 1).all()


def test_boxes_that_leave_are_dropped_with_their_numbers(grey):
    boxes = np.array([[0.0, 10, 20, 20], [60, 10, 20, 20], [100, 10, 20, 20]])
    done = apply(Picture(grey, boxes), [Drawn(Shift(), {"across": -11 / 121, "down": 0.0})])
    assert done.boxes == pytest.approx(
        np.array([[0, 10, 9, 20], [49, 10, 20, 20], [89, 10, 20, 20]])
    )
    assert done.numbers.tolist() == [0, 1, 2]
    done = apply(done, [Drawn(Shift(), {"across": -7 / 121, "down": 0.0})])
    assert done.numbers.tolist() == [1, 2]  # 2 of the first one's 9 pixels were left


def test_masks_of_another_size_are_refused(grey):
    with pytest.raises(ValueError, match="masks of"):
        Picture(grey, masks=np.zeros((1, 5, 5), np.uint8))
