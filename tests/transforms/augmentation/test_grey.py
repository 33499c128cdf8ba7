"""Steps that change grey levels, against their formulas."""

import cv2
import numpy as np
import pytest
from scipy import ndimage

from hilum.phantoms import draw_chest
from hilum.transforms.augmentation import (
    Add,
    Clahe,
    Cutout,
    Exposure,
    Gamma,
    GaussianBlur,
    GaussianNoise,
    LaplaceNoise,
    Multiply,
    Nothing,
    SaltAndPepper,
    Sharpen,
)

STEPS = (
    Add(), Add(each="pixel"), Clahe(), Cutout(), Exposure(), Gamma(), GaussianBlur(),
    GaussianNoise(), LaplaceNoise(), Multiply(), Multiply(each="pixel"), SaltAndPepper(),
    Sharpen(alpha=(0.0, 1.0)),
)  # fmt: skip


@pytest.fixture(scope="module")
def grey() -> np.ndarray:
    return draw_chest(np.random.default_rng(1), size=(120, 100)).pixels


@pytest.mark.parametrize("step", STEPS, ids=lambda s: f"{s.do}-{getattr(s, 'each', '')}")
def test_every_step_repeats_itself_and_keeps_its_hands_off(grey, step):
    before = grey.copy()
    for seed in range(5):
        params = step.sample(np.random.default_rng(seed))
        assert params == step.sample(np.random.default_rng(seed))
        done = step.change(grey, params)
        assert done.dtype == np.float32
        assert done.shape == grey.shape
        assert 0 <= done.min() <= done.max() <= 1
        assert done.tobytes() == step.change(grey, params).tobytes()
    assert grey.tobytes() == before.tobytes()
    assert not step.mirrors


@pytest.mark.parametrize(
    ("step", "params"),
    [
        (Add(), {"by_255": 0.0}),
        (Multiply(), {"by": 1.0}),
        (Gamma(), {"exponent": 1.0}),
        (GaussianBlur(), {"sigma_px": 0.0}),
        (Sharpen(), {"alpha": 0.0, "lightness": 0.5}),
        (GaussianNoise(), {"sigma_255": 0.0, "seed": 1}),
        (LaplaceNoise(), {"scale_255": 0.0, "seed": 1}),
        (SaltAndPepper(), {"share": 0.0, "seed": 1}),
        (Cutout(), {"side": 0.0, "across": 0.5, "down": 0.5, "fill_255": 0.0}),
        (Nothing(), {}),
    ],
    ids=lambda one: getattr(one, "do", ""),
)
def test_neutral_parameters_give_the_same_bytes(grey, step, params):
    assert step.change(grey, params).tobytes() == grey.tobytes()


@pytest.mark.parametrize(
    ("step", "params", "formula"),
    [
        (Add(), {"by_255": 51.0}, lambda g: g + 0.2),
        (Add(), {"by_255": -15.0}, lambda g: g - 15 / 255),
        (Multiply(), {"by": 1.5}, lambda g: g * 1.5),
        (Gamma(), {"exponent": 0.7}, lambda g: g**0.7),
        (
            Exposure(),
            {"gamma": 1.2, "contrast": 0.9, "brightness": 0.05},
            lambda g: (g**1.2 - 0.5) * 0.9 + 0.55,
        ),
    ],
    ids=lambda one: getattr(one, "do", ""),
)
def test_formulas(grey, step, params, formula):
    expected = np.clip(formula(grey.astype(np.float64)), 0, 1)
    assert np.abs(step.change(grey, params) - expected).max() < 1e-6


@pytest.mark.parametrize(("alpha", "lightness"), [(0.03, 0.5), (0.03, 1.1), (1.0, 1.0)])
def test_sharpening_by_the_formula_of_imgaug(grey, alpha, lightness):
    identity = np.zeros((3, 3))
    identity[1, 1] = 1
    effect = np.full((3, 3), -1.0)
    effect[1, 1] = 8 + lightness
    kernel = (1 - alpha) * identity + alpha * effect
    expected = np.clip(ndimage.correlate(grey.astype(np.float64), kernel, mode="mirror"), 0, 1)
    done = Sharpen().change(grey, {"alpha": alpha, "lightness": lightness})
    assert np.abs(done - expected).max() < 1e-5


