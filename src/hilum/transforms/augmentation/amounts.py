"""How much a step changes a radiograph: a number, a range, or some numbers to choose from."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, ConfigDict
from pydantic.dataclasses import dataclass

STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)
"""Of every step: nothing unknown, no NaN."""


@dataclass(frozen=True, slots=True, config=STRICT)
class Choices:
    """Numbers of which each is as likely as the others."""

    choices: tuple[float, ...]


Amount = float | tuple[float, float] | Choices
"""A number is always the same, [low, high] is drawn evenly between, choices are drawn evenly."""


def within(least: float, most: float) -> BeforeValidator:
    """Check that every number of an amount lies between two others.

    Three or more numbers in a row can only be choices; two are a range, and two choices are
    written ``{ choices = [a, b] }``.
    """

    def check(said: Any) -> Amount:
        amount = _parse(said)
        numbers = _numbers(amount)
        wrong = [n for n in numbers if not least <= n <= most]
        if wrong:
            raise ValueError(f"{wrong[0]:g} lies outside {least:g} to {most:g}")
        if isinstance(amount, tuple) and amount[0] > amount[1]:
            raise ValueError(f"a range begins with the smaller number: got {list(amount)}")
        return amount

    return BeforeValidator(check)


def draw(amount: Amount, rng: np.random.Generator) -> float:
    """One number; a fixed one costs no random number."""
    if isinstance(amount, Choices):
        return amount.choices[int(rng.integers(len(amount.choices)))]
    if isinstance(amount, tuple):
        return float(rng.uniform(*amount))
    return amount


def draw_each(
    amount: Amount, shape: tuple[int, ...], rng: np.random.Generator
) -> NDArray[np.float32]:
    """A number for each pixel, float32 of that shape."""
    if isinstance(amount, Choices):
        at = rng.integers(len(amount.choices), size=shape)
        return np.array(amount.choices, np.float32)[at]
    low, high = amount if isinstance(amount, tuple) else (amount, amount)
    drawn = rng.random(shape, np.float32)
    drawn *= np.float32(high - low)
    drawn += np.float32(low)
    return drawn


def _parse(said: Any) -> Amount:
    if isinstance(said, dict) and set(said) == {"choices"}:
        said = Choices(said["choices"])
    if isinstance(said, Choices):
        if not said.choices:
            raise ValueError("choices: none is given")
        return said
    if isinstance(said, list | tuple) and len(said) >= 2 and all(map(_is_number, said)):
        numbers = tuple(float(n) for n in said)
        return (numbers[0], numbers[1]) if len(numbers) == 2 else Choices(numbers)
    if isinstance(said, int | float) and _is_number(said):
        return float(said)
    raise ValueError("a number, a range [low, high] or { choices = [a, b, …] } is expected")


def _is_number(said: Any) -> bool:
    return isinstance(said, int | float) and not isinstance(said, bool)


def _numbers(amount: Amount) -> tuple[float, ...]:
    if isinstance(amount, Choices):
        return amount.choices
    return amount if isinstance(amount, tuple) else (amount,)
