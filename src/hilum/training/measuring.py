"""What a run measures of its networks: log-odds, numbers for the card, the gate."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from hilum.bundles.card import CardFinding, Result, StartingWeights
from hilum.datasets.columns import Columns, read_csv
from hilum.domain import LabelTable
from hilum.errors import RecipeError
from hilum.models.network import Network
from hilum.models.views import Classifying, OneView, SeveralViews, reader_of
from hilum.reading.gate import Statistics
from hilum.training.card import (
    alone_in_words,
    measured,
    measured_together,
    reference_of,
    slopes,
)
from hilum.training.gate import refused, share_refused
from hilum.training.held_out import folds_of
from hilum.training.metrics import UNCHOSEN
from hilum.training.numbers import calibrate, cross_fitted_slopes
from hilum.training.recipe import Recipe
from hilum.training.rows import PLAIN, Item, Labelled, Rows, Served, load_images
from hilum.training.serving import outputs_of
from hilum.training.under_way import Run
from hilum.training.views import Views

TOGETHER = "logits_of_all_views"
"""In what is kept out of fold: log-odds of all views of an examination, where there are several."""


def odds_of(
    run: Run, network: Classifying, rows: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Log-odds that the bundle will give, in single precision, and which rows could be read."""
    served: Served = run.material.read(run.recipe, rows)
    if run.pooled:
        assert run.material.kept is not None
        served = Views(run.material.kept, run.material.place, served)
    found = _given(run, reader_of(network), served, rows)
    return found, np.asarray(np.isfinite(found).all(1))


