"""The folds of a recipe and nothing else: no network that ships, no bundle, no page."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.domain.text import Text
from hilum.errors import RecipeError
from hilum.models.network import Network
from hilum.training.claiming import claim_folder
from hilum.training.cropping import crop_in_words
from hilum.training.held_out import Division, shipped_rows
from hilum.training.machine import Machine, arithmetic
from hilum.training.material import Material, labels_and_tasks, material_of, split_of
from hilum.training.networks import begin, check_sampling, plan_of, second_plan, with_backbone
from hilum.training.plan import Setting, never
from hilum.training.progress import Told
from hilum.training.recipe import Recipe
from hilum.training.rows import Rows
from hilum.training.run import WHOLE, out_of_fold
from hilum.training.self_supervision.others import others_of
from hilum.training.under_way import Run
from hilum.training.views import remember, remember_pooled

FOUND = "out-of-fold.npz"
"""What a cross-validation leaves."""


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFold:
    """What networks say of images whose patients they saw nothing of.

    Attributes:
        rows: of the table, int64 [images].
        logits: log-odds, float32 [images, findings].
    """

    rows: NDArray[np.int64]
    logits: NDArray[np.float32]


def material_for(recipe: Recipe, data: Path, store: Path) -> Material:
    """Labels, split and radiographs of a recipe, decoded into a folder that runs share.

    Args:
        recipe: says what counts.
        data: folder of the data, or a pack.
        store: decoded radiographs are kept here, a folder a size and fit of the input.

    Raises:
        LabelError, RecipeError, PackError, RunError: the data are not what the recipe says.
    """
    table, tasks = labels_and_tasks(recipe, data)
    split = split_of(recipe, table, store / "split")
    cut = (crop_in_words(recipe.input),) if recipe.input.crop else ()
    pictures = store / f"images-{_digest(recipe.input.size, recipe.input.fit, *cut)}"
    material = material_of(recipe, table, tasks, data, pictures, split)
    if recipe.self_supervision is None or not recipe.self_supervision.others:
        return material
    said = [one.model_dump(mode="json") for one in recipe.self_supervision.others]
    further = store / f"others-{_digest(recipe.input.size, recipe.input.fit, said)}"
    return replace(material, others=others_of(recipe, table, data, further))


def cross_validate(
    recipe: Recipe,
    material: Material,
    *,
    weights: Path,
    out: Path,
    store: Path,
    division: Division = WHOLE,
    stop: Callable[[], str] = never,
) -> OutOfFold:
    """Train the networks of a recipe's folds, and ask each of the rows held out.

    It goes on where an earlier call stopped. Activations below ``model.freeze`` are remembered in
    ``store`` and shared by all runs that have them in common; where the whole backbone is frozen,
    only what its head pools is remembered, and only heads learn.

    Args:
        recipe: what to do; with folds.
        material: from :func:`material_for`.
        weights: folder of the weights to start from.
        out: the folder of this run.
        store: folder of what runs share.
        division: of the folds.
        stop: asked after every step; why the run should stop, or "".

    Raises:
        Stopped: it was asked to; the same call goes on.
        RunError: ``out`` holds a run of another recipe, or the run cannot go on.
        RecipeError: the recipe has no folds, draws masks or boxes, or cannot be built.
    """
    recipe = with_backbone(recipe)
    if not recipe.folds or recipe.drawn or recipe.detection is not None:
        raise RecipeError("A cross-validation needs folds, and findings: no masks, no boxes.")
    mostly_frozen = bool(recipe.fit.views)
    machine = Machine.here(
        arithmetic=arithmetic(recipe.fit.precision, mostly_frozen=mostly_frozen),
        workers=recipe.fit.workers,
    )
    machine.on_first(lambda: claim_folder(recipe, out))
    if not (out / FOUND).exists():
        told = Told([f"fold-{at}" for at in range(recipe.folds)], 1, quiet=True)
        material, pooled = _with_kept(recipe, material, weights, store, machine)
        _check(recipe, material)
        setting = Setting(machine, told, stop)
        run = Run(recipe, out, out, weights, setting, material, False, pooled)
        out_of_fold(run, division)
        for file in sorted(out.rglob("*.ckpt")) if machine.first else ():
            file.unlink()
    with np.load(out / FOUND) as found:
        return OutOfFold(found["rows"], found["logits"])


def _check(recipe: Recipe, material: Material) -> None:
    rows, _ = shipped_rows(recipe, material.split)
    plan = plan_of(recipe, material, rows)
    served = material.served(recipe, rows)
    check_sampling(plan, served)
    if recipe.second_stage:
        check_sampling(second_plan(recipe, plan), served)


def _with_kept(
    recipe: Recipe, material: Material, weights: Path, store: Path, machine: Machine
) -> tuple[Material, bool]:
    """The material with remembered activations, and whether they are what heads pool."""
    network = begin(recipe, material.tasks, weights).network
    unchanged = all(step.do == "nothing" for step in recipe.augmentation.steps)
    frozen = recipe.model.batch_norm == "frozen" and bool(recipe.model.freeze)
    remembered = frozen and (unchanged or bool(recipe.fit.views)) and not recipe.model.unfreeze
    if not isinstance(network, Network) or not remembered:
        return material, False
    whole = not any(p.requires_grad for p in network.backbone.parameters())
    if unchanged and recipe.fit.views:
        raise RecipeError("fit.views: there is nothing to view where augmentation changes nothing.")
    rows = material.rows
    served = material.served(recipe, rows, recipe.augmentation.build())
    store.mkdir(parents=True, exist_ok=True)
    device, count = machine.fabric.device, recipe.fit.views

    def kept(served: Rows, names: Text) -> NDArray[np.floating[Any]]:
        plain, views = _files(recipe, names, network, store)
        if whole:
            return remember_pooled(
                network, served, views=count, plain=plain, augmented=views, machine=machine
            )
        cut = recipe.model.freeze
        cache = views if count else plain
        return remember(network, served, cut=cut, views=count, cache=cache, device=device)

    names = material.table.images[rows]
    machine.on_first(lambda: kept(served, names) is None)
    place = {int(row): at for at, row in enumerate(rows)}
    others = material.others
    if others is not None:
        further, called = others.rows(recipe), others.names
        machine.on_first(lambda: kept(further, called) is None)
        others = replace(others, kept=kept(further, called))
    return replace(material, kept=kept(served, names), place=place, others=others), whole


def _files(recipe: Recipe, images: Text, network: Network, store: Path) -> tuple[Path, Path]:
    """Where activations of plain radiographs and of augmented views are remembered."""
    model = recipe.model.model_dump(mode="json", exclude={"head", "dropout"})
    network_of = (model, recipe.input.model_dump(mode="json"), len(network.head.pooled))
    changed = (recipe.augmentation.model_dump(mode="json"), recipe.seed, recipe.fit.views)
    names = images.astype(str).tolist()
    return (
        store / f"plain-{_digest(network_of, names)}.npy",
        store / f"views-{_digest(network_of, changed, names)}.npy",
    )


def features_of_frozen(
    recipe: Recipe, material: Material, *, weights: Path, store: Path
) -> NDArray[np.float32]:
    """Average-pooled features [rows, width] of plain radiographs by a backbone wholly frozen.

    Args:
        recipe: whose ``model.freeze`` is the backbone's end.
        material: from :func:`material_for`; its train and tune rows are computed, in their order.
        weights: folder of the weights to start from.
        store: folder of what runs share.

    Raises:
        RecipeError: the recipe lets the backbone learn.
    """
    found, pooled = _with_kept(recipe, material, weights, store, Machine.here())
    if not pooled or found.kept is None:
        raise RecipeError("Features are remembered where the whole backbone is frozen, and plain.")
    return found.kept[0].mean((2, 3), dtype=np.float32)


def _digest(*said: object) -> str:
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]
