"""What a network that draws is asked, as the loss of a batch and as numbers of the tuning rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from hilum.training.losses import TaskLoss
from hilum.training.rows import Item
from hilum.training.segmentation.overlap import JudgedMasks, Overlap

GRID = 4
"""Log-odds of a map are told by so many fields a side, to see whether all pictures get the same."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A segmentation as the watch takes a task: nothing of it is a finding.

    Attributes:
        kind: "segmentation".
        findings: none.
    """

    kind: str = "segmentation"
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MaskObjective:
    """Structures, and how wrong masks of them are punished.

    Attributes:
        structures: what is drawn.
        loss_of: of each structure on each picture.
        tasks: one.
    """

    structures: tuple[str, ...]
    loss_of: TaskLoss
    tasks: tuple[Drawing, ...] = (Drawing(),)

    @property
    def findings(self) -> tuple[str, ...]:
        """Names of the columns of targets and mask."""
        return self.structures

    @property
    def losses(self) -> tuple[TaskLoss, ...]:
        """One."""
        return (self.loss_of,)

    def counted(self, targets: Tensor, mask: Tensor) -> Tensor:
        """Masks of some rows that the mean of the loss is taken over: float32 [1]."""
        return self.loss_of.counted(targets, mask).sum().float().view(1)

    def loss(
        self, raw: Tensor, targets: Tensor, mask: Tensor, counts: Tensor, epoch: int
    ) -> Tensor:
        """The part of a batch's loss that some of its rows give: a number.

        Args:
            raw: maps of log-odds, [rows, structures, h, w].
            targets: the same shape, 0 to 1.
            mask: [rows, structures].
            counts: summed over all parts of the batch, from :meth:`counted`.
            epoch: from 0.
        """
        return self.loss_of(raw.float(), targets, mask, epoch).sum() / counts.clamp(min=1).sum()

    def chance(self, targets: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
        """NaN: a map that is the same everywhere is no guess that masks are compared with."""
        return float("nan")

    def answer(self, network: Callable[..., Tensor], item: Item) -> Tensor:
        """What is kept of maps: sizes and overlap, loss, and log-odds by fields; [rows, numbers].

        A map of every tuning row would fill the memory.
        """
        raw = network(*item.inputs).float()
        mine, theirs = raw >= 0, item.target >= 0.5
        sizes = [(mine & theirs), mine, theirs]
        counts = [one.sum((2, 3)).float() for one in sizes]
        loss = self.loss_of(raw, item.target, item.mask)
        fields = adaptive_avg_pool2d(raw, GRID).flatten(1)
        return torch.cat([*counts, loss, fields], 1)

    def overlap(self, answers: NDArray[np.float32]) -> Overlap:
        """Sizes and overlap, of what :meth:`answer` gave."""
        count = len(self.structures)
        return Overlap(*(answers[:, at * count : (at + 1) * count] for at in range(3)))

    def judge(
        self,
        raw: NDArray[np.float32],
        targets: NDArray[np.float32],
        mask: NDArray[np.bool_],
        *,
        epoch: int,
        strata: NDArray[np.int64] | None = None,
    ) -> JudgedMasks:
        """How well the masks of the tuning rows agree.

        Args:
            raw: from :meth:`answer`, [rows, numbers].
            targets: shares that structures cover, [rows, structures].
            mask: [rows, structures].
            epoch: of no meaning here.
            strata: likewise.
        """
        count = len(self.structures)
        loss, fields = raw[:, 3 * count : 4 * count], raw[:, 4 * count :]
        mean = float(loss.sum(dtype=np.float64) / max(1, mask.sum()))
        return JudgedMasks(self.structures, self.overlap(raw), mask, mean, fields, targets)
