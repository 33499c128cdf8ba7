import tomllib

import numpy as np
import pytest
from pydantic import ValidationError

from hilum.recipes import locate
from hilum.training.recipe.augmentation import Augmentation
from hilum.transforms.augmentation import (
    Add,
    Choices,
    Exposure,
    FlipLeftRight,
    GaussianNoise,
    Grain,
    LaplaceNoise,
    Multiply,
    Nothing,
    OneOf,
    Picture,
    Rotate,
    Sequential,
    Shear,
    Shift,
    SomeOf,
    Sometimes,
    Warp,
    Zoom,
    augmented,
    concerns,
)


def part(text: str) -> Augmentation:
    return Augmentation.model_validate(tomllib.loads(text))


def shipped(name: str) -> Augmentation:
    text = locate(f"augmentation/{name}").read_text("utf-8")
    return Augmentation.model_validate(tomllib.loads(text)["augmentation"])


def test_without_a_word_the_default_is_that_of_chest14():
    assert part("").build() == Sequential((Warp(), Exposure(), Grain()))
    assert not part("").build().mirrors


def test_s1_as_it_is_stated(repository):
    edge = {"outside": "edge"}
    tilt = float(f"{np.rad2deg(0.04):.5g}")
    assert shipped("s1").build() == Sequential(
        (
            Rotate((-10, 10), **edge),
            Shift((-0.05, 0.05), (-0.05, 0.05), **edge),
            Shear((-tilt, tilt), **edge),
            Zoom((0.96, 1.04), each_side=True, **edge),
            FlipLeftRight(0.5),
        )
    )


def test_s3_as_it_is_stated(repository):
    sigmas = [round(share * 255, 2) for share in (0.01, 0.03, 0.05)]
    assert shipped("s3").build() == SomeOf(
        (
            Nothing(),
            FlipLeftRight(0.5),
            Add((-15, 15)),
            OneOf(tuple(GaussianNoise(sigma) for sigma in sigmas)),
            OneOf(tuple(LaplaceNoise(sigma) for sigma in sigmas)),
            OneOf((Multiply((0.5, 1.0), "image"), Multiply((0.5, 1.0), "pixel"))),
        ),
        (1, 3),
        "random",
    )


@pytest.mark.parametrize("name", ["s1", "s3"])
def test_shipped_policies_run_and_tell_that_they_mirror(repository, name):
    policy = shipped(name).build()
    assert len(concerns(policy)) == 1
    grey = np.random.default_rng(0).random((64, 64), np.float32)
    seen = {
        augmented(Picture(grey), policy, np.random.default_rng([0, epoch, 1])).grey.tobytes()
        for epoch in range(20)
    }
    assert len(seen) > 15


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ('steps = [{ do = "add" }]', Sequential((Add(),))),
        ('order = "random"\nsteps = [{ do = "add" }]', Sequential((Add(),), "random")),
        ('policy = "one-of"\nsteps = [{ do = "add" }]', OneOf((Add(),))),
        (
            'policy = "sometimes"\nchance = 0.2\nsteps = [{ do = "add" }]',
            Sometimes((Add(),), 0.2),
        ),
        (
            """
            policy = "some-of"
            some = [1, 2]
            order = "random"
            [[steps]]
            do = "gaussian-noise"
            sigma_255 = [2.55, 7.65, 12.75]
            [[steps]]
            do = "sometimes"
            chance = 0.1
            steps = [{ do = "nothing" }]
            """,
            SomeOf(
                (GaussianNoise(Choices((2.55, 7.65, 12.75))), Sometimes((Nothing(),), 0.1)),
                (1, 2),
                "random",
            ),
        ),
    ],
)
def test_policies_are_written_in_toml_and_kept_as_json(text, policy):
    said = part(text)
    assert said.build() == policy
    again = Augmentation.model_validate_json(said.model_dump_json())
    assert again == said
    assert again.build() == policy


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('policy = "some-of"', "needs some"),
        ('policy = "sometimes"', "needs chance"),
        ("some = 2", "some goes with policy = 'some-of', not 'sequential'"),
        ("chance = 0.5", "chance goes with policy = 'sometimes'"),
        ('policy = "one-of"\norder = "random"', "needs no order"),
        ('policy = "some-of"\nsome = [1, 4]', r"some = \(1, 4\) cannot be had of 3 steps"),
        ('policy = "some-of"\nsome = [2, 1]', "cannot be had"),
        ("steps = []", "at least one step"),
        ('steps = [{ do = "ad" }]', "Unknown step 'ad'; did you mean add"),
        ("steps = [{ by_255 = 3 }]", "a step is a table with a key `do`"),
        ("steps = [3]", "a step is a table with a key `do`"),
        ('steps = [{ do = "add", by = 3 }]', "Unknown key 'by'; did you mean by_255"),
        ('steps = [{ do = "add", by_255 = 300 }]', "300 lies outside -255 to 255"),
        (
            'steps = [{ do = "one-of", steps = [{ do = "gamma", expo = 3 }] }]',
            r"steps\.0\.one-of\.steps\.0\.gamma\.expo\s+Unknown key 'expo'; did you mean exponent",
        ),
        ("rotate_deg = 10", "Extra inputs are not permitted"),
    ],
)
def test_faults_are_told(text, why):
    with pytest.raises(ValidationError, match=why):
        part(text)


def test_all_faults_come_at_once():
    with pytest.raises(ValidationError) as caught:
        part('order = "any"\nsteps = [{ do = "ad" }, { do = "add", by_255 = 300, each = "row" }]')
    assert caught.value.error_count() == 4
