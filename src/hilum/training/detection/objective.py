"""What a network that draws boxes is asked: the loss of a batch, numbers of the tuning rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hilum.domain.boxes import Boxes
from hilum.domain.text import text
from hilum.training.detection.judged import Agreement, JudgedBoxes, predicted
from hilum.training.detection.passing import NUMBERS, Layout
from hilum.training.losses import TaskLoss
from hilum.training.objective import Objective
from hilum.training.rows import Item
from hilum.training.segmentation.objective import Drawing
from hilum.training.watch.labels import Task as Watched

OF_READERS = 5
"""Numbers kept of a box that a reader drew: corners and kind."""


@dataclass(frozen=True, slots=True)
class BoxObjective:
    """Boxes, and beside them findings and masks, and how wrong answers are punished.

    Attributes:
        kinds: keys of the findings that boxes are around.
        layout: of a network's rows.
        most: boxes of readers on one picture, at most.
        classes: the class task; None without.
        weight: of the boxes' losses.
        masks_weight: of the masks' loss.
    """

    kinds: tuple[str, ...]
    layout: Layout
    most: int
    classes: Objective | None = None
    weight: float = 1.0
    masks_weight: float = 1.0

    @property
    def findings(self) -> tuple[str, ...]:
        """Names of the columns that sampling sees: findings, then kinds that are none of those."""
        said = self.classes.findings if self.classes else ()
        return tuple(dict.fromkeys((*said, *self.kinds)))

    @property
    def tasks(self) -> tuple[Watched, ...]:
        """The class task, boxes, masks: those that there are."""
        classes = self.classes.tasks if self.classes else ()
        masks = (Drawing(),) if self.layout.structures else ()
        return (*classes, Drawing("detection"), *masks)

    @property
    def losses(self) -> tuple[TaskLoss, ...]:
        """That of the class task."""
        return self.classes.losses if self.classes else ()

    def counted(self, targets: Tensor, mask: Tensor) -> Tensor:
        """Cells of the class task, images with boxes looked for, masks: float32 [tasks].

        Args:
            targets: of items, [rows, findings + 1 + structures].
            mask: likewise.
        """
        count = self._count
        found = [mask[:, count].sum().float().view(1)]
        if self.classes is not None:
            found.insert(0, self.classes.counted(targets[:, :count], mask[:, :count]))
        if self.layout.structures:
            found.append(mask[:, count + 1 :].sum().float().view(1))
        return torch.cat(found)

    def loss(
        self, raw: Tensor, targets: Tensor, mask: Tensor, counts: Tensor, epoch: int
    ) -> Tensor:
        """The part of a batch's loss that some of its rows give: a number.

        Args:
            raw: from :func:`~hilum.training.detection.passing.passed`.
            targets: of items, [rows, findings + 1 + structures].
            mask: likewise.
            counts: summed over all parts of the batch, from :meth:`counted`.
            epoch: from 0.
        """
        count, at = self._count, len(self.classes.tasks) if self.classes else 0
        whole = self.weight * raw[:, self.layout.losses].sum() / counts[at].clamp(min=1)
        if self.classes is not None:
            cells = targets[:, :count], mask[:, :count]
            whole = whole + self.classes.loss(raw[:, self.layout.raw], *cells, counts[:at], epoch)
        if self.layout.structures:
            masks = raw[:, self.layout.masks].sum() / counts[at + 1].clamp(min=1)
            whole = whole + self.masks_weight * masks
        return whole

    def chance(self, targets: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
        """NaN: no box that is the same everywhere is compared with."""
        return float("nan")

    def answer(self, network: Callable[..., Tensor], item: Item) -> Tensor:
        """What is kept of rows that are judged, [rows, numbers].

        Losses, outputs and boxes of the network, then the boxes of readers, what counts of findings
        and masks, and whether boxes were looked for.
        """
        raw = network(*item.inputs)
        assert item.boxes is not None
        assert item.kinds is not None
        theirs = torch.cat([item.boxes, item.kinds.to(item.boxes).unsqueeze(2)], 2).flatten(1)
        return torch.cat([raw, theirs, item.mask], 1)

    def judge(
        self,
        raw: NDArray[np.float32],
        targets: NDArray[np.float32],
        mask: NDArray[np.bool_],
        *,
        epoch: int,
        strata: NDArray[np.int64] | None = None,
    ) -> JudgedBoxes:
        """How well boxes of the tuning rows agree, and findings where they are asked for.

        Args:
            raw: from :meth:`answer`, [rows, numbers].
            targets: of the served rows: findings first.
            mask: likewise.
            epoch: from 0.
            strata: [rows].
        """
        count, layout = self._count, self.layout
        known = raw[:, raw.shape[1] - self._known :]
        annotated = known[:, count] > 0
        loss = self.weight * _mean(raw[:, layout.losses].sum(1), int(annotated.sum()))
        if layout.structures:
            masks = raw[:, layout.masks].sum(1)
            loss += self.masks_weight * _mean(masks, int(known[:, count + 1 :].sum()))
        classes = None
        if self.classes is not None:
            cells = targets[:, :count], mask[:, :count]
            outputs = np.ascontiguousarray(raw[:, layout.raw])
            classes = self.classes.judge(outputs, *cells, epoch=epoch, strata=strata)
            loss += classes.loss
        return JudgedBoxes(self.agreement(raw), classes, loss)

    def agreement(self, raw: NDArray[np.float32]) -> Agreement:
        """Boxes of both sides, of what :meth:`answer` gave."""
        end = raw.shape[1] - self._known
        theirs = raw[:, end - OF_READERS * self.most : end].reshape(len(raw), -1, OF_READERS)
        mine = raw[:, self.layout.boxes.start : end - OF_READERS * self.most]
        drawn = mine.reshape(len(raw), -1, NUMBERS)
        row, at = np.nonzero(theirs[:, :, 4] >= 0)
        chosen = theirs[row, at].astype(np.float64)
        xywh = np.concatenate([chosen[:, :2], chosen[:, 2:4] - chosen[:, :2]], 1)
        keys = text(self.kinds)[chosen[:, 4].astype(np.int64)]
        reference = Boxes(row, keys, xywh, raw[:, end + self._count] > 0)
        return Agreement(self.kinds, reference, predicted(drawn, self.kinds))

    @property
    def _count(self) -> int:
        return len(self.classes.findings) if self.classes else 0

    @property
    def _known(self) -> int:
        """Numbers of an item's mask."""
        return self._count + 1 + self.layout.structures


def _mean(values: NDArray[np.float32], count: int) -> float:
    return float(values.sum(dtype=np.float64) / max(1, count))
