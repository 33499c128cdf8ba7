"""The parts of a recipe that say what the bundle tells of itself."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from hilum.training.recipe.part import Part


class Bundle(Part):
    """What the card says beyond the numbers."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")] = "mine"
    version: Annotated[str, Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")] = "0.1.0"
    summary: str = "A network trained on a collection of the user's own."
    intended_use: str = "Research and teaching. No diagnosis."
    not_for: tuple[str, ...] = ("decisions about a patient",)
    licence: str = "not stated"


class Gate(Part):
    """Sources of frontal chest radiographs on which the bundle's gate is measured.

    Attributes:
        measured: rows of the table (column → value) that had no part in the training; how many of
            them the gate would refuse stands on the card.
    """

    measured: tuple[dict[str, str], ...] = ()
