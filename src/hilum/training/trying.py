"""What can be tried before a run: the augmentation seen, a learning rate found."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from hilum.domain import LabelTable
from hilum.models.views import head_of, layers_of
from hilum.report.preview import Example, preview
from hilum.training import sampling
from hilum.training.detection.passing import start
from hilum.training.loop import Passed, labels_of, to_training
from hilum.training.lung_boxes import lung_boxes
from hilum.training.machine import Machine, arithmetic
from hilum.training.material import labels_and_tasks, material_of, split_of
from hilum.training.networks import begin, plan_of
from hilum.training.optimisers import build_optimiser
from hilum.training.rate_finder import Curve, find_rate
from hilum.training.recipe import Recipe
from hilum.training.rows import Item, load_images, picture
from hilum.training.serving import batches
from hilum.transforms.augmentation import Picture, needs_lungs

SHOWN = 6
"""Radiographs of a preview."""

SWEPT = 1000
"""Radiographs, at most, that a sweep of the learning rate learns from."""


def draw_preview(recipe: Recipe, *, data: Path, out: Path) -> tuple[str, ...]:
    """Draw radiographs of the training rows as the first epochs would show them.

    Args:
        recipe: says how they are augmented; its seed chooses them, those with boxes first.
        data: folder of the data, or a pack.
        out: PNG or JPEG.

    Returns:
        What looks wrong, a sentence each.

    Raises:
        LabelError, RecipeError, RunError: the data are not what the recipe says.
    """
    table, _ = labels_and_tasks(recipe, data)
    with tempfile.TemporaryDirectory() as folder:
        split = split_of(recipe, table, Path(folder) / "split")
        chosen = _some(table, split.parts["train"], SHOWN, recipe.seed, boxed=True)
        images = load_images(table.rows(chosen), data, recipe.input, Path(folder) / "images")
        boxes, policy = images.boxes, recipe.augmentation.build()
        lungs = None
        if needs_lungs(policy):
            lungs, _ = lung_boxes(images, Path(folder) / "lungs.npz")
        examples = []
        for at, row in enumerate(chosen.tolist()):
            grey = picture(images, at).astype(np.float32) / np.float32(255)
            drawn = None if boxes is None else boxes.xywh[boxes.row == at]
            shown = Picture(grey, lungs=None if lungs is None else lungs[at])
            if drawn is not None:
                shown = replace(shown, boxes=drawn, numbers=np.arange(len(drawn)))
            examples.append(Example(str(table.images[row]), row, shown))
        return preview(policy, examples, seed=recipe.seed, out=out)


def sweep(recipe: Recipe, *, data: Path, weights: Path) -> Curve:
    """Look for a learning rate: train a little while it rises (Smith 2017).

    The rate of the backbone's last layer is swept, and all others with it, in the recipe's
    proportion; without mixup.

    Args:
        recipe: of the run; nothing of the sweep is kept.
        data: folder of the data, or a pack.
        weights: folder of the weights to start from.

    Raises:
        LabelError, RecipeError, RunError: the data are not what the recipe says.
    """
    table, tasks = labels_and_tasks(recipe, data)
    machine = Machine.here(arithmetic=arithmetic(recipe.fit.precision, mostly_frozen=False))
    with tempfile.TemporaryDirectory() as folder:
        split = split_of(recipe, table, Path(folder) / "split")
        rows = _some(table, split.parts["train"], SWEPT, recipe.seed, boxed=False)
        few = table.rows(rows)
        material = material_of(recipe, few, tasks, data, Path(folder) / "images")
        begun = begin(recipe, tasks, weights)
        network = begun.network
        every = np.arange(len(few))
        plan = plan_of(recipe, material, every)
        served = material.served(recipe, every, recipe.augmentation.build())
        start(network, served)
        network.to(machine.fabric.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        to_training(network, recipe.model)
        passed = Passed(network, "")
        optimiser = build_optimiser(plan.optimiser, layers_of(network), head_of(network))
        tops = [group["lr"] / plan.optimiser.lr for group in optimiser.param_groups]

        def endless() -> Iterator[Item]:
            labels = labels_of(served, plan.objective.findings)
            for epoch in itertools.count():
                found = sampling.order(plan.sampling, labels, seed=plan.seed, epoch=epoch)
                keys = [
                    [(epoch, int(at)) for at in part]
                    for part in sampling.slices(found, plan.fit.batch)
                ]
                for batch in batches(served, keys, machine.workers):
                    if batch.items is not None:
                        yield batch.items

        items = endless()

        def step(rate: float) -> float:
            item = next(items).to(machine.fabric.device)
            for group, top in zip(optimiser.param_groups, tops, strict=True):
                group["lr"] = rate * top
            with machine.fabric.autocast():
                raw = passed(*item.inputs)
            counts = plan.objective.counted(item.target, item.mask)
            loss = plan.objective.loss(raw, item.target, item.mask, counts, 0)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), plan.fit.clip)
            optimiser.step()
            return float(loss.detach())

        return find_rate(step)


def _some(
    table: LabelTable, rows: NDArray[np.int64], number: int, seed: int, *, boxed: bool
) -> NDArray[np.int64]:
    """Some rows in a random order, those with boxes first where asked."""
    mixed = np.random.default_rng(seed).permutation(rows)
    if boxed and table.boxes is not None:
        has = np.isin(mixed, table.boxes.row)
        mixed = np.concatenate([mixed[has], mixed[~has]])
    return mixed[:number]
