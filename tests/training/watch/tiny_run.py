"""A tiny network that learns tiny pictures under watch, in a fraction of a second."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from hilum.models.tasks import Task
from hilum.training.recipe.watch import Watch as Part
from hilum.training.watch import Concern, EpochFacts, Watch, chance_loss
from hilum.training.watch.activations import dead_units, first_not_finite

SIDE = 12


@dataclass
class Run:
    """A training run and what was said of it."""

    part: Part = field(default_factory=Part)
    kind: str = "one-of"
    classes: int = 3
    seed: int = 0
    epochs: int = 10
    optimiser: str = "adam"
    lr: float = 5e-3
    loss: str = "cross-entropy"
    noise: float = 0.3
    random_labels: bool = False
    shares: tuple[float, ...] = ()
    rows: tuple[int, int] = (192, 120)
    batch: int = 16
    width: int = 8
    said: list[tuple[int, Concern]] = field(default_factory=list)
    train_losses: list[float] = field(default_factory=list)
    tune_losses: list[float] = field(default_factory=list)

    def codes(self) -> set[str]:
        return {one.code for _, one in self.said}

    def of(self, code: str) -> list[Concern]:
        return [one for _, one in self.said if one.code == code]


def draw(run: Run, rng: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures with a bright band for each class present, and targets."""
    kinds = 1 if run.kind == "binary" else run.classes
    if run.kind == "one-of":
        share = np.array(run.shares or [1 / kinds] * kinds)
        targets = np.eye(kinds)[rng.choice(kinds, rows, p=share)]
    else:
        targets = (rng.random((rows, kinds)) < (run.shares or 0.4)).astype(float)
    images = rng.normal(0, run.noise, (rows, 1, SIDE, SIDE))
    band = SIDE // kinds
    for kind in range(kinds):
        images[:, 0, kind * band : kind * band + band // 2 + 1] += targets[:, kind, None, None]
    if run.random_labels:
        targets = rng.permutation(targets)
    return images.astype(np.float32), targets.astype(np.float32)


def network(run: Run, outputs: int):
    w = run.width
    return nn.Sequential(
        nn.Conv2d(1, w, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(w, 2 * w, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(2 * w * (SIDE // 2) ** 2, outputs),
    )


def loss_of(run: Run, raw, targets):
    if run.loss == "cross-entropy":
        if run.kind == "one-of":
            return functional.cross_entropy(raw, targets)
        return functional.binary_cross_entropy_with_logits(raw, targets)
    if run.loss == "mse":
        return functional.mse_loss(raw, targets)
    return functional.l1_loss(torch.softmax(raw, 1), targets)


def learn(run: Run) -> Run:
    """Train, and note all that is said."""
    rng = np.random.default_rng(run.seed)
    torch.manual_seed(run.seed)
    keys = ("mass", "nodule", "edema", "effusion", "hernia", "fibrosis")
    findings = keys[: 1 if run.kind == "binary" else run.classes]
    task = Task(run.kind, findings)  # type: ignore[arg-type]
    images, targets = draw(run, rng, run.rows[0])
    others, wanted = draw(run, rng, run.rows[1])
    chance = None
    if run.loss == "cross-entropy":
        chance = chance_loss(task, targets, np.ones(targets.shape, bool))
    net = network(run, len(findings))
    watch = Watch(run.part, (task,), chance=chance)
    kind = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[run.optimiser]
    steps = kind(net.parameters(), lr=run.lr)
    for epoch in range(run.epochs):
        order = rng.permutation(len(images))
        losses = []
        for start in range(0, len(order), run.batch):
            rows = order[start : start + run.batch]
            picture = torch.from_numpy(images[rows])
            loss = loss_of(run, net(picture), torch.from_numpy(targets[rows]))
            steps.zero_grad()
            loss.backward()
            norm = torch.stack([p.grad.norm() for p in net.parameters()]).norm()
            said = watch.step(
                loss.item(), norm.item(), where=lambda p=picture: first_not_finite(net, p)
            )
            run.said += [(epoch, one) for one in said]
            if any(one.code == "not-finite" for one in said):
                return run
            losses.append(loss.item())
            steps.step()
        with torch.no_grad():
            raw = net(torch.from_numpy(others))
            tune_loss = loss_of(run, raw, torch.from_numpy(wanted)).item()
            log_odds = task.log_odds(raw).numpy()
        facts = EpochFacts(
            epoch,
            float(np.mean(losses)),
            tune_loss,
            log_odds,
            wanted,
            np.ones(wanted.shape, bool),
            dead_units(net, torch.from_numpy(others[:32])),
        )
        run.train_losses.append(facts.train_loss)
        run.tune_losses.append(facts.tune_loss)
        run.said += [(epoch, one) for one in watch.epoch(facts)]
    return run
