"""Networks as a recipe asks for them, and plans of how they learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from hilum.bundles.card import StartingWeights
from hilum.models.backbones import freeze
from hilum.models.network import Network, build_network
from hilum.models.outputs import spans
from hilum.models.tasks import EXCLUSIVE, Task
from hilum.models.weights import Declared, backbone_of, start
from hilum.training import sampling
from hilum.training.losses import Counts, build
from hilum.training.material import Material
from hilum.training.metrics import Best
from hilum.training.objective import Objective
from hilum.training.plan import Plan
from hilum.training.recipe import Recipe
from hilum.training.recipe.loss import plain_loss
from hilum.training.recipe.schedule import Cosine
from hilum.training.rows import Served


@dataclass(frozen=True, slots=True)
class Begun:
    """A network before its first step.

    Attributes:
        network: on the processor.
        weights: what it started from; None from scratch.
        frozen: names of parameters that do not learn.
    """

    network: Network
    weights: StartingWeights | None
    frozen: tuple[str, ...]


def begin(recipe: Recipe, tasks: Sequence[Task], weights: Path) -> Begun:
    """Build a recipe's network, load what it starts from, freeze what it freezes.

    Args:
        recipe: of the run.
        tasks: what is asked.
        weights: folder of weights.

    Raises:
        RecipeError: a name is unknown, weights do not fit or cannot be had, or the backbone cannot
            be cut or frozen there.
    """
    torch.manual_seed(recipe.seed)
    model = recipe.model
    network = build_network(
        backbone=model.backbone or backbone_of(model.weights),
        tasks=tasks,
        cut=model.cut,
        normalisation=model.normalisation,
        drop_path=model.drop_path,
        head=model.head,
        dropout=model.dropout,
    )
    found = None
    if model.weights:
        said = Declared(model.weights_licence, model.weights_origin,
                        model.weights_mean, model.weights_std)  # fmt: skip
        found = start(
            network.backbone, model.weights, folder=weights, input=recipe.input, declared=said
        )
    frozen = freeze(network.backbone, model.freeze)
    return Begun(network, found, tuple(frozen))


def objective_of(recipe: Recipe, material: Material, rows: NDArray[np.int64]) -> Objective:
    """The losses of a recipe's tasks, counted on the rows that a network learns from.

    Raises:
        RecipeError: a loss does not fit its task.
    """
    targets, mask = material.labelled.targets[rows], material.labelled.mask[rows]
    losses = []
    for said, task, (_, columns) in zip(
        recipe.task, material.tasks, spans(material.tasks), strict=True
    ):
        asked = said.loss or recipe.loss or plain_loss(task.kind)
        counts = Counts.of(
            targets[:, columns],
            mask[:, columns],
            task.findings,
            exclusive=task.kind in EXCLUSIVE,
        )
        losses.append(build(asked, task.kind, counts, recipe.fit.epochs))
    return Objective(material.tasks, tuple(losses), tuple(one.weight for one in recipe.task))


def plan_of(recipe: Recipe, material: Material, rows: NDArray[np.int64]) -> Plan:
    """How a network learns from some rows.

    Raises:
        RecipeError: a loss, a metric or a sampling does not fit.
    """
    return Plan(
        objective=objective_of(recipe, material, rows),
        fit=recipe.fit,
        model=recipe.model,
        optimiser=recipe.optimiser,
        schedule=recipe.schedule,
        sampling=recipe.sampling,
        best=Best.of(recipe.fit.best, material.table.findings),
        watch=recipe.watch,
        cut=recipe.model.freeze if material.kept is not None else "",
        seed=recipe.seed,
    )


def second_plan(recipe: Recipe, plan: Plan) -> Plan:
    """How the head learns anew, where the recipe has a second stage."""
    second = recipe.second_stage
    assert second is not None
    rates = {"lr": second.lr, "head_lr": second.lr}
    return replace(
        plan,
        fit=plan.fit.model_copy(update={"epochs": second.epochs, "patience": 0}),
        model=plan.model.model_copy(
            update={"freeze": "all", "unfreeze": (), "batch_norm": "frozen"}
        ),
        optimiser=plan.optimiser.model_copy(update=rates),
        schedule=Cosine(),
        sampling=second.sampling,
    )


def check_sampling(plan: Plan, train: Served) -> None:
    """See that every epoch can be drawn.

    Raises:
        RecipeError: it cannot; the message says what can.
    """
    rows = train.rows
    labels = sampling.Labels(
        plan.objective.findings, train.targets[rows], train.mask[rows], train.patients[rows]
    )
    sampling.check(plan.sampling, labels, seed=plan.seed, epochs=plan.fit.epochs)
