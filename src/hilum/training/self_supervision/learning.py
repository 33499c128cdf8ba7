"""A backbone learns from the pictures of a network's training rows, before that network does."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from hilum.models.network import Network
from hilum.models.views import AnyNetwork
from hilum.training.loop import fit_network, load_best
from hilum.training.metrics import UNCHOSEN, Best
from hilum.training.plan import Plan, Setting
from hilum.training.progress import Told
from hilum.training.recipe import Recipe
from hilum.training.recipe.sampling import All
from hilum.training.recipe.self_supervision import SelfSupervision
from hilum.training.recipe.watch import Watch
from hilum.training.rows import Rows, Served
from hilum.training.sampling import batches
from hilum.training.self_supervision.objective import PairObjective
from hilum.training.self_supervision.pairs import Pairs
from hilum.training.self_supervision.siamese import Siamese
from hilum.training.under_way import Run
from hilum.training.views import Views

FOLDER = "self-supervision"
"""Inside that of the network which learns from labels afterwards."""

LOOKED_AT = 256
"""Training pictures whose embeddings are looked at after each epoch."""


def learn_from_pictures(run: Run, network: Network, rows: Served, folder: Path) -> None:
    """Let a network's backbone learn without labels; a folder that is done is loaded.

    Args:
        run: under way.
        network: before its first step; its backbone is changed in place.
        rows: the rows whose labels it will learn from: no others of the table are looked at, not
            even to see how far it is.
        folder: of the network.

    Raises:
        Stopped: it was asked to; all is kept.
        RunError: as :func:`~hilum.training.loop.fit_network`; or the embeddings have collapsed.
    """
    part = run.recipe.self_supervision
    assert part is not None
    folder = folder / FOLDER
    done = folder / "done"
    torch.manual_seed(run.recipe.seed)
    siamese = cast("AnyNetwork", Siamese(network, part.width))
    if done.exists():
        load_best(siamese, folder)
        return
    folder.mkdir(parents=True, exist_ok=True)
    assert isinstance(rows, Rows | Views)
    sources = [rows]
    if run.material.others is not None:
        sources.append(run.material.others.served(run.recipe))
    pairs = Pairs(sources)
    run.told.note(
        f"{folder.parent.name}: {len(pairs):,} pictures are looked at without their labels, "
        f"{part.epochs} epochs."
    )
    steps = part.epochs * batches(len(pairs), part.batch)
    name, quiet = f"{folder.parent.name}, without labels", run.told.console.quiet
    told = Told([name], steps, quiet=quiet)
    fit_network(
        siamese,
        (pairs, _some(pairs, run.recipe.seed)),
        _plan(run.recipe, part, remembered=isinstance(rows, Views)),
        Setting(run.machine, told, run.setting.stop),
        folder=folder,
        new_head=False,
    )
    run.machine.on_first(done.touch)


def _some(pairs: Pairs, seed: int) -> Pairs:
    chosen = np.random.default_rng(seed).permutation(len(pairs))[:LOOKED_AT]
    return pairs.some(np.sort(chosen))


def _plan(recipe: Recipe, part: SelfSupervision, *, remembered: bool) -> Plan:
    fit: dict[str, Any] = {
        "epochs": part.epochs,
        "batch": part.batch,
        "best": UNCHOSEN,
        "patience": 0,
        "mixup": 0.0,
    }
    return Plan(
        objective=PairObjective(part),
        fit=recipe.fit.model_copy(update=fit),
        model=recipe.model.model_copy(update={"unfreeze": ()}),
        optimiser=part.optimiser,
        schedule=part.schedule,
        sampling=All(),
        best=Best(UNCHOSEN, ""),
        watch=_watch(recipe.watch),
        cut=recipe.model.freeze if remembered else "",
        seed=recipe.seed,
    )


def _watch(watch: Watch) -> Watch:
    """A collapse ends the run, unless nothing shall, or nobody is to be told."""
    if not watch.stop or "collapsed" in (*watch.stop, *watch.quiet):
        return watch
    return watch.model_copy(update={"stop": (*watch.stop, "collapsed")})
