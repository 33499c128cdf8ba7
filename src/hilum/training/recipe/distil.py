"""[distil]: several teachers' probabilities beside the labels, as what one network learns."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from hilum.training.recipe.part import Part


class Distil(Part):
    """A network learns labels mixed with probabilities that teachers give.

    Each network of a run has teachers of its own, who learn from its training rows alone; those
    rows are divided by patient, and teachers speak of the rows that they did not learn from. So no
    teacher has seen what is held out, nor the label of the row that it speaks of. See
    :mod:`hilum.training.distillation.teaching`.

    Attributes:
        share: of the teachers in a target, the label has the rest.
        inner: parts that the training rows are divided into; teachers learn from all but one.
        networks: teachers that learn as the recipe says, each with a seed of its own, for each
            part: a run takes about ``networks`` times ``inner`` − 1 trainings more for each.
        regression: whether a logistic regression a finding, on features of the backbone before it
            has learnt anything, is a teacher too.
    """

    share: Annotated[float, Field(gt=0, le=1)] = 0.5
    inner: Annotated[int, Field(ge=2, le=20)] = 3
    networks: Annotated[int, Field(ge=0, le=20)] = 1
    regression: bool = True

    @model_validator(mode="after")
    def _someone_teaches(self) -> Distil:
        if not self.networks and not self.regression:
            raise ValueError("nobody teaches: set networks, or regression")
        return self
