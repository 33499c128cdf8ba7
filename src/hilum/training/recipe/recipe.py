"""A training recipe: everything that decides a run, read from TOML."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from hilum.bundles.card import Preprocessing
from hilum.domain import all_findings
from hilum.errors import RecipeError
from hilum.registry import unknown


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Data(_Part):
    """The label table and what it means.

    Attributes:
        table: CSV, relative to the folder of the data; images are relative to it too. Where that
            folder is a pack, its table is labels.csv.
        image: column with the image's path.
        patient: column with the patient.
        labels: column with the findings present; "" where each finding has a column of its own,
            as in tables that Hilum saves.
        separator: between findings.
        findings: keys, one an output of the network.
        split: column that holds the split.
        train: its value for training rows.
        tune: its value for tuning rows.
        test: its value for rows that are measured once, at the end; "" for none.
        stratum: column within whose values AUROC is compared too; "" for none.
        stratum_name: what the strata are, in a word.
        where: column → value that a row must have.
        name: of the collection, for the card.
        licence: of the images, for the card.
        citation: for the card.
    """

    table: str
    image: str
    patient: str
    labels: str = ""
    separator: str = "|"
    findings: Annotated[tuple[str, ...], Field(min_length=1)]
    split: str
    train: str = "train"
    tune: str = "val"
    test: str = ""
    stratum: str = ""
    stratum_name: str = "stratum"
    where: dict[str, str] = {}
    name: str
    licence: str
    citation: str = ""


class Model(_Part):
    """The network.

    Attributes:
        backbone: timm name.
        weights: safetensors file to start from, relative to ``--weights``; "" from scratch.
        freeze: module of the backbone up to which nothing is learnt; "" for none.
        batch_norm: "frozen" keeps the statistics of the weights, "train" learns new ones.
        dropout: before the head.
    """

    backbone: str
    weights: str = ""
    freeze: str = ""
    batch_norm: Literal["frozen", "train"] = "train"
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


class Augmentation(_Part):
    """How far radiographs are changed at random; see :mod:`hilum.transforms.augmentation`."""

    rotate_deg: Annotated[float, Field(ge=0, le=45)] = 10.0
    zoom: Annotated[float, Field(ge=0, le=1)] = 0.12
    stretch: Annotated[float, Field(ge=0, le=1)] = 0.05
    shift: Annotated[float, Field(ge=0, le=0.5)] = 0.05
    gamma: Annotated[float, Field(ge=0, le=2)] = 0.3
    contrast: Annotated[float, Field(ge=0, lt=1)] = 0.2
    brightness: Annotated[float, Field(ge=0, lt=1)] = 0.08
    grain: Annotated[float, Field(ge=0, le=1)] = 0.2


class Gate(_Part):
    """Sources of frontal chest radiographs on which the bundle's gate is measured.

    Attributes:
        measured: rows of the table (column → value) that had no part in the training; how many of
            them the gate would refuse stands on the card.
    """

    measured: tuple[dict[str, str], ...] = ()


class Fit(_Part):
    """The loop.

    Attributes:
        epochs: passes over the training rows.
        batch: images a step.
        lr: largest learning rate of the backbone (one cycle, AdamW).
        head_lr: largest learning rate of the head.
        weight_decay: of AdamW.
        average: decay a step of the exponential average of the weights that is kept.
        clip: largest norm of the gradient.
        mixup: parameter of the Beta distribution that mixes two images; 0 for none.
        views: augmented views of each radiograph that are carried through the frozen part once
            and remembered (disk: views × radiographs × activations at two bytes); 0 draws new
            ones in every epoch. Needs ``model.freeze`` and ``model.batch_norm = "frozen"``.
        precision: "auto" computes in bfloat16 where the processor or GPU is made for it.
    """

    epochs: Annotated[int, Field(ge=1, le=1000)] = 12
    batch: Annotated[int, Field(ge=2, le=4096)] = 32
    lr: Annotated[float, Field(gt=0, le=1)] = 1e-3
    head_lr: Annotated[float, Field(gt=0, le=1)] = 1e-2
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.05
    average: Annotated[float, Field(ge=0, lt=1)] = 0.99
    clip: Annotated[float, Field(gt=0)] = 1.0
    mixup: Annotated[float, Field(ge=0, le=2)] = 0.0
    views: Annotated[int, Field(ge=0, le=100)] = 0
    precision: Literal["auto", "float32", "bfloat16"] = "auto"


class Bundle(_Part):
    """What the card says beyond the numbers."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    version: Annotated[str, Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")] = "0.1.0"
    summary: str
    intended_use: str
    not_for: tuple[str, ...] = ()
    licence: str


class Recipe(_Part):
    """A whole run.

    Attributes:
        seed: of everything random.
        folds: networks trained for out-of-fold predictions, which calibration and the reported
            numbers come from; at least 3.
    """

    seed: int = 0
    folds: Annotated[int, Field(ge=3, le=20)] = 5
    bundle: Bundle
    data: Data
    model: Model
    input: Preprocessing
    augmentation: Augmentation = Augmentation()
    fit: Fit = Fit()
    gate: Gate = Gate()

    @model_validator(mode="after")
    def _views_need_a_frozen_part(self) -> Recipe:
        if self.fit.views and not (self.model.freeze and self.model.batch_norm == "frozen"):
            raise ValueError("fit.views needs model.freeze and model.batch_norm = 'frozen'")
        return self


def load_recipe(path: Path) -> Recipe:
    """Read and check a recipe.

    Raises:
        RecipeError: the file is missing, no TOML, or says something that cannot be; all faults at
            once, unknown keys with near matches.
    """
    if not path.is_file():
        raise RecipeError(f"No recipe {path}.")
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path.name} is no TOML: {error}.") from error
    try:
        recipe = Recipe.model_validate(raw)
    except ValidationError as error:
        faults = [_describe(fault) for fault in error.errors()]
        raise RecipeError(f"{path.name}: " + "; ".join(faults)) from error
    known = [f.key for f in all_findings()]
    wrong = [unknown("finding", key, known) for key in recipe.data.findings if key not in known]
    if len(set(recipe.data.findings)) != len(recipe.data.findings):
        wrong.append("a finding stands twice")
    if wrong:
        raise RecipeError(f"{path.name}: " + "; ".join(wrong))
    return recipe


def _describe(fault: ErrorDetails) -> str:
    place = ".".join(str(part) for part in fault["loc"])
    if fault["type"] != "extra_forbidden":
        return f"{place}: {fault['msg']} (got {fault.get('input')!r})"
    model: type[BaseModel] = Recipe
    for part in fault["loc"][:-1]:
        annotation = model.model_fields[str(part)].annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            break
        model = annotation
    return f"{place}: {unknown('key', str(fault['loc'][-1]), model.model_fields)}"
