"""Sets of reading rounds, and those that come with the package."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from operator import add
from typing import Literal

from hilum.errors import RecipeError
from hilum.registry import Registry
from hilum.transforms.rounds.steps import Chain

Each = Literal["original", "previous"]
"""What a round works on: the radiograph, or what the round before made of it."""

_HERE = "hilum.transforms.rounds"
SETS = Registry(
    "set of reading rounds",
    [
        ("ten", f"{_HERE}.ten:TEN"),
        ("ten-second", f"{_HERE}.ten:TEN_SECOND"),
        ("ten-previous", f"{_HERE}.ten:TEN_PREVIOUS"),
        ("ten-previous-second", f"{_HERE}.ten:TEN_PREVIOUS_SECOND"),
        ("plain", f"{_HERE}.others:PLAIN"),
        ("flip", f"{_HERE}.others:FLIP"),
        ("shifts", f"{_HERE}.others:SHIFTS"),
        ("five-crop", f"{_HERE}.others:FIVE_CROP"),
        ("ten-crop", f"{_HERE}.others:TEN_CROP"),
        ("levels", f"{_HERE}.others:LEVELS"),
    ],
)


@dataclass(frozen=True, slots=True)
class Round:
    """One look at a radiograph.

    Attributes:
        name: short, each once in a set.
        steps: what is done to the picture before the network sees it.
    """

    name: str
    steps: Chain = ()


@dataclass(frozen=True, slots=True)
class RoundSet:
    """Several looks at one radiograph.

    Attributes:
        name: of the set.
        rounds: one or more.
        each: what a round works on.
        about: one sentence.
    """

    name: str
    rounds: tuple[Round, ...]
    each: Each = "original"
    about: str = ""

    def __post_init__(self) -> None:
        if not self.rounds:
            raise RecipeError(f"The set of rounds {self.name!r} has no round.")
        names = [one.name for one in self.rounds]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise RecipeError(f"{self.name}: round {twice[0]!r} stands twice.")
        if self.each not in ("original", "previous"):
            raise RecipeError(f'{self.name}: each is "original" or "previous", got {self.each!r}.')

    @property
    def chains(self) -> tuple[Chain, ...]:
        """All steps from the radiograph to what each round shows to the network."""
        own = [one.steps for one in self.rounds]
        return tuple(accumulate(own, add)) if self.each == "previous" else tuple(own)
