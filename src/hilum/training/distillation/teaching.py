"""Teachers of one network, and the targets that they leave it.

Source: Hinton, Vinyals and Dean 2015, "Distilling the knowledge in a neural network", equation 2,
at a temperature of 1. Cross-entropy is linear in its target: to weigh the loss against labels with
1 − share and that against the teachers' probabilities with share is to learn from their mixture.
That teachers speak of rows that they did not learn from keeps them from repeating labels they know
by heart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hilum.datasets.split import folds
from hilum.models.network import Network
from hilum.training.distillation.regression import regressed
from hilum.training.held_out import keep_held_out
from hilum.training.loop import Passed
from hilum.training.metrics import UNCHOSEN
from hilum.training.prior import Prior
from hilum.training.progress import Told
from hilum.training.recipe import Recipe
from hilum.training.rows import Item, Served
from hilum.training.serving import answers
from hilum.training.under_way import Run

FOLDER = "teachers"
"""Inside that of the network that is taught."""

SAID = "said.npz"
"""What the teachers said of its training rows."""

OTHER_SEEDS = 1000
"""Between the seed of a run and those of teachers."""

Rows = NDArray[np.int64]
Odds = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Trained:
    """What a run does with rows.

    Attributes:
        fit: run, name of a folder, rows to learn from and to watch → a network that has learnt.
        begin: run → a network before its first step.
        serve: run, rows → those rows as they are, without augmentation.
        cut: module behind which those start, where activations are remembered; "" for images.
    """

    fit: Callable[[Run, str, tuple[Rows, Rows]], Network]
    begin: Callable[[Run], Network]
    serve: Callable[[Run, Rows], Served]
    cut: str


def taught(run: Run, name: str, parts: tuple[Rows, Rows], trained: Trained) -> Run:
    """The same run with targets that hold what teachers say of a network's training rows.

    Args:
        run: under way.
        name: of the network's folder.
        parts: rows that the network learns from, and those that it is watched on. Nothing is asked
            of, or learnt from, other rows.
        trained: how teachers come about.
    """
    part, known = run.recipe.distil, run.material.labelled
    assert part is not None
    rows = np.sort(parts[0])
    file = run.out / name / FOLDER / SAID
    if not file.exists():
        run.told.note(f"{name}: teachers learn first, in {part.inner} parts of its training rows.")
        found = _said(run, name, (rows, parts[1]), trained)
        file.parent.mkdir(parents=True, exist_ok=True)
        run.machine.on_first(partial(keep_held_out, file, {"rows": rows, "odds": found}))
    with np.load(file) as kept:
        odds = kept["odds"]
    if run.recipe.data.adjust_for_stratum and known.strata is not None:
        odds = odds + Prior.of(known.targets, known.mask, known.strata, rows).beyond[rows]
    targets = known.targets.copy()
    targets[rows] = mixed(targets[rows], odds, part.share)
    labelled = replace(known, targets=targets)
    return replace(run, material=replace(run.material, labelled=labelled))


def mixed(targets: NDArray[np.float32], odds: Odds, share: float) -> NDArray[np.float32]:
    """(1 − share) × label + share × the teachers' probability; the label where they said nothing.

    Args:
        targets: in [0, 1], [rows, findings].
        odds: the teachers' log-odds, the same shape; NaN for pictures that could not be read.
        share: in (0, 1].
    """
    probability = 0.5 * (1 + np.tanh(np.asarray(odds, np.float64) / 2))
    found = (1 - share) * targets + share * probability
    return np.where(np.isfinite(odds), found, targets).astype(np.float32)


def _said(run: Run, name: str, parts: tuple[Rows, Rows], trained: Trained) -> Odds:
    """The mean of what teachers say of each training row that they did not learn from."""
    rows, watched = parts
    part = run.recipe.distil
    assert part is not None
    table, known = run.material.table, run.material.labelled
    rng = np.random.default_rng([run.recipe.data.split_seed, len(rows)])
    divided = folds(table, rows, part.inner, rng).parts
    features = _features(run, rows, trained) if part.regression else None
    place = {int(row): at for at, row in enumerate(rows)}
    out = np.full((len(rows), len(table.findings)), np.nan, np.float32)
    for at, (_, asked) in enumerate(sorted(divided.items())):
        rest = np.setdiff1d(rows, asked)
        said: list[Odds] = []
        for number in range(part.networks):
            own = _of_teacher(run, number, name)
            look = asked if run.recipe.fit.best == UNCHOSEN else watched
            network = trained.fit(own, f"{name}/{FOLDER}/{at}-{number}", (rest, look))
            said.append(_asked(own, network, asked, trained))
        inside, outside = ([place[int(row)] for row in some] for some in (rest, asked))
        if features is not None:
            learnt = (features[inside], known.targets[rest], known.mask[rest])
            beyond = None
            if run.recipe.data.adjust_for_stratum and known.strata is not None:
                beyond = Prior.of(known.targets, known.mask, known.strata, rest).beyond[rest]
            said.append(regressed(learnt, features[outside], beyond))
        out[outside] = np.mean(said, 0)
    return out


def _of_teacher(run: Run, number: int, name: str) -> Run:
    """The run that a teacher has: as the student's, with a seed and labels of its own."""
    recipe = run.recipe
    unseen = {"class-absent", "always-zero", "always-one"}  # a part may lack what is rare
    stop = tuple(code for code in recipe.watch.stop if code not in unseen)
    changes: dict[str, Any] = {
        "distil": None,
        "seed": recipe.seed + OTHER_SEEDS * (1 + number),
        "watch": recipe.watch.model_copy(update={"stop": stop}),
    }
    part = recipe.distil
    assert part is not None
    names = [f"{name}/{FOLDER}/{at}-{number}" for at in range(part.inner)]
    told = Told(names, 1, quiet=True)
    setting = replace(run.setting, told=told)
    return replace(run, recipe=recipe.model_copy(update=changes), setting=setting, page=False)


def _asked(run: Run, network: Network, rows: Rows, trained: Trained) -> Odds:
    network.to(run.machine.device).eval()
    passed = Passed(network, trained.cut)

    def odds(item: Item) -> Tensor:
        return network.log_odds(passed(*item.inputs).float())

    served = trained.serve(run, rows)
    found, _ = answers(odds, served, _at_once(run.recipe), machine=run.machine, exact=True)
    network.cpu()
    return found


def _features(run: Run, rows: Rows, trained: Trained) -> NDArray[np.float32]:
    """Average-pooled features of a backbone before its first step; 0 where none can be had."""
    torch.manual_seed(run.recipe.seed)
    network = trained.begin(run).to(run.machine.device).eval()

    def pooled(item: Item) -> Tensor:
        cut = trained.cut
        found = network.map_beyond(item.image, cut) if cut else network.map(item.image)
        return network.features(found)

    served = trained.serve(run, rows)
    found, _ = answers(pooled, served, _at_once(run.recipe), machine=run.machine, exact=True)
    return np.nan_to_num(found)


def _at_once(recipe: Recipe) -> int:
    return min(recipe.fit.batch, 64)
