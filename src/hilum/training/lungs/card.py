"""The card of ``lungs``, from the recipe, the run and the measured numbers."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from importlib.metadata import version

import numpy as np

from hilum.bundles.card import Card, Graph, Result, StartingWeights, TrainingData
from hilum.models import WEIGHTS
from hilum.training.lungs.drawn import STRUCTURES
from hilum.training.lungs.make import Made
from hilum.training.lungs.recipe import LungsRecipe
from hilum.training.segmentation.examples import Examples

MASKS = "masks"
"""Name of the graph's output."""


def card_of(recipe: LungsRecipe, made: Made, results: Sequence[Result]) -> Card:
    """Everything that a user must know; digests are filled in when the bundle is written."""
    said = recipe.bundle
    learnt = sum(p.numel() for p in made.network.parameters() if p.requires_grad)
    total = sum(p.numel() for p in made.network.parameters())
    return Card(
        name=said.name,
        version=said.version,
        summary=said.summary,
        intended_use=said.intended_use,
        not_for=said.not_for,
        licence=said.licence,
        network=(
            f"{recipe.model.backbone} up to its stage {recipe.model.stages}, feature pyramid of "
            f"{recipe.model.width} channels; {total:,} parameters, {learnt:,} learnt"
        ),
        structures=STRUCTURES,
        preprocessing=recipe.input,
        graph=Graph(masks=MASKS),
        data=_data(recipe, made.examples),
        start=_start(recipe, made.weights_digest),
        results=tuple(results),
        provenance={
            "recipe": recipe.model_dump_json(),
            "rounds": json.dumps(made.story),
            "python": platform.python_version(),
            **{name: version(name) for name in ("hilum", "torch", "timm", "onnx")},
        },
    )


def _data(recipe: LungsRecipe, examples: Examples) -> tuple[TrainingData, ...]:
    rows = examples.rows("train")
    told: list[TrainingData] = []
    for source in sorted({examples.source[row] for row in rows}):
        of = [int(row) for row in rows if examples.source[row] == source]
        patients = np.unique([examples.patient[row] for row in of])
        words = recipe.data.get(source) or TrainingData(name=source, images=0, licence="not stated")
        told.append(words.model_copy(update={"images": len(of), "patients": len(patients)}))
    return tuple(told)


def _start(recipe: LungsRecipe, digest: str) -> tuple[StartingWeights, ...]:
    if not digest:
        return ()
    origin = licence = "not stated"
    if recipe.model.backbone in WEIGHTS:
        known = WEIGHTS.resolve(recipe.model.backbone)
        origin, licence = known.origin, known.licence
    return (
        StartingWeights(name=recipe.model.weights, licence=licence, origin=origin, sha256=digest),
    )
