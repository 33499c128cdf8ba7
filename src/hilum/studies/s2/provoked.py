"""S2's failures, provoked on features of a frozen network, and what the watch says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hilum.domain import LabelTable, State
from hilum.errors import LabelError, Stopped
from hilum.evaluation import ConfusionTable
from hilum.models.tasks import Task
from hilum.studies.linear_head import scaled
from hilum.studies.questions import Numbers
from hilum.studies.running import Bench
from hilum.studies.s2.rows import COUNTS, features_of_rows, labels_of_twenty
from hilum.training.losses import Counts, build
from hilum.training.recipe.loss import MAE, MSE, AnyLoss, CrossEntropy
from hilum.training.recipe.watch import Watch as Part
from hilum.training.watch import EpochFacts, Watch, before, chance_loss
from hilum.training.watch.activations import dead_units
from hilum.training.watch.concern import Concern

LEARNT, TUNED = 640, 160
"""Images that S2 learnt from, and that it tuned on."""
BALANCED_FROM = 15
"""Images that a class needs for the balanced subset; S2's rarest had 40."""
WIDTHS = (256, 128)
"""Two layers with ReLU and without normalisation, as a plain network ends in."""
EPOCHS = 50
"""S2's."""
SHUFFLED = 0
"""Seed of which images are taken: S2 took the first of its table, which are sorted by road here."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One network that goes wrong, or the one that does not.

    Attributes:
        name: short.
        title: for people.
        theirs: what S2 saw.
        loss: of the recipe.
        rate: of SGD, or of AdamW where ``adam``.
        momentum: of SGD.
        batch: images a step.
        dropout: before the last layer.
        adam: AdamW in place of SGD, and no hidden layer.
        balanced: only classes with enough images, and as many of each as the rarest has.
    """

    name: str
    title: str
    theirs: str
    loss: AnyLoss
    rate: float
    momentum: float = 0.0
    batch: int = 2
    dropout: float = 0.0
    adam: bool = False
    balanced: bool = False


FAILURES = (
    Failure(
        "mse",
        "MSE, SGD at .01, batch 2",
        "40 % accuracy; 17 of 19 classes in the confusion matrix",
        MSE(),
        0.01,
    ),
    Failure(
        "mae",
        "MAE, SGD at 5 with momentum .9, batch 2",
        "the same output for every image; dead ReLUs suspected",
        MAE(),
        5.0,
        momentum=0.9,
    ),
    Failure(
        "balanced",
        "Balanced subset, cross-entropy, SGD at .001, dropout .4, batch 10",
        "loss stuck near 3, few classes predicted",
        CrossEntropy(),
        0.001,
        batch=10,
        dropout=0.4,
        balanced=True,
    ),
    Failure(
        "mended",
        "All 640 rows, cross-entropy, AdamW at .0003, batch 32, one layer",
        "",
        CrossEntropy(),
        3e-4,
        batch=32,
        adam=True,
    ),
)


def measure(bench: Bench, seeds: Sequence[int]) -> Numbers:
    """Train each with the first seed, and keep what the watch said.

    Raises:
        Stopped: it was asked to; the same call begins this question again.
        LabelError: too few images of one class.
    """
    table = labels_of_twenty(bench)
    rows = drawn_rows(table)
    features = features_of_rows(bench, rows)
    present = (table.states[rows] == State.PRESENT).astype(np.float32)
    failures = []
    for one in FAILURES:
        if why := bench.stop():
            raise Stopped(f"{why} The same command asks this question again.")
        failures.append(provoke(one, features, present, table.findings, seeds[0]))
    return {
        "images": len(rows),
        "seed": seeds[0],
        "epochs": EPOCHS,
        "trap": trap(table, rows),
        "theirs": proportions(),
        "failures": failures,
    }


def drawn_rows(table: LabelTable) -> NDArray[np.int64]:
    """As many rows of train and val as S2 had, of those that have one class.

    Raises:
        LabelError: there are too few.
    """
    single = (table.states == State.PRESENT).sum(1) == 1
    rows = np.flatnonzero(single & (table.column("part") != "test"))
    if len(rows) < LEARNT + TUNED:
        raise LabelError(f"S2 took 800 images of one class each; there are {len(rows):,}.")
    return np.random.default_rng(SHUFFLED).permutation(rows)[: LEARNT + TUNED]


def trap(table: LabelTable, rows: NDArray[np.int64]) -> dict[str, Any]:
    """What the watch says before training when no finding is no class."""
    keys = tuple(COUNTS)[:-1]
    present = (table.states[rows] == State.PRESENT)[:, [table.findings.index(k) for k in keys]]
    said = before(
        Part(), [Task("one-of", keys)],
        targets=present.astype(np.float32), mask=np.ones_like(present),
        train=np.arange(LEARNT), tune=np.arange(LEARNT, len(rows)),
    )  # fmt: skip
    return {
        "images": len(rows),
        "zero": int((~present.any(1)).sum()),
        "classes": len(keys),
        "without": int((~present.any(0)).sum()),
        "said": [_line(one) for one in said if one.code != "untested"],
    }


def proportions() -> dict[str, Any]:
    """What 800 images of S2's own counts hold on average: arithmetic, no picture."""
    counts = np.array(list(COUNTS.values()), np.float64)
    share, images = counts / counts.sum(), LEARNT + TUNED
    return {
        "zero": float(images * share[-1]),
        "without": float(((1 - share[:-1]) ** images).sum()),
        "counts": int(counts.sum()),
    }


