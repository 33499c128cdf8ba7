"""What holds of every transform, chain and set of reading rounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from hilum.bundles.card import Preprocessing
from hilum.errors import RecipeError, UnknownName
from hilum.transforms.augmentation import Sharpen
from hilum.transforms.rounds import SETS, TRANSFORMS, RoundSet, Step, apply, look, ten, told
from hilum.transforms.rounds.levels import sharpen_kernel
from hilum.transforms.rounds.sets import Round
from hilum.transforms.rounds.steps import shapes

SPEC = Preprocessing(size=(32, 40))
PICTURE = np.random.default_rng(5).random((64, 80), np.float32)


def values(transform):
    return st.fixed_dictionaries(
        {p.name: st.sampled_from(p.grid) for p in transform.parameters}
    ).map(lambda found: Step.of(transform.name, found))


ANY_STEP = st.sampled_from(list(TRANSFORMS)).flatmap(lambda n: values(TRANSFORMS.resolve(n)))
GREY = nps.arrays(np.float32, (24, 24), elements=st.floats(0, 1, width=32, allow_subnormal=False))


def test_every_place_of_the_tables_of_contents_resolves():
    assert all(TRANSFORMS.resolve(name).name == name for name in TRANSFORMS)
    assert all(SETS.resolve(name).name == name for name in SETS)
    for name in TRANSFORMS:
        for one in TRANSFORMS.resolve(name).parameters:
            assert one.least <= min(one.grid) <= max(one.grid) <= one.most
            assert list(one.grid) == sorted(set(one.grid))


@settings(max_examples=80, deadline=None)
@given(grey=GREY, chain=st.lists(ANY_STEP, max_size=3))
def test_a_chain_is_deterministic_keeps_the_range_and_leaves_its_input(grey, chain):
    needed = shapes(chain, (24, 24))[0]
    canvas = np.resize(grey, needed).astype(np.float32)
    before = canvas.copy()
    one, place = apply(chain, canvas, (24, 24))
    two, _ = apply(chain, canvas, (24, 24))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(canvas, before)
    assert one.shape == (24, 24)
    assert one.dtype == np.float32
    assert one.min() >= 0
    assert one.max() <= 1
    corners = place([(0, 0), (24, 24)])
    assert np.isfinite(corners).all()


@pytest.mark.parametrize("name", list(TRANSFORMS))
def test_settings_that_change_nothing_change_nothing(name):
    transform = TRANSFORMS.resolve(name)
    if not any(p.nothing is not None for p in transform.parameters):
        pytest.skip("no setting of it changes nothing")
    chosen = {p.name: p.grid[0] if p.nothing is None else p.nothing for p in transform.parameters}
    grey, place = apply([Step.of(name, chosen)], PICTURE, PICTURE.shape)
    np.testing.assert_allclose(grey, PICTURE, atol=1e-6)
    assert np.allclose(place.matrix, np.eye(2, 3))


def test_two_flips_are_none():
    flip = Step.of("flip-left-right")
    grey, place = apply([flip, flip], PICTURE)
    np.testing.assert_array_equal(grey, PICTURE)
    assert np.allclose(place.matrix, np.eye(2, 3))


@pytest.mark.parametrize(
    "chain",
    [
        [Step.of("flip-left-right")],
        [Step.of("shift", {"across_share": 0.1, "down_share": -0.05})],
        [Step.of("crop", {"share": 0.8, "across": 1.0, "down": 0.25})],
        [
            Step.of("crop", {"share": 0.8, "across": 0.0, "down": 1.0}),
            Step.of("flip-left-right"),
            Step.of("shift", {"across_share": -0.1, "down_share": 0.0}),
        ],
    ],
    ids=told,
)
def test_what_moves_says_where_its_points_came_from(chain):
    canvas = np.random.default_rng(1).random(shapes(chain, (40, 40))[0], np.float32) / 2 + 0.5
    grey, place = apply(chain, canvas, (40, 40))
    rows, columns = np.nonzero(grey)
    x, y = place(np.stack([columns + 0.5, rows + 0.5], axis=1)).T
    came = canvas[np.floor(y).astype(int), np.floor(x).astype(int)]
    np.testing.assert_array_equal(grey[rows, columns], came)
    assert len(rows) > 0.7 * grey.size


def test_the_kernel_that_sharpens_is_that_of_the_definition():
    """imgaug: (1 − α) · identity + α · [[−1, −1, −1], [−1, 8 + l, −1], [−1, −1, −1]]."""
    kernel = sharpen_kernel(0.03, 0.5)
    assert kernel[1, 1] == pytest.approx(0.97 + 0.03 * 8.5)
    assert kernel[0, 0] == kernel[1, 2] == pytest.approx(-0.03)
    assert kernel.sum() == pytest.approx(0.97 + 0.03 * 0.5)
    assert sharpen_kernel(0.03, 1.0).sum() == pytest.approx(1.0)
    # One bright pixel of .8 on .2, by hand: (.97 + .03 · 9.1) · .8 − 8 · .03 · .2 = .9464; beside
    # it (.97 + .273) · .2 − .03 · (7 · .2 + .8) = .1826.
    grey = np.full((5, 5), 0.2, np.float32)
    grey[2, 2] = 0.8
    sharp, _ = apply([Step.of("sharpen", {"alpha": 0.03, "lightness": 1.1})], grey)
    assert sharp[2, 2] == pytest.approx(0.9464, abs=1e-6)
    assert sharp[2, 1] == pytest.approx(0.1826, abs=1e-6)
    assert sharp[0, 0] == pytest.approx(0.2 * (0.97 + 0.03 * 1.1), abs=1e-6)


@pytest.mark.parametrize("lightness", [0.05, 0.5, 1.1, 1.5])
def test_sharpening_is_that_of_augmentation_in_training(lightness):
    params = {"alpha": 0.03, "lightness": lightness}
    sharp, _ = apply([Step.of("sharpen", params)], PICTURE)
    np.testing.assert_allclose(sharp, Sharpen().change(PICTURE, params), atol=1e-6)


def test_the_ten_rounds_are_those_of_the_study():
    first, second = ten(), ten(stack="second")
    assert "".join(one.name for one in first.rounds) == "ABCDEFGHIJ"
    said = {one.name: told(one.steps) for one in first.rounds}
    assert said["A"] == "gaussian-blur(sigma_px 1)"
    assert said["F"] == "sharpen(alpha 0.03, lightness 1.1)"
    assert said["G"] == "gaussian-blur(sigma_px 1), gamma(exponent 0.7)"
    assert said["J"] == (
        "gamma(exponent 0.7), gaussian-blur(sigma_px 1), sharpen(alpha 0.03, lightness 0.5)"
    )
    assert first.rounds[:6] == second.rounds[:6]
    assert told(second.rounds[7].steps) == (
        "sharpen(alpha 0.03, lightness 1.1), gaussian-blur(sigma_px 2.5)"
    )


def test_a_round_on_the_round_before_has_all_steps_before_it():
    on_previous = ten(each="previous")
    own = [one.steps for one in ten().rounds]
    assert on_previous.chains[0] == own[0]
    assert on_previous.chains[2] == own[0] + own[1] + own[2]
    assert on_previous.chains[-1] == sum(own, ())
    greys = [grey for grey, _ in look(PICTURE, on_previous.chains, SPEC)]
    again, _ = apply(own[3], greys[2])
    np.testing.assert_array_equal(greys[3], again)


def test_both_readings_agree_where_there_is_one_round():
    one = (Round("A", ten().rounds[6].steps),)
    looks = [
        next(look(PICTURE, RoundSet("one", one, each).chains, SPEC))[0]
        for each in ("original", "previous")
    ]
    np.testing.assert_array_equal(*looks)


def test_each_look_is_what_its_chain_makes_alone():
    """Steps that chains share are done once, and a set of crops has a canvas of its own."""
    for name in ("ten", "ten-previous", "ten-crop"):
        chains = SETS.resolve(name).chains
        together = [grey.copy() for grey, _ in look(PICTURE, chains, SPEC)]
        for chain, grey in zip(chains, together, strict=True):
            np.testing.assert_array_equal(grey, next(look(PICTURE, [chain], SPEC))[0])
            assert grey.shape == SPEC.size


def test_a_crop_shows_more_pixels_of_its_part():
    fine = np.zeros((400, 400), np.float32)
    fine[:, ::2] = 1.0
    spec = Preprocessing(size=(320, 320))
    crop = Step.of("crop", {"share": 0.8, "across": 0.5, "down": 0.5})
    whole, part = (grey for grey, _ in look(fine, [(), (crop,)], spec))
    assert part.std() == pytest.approx(0.5, abs=1e-3)  # 320 px of 400 px: not resized at all
    assert whole.std() < 0.4


@pytest.mark.parametrize(
    ("do", "given", "message"),
    [
        ("gausian-blur", {}, "did you mean gaussian-blur"),
        ("gamma", {}, "needs exponent, from 0.1 to 10"),
        ("gamma", {"exponent": 20}, "must lie from 0.1 to 10, got 20"),
        ("gamma", {"exponent": "a"}, "must be a number"),
        ("gamma", {"exponent": 1, "sigma": 2}, "Unknown parameter of gamma 'sigma'"),
    ],
)
def test_wrong_steps_are_refused(do, given, message):
    with pytest.raises((RecipeError, UnknownName), match=message):
        Step.of(do, given)


def test_wrong_sets_are_refused():
    with pytest.raises(RecipeError, match="has no round"):
        RoundSet("none", ())
    with pytest.raises(RecipeError, match="'A' stands twice"):
        RoundSet("twice", (Round("A"), Round("A")))
    with pytest.raises(RecipeError, match='"original" or "previous"'):
        RoundSet("odd", (Round("A"),), "last")
    with pytest.raises(RecipeError, match='"first" or "second"'):
        ten(stack="third")
    crop = Step.of("crop", {"share": 0.5, "across": 0, "down": 0})
    with pytest.raises(RecipeError, match="needs a picture of 128 × 160 px"):
        apply([crop], PICTURE)
