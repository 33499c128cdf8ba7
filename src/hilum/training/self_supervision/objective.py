"""What a backbone is asked without labels, as the loop and the watch take it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hilum.training.losses import TaskLoss
from hilum.training.metrics import Each
from hilum.training.recipe.self_supervision import SelfSupervision
from hilum.training.rows import Item
from hilum.training.self_supervision.vicreg import vicreg
from hilum.training.watch.embeddings import EMBEDDING, effective_rank, spread

FEWEST = 2
"""Pictures without which nothing can be told apart: a rest of a batch that is smaller is left."""


@dataclass(frozen=True, slots=True)
class Embedding:
    """As the watch takes a task: nothing of it is a finding."""

    kind: str = EMBEDDING
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Embedded:
    """Embeddings of some of the training pictures.

    Attributes:
        odds: float32 [pictures, width], of the plain ones.
        targets: none, [pictures, 0].
        mask: likewise.
        loss: of all of them.
        findings: none.
    """

    odds: NDArray[np.float32]
    targets: NDArray[np.float32]
    mask: NDArray[np.bool_]
    loss: float
    findings: tuple[str, ...] = ()

    def each(self, metric: str) -> Each:
        """None: there is nothing to be right about."""
        return []

    def numbers(self) -> dict[str, dict[str, float | None]]:
        """Standard deviation and effective rank of the embeddings."""
        return {
            "embedding_spread": {"mean": spread(self.odds)},
            "embedding_rank": {"mean": effective_rank(self.odds)},
        }


@dataclass(frozen=True, slots=True)
class PairObjective:
    """VICReg of batches.

    Attributes:
        part: of the recipe: weights of the terms.
        tasks: one.
    """

    part: SelfSupervision
    tasks: tuple[Embedding, ...] = (Embedding(),)

    @property
    def findings(self) -> tuple[str, ...]:
        """None."""
        return ()

    @property
    def losses(self) -> tuple[TaskLoss, ...]:
        """None that turns into another."""
        return ()

    def counted(self, targets: Tensor, mask: Tensor) -> Tensor:
        """Pictures of some rows that the loss is of: float32 [1]."""
        number = len(targets)
        return torch.tensor([number if number >= FEWEST else 0.0], device=targets.device)

    def loss(
        self, raw: Tensor, targets: Tensor, mask: Tensor, counts: Tensor, epoch: int
    ) -> Tensor:
        """The part of a batch's loss that some of its rows give: a number.

        A part is compared within itself, as in losses of pairs, and weighs as many as it holds.

        Args:
            raw: embeddings of two views side by side, [rows, 2 width].
            targets: [rows, 0].
            mask: likewise.
            counts: summed over all parts of the batch, from :meth:`counted`.
            epoch: of no meaning here.
        """
        if len(raw) < FEWEST:
            return raw.sum() * 0.0
        one, other = raw.float().chunk(2, 1)
        part = self.part
        found = vicreg(
            one,
            other,
            invariance=part.invariance,
            variance=part.variance,
            covariance=part.covariance,
        )
        return found * len(raw) / counts.clamp(min=1).sum()

    def chance(self, targets: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
        """NaN: there are no frequencies to guess by."""
        return float("nan")

    def answer(self, network: Callable[..., Tensor], item: Item) -> Tensor:
        """Embeddings of two views side by side, [rows, 2 width]."""
        return network(*item.inputs)

    def judge(
        self,
        raw: NDArray[np.float32],
        targets: NDArray[np.float32],
        mask: NDArray[np.bool_],
        *,
        epoch: int,
        strata: NDArray[np.int64] | None = None,
    ) -> Embedded:
        """Loss and embeddings of pictures.

        Args:
            raw: from :meth:`answer`.
            targets: [pictures, 0].
            mask: likewise.
            epoch: of no meaning here.
            strata: likewise.
        """
        found = torch.from_numpy(raw)
        counts = torch.tensor([float(len(raw))])
        loss = float(self.loss(found, torch.zeros(len(raw), 0), torch.zeros(0), counts, epoch))
        return Embedded(raw[:, : raw.shape[1] // 2], targets, mask, loss)