@pytest.mark.parametrize("sigma", [1.0, 2.5])
def test_blur_agrees_with_scipy(grey, sigma):
    expected = ndimage.gaussian_filter(grey.astype(np.float64), sigma, mode="mirror", truncate=4)
    done = GaussianBlur().change(grey, {"sigma_px": sigma})
    assert np.abs(done - expected).max() < 1e-3


def test_clahe_is_that_of_opencv(grey):
    levels = np.rint(grey * 255).astype(np.uint8)
    expected = cv2.createCLAHE(2.0, (4, 4)).apply(levels) / 255
    assert np.allclose(Clahe(tiles=4).change(grey, {"clip_limit": 2.0}), expected, atol=1e-6)


MIDDLE = np.full((400, 400), 0.5, np.float32)
"""Far from both ends: noise is not clipped."""


@pytest.mark.parametrize("sigma", [2.55, 7.65, 12.75])
def test_gaussian_noise_has_its_standard_deviation(sigma):
    step = GaussianNoise(sigma)
    noise = (step.change(MIDDLE, step.sample(np.random.default_rng(0))) - MIDDLE) * 255
    n = noise.size
    assert abs(noise.mean()) < 5 * sigma / np.sqrt(n)
    assert noise.std() == pytest.approx(sigma, rel=5 / np.sqrt(2 * n))
    assert (abs(noise) > 2 * sigma).mean() == pytest.approx(0.0455, abs=0.003)
    assert abs(np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1]) < 5 / np.sqrt(n)


@pytest.mark.parametrize("scale", [2.55, 7.65])
def test_laplace_noise_has_its_scale(scale):
    step = LaplaceNoise(scale)
    noise = (step.change(MIDDLE, step.sample(np.random.default_rng(0))) - MIDDLE) * 255
    assert abs(noise.mean()) < 5 * np.sqrt(2) * scale / 400
    assert abs(noise).mean() == pytest.approx(scale, rel=5 / 400)  # E|x| = b, and its deviation too
    assert noise.std() == pytest.approx(np.sqrt(2) * scale, rel=0.02)
    assert (abs(noise) > 3 * scale).mean() == pytest.approx(np.exp(-3), abs=0.003)


def test_salt_and_pepper_come_in_equal_shares():
    step = SaltAndPepper(0.05)
    done = step.change(MIDDLE, step.sample(np.random.default_rng(0)))
    for level in (0, 1):
        assert (done == level).mean() == pytest.approx(0.025, abs=5 * np.sqrt(0.025 / done.size))
    assert set(np.unique(done)) == {0, 0.5, 1}


def test_each_pixel_is_multiplied_by_its_own_factor():
    step = Multiply((0.5, 1.0), "pixel")
    factors = step.change(MIDDLE, step.sample(np.random.default_rng(0))) / MIDDLE
    assert 0.5 <= factors.min() < 0.501
    assert 0.999 < factors.max() <= 1
    assert factors.mean() == pytest.approx(0.75, abs=5 * 0.5 / np.sqrt(12 * factors.size))


@pytest.mark.parametrize("side", [0.1, 0.25, 0.5])
def test_cutout_hides_a_square_about_any_pixel(side):
    white = np.ones((60, 80), np.float32)
    shares, whole = [], round(side * 60) ** 2
    for seed in range(400):
        params = Cutout(side).sample(np.random.default_rng(seed))
        hidden = Cutout(side).change(white, params) == 0
        rows, columns = np.flatnonzero(hidden.any(1)), np.flatnonzero(hidden.any(0))
        assert hidden.sum() == len(rows) * len(columns) <= whole  # a rectangle, whole or cut off
        shares.append(hidden.sum() / whole)
    # Centres are even over the picture: of a side s on a side n, s/4 of n is cut off at each end.
    long = round(side * 60)
    expected = (1 - long / 4 / 60) * (1 - long / 4 / 80)
    assert np.mean(shares) == pytest.approx(expected, abs=0.05)
    assert max(shares) == 1


def test_cutout_fills_with_the_grey_that_is_asked_for():
    done = Cutout(fill_255=127.5).change(
        np.zeros((20, 20), np.float32),
        {"side": 0.5, "across": 0.5, "down": 0.5, "fill_255": 127.5},
    )
    assert done.sum() == pytest.approx(0.5 * 100)
    assert (done[5:15, 5:15] == 0.5).all()