def provoke(
    one: Failure,
    features: NDArray[np.float32],
    present: NDArray[np.float32],
    keys: Sequence[str],
    seed: int,
) -> dict[str, Any]:
    """Train one, watched.

    Args:
        one: which.
        features: float32 [images, width]; the first :data:`LEARNT` are learnt from.
        present: 0 or 1, float32 [images, classes], one class an image.
        keys: of the classes.
        seed: of weights and order.

    Returns:
        Losses of each epoch, what the watch said, and the answers of the last epoch, counted.
    """
    learnt, tuned, at = _parts(one, present)
    classes = tuple(str(keys[int(k)]) for k in at)
    targets = np.ascontiguousarray(present[:, at])
    mask = np.ones_like(targets, np.bool_)
    inputs = torch.from_numpy(scaled(features[learnt], features))
    task = Task("one-of", classes)
    counts = Counts.of(targets[learnt], mask[learnt], classes, exclusive=True)
    loss = build(one.loss, "one-of", counts, EPOCHS)
    torch.manual_seed(seed)
    network = _network(inputs.shape[1], len(classes), one)
    frequencies = torch.from_numpy(np.log(targets[learnt].mean(0)).astype(np.float32))
    wanted, known = torch.from_numpy(targets), torch.from_numpy(mask.astype(np.float32))

    def cost(outputs: Tensor, rows: Tensor, epoch: int) -> Tensor:
        return loss(outputs, wanted[rows], known[rows], epoch).mean()

    every = torch.from_numpy(learnt)
    chance = float(cost(frequencies.expand(len(learnt), -1), every, 0))
    part = Part(stop=())
    said = before(part, [task], targets=targets, mask=mask, train=learnt, tune=tuned)
    watch = Watch(part, [task], chance=chance)
    optimiser = _optimiser(one, network)
    rng = np.random.default_rng(seed)
    lines: list[dict[str, Any]] = []
    told: list[dict[str, Any]] = []
    log_odds, dead = np.zeros((0, 0), np.float32), {}
    for epoch in range(EPOCHS):
        network.train()
        costs = []
        order = rng.permutation(learnt)
        for start in range(0, len(order) - one.batch + 1, one.batch):
            rows = torch.from_numpy(order[start : start + one.batch])
            found = cost(network(inputs[rows]), rows, epoch)
            optimiser.zero_grad()
            found.backward()
            optimiser.step()
            costs.append(found.detach())
            told += _told(watch.step(float(costs[-1])), epoch + 1)
        network.eval()
        with torch.no_grad():
            outputs = network(inputs[torch.from_numpy(tuned)])
            tune = float(cost(outputs, torch.from_numpy(tuned), epoch))
            log_odds = torch.logit(torch.softmax(outputs, 1).double(), eps=1e-12).float().numpy()
        train = float(torch.stack(costs).mean())
        dead = dead_units(network, inputs[torch.from_numpy(tuned[:64])])
        facts = EpochFacts(epoch + 1, train, tune, log_odds, targets[tuned], mask[tuned], dead=dead)
        told += _told(watch.epoch(facts), epoch + 1)
        lines.append({"train": round(train, 6), "tune": round(tune, 6)})
    truth = targets[tuned].argmax(1)
    table = ConfusionTable.of(truth, log_odds.argmax(1), classes)
    return {
        "name": one.name,
        "title": one.title,
        "theirs": one.theirs,
        "train": len(learnt),
        "tune": len(tuned),
        "classes": len(classes),
        "tuned_classes": int((table.counts.sum(1) > 0).sum()),
        "said_classes": len(classes) - len(table.unpredicted),
        "accuracy": table.accuracy.value,
        "majority": table.majority.value,
        "balanced_accuracy": table.balanced_accuracy.value,
        "spread": float(log_odds.std(0).max()),
        "dead": max(dead.values(), default=0.0),
        "cross_entropy_of_chance": chance_loss(task, targets[learnt], mask[learnt]),
        "chance": chance,
        "losses": lines,
        "before": [_line(x) for x in said if x.code != "untested"],
        "watch": told,
    }


def _parts(
    one: Failure, present: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Rows to learn from, to tune on, and the classes that are asked."""
    if not one.balanced:
        at = np.flatnonzero(present[:LEARNT].any(0))
        tuned = np.arange(LEARNT, len(present))
        return np.arange(LEARNT), tuned[present[tuned][:, at].any(1)], at
    at = np.flatnonzero(present.sum(0) >= BALANCED_FROM)
    number = int(present[:, at].sum(0).min())
    rows = [np.flatnonzero(present[:, k])[:number] for k in at]
    held = number // 4  # a quarter to test
    learnt, tuned = ([part[held:] for part in rows], [part[:held] for part in rows])
    return np.concatenate(learnt), np.concatenate(tuned), at


def _network(width: int, count: int, one: Failure) -> nn.Module:
    if one.adam:
        return nn.Linear(width, count)
    layers: list[nn.Module] = []
    for wide in WIDTHS:
        layers += [nn.Linear(width, wide), nn.ReLU()]
        width = wide
    return nn.Sequential(*layers, nn.Dropout(one.dropout), nn.Linear(width, count))


def _optimiser(one: Failure, network: nn.Module) -> torch.optim.Optimizer:
    if one.adam:
        return torch.optim.AdamW(network.parameters(), lr=one.rate, weight_decay=1.0)
    return torch.optim.SGD(network.parameters(), lr=one.rate, momentum=one.momentum)


def _line(one: Concern) -> dict[str, str]:
    return {"code": one.code, "message": one.message}


def _told(found: Sequence[Concern], epoch: int) -> list[dict[str, Any]]:
    return [_line(x) | {"epoch": epoch, "ended": x.ended} for x in found]
