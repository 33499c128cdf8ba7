"""The part of a recipe that says which accidents of training stop a run, and which stay unsaid."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from hilum.training.recipe.part import Part

Code = Literal[
    "class-absent",
    "always-zero",
    "always-one",
    "untested",
    "no-class",
    "several-classes",
    "accuracy-misleads",
    "not-finite",
    "outputs-alike",
    "one-class",
    "no-better-than-chance",
    "stuck",
    "diverging",
    "overfitting",
    "dead-units",
    "collapsed",
]


class Watch(Part):
    """What becomes of the accidents that are found while a network learns.

    A loss, gradient or weight that is no number always stops the run.

    Attributes:
        stop: codes that stop the run.
        quiet: codes that are not told.
        patience: epochs running after which an accident that only time can show is told.
    """

    stop: tuple[Code, ...] = ("outputs-alike", "class-absent", "always-zero", "always-one")
    quiet: tuple[Code, ...] = ()
    patience: Annotated[int, Field(ge=1, le=1000)] = 3

    @model_validator(mode="after")
    def _said_or_unsaid(self) -> Watch:
        both = sorted(set(self.quiet) & {*self.stop, "not-finite"})
        if "stop" not in self.model_fields_set:
            both = ["not-finite"] if "not-finite" in both else []
        if both:
            raise ValueError(f"{', '.join(both)}: what stops a run cannot be quiet")
        return self
