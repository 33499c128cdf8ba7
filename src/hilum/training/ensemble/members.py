"""A finished run, read back from its folder: recipe, card, pictures, networks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor

from hilum.bundles import Bundle, load
from hilum.datasets.pack import Pack, is_pack
from hilum.errors import BundleError, RunError
from hilum.export.graph import parity, round_weights
from hilum.models.network import Network, build_network
from hilum.models.tasks import Task
from hilum.models.weights.grey import expand_as_saved
from hilum.runtime.onnx import compile_graph
from hilum.training.held_out import outer_folds
from hilum.training.keeping import BEST, kept
from hilum.training.loop import load_best
from hilum.training.material import Material, labels_and_tasks, material_of, split_of
from hilum.training.recipe import Recipe
from hilum.training.rows import PLAIN, Item

COMPARED = 4
"""Radiographs on which a network that was built again is compared with what it gave in its run."""
APART = 1e-2
"""How far its log-odds may lie from those of the run, absolutely or relative to what is larger than
1; a run may have computed on another machine."""
SECOND = "second"


@dataclass(frozen=True, slots=True)
class Held:
    """Log-odds of rows by networks that saw nothing of their patients.

    Attributes:
        rows: of the table, int64 [rows].
        odds: float32 [rows, findings].
    """

    rows: NDArray[np.int64]
    odds: NDArray[np.float32]


@dataclass(frozen=True)
class Member:
    """A finished run.

    Attributes:
        name: of its folder.
        folder: of the run.
        recipe: as it was resolved.
        bundle: that it ended in.
        material: its labels, split and pictures.
        held: its out-of-fold predictions; None where it had no folds.
    """

    name: str
    folder: Path
    recipe: Recipe
    bundle: Bundle
    material: Material
    held: Held | None

    @cached_property
    def fold_of(self) -> NDArray[np.int64]:
        """Number of the fold that held a row out, a row of the table; -1 where none did.

        Raises:
            RunError: folds drawn now are not those of the run.
        """
        drawn = outer_folds(self.recipe, self.material.table, self.material.rows)
        if drawn.digest != self.bundle.card.provenance.get("folds_digest"):
            raise RunError(f"{self.name}: its folds come out otherwise now than in the run.")
        found = np.full(len(self.material.table), -1, np.int64)
        for at, (_, rows) in enumerate(sorted(drawn.parts.items())):
            found[rows] = at
        return found


def read_member(folder: Path, data: Path | None) -> Member:
    """Read a run's folder.

    Args:
        folder: that ``hilum train`` wrote.
        data: pack that it learnt from, where it has no pictures of its own.

    Raises:
        RunError: it is no finished run, or not as it was when it finished.
    """
    name = folder.resolve().name
    if not (folder / "recipe.json").is_file():
        raise RunError(f"{folder} is no run: it has no recipe.json. Name folders of `hilum train`.")
    try:
        text = (folder / "recipe.json").read_text(encoding="utf-8")
        recipe = Recipe.model_validate_json(text)
        facts = json.loads((folder / "data.json").read_text(encoding="utf-8"))
        split_digest = str(facts["split_digest"])
    except (OSError, KeyError, TypeError, ValueError, ValidationError) as error:
        raise RunError(
            f"{name}: recipe.json or data.json is missing, damaged or of another version of Hilum; "
            "train again."
        ) from error
    if recipe.model.views:
        raise RunError(f"{name} reads several views at once; ensembles take single views only.")
    if any(task.kind in ("segmentation", "detection") for task in recipe.task):
        raise RunError(f"{name} draws masks or boxes; ensembles take networks that read findings.")
    place = folder / recipe.bundle.name
    if not place.exists():
        raise RunError(f"{name} has no bundle yet; let the same `hilum train` finish it.")
    material = _material(name, recipe, folder, data)
    if material.split.digest != split_digest:
        raise RunError(
            f"{name}: its labels or its split were changed since it was trained; train again."
        )
    return Member(name, folder, recipe, load(place), material, _held(name, folder, material))


def network_of(member: Member, which: str) -> Network:
    """A network of a run with its best weights, rounded as bundles are, in evaluation mode.

    Nothing that it started from is needed.

    Args:
        member: the run.
        which: "final", or "fold-0" and so on.

    Raises:
        RunError: there is no checkpoint, or it is of another network.
    """
    recipe, folder = member.recipe, member.folder / which
    folder = folder / SECOND if recipe.second_stage else folder
    model = recipe.model
    network = build_network(
        backbone=model.backbone or member.bundle.card.network.split(",")[0],
        tasks=member.material.tasks,
        cut=model.cut,
        normalisation=model.normalisation,
        drop_path=model.drop_path,
        head=model.head,
        dropout=model.dropout,
    )
    if (folder / BEST).is_file():
        inside = "network.backbone.net."
        state: dict[str, Tensor] = kept(folder / BEST)["state_dict"]
        expand_as_saved(
            network.backbone.net,
            {n.removeprefix(inside): t for n, t in state.items() if n.startswith(inside)},
        )
    load_best(network, folder)
    round_weights(network)
    return network.requires_grad_(False).eval()


def frozen_in(member: Member, which: str) -> str:
    """Module up to which a network's backbone was frozen at its best checkpoint; "" for none.

    Of two stages that of the first: in the second only the head learns.
    """
    model = member.recipe.model
    epoch = int(kept(member.folder / which / BEST)["epoch"]) + 1
    return [model.freeze, *(one.upto for one in model.unfreeze if one.epoch <= epoch)][-1]


def check_final(member: Member, network: Network) -> None:
    """See that a network that was built again gives what the bundle of its run gives.

    Raises:
        RunError: it does not.
    """
    card = member.bundle.card
    images = pictures(member.material, member.recipe, member.material.split.parts["tune"], COMPARED)
    graph = card.graph.model_copy(update={"features": None, "cams": None})
    run = compile_graph(
        member.bundle.read_bytes(graph.file), graph.input, [graph.logits], threads=1
    )
    try:
        parity(network, run(images), images, graph)
    except BundleError as error:
        raise RunError(
            f"{member.name}: the checkpoint does not give what the run's bundle gives: {error}"
        ) from error


def check_fold(member: Member, network: Network, fold: int) -> None:
    """See that a fold's network gives what the run kept of it.

    Raises:
        RunError: it does not.
    """
    assert member.held is not None
    mine = np.flatnonzero(member.fold_of[member.held.rows] == fold)[:COMPARED]
    if not len(mine):
        return
    images = pictures(member.material, member.recipe, member.held.rows[mine], COMPARED)
    with torch.inference_mode():
        found = network.everything(torch.from_numpy(images)).logits.numpy()
    told = member.held.odds[mine][: len(found)]
    if not (np.abs(found - told) <= APART * np.maximum(1, np.abs(told))).all():
        raise RunError(
            f"{member.name}: the checkpoint of fold-{fold} does not give what out-of-fold.npz "
            "holds."
        )


def pictures(
    material: Material, recipe: Recipe, rows: NDArray[np.int64], many: int
) -> NDArray[np.float32]:
    """The first rows that can be read, as a network takes them: float32 [some, 1, rows, columns].

    Raises:
        RunError: none can be read.
    """
    served = material.served(recipe, rows[:many])
    items = [served[PLAIN, at] for at in range(len(served))]
    good = [item.image.numpy() for item in items if isinstance(item, Item)]
    if not good:
        raise RunError("None of these images can be read any more; pack them again.")
    return np.stack(good)


def _material(name: str, recipe: Recipe, folder: Path, data: Path | None) -> Material:
    own = folder / "images"
    if is_pack(own):
        table, place = Pack.open(own).table, own
        table = table.select(recipe.findings or table.findings)
        tasks = tuple(
            Task(one.kind, one.findings or table.findings)
            for one in recipe.task
            if one.kind not in ("segmentation", "detection")
        )
    elif data is not None and is_pack(data):
        (table, tasks), place = labels_and_tasks(recipe, data), data
    else:
        raise RunError(
            f"{name} holds no pictures: it learnt from a pack. Say which, with --data PACK."
        )
    split = split_of(recipe, table, folder / "split")
    return material_of(recipe, table, tasks, place, own, split)


def _held(name: str, folder: Path, material: Material) -> Held | None:
    file = folder / "out-of-fold.npz"
    if not file.is_file():
        return None
    try:
        with np.load(file, allow_pickle=False) as found:
            rows, odds = found["rows"], found["logits"]
            images, targets, mask = found["images"], found["targets"], found["mask"]
    except (OSError, KeyError, ValueError) as error:
        raise RunError(f"{name}: out-of-fold.npz is damaged.") from error
    known = material.labelled
    if (
        rows.max(initial=-1) >= len(material.table)
        or images.tolist() != material.table.images[rows].tolist()
        or not np.array_equal(mask, known.mask[rows])
        or not np.array_equal(targets[mask], known.targets[rows][mask])
    ):
        raise RunError(
            f"{name}: out-of-fold.npz speaks of other images or labels than the run's pictures."
        )
    return Held(rows, odds)
