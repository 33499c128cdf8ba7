"""What learns: fastai's head on what a frozen network gave, a network from scratch, a line."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from hilum.errors import Stopped
from hilum.models.backbones import build_backbone
from hilum.models.heads import build_head
from hilum.studies.s4.cohort import Floats, Rows
from hilum.studies.s4.nested import Ask, Scored
from hilum.training.machine import arithmetic

HEAD = "concat-pool"
RATE = 1e-3
BATCH = 64
"""fastai's, which S4 left as it is."""
EPOCHS = (1, 2, 3, 5, 7, 10)
"""Epochs whose networks are candidates; S4 had 5, of eight times as many images."""
SCRATCH_EPOCHS = (1, 2, 3, 4)
SCRATCH_BATCH = 16
STRENGTHS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 1e-1, 1.0)
"""scikit-learn's C: candidates of a logistic regression."""

Stop = Callable[[], str]


class Whole(nn.Module):
    """A backbone from scratch with S4's head.

    Args:
        name: of the backbone.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.backbone = build_backbone(name)
        self.head = build_head(HEAD, self.backbone.width, 2)

    def forward(self, image: Tensor) -> Tensor:
        """Raw outputs [batch, 2] of images [batch, 1, rows, columns]."""
        fast = arithmetic("auto", mostly_frozen=False) == "bfloat16"
        with torch.autocast(image.device.type, torch.bfloat16, enabled=fast):
            found = self.backbone(image)
        return self.head(self.head.pool(found.float()))


def asking_head(pooled: NDArray[np.float32], died: NDArray[np.bool_], seed: int, stop: Stop) -> Ask:
    """S4's head on what it pools, [images, 2 · width]: maxima and averages of a frozen map."""
    width = pooled.shape[1] // 2

    def make() -> nn.Module:
        return build_head(HEAD, width, 2)

    return _asking(make, torch.from_numpy(pooled), died, EPOCHS, BATCH, seed=seed, stop=stop)


def asking_scratch(
    name: str, images: Tensor, died: NDArray[np.bool_], seed: int, stop: Stop
) -> Ask:
    """A whole network from scratch on images [images, 1, rows, columns]."""

    def make() -> nn.Module:
        return Whole(name).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    options = {"seed": seed, "stop": stop}
    return _asking(make, images, died, SCRATCH_EPOCHS, SCRATCH_BATCH, **options)


def asking_line(columns: Floats, died: NDArray[np.bool_], stop: Stop) -> Ask:
    """A logistic regression on columns [images, columns], NaN where unknown.

    An unknown number takes the mean of the known ones, and a column says that it was unknown.
    """
    from sklearn.decomposition import PCA
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def ask(learn: Rows, asked: Rows, number: int) -> Scored:
        del number
        _heed(stop)
        kept = np.isfinite(columns[learn]).any(axis=0)  # known of nobody: tells nothing
        # A rotation that keeps all there is changes no prediction, and leaves as many columns as
        # there are images.
        turn = make_pipeline(
            SimpleImputer(add_indicator=True), StandardScaler(), PCA(svd_solver="full")
        )
        inside = turn.fit_transform(columns[learn][:, kept])
        outside = turn.transform(columns[asked][:, kept])
        models = [LogisticRegression(C=strength, max_iter=2000) for strength in STRENGTHS]
        said = [one.fit(inside, died[learn]).decision_function(outside) for one in models]
        return np.array(said, np.float32)

    return ask


def _asking(
    make: Callable[[], nn.Module],
    inputs: Tensor,
    died: NDArray[np.bool_],
    epochs: Sequence[int],
    batch: int,
    *,
    seed: int,
    stop: Stop,
) -> Ask:
    targets = torch.from_numpy(died.astype(np.int64))

    def ask(learn: Rows, asked: Rows, number: int) -> Scored:
        torch.manual_seed(1_000_003 * seed + number)
        module = make()
        optimiser = torch.optim.Adam(module.parameters(), RATE, fused=True)
        order = np.random.default_rng([seed, number])
        said = []
        for epoch in range(1, max(epochs) + 1):
            module.train()
            for rows in _batches(order.permutation(learn), batch):
                _heed(stop)
                at = torch.from_numpy(rows)
                optimiser.zero_grad()
                cross_entropy(module(inputs[at]), targets[at]).backward()
                optimiser.step()
            if epoch in epochs:
                said.append(_log_odds(module, inputs[torch.from_numpy(asked)]))
        return np.stack(said)

    return ask


def _batches(rows: Rows, size: int) -> list[Rows]:
    """Rows by ``size``; a last one alone goes with those before it, as batch norm needs two."""
    parts = [rows[start : start + size] for start in range(0, len(rows), size)]
    if len(parts) > 1 and len(parts[-1]) == 1:
        parts[-2:] = [np.concatenate(parts[-2:])]
    return parts


@torch.no_grad()
def _log_odds(module: nn.Module, inputs: Tensor) -> Scored:
    module.eval()
    raw = torch.cat([module(part) for part in inputs.split(BATCH)]).float()
    return (raw[:, 1] - raw[:, 0]).numpy()


def _heed(stop: Stop) -> None:
    why = stop()
    if why:
        raise Stopped(why)
