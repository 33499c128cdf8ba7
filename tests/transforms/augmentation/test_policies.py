from collections import Counter

import numpy as np
import pytest
from pydantic import ValidationError

from hilum.transforms.augmentation import (
    Add,
    Choices,
    FlipLeftRight,
    Gamma,
    GaussianNoise,
    LaplaceNoise,
    Multiply,
    Nothing,
    OneOf,
    Sequential,
    SomeOf,
    Sometimes,
)

FOUR = (Nothing(), Add(), Gamma(), Multiply())


def names(policy, seed):
    return tuple(one.step.do for one in policy.draw(np.random.default_rng(seed)))


def test_sequential_applies_all_in_order():
    assert {names(Sequential(FOUR), seed) for seed in range(20)} == {
        ("nothing", "add", "gamma", "multiply")
    }


def test_sequential_in_random_order_takes_every_order():
    orders = Counter(names(Sequential(FOUR, "random"), seed) for seed in range(2400))
    assert len(orders) == 24
    assert all(abs(n - 100) < 5 * np.sqrt(96) for n in orders.values())


@pytest.mark.parametrize("order", ["fixed", "random"])
def test_some_of_draws_the_number_and_the_steps_evenly(order):
    drawn = [names(SomeOf(FOUR, (1, 3), order), seed) for seed in range(3000)]
    assert all(len(set(one)) == len(one) for one in drawn)
    numbers = Counter(map(len, drawn))
    assert set(numbers) == {1, 2, 3}
    assert all(abs(n - 1000) < 5 * np.sqrt(667) for n in numbers.values())
    each = Counter(name for one in drawn for name in one)
    assert all(abs(n - 1500) < 5 * np.sqrt(750) for n in each.values())  # 2 of 4 on average
    as_they_stand = [step.do for step in FOUR]
    in_order = [list(one) == sorted(one, key=as_they_stand.index) for one in drawn]
    assert all(in_order) == (order == "fixed")


def test_a_fixed_number_of_steps():
    assert {len(names(SomeOf(FOUR, 2), seed)) for seed in range(50)} == {2}
    assert names(SomeOf(FOUR, 0), 1) == ()


def test_one_of_draws_each_equally_often():
    drawn = Counter(names(OneOf(FOUR), seed) for seed in range(4000))
    assert len(drawn) == 4
    assert all(abs(n - 1000) < 5 * np.sqrt(750) for n in drawn.values())


def test_sometimes_has_its_chance():
    drawn = Counter(names(Sometimes(FOUR[1:3], 0.2), seed) for seed in range(2000))
    assert set(drawn) == {(), ("add", "gamma")}
    assert abs(drawn["add", "gamma"] - 400) < 5 * np.sqrt(320)


def test_policies_nest_and_leave_only_steps():
    policy = Sequential(
        (OneOf((Sometimes((Add(),), 1.0), SomeOf((Gamma(), Multiply()), 2))), Nothing())
    )
    assert {names(policy, seed) for seed in range(50)} == {
        ("add", "nothing"),
        ("gamma", "multiply", "nothing"),
    }


def test_a_policy_mirrors_when_one_step_of_it_does():
    assert not Sequential(FOUR).mirrors
    assert Sequential((Add(), OneOf((Sometimes((FlipLeftRight(),)), Gamma())))).mirrors


@pytest.mark.parametrize("some", [5, (1, 5), (3, 1), (-1, 2)])
def test_more_steps_than_there_are_is_an_error(some):
    with pytest.raises(ValidationError, match=r"cannot be had of 4 steps|greater than or equal"):
        SomeOf(FOUR, some)


def test_no_steps_is_an_error():
    with pytest.raises(ValidationError, match="at least one step is needed"):
        OneOf(())


def test_one_of_three_noises_is_as_one_noise_with_three_choices():
    three = OneOf(tuple(GaussianNoise(s) for s in (2.55, 7.65, 12.75)))
    one = GaussianNoise(Choices((2.55, 7.65, 12.75)))
    by_policy = Counter(
        three.draw(np.random.default_rng(s))[0].params["sigma_255"] for s in range(3000)
    )
    by_choice = Counter(one.sample(np.random.default_rng(s))["sigma_255"] for s in range(3000))
    assert set(by_policy) == set(by_choice) == {2.55, 7.65, 12.75}
    assert all(abs(n - 1000) < 5 * np.sqrt(667) for n in (*by_policy.values(), *by_choice.values()))
    assert LaplaceNoise([2.55, 7.65, 12.75]).scale_255 == one.sigma_255
