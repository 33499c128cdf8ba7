"""Networks as a recipe asks for them, and plans of how they learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from hilum.bundles.card import StartingWeights
from hilum.errors import RecipeError
from hilum.models.backbones import Backbone, build_backbone, replace_normalisation
from hilum.models.detection import HEADS, Detector, build_detector
from hilum.models.network import Network
from hilum.models.outputs import spans
from hilum.models.segmentation import Segmenter
from hilum.models.tasks import EXCLUSIVE, Task
from hilum.models.views import AnyNetwork, SeveralViews, freeze_all
from hilum.models.weights import Declared, backbone_of, start
from hilum.training import sampling
from hilum.training.detection.judged import METRICS as OF_BOXES_AND_FINDINGS
from hilum.training.detection.judged import OF_BOXES
from hilum.training.detection.objective import BoxObjective
from hilum.training.detection.passing import Layout
from hilum.training.losses import Counts, build
from hilum.training.material import Material
from hilum.training.metrics import Best
from hilum.training.objective import AnyObjective, Objective
from hilum.training.plan import Plan
from hilum.training.prior import Prior
from hilum.training.recipe import Recipe
from hilum.training.recipe.loss import plain_loss
from hilum.training.recipe.model import Model
from hilum.training.recipe.schedule import Cosine
from hilum.training.recipe.task import DETECTION, SEGMENTATION
from hilum.training.rows import Served
from hilum.training.segmentation.objective import MaskObjective
from hilum.training.segmentation.overlap import METRICS as OF_MASKS


@dataclass(frozen=True, slots=True)
class Begun:
    """A network before its first step.

    Attributes:
        network: on the processor.
        weights: what it started from; None from scratch.
        frozen: names of parameters that do not learn.
    """

    network: AnyNetwork
    weights: StartingWeights | None
    frozen: tuple[str, ...]


def with_backbone(recipe: Recipe) -> Recipe:
    """The recipe with the backbone of the bundle that it begins with, where it names none.

    Raises:
        RecipeError: there is no such bundle.
    """
    model = recipe.model
    if model.backbone:
        return recipe
    named = model.model_copy(update={"backbone": backbone_of(model.weights)})
    return recipe.model_copy(update={"model": named})


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
    backbone = build_backbone(
        model.backbone or backbone_of(model.weights),
        cut=model.cut,
        drop_path=model.drop_path,
        size=recipe.input.size,
    )
    backbone.check(*recipe.input.size)
    found = None
    if model.weights:
        said = Declared(model.weights_licence, model.weights_origin,
                        model.weights_mean, model.weights_std)  # fmt: skip
        found = start(backbone, model.weights, folder=weights, input=recipe.input, declared=said)
    if model.normalisation:  # after loading, so that statistics can go into what takes their place
        replace_normalisation(backbone, model.normalisation)
    if recipe.structures:
        network: AnyNetwork = Segmenter(backbone, recipe.structures, width=recipe.task[0].width)
    elif recipe.detection is not None:
        network = _detector(recipe, backbone, tasks)
    else:
        network = _network(backbone, tasks, model)
    frozen = freeze_all(network, model.freeze)
    if recipe.self_supervision and not any(p.requires_grad for p in backbone.parameters()):
        raise RecipeError(
            f"self_supervision: with model.freeze = {model.freeze!r} nothing of the backbone "
            "learns. Freeze less of it."
        )
    return Begun(network, found, tuple(frozen))


def _network(backbone: Backbone, tasks: Sequence[Task], model: Model) -> AnyNetwork:
    """Backbone and head; stems of several views begin with the weights that are loaded already."""
    views, head, dropout = model.views, model.head, model.dropout
    if views is None:
        return Network(backbone, tasks, head=head, dropout=dropout)
    count, own, join = len(views.names), views.own_upto, views.join
    return SeveralViews(
        backbone, tasks, views=count, own=own, join=join, head=head, dropout=dropout
    )


def _detector(recipe: Recipe, backbone: Backbone, tasks: Sequence[Task]) -> Detector:
    said = recipe.detection
    assert said is not None
    return build_detector(
        backbone,
        said.head,
        said.boxes,
        size=recipe.input.size,
        width=said.width,
        task=tasks[0] if tasks else None,
        structures=said.structures,
    )


def objective_of(recipe: Recipe, material: Material, rows: NDArray[np.int64]) -> AnyObjective:
    """The losses of a recipe's tasks, counted on the rows that a network learns from.

    Raises:
        RecipeError: a loss does not fit its task.
    """
    if recipe.structures:
        return mask_objective(recipe)
    if recipe.detection is not None:
        return box_objective(recipe, material, rows)
    return _of_findings(recipe, material, rows)


def _of_findings(recipe: Recipe, material: Material, rows: NDArray[np.int64]) -> Objective:
    targets, mask = material.labelled.targets[rows], material.labelled.mask[rows]
    asked_of = [one for one in recipe.task if one.kind not in (SEGMENTATION, DETECTION)]
    losses = []
    for said, task, (_, columns) in zip(
        asked_of, material.tasks, spans(material.tasks), strict=True
    ):
        asked = said.loss or recipe.loss or plain_loss(task.kind)
        counts = Counts.of(
            targets[:, columns],
            mask[:, columns],
            task.findings,
            exclusive=task.kind in EXCLUSIVE,
        )
        losses.append(build(asked, task.kind, counts, recipe.fit.epochs))
    return Objective(material.tasks, tuple(losses), tuple(one.weight for one in asked_of))


def box_objective(recipe: Recipe, material: Material, rows: NDArray[np.int64]) -> BoxObjective:
    """The losses of a detection, and of what is asked beside it.

    Raises:
        RecipeError: a loss does not fit the class task.
    """
    said, marked, tasks = recipe.detection, material.marked, material.tasks
    assert said is not None
    assert marked is not None
    parts = len(HEADS.resolve(said.head).parts)
    layout = Layout(parts, sum(task.outputs for task in tasks), len(said.structures))
    classes = _of_findings(recipe, material, rows) if tasks else None
    return BoxObjective(
        said.boxes, layout, marked.most, classes, said.weight, said.structures_weight
    )


def mask_objective(recipe: Recipe) -> MaskObjective:
    """The loss of a segmentation.

    Raises:
        RecipeError: the loss is for another task.
    """
    said = recipe.task[0]
    asked = said.loss or recipe.loss or plain_loss(said.kind)
    nothing = np.zeros((0, len(recipe.structures)))
    counts = Counts.of(
        nothing.astype(np.float32), nothing.astype(np.bool_), recipe.structures, exclusive=False
    )
    return MaskObjective(recipe.structures, build(asked, said.kind, counts, recipe.fit.epochs))


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
        best=best_of(recipe, material),
        watch=recipe.watch,
        prior=prior_of(recipe, material, rows),
        cut=recipe.model.freeze if material.kept is not None else "",
        seed=recipe.seed,
    )


def prior_of(recipe: Recipe, material: Material, rows: NDArray[np.int64]) -> Prior | None:
    """What strata alone say of findings, counted on the rows that a network learns from."""
    known = material.labelled
    if not recipe.data.adjust_for_stratum or known.strata is None:
        return None
    return Prior.of(known.targets, known.mask, known.strata, rows)


def best_of(recipe: Recipe, material: Material) -> Best:
    """What chooses the checkpoint.

    Raises:
        RecipeError: no such metric or finding.
    """
    if recipe.structures:
        return Best.of(recipe.fit.best, recipe.structures, OF_MASKS)
    if recipe.detection is not None:
        findings, kinds = material.table.findings, recipe.detection.boxes
        metrics = OF_BOXES_AND_FINDINGS if findings else OF_BOXES
        return Best.of(recipe.fit.best, (*findings, *kinds), metrics)
    return Best.of(recipe.fit.best, material.table.findings)


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
