"""The card of a run's bundle: what it learnt from, how good it is, how it came about."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from hilum.bundles.card import Card, CardFinding, Result, StartingWeights, TrainingData
from hilum.evaluation import Reference
from hilum.export.graph import ends
from hilum.models.classifier import Classifier
from hilum.training.material import Material
from hilum.training.numbers import calibration_slopes, measure
from hilum.training.recipe import Recipe


def strata_in_words(recipe: Recipe) -> str:
    """What the strata are; "" where the recipe names none."""
    return recipe.data.stratum_name if recipe.data.stratum else ""


def measured(
    recipe: Recipe,
    material: Material,
    rows: NDArray[np.int64],
    odds: NDArray[np.float32],
    *,
    split: str,
    note: str,
) -> list[Result]:
    """Rows of the card for some rows of the table.

    Args:
        recipe: names the strata.
        material: holds the reference.
        rows: of the table.
        odds: log-odds that the network gives them, [rows, findings].
        split: which rows, in words.
        note: how they relate to the network.
    """
    return measure(
        material.table.findings,
        odds,
        reference_of(material, rows),
        split=split,
        note=note,
        seed=recipe.seed,
        strata=strata_in_words(recipe),
    )


def slopes(
    findings: Sequence[CardFinding],
    material: Material,
    rows: NDArray[np.int64],
    odds: NDArray[np.float32],
    *,
    split: str,
    note: str,
) -> list[Result]:
    """How well calibrated probabilities hold on other rows than those they were fitted on."""
    known = material.labelled
    return calibration_slopes(
        findings, odds, known.targets[rows], known.mask[rows], split=split, note=note
    )


def reference_of(material: Material, rows: NDArray[np.int64]) -> Reference:
    """What some rows are measured against."""
    known, table = material.labelled, material.table
    return Reference.of(
        known.targets[rows],
        table.patients[rows].tolist(),
        mask=known.mask[rows],
        strata=None if known.strata is None else known.strata[rows].tolist(),
        findings=table.findings,
    )


def make_card(
    recipe: Recipe,
    material: Material,
    network: Classifier,
    numbers: tuple[Sequence[CardFinding], Sequence[Result]],
    *,
    weights: StartingWeights | None,
    words: str,
    provenance: dict[str, str],
) -> Card:
    """The card of a bundle.

    Args:
        recipe: of the run.
        material: what it learnt from.
        network: that ships.
        numbers: findings with calibrations and operating points, and what was measured.
        weights: what it started from.
        words: the network in words.
        provenance: what else is told of how it came about.
    """
    table, split = material.table, material.split
    findings, results = numbers
    return Card(
        name=recipe.bundle.name,
        version=recipe.bundle.version,
        summary=recipe.bundle.summary,
        intended_use=recipe.bundle.intended_use,
        not_for=recipe.bundle.not_for,
        licence=recipe.bundle.licence,
        network=words,
        findings=tuple(findings),
        preprocessing=recipe.input,
        graph=ends(network),
        gate="gate.npz",
        data=tuple(
            TrainingData(
                name=f"{recipe.data.name}: {part} ({role})",
                images=len(split.parts[part]),
                patients=len(np.unique(table.patients[split.parts[part]])),
                licence=recipe.data.licence,
                citation=recipe.data.citation,
                split_digest=split.digest,
            )
            for part, role in (
                ("train", "weights, calibration, gate"),
                ("tune", "choice of checkpoint, calibration, gate"),
            )
        ),
        start=() if weights is None else (weights,),
        results=tuple(results),
        provenance={
            "recipe": recipe.model_dump_json(),
            **provenance,
            "python": platform.python_version(),
            **{name: version(name) for name in ("hilum", "torch", "timm", "lightning", "onnx")},
        },
    )


def in_words(recipe: Recipe, network: Classifier, frozen: Sequence[str]) -> str:
    """The network in a line: its parts, and how many of its numbers were learnt."""
    model = recipe.model
    total = sum(p.numel() for p in network.parameters())
    still = sum(p.numel() for name, p in network.named_parameters() if name in set(frozen))
    parts = [f"{getattr(getattr(network, 'backbone', None), 'name', model.backbone)}"]
    parts += [f"cut at {model.cut}"] if model.cut else []
    parts += [f"{model.normalisation} normalisation"] if model.normalisation else []
    parts += [f"head {model.head}"] if model.head != "linear" else []
    parts += [f"{total:,} parameters, {total - still:,} learnt"]
    parts += [f"frozen up to {model.freeze}"] if model.freeze else []
    return ", ".join(parts)
