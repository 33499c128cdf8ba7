"""The part of a recipe that says how learning rates change; see docs/optimising.md."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from hilum.training.recipe.part import Part

Share = Annotated[float, Field(ge=0, le=1)]
Epochs = Annotated[float, Field(ge=0)]
Steps = Annotated[int, Field(ge=0)]


class WarmedUp(Part):
    """What all schedules but one-cycle, which rises by itself, have in common.

    Attributes:
        warm_up_epochs: over which learning rates rise from near zero; may be a fraction.
        warm_up_steps: the same in steps; one of both at most.
    """

    warm_up_epochs: Epochs = 0.0
    warm_up_steps: Steps = 0

    @model_validator(mode="after")
    def _one_of_both(self) -> WarmedUp:
        if self.warm_up_epochs and self.warm_up_steps:
            raise ValueError("give warm_up_epochs or warm_up_steps, not both")
        return self


class Constant(WarmedUp):
    """The learning rates stay."""

    name: Literal["constant"] = "constant"


class Cosine(WarmedUp):
    """Half a cosine from the learning rates down.

    Attributes:
        end: share of the learning rate at the end.
    """

    name: Literal["cosine"] = "cosine"
    end: Share = 0.0


class Step(WarmedUp):
    """A factor at given epochs.

    Attributes:
        at: epochs that are over when the rate falls, or
        every: so many epochs.
        factor: by which it falls.
    """

    name: Literal["step"] = "step"
    at: tuple[Annotated[int, Field(ge=1)], ...] = ()
    every: Annotated[int, Field(ge=0)] = 0
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.1

    @model_validator(mode="after")
    def _when(self) -> Step:
        if bool(self.at) == bool(self.every):
            raise ValueError("give at (a list of epochs) or every (a number), one of both")
        if list(self.at) != sorted(set(self.at)):
            raise ValueError("the epochs of at must rise")
        return self


class OneCycle(Part):
    """One cycle: up, then down to next to nothing, momentum the other way round.

    Attributes:
        rise: share of the steps in which rates rise.
        start: the rate begins at the largest / start.
        end: and ends at the rate that it began with / end.
        momentum: (smallest, largest) of momentum, or of Adam's first beta; () leaves it alone.
    """

    name: Literal["one-cycle"] = "one-cycle"
    rise: Annotated[float, Field(gt=0, lt=1)] = 0.1
    start: Annotated[float, Field(ge=1)] = 25.0
    end: Annotated[float, Field(ge=1)] = 1e4
    momentum: tuple[Share, Share] | tuple[()] = (0.85, 0.95)

    @model_validator(mode="after")
    def _in_order(self) -> OneCycle:
        if self.momentum and not self.momentum[0] <= self.momentum[1] < 1:
            raise ValueError("momentum is (smallest, largest), below 1")
        return self


class Plateau(WarmedUp):
    """A factor whenever the watched number has stopped getting better.

    Attributes:
        factor: by which rates fall.
        patience: epochs without a better number that are borne; they fall after one more.
        least: by how much a number must differ to be better.
        floor: smallest share of the learning rates.
    """

    name: Literal["plateau"] = "plateau"
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.1
    patience: Annotated[int, Field(ge=0)] = 3
    least: Annotated[float, Field(ge=0)] = 1e-4
    floor: Share = 0.0


AnySchedule = Constant | Cosine | Step | OneCycle | Plateau

Schedule = Annotated[AnySchedule, Field(discriminator="name")]
"""One schedule of a recipe."""
