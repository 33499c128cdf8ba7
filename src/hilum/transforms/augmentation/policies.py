"""Policies: which steps are applied to a radiograph, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass as plain
from dataclasses import field
from typing import Annotated, ClassVar, Literal, get_args

import numpy as np
from pydantic import AfterValidator, Field, model_validator
from pydantic.dataclasses import dataclass

from hilum.transforms.augmentation.amounts import STRICT
from hilum.transforms.augmentation.crops import CentreCrop, LungCrop, RandomCrop
from hilum.transforms.augmentation.cutout import Cutout
from hilum.transforms.augmentation.exposure import Add, Clahe, Exposure, Gamma, Multiply
from hilum.transforms.augmentation.geometry import (
    FlipLeftRight,
    FlipUpDown,
    Rotate,
    Shear,
    Shift,
    Zoom,
)
from hilum.transforms.augmentation.noise import GaussianNoise, Grain, LaplaceNoise, SaltAndPepper
from hilum.transforms.augmentation.picture import Grey, Params
from hilum.transforms.augmentation.sharpness import GaussianBlur, Sharpen
from hilum.transforms.augmentation.warp import Warp
from hilum.transforms.augmentation.wording import worded

Order = Literal["fixed", "random"]


@dataclass(frozen=True, slots=True, config=STRICT)
class Nothing:
    """Leave the radiograph as it is; for policies that choose."""

    mirrors: ClassVar[bool] = False
    do: Literal["nothing"] = field(default="nothing", kw_only=True)

    def sample(self, rng: np.random.Generator) -> Params:
        """Nothing is drawn."""
        del rng
        return {}

    def change(self, grey: Grey, params: Params) -> Grey:
        """The same."""
        del params
        return grey


@dataclass(frozen=True, slots=True, config=STRICT)
class Sequential:
    """All steps.

    Attributes:
        steps: what to apply.
        order: as they stand, or drawn anew for each radiograph.
    """

    do: Literal["sequential"] = field(default="sequential", kw_only=True)
    steps: Steps
    order: Order = "fixed"

    @property
    def mirrors(self) -> bool:
        """Whether a step can swap left and right."""
        return any(step.mirrors for step in self.steps)

    def draw(self, rng: np.random.Generator) -> tuple[Drawn, ...]:
        """All steps with their parameters."""
        return _draw_all(_ordered(self.steps, self.order, rng), rng)


@dataclass(frozen=True, slots=True, config=STRICT)
class SomeOf:
    """Some of the steps, none of them twice.

    Attributes:
        steps: what to choose from.
        some: how many; [low, high] draws the number, each as likely as the others.
        order: as they stand, or drawn anew for each radiograph.
    """

    do: Literal["some-of"] = field(default="some-of", kw_only=True)
    steps: Steps
    some: Annotated[int, Field(ge=0)] | tuple[int, int]
    order: Order = "fixed"

    @model_validator(mode="after")
    def _enough(self) -> SomeOf:
        low, high = self.least, self.most
        if not 0 <= low <= high <= len(self.steps):
            raise ValueError(f"some = {self.some} cannot be had of {len(self.steps)} steps")
        return self

    @property
    def least(self) -> int:
        """The smallest number of steps."""
        return self.some if isinstance(self.some, int) else self.some[0]

    @property
    def most(self) -> int:
        """The largest number of steps."""
        return self.some if isinstance(self.some, int) else self.some[1]

    @property
    def mirrors(self) -> bool:
        """Whether a step can swap left and right."""
        return any(step.mirrors for step in self.steps)

    def draw(self, rng: np.random.Generator) -> tuple[Drawn, ...]:
        """The chosen steps with their parameters."""
        number = int(rng.integers(self.least, self.most + 1))
        chosen = rng.permutation(len(self.steps))[:number].tolist()
        if self.order == "fixed":
            chosen.sort()
        return _draw_all([self.steps[at] for at in chosen], rng)


@dataclass(frozen=True, slots=True, config=STRICT)
class OneOf:
    """One of the steps, each as likely as the others.

    Attributes:
        steps: what to choose from.
    """

    do: Literal["one-of"] = field(default="one-of", kw_only=True)
    steps: Steps

    @property
    def mirrors(self) -> bool:
        """Whether a step can swap left and right."""
        return any(step.mirrors for step in self.steps)

    def draw(self, rng: np.random.Generator) -> tuple[Drawn, ...]:
        """The chosen step with its parameters."""
        return _draw_all([self.steps[int(rng.integers(len(self.steps)))]], rng)


@dataclass(frozen=True, slots=True, config=STRICT)
class Sometimes:
    """All steps, on some radiographs.

    Attributes:
        steps: what to apply.
        chance: of applying them.
        order: as they stand, or drawn anew for each radiograph.
    """

    do: Literal["sometimes"] = field(default="sometimes", kw_only=True)
    steps: Steps
    chance: Annotated[float, Field(ge=0, le=1)] = 0.5
    order: Order = "fixed"

    @property
    def mirrors(self) -> bool:
        """Whether a step can swap left and right."""
        return any(step.mirrors for step in self.steps)

    def draw(self, rng: np.random.Generator) -> tuple[Drawn, ...]:
        """All steps with their parameters, or none."""
        if rng.random() >= self.chance:
            return ()
        return _draw_all(_ordered(self.steps, self.order, rng), rng)


def _not_empty(steps: tuple[Augmentation, ...]) -> tuple[Augmentation, ...]:
    if not steps:
        raise ValueError("at least one step is needed")
    return steps


Policy = Sequential | SomeOf | OneOf | Sometimes
Geometric = (
    Warp | Rotate | Shift | Shear | Zoom | FlipLeftRight | FlipUpDown
    | CentreCrop | RandomCrop | LungCrop
)  # fmt: skip
Levels = (
    Exposure | Grain | Cutout | Add | Multiply | Gamma | Clahe | GaussianNoise | LaplaceNoise
    | SaltAndPepper | GaussianBlur | Sharpen | Nothing
)  # fmt: skip
Step = Geometric | Levels
Augmentation = Step | Policy
"""Whatever may stand in a recipe's list of steps; ``do`` tells which."""
Listed = Annotated[Augmentation, Field(discriminator="do"), worded(get_args(Augmentation))]
Steps = Annotated[tuple[Listed, ...], AfterValidator(_not_empty)]


@plain(frozen=True, slots=True)
class Drawn:
    """A step, and what it does to one radiograph.

    Attributes:
        step: no policy.
        params: what it drew.
    """

    step: Step
    params: Params


def draw_step(step: Augmentation, rng: np.random.Generator) -> tuple[Drawn, ...]:
    """What a step or a policy does to one radiograph, in order; policies leave no trace."""
    if isinstance(step, Sequential | SomeOf | OneOf | Sometimes):
        return step.draw(rng)
    return (Drawn(step, step.sample(rng)),)


def _draw_all(steps: Sequence[Augmentation], rng: np.random.Generator) -> tuple[Drawn, ...]:
    return tuple(drawn for step in steps for drawn in draw_step(step, rng))


def _ordered(
    steps: Sequence[Augmentation], order: Order, rng: np.random.Generator
) -> Sequence[Augmentation]:
    if order == "fixed":
        return steps
    return [steps[at] for at in rng.permutation(len(steps)).tolist()]
