"""What a network is asked, as losses of a batch and as numbers of the tuning rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hilum.models.outputs import arranged, findings_of, log_odds, spans, start
from hilum.models.tasks import EXCLUSIVE, Task
from hilum.training.losses import TaskLoss
from hilum.training.metrics import AnyJudged, Judged
from hilum.training.rows import Item
from hilum.training.watch.labels import Task as Watched

TOGETHER = 2048
"""Tuning rows whose loss is taken together: losses of pairs compare within them."""


class AnyObjective(Protocol):
    """What the loop asks of an objective: :class:`Objective`, or that of masks."""

    @property
    def findings(self) -> tuple[str, ...]:
        """Names of the columns of targets and mask."""
        ...

    @property
    def tasks(self) -> Sequence[Watched]:
        """As the watch takes them; :meth:`counted` gives a number for each."""
        ...

    @property
    def losses(self) -> tuple[TaskLoss, ...]:
        """One a task."""
        ...

    def counted(self, targets: Tensor, mask: Tensor) -> Tensor:
        """What the mean of each task's loss is taken over: float32 [tasks]."""
        ...

    def loss(
        self, raw: Tensor, targets: Tensor, mask: Tensor, counts: Tensor, epoch: int
    ) -> Tensor:
        """The part of a batch's loss that some of its rows give: a number."""
        ...

    def chance(self, targets: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
        """The loss of some rows when each is given the mere frequencies; NaN where unknown."""
        ...

    def answer(self, network: Callable[..., Tensor], item: Item) -> Tensor:
        """What is kept of a network's outputs for rows that are judged, [rows, numbers]."""
        ...

    def judge(
        self,
        raw: NDArray[np.float32],
        targets: NDArray[np.float32],
        mask: NDArray[np.bool_],
        *,
        epoch: int,
        strata: NDArray[np.int64] | None = None,
    ) -> AnyJudged:
        """What the network says of the tuning rows, from what :meth:`answer` kept."""
        ...


@dataclass(frozen=True, slots=True)
class Objective:
    """Tasks, and how wrong answers to each are punished.

    Attributes:
        tasks: side by side.
        losses: one a task.
        weights: of each task's loss beside the others.
    """

    tasks: tuple[Task, ...]
    losses: tuple[TaskLoss, ...]
    weights: tuple[float, ...]

    @property
    def findings(self) -> tuple[str, ...]:
        """Keys, one a column of the targets."""
        return findings_of(self.tasks)

    def counted(self, targets: Tensor, mask: Tensor) -> Tensor:
        """Cells of some rows that the mean of each task's loss is taken over: float32 [tasks].

        Args:
            targets: of rows that go into :meth:`loss` together, [rows, findings].
            mask: likewise.
        """
        counts = [
            loss.counted(targets[:, columns], mask[:, columns]).sum()
            for loss, (_, columns) in zip(self.losses, spans(self.tasks), strict=True)
        ]
        return torch.stack(counts).float()

    def loss(
        self, raw: Tensor, targets: Tensor, mask: Tensor, counts: Tensor, epoch: int
    ) -> Tensor:
        """The part of a batch's loss that some of its rows give: a number.

        Args:
            raw: outputs of those rows, [rows, outputs].
            targets: [rows, findings].
            mask: likewise.
            counts: summed over all parts of the batch, from :meth:`counted`.
            epoch: from 0.
        """
        sums = [
            loss(raw[:, outputs].float(), targets[:, columns], mask[:, columns], epoch).sum()
            for loss, (outputs, columns) in zip(self.losses, spans(self.tasks), strict=True)
        ]
        shares = torch.stack(sums) / counts.clamp(min=1)
        return (shares * shares.new_tensor(self.weights)).sum()

    def chance(self, targets: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
        """The loss of some rows when each is given their frequencies.

        Args:
            targets: [rows, findings].
            mask: likewise.
        """
        raw = arranged(self.tasks, start(self.tasks, targets, mask)[None])
        every = raw.expand(len(targets), -1).contiguous().numpy()
        return self.judge(every, targets, mask, epoch=0).loss

    def answer(self, network: Callable[..., Tensor], item: Item) -> Tensor:
        """Raw outputs [rows, outputs]."""
        return network(*item.inputs)

    def log_odds(self, raw: Tensor) -> Tensor:
        """Log-odds [rows, findings] from raw outputs."""
        return log_odds(self.tasks, raw.float())

    def judge(
        self,
        raw: NDArray[np.float32],
        targets: NDArray[np.float32],
        mask: NDArray[np.bool_],
        *,
        epoch: int,
        strata: NDArray[np.int64] | None = None,
    ) -> Judged:
        """What the network says of the tuning rows, beside what they hold.

        Args:
            raw: outputs, [rows, outputs].
            targets: [rows, findings].
            mask: likewise.
            epoch: from 0.
            strata: [rows].
        """
        outputs, wanted = torch.from_numpy(raw), torch.from_numpy(targets)
        counted = torch.from_numpy(mask.astype(np.float32))
        with torch.no_grad():
            cut = [t.split(TOGETHER) for t in (outputs, wanted, counted)]
            parts = list(zip(cut[0], cut[1], cut[2], strict=True))
            counts = sum((self.counted(t, m) for _, t, m in parts), torch.zeros(len(self.tasks)))
            loss = sum(float(self.loss(*part, counts, epoch)) for part in parts)
            odds = self.log_odds(outputs).numpy()
        exclusive = tuple(
            columns
            for task, (_, columns) in zip(self.tasks, spans(self.tasks), strict=True)
            if task.kind in EXCLUSIVE
        )
        return Judged(self.findings, odds, targets, mask, loss, exclusive, strata)
