"""The part of a recipe that says what is asked of the network."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from hilum.training.recipe.loss import Loss
from hilum.training.recipe.part import Part

SEGMENTATION: Final = "segmentation"
DETECTION: Final = "detection"

MOST_STRUCTURES = 255
"""A mask's file holds so many values beside 0."""


class Task(Part):
    """One question; several are asked of one network side by side, but for a segmentation.

    Attributes:
        kind: "multi-label" (any number of findings on an image), "binary" (one finding), "one-of"
            (exactly one of the findings), "ordinal" (likewise, and they are grades, in order),
            "segmentation" (a mask a structure; the only task of its recipe), or "detection" (boxes
            around findings; beside it at most one task of the first four).
        findings: keys; empty for all of ``data.findings``, which only a single task may.
        boxes: of a detection: keys of the findings that boxes are drawn around.
        head: of a detection: what draws the boxes, see :mod:`hilum.models.detection`.
        structures: names of what is drawn, in the order of the masks' values: by a segmentation; or
            beside boxes, so that the backbone learns from masks as well.
        width: channels of the decoder of a segmentation, or of the pyramid that boxes are drawn
            from; a multiple of 8.
        opacities: of a segmentation: share of the training pictures into whose structures
            opacities are painted, while the masks stay; meant for lungs.
        loss: of this task; that of the recipe when None. Boxes have those of their head.
        weight: of the task's loss beside those of others.
        structures_weight: of a detection: weight of the loss of its structures.
    """

    kind: Literal["multi-label", "binary", "one-of", "ordinal", "segmentation", "detection"] = (
        "multi-label"
    )
    findings: tuple[str, ...] = ()
    boxes: tuple[str, ...] = ()
    head: Literal["small", "fcos", "retinanet", "faster-rcnn"] = "small"
    structures: tuple[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], ...] = ()
    width: Annotated[int, Field(ge=8, le=1024, multiple_of=8)] = 64
    opacities: Annotated[float, Field(ge=0, le=1)] = 0.0
    loss: Loss | None = None
    weight: Annotated[float, Field(gt=0)] = 1.0
    structures_weight: Annotated[float, Field(gt=0)] = 1.0

    @model_validator(mode="after")
    def _enough(self) -> Task:
        if self.kind == "binary" and len(self.findings) > 1:
            raise ValueError("a binary task has one finding")
        if self.kind in ("one-of", "ordinal") and len(self.findings) == 1:
            raise ValueError(f"a task {self.kind} needs two findings or more")
        return self

    @model_validator(mode="after")
    def _what_is_drawn(self) -> Task:
        named = self.structures
        if len(set(named)) != len(named) or len(named) > MOST_STRUCTURES:
            raise ValueError(f"structures: each once, and at most {MOST_STRUCTURES}")
        if self.kind == SEGMENTATION and (self.findings or not named):
            raise ValueError("a segmentation names structures, and no findings")
        if self.kind != SEGMENTATION and self.opacities:
            raise ValueError(f"opacities are for a task {SEGMENTATION}")
        if named and self.kind not in (SEGMENTATION, DETECTION):
            raise ValueError(f"structures are for a task {SEGMENTATION} or {DETECTION}")
        return self

    @model_validator(mode="after")
    def _what_is_boxed(self) -> Task:
        if self.kind != DETECTION:
            if self.boxes:
                raise ValueError(f"boxes are for a task {DETECTION}")
            return self
        if self.findings or not self.boxes:
            raise ValueError(
                "a detection names boxes, and no findings: findings of whole images are a task of "
                "their own beside it"
            )
        if len(set(self.boxes)) != len(self.boxes):
            raise ValueError("boxes: each kind once")
        if self.loss is not None:
            raise ValueError("a detection has the losses of its head; leave loss out")
        return self
