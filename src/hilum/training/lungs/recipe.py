"""The recipe of the bundle ``lungs``: what decides how it is made, read from TOML."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from hilum.bundles.card import Preprocessing, TrainingData
from hilum.errors import RecipeError
from hilum.training.recipe.part import Part
from hilum.training.segmentation.fit import Fit

Rate = Annotated[float, Field(gt=0.0, le=1.0)]


class Told(Part):
    """What the card says beyond the numbers."""

    name: str
    version: str
    summary: str
    intended_use: str
    not_for: tuple[str, ...]
    licence: str


class Model(Part):
    """The network.

    Attributes:
        backbone: timm name of the encoder.
        weights: safetensors file in the folder of weights; "" begins from chance.
        stages: of the encoder that are used.
        width: of the decoder.
        frozen: blocks of the encoder that keep their weights.
    """

    backbone: str = "mobilenet_edgetpu_100"
    weights: str = "mobilenet_edgetpu_100.backbone.fp16.safetensors"
    stages: Annotated[int, Field(ge=2)] = 4
    width: Annotated[int, Field(ge=8, multiple_of=8)] = 64
    frozen: Annotated[int, Field(ge=0)] = 2


class Round(Part):
    """One training, on masks that the network of the round before proposed.

    Attributes:
        masks: "drawn": drawn chests alone; "teacher": the proposals as the classical teacher
            corrects and judges them as well; "network": the proposals themselves, where they are
            sure and formed like lungs.
        epochs: passes over the examples.
        lr: of the decoder.
        encoder_lr: of the encoder.
        drawn_share: of the drawn chests are learnt from.
    """

    masks: Literal["drawn", "teacher", "network"]
    epochs: Annotated[int, Field(ge=1, le=1000)]
    lr: Rate = 2e-3
    encoder_lr: Rate = 4e-4
    drawn_share: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0


class LungsRecipe(Part):
    """All of it.

    Attributes:
        seed: of everything random.
        batch: pictures a step.
        bundle: what the card says.
        input: of the network.
        model: the network.
        round: trainings in their order, the first on drawn chests alone.
        data: what the card says of each source of radiographs, by its name in the examples.
    """

    seed: Annotated[int, Field(ge=0)] = 0
    batch: Annotated[int, Field(ge=1)] = 16
    bundle: Told
    input: Preprocessing
    model: Model = Model()
    round: Annotated[tuple[Round, ...], Field(min_length=1)]
    data: dict[str, TrainingData] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _begins_with_drawn(self) -> LungsRecipe:
        if self.round[0].masks != "drawn":
            raise ValueError('the first round has nothing to propose masks: masks = "drawn"')
        return self

    def fit_of(self, at: int) -> Fit:
        """The loop's settings of one round."""
        said = self.round[at]
        return Fit(
            epochs=said.epochs,
            batch=self.batch,
            lr=said.lr,
            encoder_lr=said.encoder_lr,
            seed=self.seed * 1000 + at,
        )


def read_lungs_recipe(file: Path) -> LungsRecipe:
    """Read a recipe.

    Raises:
        RecipeError: it cannot be read or is invalid; the message lists every fault.
    """
    try:
        return LungsRecipe.model_validate(tomllib.loads(file.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(f"{file.name} cannot be read: {error}") from error
    except ValidationError as error:
        lines = "".join(
            f"\n  {'.'.join(map(str, fault['loc'])) or 'the recipe'}: {fault['msg']}"
            for fault in error.errors(include_url=False)
        )
        raise RecipeError(f"{file.name} is no valid recipe:{lines}") from error
