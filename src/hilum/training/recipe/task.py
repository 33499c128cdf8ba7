"""The part of a recipe that says what is asked of the network."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from hilum.training.recipe.loss import Loss
from hilum.training.recipe.part import Part

SEGMENTATION: Final = "segmentation"


class Task(Part):
    """One question; several are asked of one network side by side, but for a segmentation.

    Attributes:
        kind: "multi-label" (any number of findings on an image), "binary" (one finding), "one-of"
            (exactly one of the findings), "ordinal" (likewise, and they are grades, in order), or
            "segmentation" (a mask a structure; the only task of its recipe).
        findings: keys; empty for all of ``data.findings``, which only a single task may.
        structures: of a segmentation: names of what is drawn, in the order of the masks' values.
        width: of a segmentation: channels of the decoder, a multiple of 8.
        opacities: of a segmentation: share of the training pictures into whose structures
            opacities are painted, while the masks stay; meant for lungs.
        loss: of this task; that of the recipe when None.
        weight: of the task's loss beside those of others.
    """

    kind: Literal["multi-label", "binary", "one-of", "ordinal", "segmentation"] = "multi-label"
    findings: tuple[str, ...] = ()
    structures: tuple[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], ...] = ()
    width: Annotated[int, Field(ge=8, le=1024, multiple_of=8)] = 64
    opacities: Annotated[float, Field(ge=0, le=1)] = 0.0
    loss: Loss | None = None
    weight: Annotated[float, Field(gt=0)] = 1.0

    @model_validator(mode="after")
    def _enough(self) -> Task:
        if self.kind == "binary" and len(self.findings) > 1:
            raise ValueError("a binary task has one finding")
        if self.kind in ("one-of", "ordinal") and len(self.findings) == 1:
            raise ValueError(f"a task {self.kind} needs two findings or more")
        return self

    @model_validator(mode="after")
    def _what_is_drawn(self) -> Task:
        if self.kind == SEGMENTATION:
            if self.findings or not self.structures:
                raise ValueError("a segmentation names structures, and no findings")
            if len(set(self.structures)) != len(self.structures) or len(self.structures) > 255:
                raise ValueError("structures: each once, and at most 255")
        elif self.structures or self.opacities:
            raise ValueError(f"structures and opacities are for a task {SEGMENTATION}")
        return self