def odds_of_all_views(
    run: Run, network: Classifying, rows: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Log-odds of all views together; NaN where there is one view, or a row cannot be read."""
    if not isinstance(network, SeveralViews):
        return np.full((len(rows), len(network.findings)), np.nan, np.float32)
    return _given(run, network, run.material.served(run.recipe, rows), rows)


def _given(
    run: Run, network: Classifying | OneView, served: Served, rows: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Log-odds of some rows; NaN for those that are not served or cannot be read."""
    out = np.full((len(rows), len(network.findings)), np.nan, np.float32)
    if not len(served):
        return out
    network.to(run.machine.fabric.device).eval()

    def odds(*inputs: torch.Tensor) -> torch.Tensor:
        return network.everything(*inputs).logits

    found, _ = outputs_of(odds, served, _at_once(run), machine=run.machine, exact=True)
    network.cpu()
    out[np.isin(rows, served.rows)] = found
    return out


def _at_once(run: Run) -> int:
    return min(run.recipe.fit.batch, 64)


def numbers_of(
    run: Run,
    network: Classifying,
    held: dict[str, NDArray],
    note: str,
    *,
    weights: StartingWeights | None,
) -> tuple[list[CardFinding], list[Result]]:
    """Calibrations, operating points and numbers for the card.

    Args:
        run: under way.
        network: that ships.
        held: log-odds out of fold, and their rows; empty without folds.
        note: how those rows relate to the networks.
        weights: what they all began with; where others trained those, the numbers say so.
    """
    recipe, material = run.recipe, run.material
    began = began_in_words(recipe, weights)
    known, keys = material.labelled, material.table.findings
    parts = material.split.parts
    tune, good = odds_of(run, network, parts["tune"])
    tuned = parts["tune"][good]
    if held:
        rows, odds = held["rows"], held["logits"]
        fitted_on = f"out-of-fold logits of train and tune, {recipe.folds} folds by patient"
    else:
        rows, odds = tuned, tune[good]
        fitted_on = "logits of tune, whose rows chose the checkpoint too: take it with care"
    fitted_on += alone_in_words(recipe)
    findings = calibrate(
        keys, odds, known.targets[rows], known.mask[rows], fitted_on, known.patients[rows]
    )
    results: list[Result] = []
    if held:
        split = f"train and tune, out of fold ({recipe.folds} folds by patient)"
        told = {"split": split, "note": note + began}
        results += measured(recipe, material, rows, odds, **told)
        results += measured_together(recipe, material, rows, held.get(TOGETHER), **told)
        each, _ = folds_of(recipe, material.table, material.rows)
        results += cross_fitted_slopes(
            reference_of(material, rows),
            odds,
            [np.flatnonzero(np.isin(rows, one.held)) for one in each],
            split=split,
            note="each image's probability calibrated on the other folds",
        )
    flatters = "these rows chose its checkpoint and had a part in its calibration, so the number "
    for part, words in (
        ("tune", f"the network that ships; {flatters}flatters"),
        ("test", "the network that ships; this run used these rows for nothing else"),
    ):
        if part not in parts or (part == "tune" and recipe.fit.best == UNCHOSEN):
            continue  # rows that were learnt from measure nothing
        found, readable = (tune, good) if part == "tune" else odds_of(run, network, parts[part])
        at = parts[part][readable]
        told = {"split": part, "note": words + began}
        results += measured(recipe, material, at, found[readable], **told)
        results += measured_together(
            recipe, material, at, odds_of_all_views(run, network, at), **told
        )
        results += slopes(findings, material, at, found[readable], **told)
    return list(findings), results


LEARNT = ("bundle:", "run:", "torchxrayvision:")
"""Sources of weights that radiographs were learnt with."""


def began_in_words(recipe: Recipe, weights: StartingWeights | None) -> str:
    """That the start may know rows that the run kept away; "" where it learnt no radiographs."""
    learnt = recipe.model.weights.startswith(LEARNT) or bool(recipe.model.weights_origin)
    if weights is None or not learnt:
        return ""
    return f"; all networks began with {weights.name}, and what that learnt from is not kept away"


def features_of(
    run: Run, network: Network | OneView, served: Rows
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Features [rows, width] that the gate measures, and the rows, which could be read."""
    device = run.machine.fabric.device
    network.to(device).eval()

    def features(image: torch.Tensor) -> torch.Tensor:
        return network.features(network.map(image))

    found, failed = outputs_of(features, served, _at_once(run), machine=run.machine, exact=True)
    network.cpu()
    good = ~np.isin(served.rows, failed)
    return found[good], served.rows[good]


def gate_table(recipe: Recipe, data: Path, where: Mapping[str, str]) -> LabelTable:
    """The rows of a source on which the gate is measured.

    Raises:
        LabelError: there are none.
    """
    columns = Columns(image=recipe.data.image, patient=recipe.data.patient, where=where)
    return read_csv(data / recipe.data.table, columns)


def check_gate(recipe: Recipe, data: Path, learnt: LabelTable) -> None:
    """See that no source of ``gate.measured`` has a part in the training.

    Args:
        recipe: of the run.
        data: its folder.
        learnt: the rows that networks learn from, or are chosen by.

    Raises:
        RecipeError: a patient or an image of it has, or the table is not named in the recipe.
    """
    if recipe.gate.measured and not recipe.data.image:
        raise RecipeError("gate.measured needs a table whose columns the recipe names (data.image)")
    for where in recipe.gate.measured:
        table = gate_table(recipe, data, where)
        shared = np.isin(table.patients, learnt.patients) | np.isin(table.images, learnt.images)
        if shared.any():
            raise RecipeError(
                f"gate.measured {dict(where)}: {int(shared.sum()):,} of {len(table):,} images are "
                "of patients that the run learns from; how often the gate refuses them says "
                "nothing of a new source."
            )


def gate_of(run: Run, network: Network | OneView, statistics: Statistics) -> list[Result]:
    """How often the gate would refuse radiographs of sources that had no part in the training."""
    results: list[Result] = []
    recipe = run.recipe
    for at, where in enumerate(recipe.gate.measured):
        table = gate_table(run.recipe, run.data, where)
        images = load_images(table, run.data, recipe.input, run.out / f"gate-{at}")
        targets, mask = table.targets()
        served = Rows(
            images,
            Labelled(targets, mask, table.patients),
            np.arange(len(table)),
            spec=recipe.input,
        )
        features, readable = features_of(run, network, served)
        found = refused(statistics, features, [images[at] for at in readable.tolist()])
        source = ", ".join(f"{column} {value}" for column, value in where.items())
        results.append(share_refused(found, source))
    return results


def some_of(served: Served) -> NDArray[np.float32]:
    """Some radiographs as the network takes them, to compare the bundle's graph on."""
    made = [served[PLAIN, at] for at in range(min(16, len(served)))]
    return np.stack([item.image.numpy() for item in made if isinstance(item, Item)])
