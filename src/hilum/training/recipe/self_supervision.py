"""[self_supervision]: what the backbone learns from pictures alone, before it is told labels."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from hilum.training.recipe.optimiser import AdamW, Optimiser
from hilum.training.recipe.part import Part
from hilum.training.recipe.schedule import OneCycle, Schedule

Weight = Annotated[float, Field(ge=0, le=1000)]


class Unlabelled(Part):
    """Pictures of people of whom no row that is judged tells.

    Attributes:
        table: CSV, relative to the folder of the data, as its images are.
        image: column with the image's path.
        patient: column with the patient; none may stand in the recipe's own table.
        where: column → value that a row must have.
        name: of the collection, for the card.
        licence: of the images, for the card.
    """

    table: str
    image: str
    patient: str
    where: dict[str, str] = Field(default_factory=dict)
    name: str
    licence: str


class SelfSupervision(Part):
    """Two augmented views of a picture shall look alike, and those of all pictures shall differ.

    See :mod:`hilum.training.self_supervision.vicreg` for the loss. Each network of a run learns so
    from the rows whose labels it will learn from, and from no others of the table.

    Attributes:
        epochs: passes over the pictures.
        batch: pictures that one step learns from, of each two views.
        width: of the embeddings that the loss compares, and of what lies between them and the
            backbone; they are thrown away afterwards.
        invariance: weight of the distance of two views of a picture.
        variance: weight of what keeps pictures apart.
        covariance: weight of what keeps numbers of an embedding from saying the same.
        optimiser: as in a recipe; its head is what lies between backbone and embeddings.
        schedule: as in a recipe.
        others: pictures beyond the recipe's table.
    """

    epochs: Annotated[int, Field(ge=1, le=10_000)] = 8
    batch: Annotated[int, Field(ge=4, le=65_536)] = 64
    width: Annotated[int, Field(ge=8, le=8192)] = 256
    invariance: Weight = 25.0
    variance: Weight = 25.0
    covariance: Weight = 1.0
    optimiser: Optimiser = AdamW(lr=1e-4, head_lr=1e-3)
    schedule: Schedule = OneCycle()
    others: tuple[Unlabelled, ...] = ()
