"""How well boxes agree with those of readers, epoch by epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.domain.boxes import Boxes
from hilum.domain.text import text
from hilum.evaluation.localisation import PredictedBoxes, froc, mean_average_precision
from hilum.evaluation.measure import Measure
from hilum.training.metrics import METRICS as OF_FINDINGS
from hilum.training.metrics import Each, Judged


@dataclass(frozen=True, slots=True, eq=False)
class Agreement:
    """Boxes of a network beside those of readers, on the same pictures.

    Attributes:
        kinds: keys of the findings that boxes are around.
        reference: of readers, in pixels of the pictures.
        predicted: of the network, likewise.
    """

    kinds: tuple[str, ...]
    reference: Boxes
    predicted: PredictedBoxes

    def average_precision(self) -> Each:
        """At an IoU of one half by COCO, a kind each; None without a box of readers."""
        found = mean_average_precision(self.reference, self.predicted, self.kinds)
        return [one.value for one in found.each]

    def sensitivity(self) -> Each:
        """Mean sensitivity at an eighth to eight false boxes an image, a kind each."""
        means: list[Measure] = [froc(self.reference, self.predicted, k).mean for k in self.kinds]
        return [one.value for one in means]

    def surest(self) -> NDArray[np.float32]:
        """The score of each picture's surest box of each kind, 0 without one."""
        found = np.zeros((len(self.reference.annotated), len(self.kinds)), np.float32)
        for at, key in enumerate(self.kinds):
            mine = self.predicted.finding == key
            np.maximum.at(found[:, at], self.predicted.row[mine], self.predicted.score[mine])
        return found


OF_BOXES: dict[str, Callable[[Agreement], Each]] = {
    "ap50": Agreement.average_precision,
    "froc": Agreement.sensitivity,
}

METRICS = (*OF_BOXES, *OF_FINDINGS)
"""What may choose the checkpoint of a detection; those of findings, where there is a class task."""


@dataclass(frozen=True, slots=True, eq=False)
class JudgedBoxes:
    """How well boxes of the tuning rows agree, and findings where there is a class task.

    Attributes:
        boxes: both sides.
        classes: what is said of whole images; None without a class task.
        loss: of the tuning rows.
    """

    boxes: Agreement
    classes: Judged | None
    loss: float

    @property
    def findings(self) -> tuple[str, ...]:
        """Findings of the class task, then kinds of boxes that are none of those."""
        said = self.classes.findings if self.classes else ()
        return tuple(dict.fromkeys((*said, *self.boxes.kinds)))

    @property
    def odds(self) -> NDArray[np.float32]:
        """Log-odds of findings, then scores of the surest boxes."""
        scores = self.boxes.surest()
        return scores if self.classes is None else np.hstack([self.classes.odds, scores])

    @property
    def targets(self) -> NDArray[np.float32]:
        """Of findings, then whether there is a box."""
        reference = self.boxes.reference
        there = np.zeros((len(reference.annotated), len(self.boxes.kinds)), np.float32)
        for at, key in enumerate(self.boxes.kinds):
            there[reference.row[reference.finding == key], at] = 1
        return there if self.classes is None else np.hstack([self.classes.targets, there])

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Which of the targets count."""
        seen = self.boxes.reference.annotated[:, None].repeat(len(self.boxes.kinds), 1)
        return seen if self.classes is None else np.hstack([self.classes.mask, seen])

    def each(self, metric: str) -> Each:
        """A metric, one by one, in the order of :attr:`findings`; None where it is undefined."""
        if metric in OF_BOXES:
            told = dict(zip(self.boxes.kinds, OF_BOXES[metric](self.boxes), strict=True))
        elif self.classes is not None:
            told = dict(zip(self.classes.findings, self.classes.each(metric), strict=True))
        else:
            told = {}
        return [told.get(key) for key in self.findings]

    def numbers(self) -> dict[str, dict[str, float | None]]:
        """Average precision and sensitivity of boxes, and what is told of a class task."""
        told: dict[str, dict[str, float | None]] = {}
        for metric, measure in OF_BOXES.items():
            each = dict(zip(self.boxes.kinds, measure(self.boxes), strict=True))
            defined = [value for value in each.values() if value is not None]
            told[metric] = {"mean": float(np.mean(defined)) if defined else None, **each}
        return told | (self.classes.numbers() if self.classes else {})


def predicted(drawn: NDArray[np.float32], kinds: tuple[str, ...]) -> PredictedBoxes:
    """Boxes as a graph gives them → boxes as they are measured.

    Args:
        drawn: float32 [pictures, most, 6]: left, top, right, bottom, score, kind; rows of score 0
            and boxes without area are none.
        kinds: what the numbers of kinds mean.
    """
    size = drawn[:, :, 2:4] - drawn[:, :, :2]
    row, at = np.nonzero((drawn[:, :, 4] > 0) & (size > 0).all(2))
    chosen = drawn[row, at].astype(np.float64)
    keys = text(kinds)[chosen[:, 5].astype(np.int64)]
    xywh = np.concatenate([chosen[:, :2], chosen[:, 2:4] - chosen[:, :2]], 1)
    return PredictedBoxes(row, keys, xywh, chosen[:, 4])
