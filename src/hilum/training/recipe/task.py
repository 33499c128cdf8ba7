"""The part of a recipe that says what is asked of the network."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from hilum.training.recipe.loss import Loss
from hilum.training.recipe.part import Part


class Task(Part):
    """One question; several are asked of one network side by side.

    Attributes:
        kind: "multi-label" (any number of findings on an image), "binary" (one finding), "one-of"
            (exactly one of the findings), "ordinal" (likewise, and they are grades, in order).
        findings: keys; empty for all of ``data.findings``, which only a single task may.
        loss: of this task; that of the recipe when None.
        weight: of the task's loss beside those of others.
    """

    kind: Literal["multi-label", "binary", "one-of", "ordinal"] = "multi-label"
    findings: tuple[str, ...] = ()
    loss: Loss | None = None
    weight: Annotated[float, Field(gt=0)] = 1.0

    @model_validator(mode="after")
    def _enough(self) -> Task:
        if self.kind == "binary" and len(self.findings) > 1:
            raise ValueError("a binary task has one finding")
        if self.kind in ("one-of", "ordinal") and len(self.findings) == 1:
            raise ValueError(f"a task {self.kind} needs two findings or more")
        return self
