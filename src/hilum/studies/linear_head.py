"""A small head that learns on features held in memory: what one choice does, in a second a network.

Losses and samplings are those of recipes; the frozen backbone is not computed again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hilum.domain.text import text
from hilum.training import sampling
from hilum.training.losses import Counts, TaskLoss, build
from hilum.training.recipe.loss import BCE, AnyLoss
from hilum.training.recipe.sampling import All, Sampling

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Way:
    """How a head learns.

    Attributes:
        loss: of the recipe.
        sampling: which rows an epoch shows.
        kind: of the task: "one-of" or "multi-label".
        hidden: width of a layer with ReLU before the last one; 0 for none.
        cosine: the last layer gives cosines of the features, as LDAM wants them.
        second: sampling with which the last layer learns anew on what lies before it, for half of
            the epochs; None without.
        epochs: how often as many rows are shown as the sampling draws.
        batch: rows a step.
        rate: largest learning rate of AdamW, one cycle.
        decay: AdamW's.
    """

    loss: AnyLoss = field(default_factory=BCE)
    sampling: Sampling = field(default_factory=All)
    kind: str = "multi-label"
    hidden: int = 0
    cosine: bool = False
    second: Sampling | None = None
    epochs: int = 12
    batch: int = 32
    rate: float = 5e-3
    decay: float = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What a head learns from.

    Attributes:
        features: float32 [rows, width], of about the same spread each (:func:`scaled`).
        targets: float32 [rows, findings], 0 or 1.
        mask: bool [rows, findings], which targets count.
        findings: keys.
    """

    features: Floats
    targets: Floats
    mask: Bools
    findings: tuple[str, ...]


def scaled(train: Floats, every: Floats, components: int = 0) -> Floats:
    """Features with the mean 0 and the spread 1 that some rows have.

    Args:
        train: the rows that say it, float32 [rows, width].
        every: float32 [images, width].
        components: turned onto so many principal components of ``train``, each of spread 1; 0 for
            all features.

    Returns:
        float32 [images, width or components].
    """
    mean, spread = train.mean(0), train.std(0)
    spread = np.where(spread > 1e-6, spread, 1.0).astype(np.float32)
    inside, outside = (train - mean) / spread, (every - mean) / spread
    if not components:
        return outside
    sizes, axes = np.linalg.eigh(inside.T @ inside)
    most = min(components, len(train) - 1, train.shape[1])
    sizes, axes = sizes[::-1][:most], axes[:, ::-1][:, :most]
    turn = axes / np.sqrt(np.maximum(sizes, 1e-6)) * len(train) ** 0.5
    return np.asarray(outside @ turn, np.float32)


class _Cosine(nn.Module):
    """Cosines of features and of a direction a finding."""

    def __init__(self, width: int, findings: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(findings, width).uniform_(-1, 1))

    def forward(self, features: Tensor) -> Tensor:
        return nn.functional.linear(
            nn.functional.normalize(features), nn.functional.normalize(self.weight)
        )


def learn(way: Way, rows: Rows, *, seed: int) -> Callable[[Floats], Floats]:
    """Train a head.

    Args:
        way: how.
        rows: to learn from, all of them; no checkpoint is chosen.
        seed: of weights and order.

    Returns:
        From features [images, width] to outputs [images, findings].

    Raises:
        RecipeError: the loss does not fit, or the sampling cannot be drawn.
    """
    torch.manual_seed(seed)
    features = torch.from_numpy(rows.features)
    width, count = features.shape[1], len(rows.findings)
    before: nn.Module = nn.Identity()
    if way.hidden:
        before = nn.Sequential(nn.Linear(width, way.hidden), nn.ReLU())
    last = _last(way.hidden or width, count, cosine=way.cosine)
    exclusive = way.kind != "multi-label"
    counts = Counts.of(rows.targets, rows.mask, rows.findings, exclusive=exclusive)
    _fit(way, nn.Sequential(before, last), features, rows, counts, seed=seed)
    if way.second is not None:
        with torch.no_grad():
            features = before(features)
        last = _last(way.hidden or width, count, cosine=way.cosine)
        again = replace(way, sampling=way.second, epochs=max(1, way.epochs // 2))
        _fit(again, last, features, rows, counts, seed=seed)

    def outputs(features: Floats) -> Floats:
        with torch.no_grad():
            return last(before(torch.from_numpy(features))).numpy()

    return outputs


def _last(width: int, count: int, *, cosine: bool) -> nn.Module:
    return _Cosine(width, count) if cosine else nn.Linear(width, count)


def _fit(
    way: Way, network: nn.Module, features: Tensor, rows: Rows, counts: Counts, *, seed: int
) -> None:
    loss: TaskLoss = build(way.loss, way.kind, counts, way.epochs)
    targets, mask = torch.from_numpy(rows.targets), torch.from_numpy(rows.mask.astype(np.float32))
    names = text([str(at) for at in range(len(rows.targets))])
    labels = sampling.Labels(rows.findings, rows.targets, rows.mask, names)
    shown = [
        sampling.order(way.sampling, labels, seed=seed, epoch=epoch) for epoch in range(way.epochs)
    ]
    cut = [sampling.slices(order, way.batch) for order in shown]
    optimiser = torch.optim.AdamW(network.parameters(), lr=way.rate, weight_decay=way.decay)
    steps = sum(map(len, cut))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, way.rate, total_steps=steps + 1)
    network.train()
    for epoch, parts in enumerate(cut):
        for part in parts:
            at = torch.from_numpy(part)
            kept = loss.counted(targets[at], mask[at]).sum().clamp(min=1)
            found = loss(network(features[at]), targets[at], mask[at], epoch).sum() / kept
            optimiser.zero_grad()
            found.backward()
            optimiser.step()
            schedule.step()
    network.eval()
