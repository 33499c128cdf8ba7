"""The card of a run's bundle: what it learnt from, how good it is, how it came about."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.bundles.card import Card, CardFinding, Result, StartingWeights, TrainingData
from hilum.evaluation import Reference
from hilum.export.graph import ends
from hilum.models.classifier import Classifier
from hilum.models.views import AnyNetwork, backbones_of
from hilum.training.cropping import with_finder
from hilum.training.material import Material
from hilum.training.metrics import UNCHOSEN
from hilum.training.numbers import calibration_slopes, measure
from hilum.training.recipe import Recipe
from hilum.training.recipe.model import Views


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


def measured_together(
    recipe: Recipe,
    material: Material,
    rows: NDArray[np.int64],
    odds: NDArray[np.float32] | None,
    *,
    split: str,
    note: str,
) -> list[Result]:
    """As :func:`measured` of log-odds of all views together; rows that have none are left out.

    So that the gain of the other views can be seen, give the rows that the first was measured on.
    """
    if odds is None or material.views is None:
        return []
    good = np.isfinite(odds).all(1)
    if not good.any():
        return []
    names = ", ".join(material.views.names)
    more = f"read from all of {names} that an examination has, which this bundle cannot do; {note}"
    return measured(
        recipe, material, rows[good], odds[good], split=f"{split}, all views", note=more
    )


def alone_in_words(recipe: Recipe) -> str:
    """That the bundle reads the first of several views alone; "" where there are not several."""
    views = recipe.model.views
    return "" if views is None else f"; from the view {views.names[0]} alone"


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
    findings, results = numbers
    return Card(
        **common(recipe, material, weights=weights, words=words, provenance=provenance),
        findings=tuple(findings),
        graph=ends(network),
        gate="gate.npz",
        results=tuple(results),
    )


def common(
    recipe: Recipe,
    material: Material,
    *,
    weights: StartingWeights | None,
    words: str,
    provenance: dict[str, str],
) -> dict[str, Any]:
    """What every card says; the arguments are those of :func:`make_card`."""
    table, split = material.table, material.split
    gate = "" if recipe.structures else ", gate"
    chosen = recipe.fit.best != UNCHOSEN
    choice = "choice of checkpoint and calibration" if chosen else "calibration"
    folded = f", {choice} out of fold" if recipe.folds else ""
    tuned = "" if recipe.structures else ", calibration"
    if recipe.detection is not None:
        choice, tuned = (f"{said}, thresholds of boxes" for said in (choice, tuned))
    roles = [("train", f"weights{folded}{gate}")]
    if chosen:
        roles.append(("tune", f"choice of checkpoint{tuned}{gate}"))
    else:
        roles.append(("tune", f"weights{folded}{gate}"))
    return {
        "name": recipe.bundle.name,
        "version": recipe.bundle.version,
        "summary": recipe.bundle.summary,
        "intended_use": recipe.bundle.intended_use,
        "not_for": recipe.bundle.not_for,
        "licence": recipe.bundle.licence,
        "network": words,
        "preprocessing": with_finder(recipe.input),
        "data": tuple(
            TrainingData(
                name=f"{recipe.data.name}: {part} ({role})",
                images=material.number_of_images(split.parts[part]),
                patients=len(np.unique(table.patients[split.parts[part]])),
                licence=recipe.data.licence,
                citation=recipe.data.citation,
                split_digest=split.digest,
            )
            for part, role in roles
        ),
        "start": () if weights is None else (weights,),
        "provenance": {
            "recipe": recipe.model_dump_json(),
            **provenance,
            "python": platform.python_version(),
            **{name: version(name) for name in ("hilum", "torch", "timm", "lightning", "onnx")},
        },
    }


def in_words(recipe: Recipe, network: AnyNetwork, frozen: Sequence[str]) -> str:
    """The network in a line: its parts, and how many of its numbers were learnt.

    Args:
        recipe: of the run.
        network: that learnt.
        frozen: names of parameters that did not, as backbones know them.
    """
    model = recipe.model
    total = sum(p.numel() for p in network.parameters())
    held: dict[int, int] = {}
    for backbone in backbones_of(network):
        parameters = dict(backbone.net.named_parameters())
        held |= {id(parameters[name]): parameters[name].numel() for name in frozen}
    still = sum(held.values())
    parts = [network.backbone.name]
    parts += [f"cut at {model.cut}"] if model.cut else []
    parts += [f"{model.normalisation} normalisation"] if model.normalisation else []
    parts += [f"head {model.head}"] if model.head != "linear" else []
    parts += [f"{total:,} parameters, {total - still:,} learnt"]
    parts += [f"frozen up to {model.freeze}"] if model.freeze else []
    return ", ".join(parts) + _views_in_words(model.views) + _taught_in_words(recipe)


def _taught_in_words(recipe: Recipe) -> str:
    """What it learnt from beside the labels."""
    words, taught, part = "", recipe.distil, recipe.self_supervision
    if taught is not None:
        count = taught.inner * (taught.networks + taught.regression)
        words = f"; {count} teachers have {100 * taught.share:g} % of each target"
    if part is None:
        return words
    further = "".join(f", and from those of {one.name} ({one.licence})" for one in part.others)
    return (
        f"{words}; before the labels the backbone learnt from the same radiographs without their "
        f"labels (VICReg, {part.epochs} epochs){further}"
    )


def _views_in_words(views: Views | None) -> str:
    if views is None:
        return ""
    first, *others = views.names
    stems = f"stems of their own up to {views.own_upto}" if views.own_upto else "one stem for all"
    joined = "their mean" if views.join == "mean" else "end to end, something learnt for a missing"
    return (
        f"; learnt from {len(views.names)} views of an examination ({', '.join(views.names)}), "
        f"{stems}, joined: {joined}; this bundle reads the view {first} alone, and "
        f"{', '.join(others)} count as missing"
    )
