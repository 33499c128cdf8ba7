"""From the recipe to a loss: one line a loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hilum.training.losses import auroc, masks, multilabel, oneof, ordinal
from hilum.training.losses.cells import one_of_rows
from hilum.training.losses.counts import (
    Counts,
    Weights,
    balanced,
    balanced_by_effective_number,
    inverse_frequency,
)
from hilum.training.recipe.loss import ROWS, AnyLoss, check_loss

Cells = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(logits, targets, mask) → loss of each cell, 0 where nothing is known."""


@dataclass(frozen=True, slots=True)
class TaskLoss:
    """A loss, ready for batches.

    Attributes:
        name: in recipes.
        kind: of its task.
        cells: the loss.
        later: what takes its place from ``turn`` on.
        turn: epoch, from 0; None for never.
    """

    name: str
    kind: str
    cells: Cells
    later: Cells | None = None
    turn: int | None = None

    def __call__(self, logits: Tensor, targets: Tensor, mask: Tensor, epoch: int = 0) -> Tensor:
        """The loss of each cell, or row, of a batch.

        Args:
            logits: the task's raw outputs, [B, outputs] (segmentation: [B, S, h, w]).
            targets: [B, K] (segmentation: [B, S, h, w]).
            mask: [B, K] (segmentation: [B, S]).
            epoch: from 0.

        Returns:
            [B, k], at least 0, and 0 where nothing is known; k is 1 for tasks one-of, K - 1 for
            ordinal ones and K otherwise.
        """
        if self.later is not None and self.turn is not None and epoch >= self.turn:
            return self.later(logits, targets, mask)
        return self.cells(logits, targets, mask)

    def counted(self, targets: Tensor, mask: Tensor) -> Tensor:
        """Which cells [B, k] of the result count: what to divide their sum by is how many do.

        Args:
            targets: [B, K]; the same rows as went into the loss together.
            mask: [B, K].
        """
        if self.name == "auroc-margin":
            return auroc.pairs(targets, mask)
        if self.kind in ROWS:
            return one_of_rows(targets, mask)
        if self.kind == "ordinal":
            return one_of_rows(targets, mask).expand(-1, targets.shape[1] - 1)
        return mask > 0

    def left_out(self, targets: Tensor, mask: Tensor) -> int:
        """How many rows are known and yet do not count, as they name no finding or several.

        Only tasks one-of and ordinal have such rows; a run should say how many there are.
        """
        if self.kind not in (*ROWS, "ordinal"):
            return 0
        whole = (mask > 0).all(1, keepdim=True)
        return int((whole & ~one_of_rows(targets, mask)).sum())


Bound = tuple[Cells, Cells | None, int | None]
"""A loss, the one that takes its place, and the epoch from which it does."""


def build(part: AnyLoss, kind: str, counts: Counts, epochs: int) -> TaskLoss:
    """A recipe's loss for a task.

    Args:
        part: of the recipe.
        kind: of the task: "multi-label", "binary", "one-of", "ordinal", "segmentation".
        counts: of the task's findings in the training rows.
        epochs: of the whole run, for losses that change on the way.

    Raises:
        RecipeError: the loss does not fit the task, or needs examples that there are none of.
    """
    check_loss(part, kind, len(counts.positives))
    cells, later, turn = LOSSES[part.name](part, kind, counts, epochs)
    return TaskLoss(part.name, kind, cells, later, turn)


def _bce(part: Any, *_: Any) -> Bound:
    return partial(multilabel.bce, smoothing=part.smoothing), None, None


def _weighted_bce(part: Any, _kind: str, counts: Counts, _epochs: int) -> Bound:
    if part.weights == "balanced":
        present, absent = balanced(counts)
    elif part.weights == "inverse-frequency":
        present, absent = inverse_frequency(counts)
    else:
        present = np.broadcast_to(np.asarray(part.weights, np.float64), len(counts.positives))
        absent = np.ones_like(present)
    if part.limit:
        present, absent = np.minimum(present, part.limit), np.minimum(absent, part.limit)
    weights = {"present": _tensor(present), "absent": _tensor(absent)}
    return partial(multilabel.bce, smoothing=part.smoothing, **weights), None, None


def _focal(part: Any, kind: str, *_: Any) -> Bound:
    if kind in ROWS:
        return partial(oneof.focal, gamma=part.gamma), None, None
    weights = {}
    if part.alpha:
        weights = {"present": torch.tensor(part.alpha), "absent": torch.tensor(1 - part.alpha)}
    return partial(multilabel.focal, gamma=part.gamma, **weights), None, None


def _asymmetric(part: Any, *_: Any) -> Bound:
    options = {key: getattr(part, key) for key in ("gamma_positive", "gamma_negative", "clip")}
    return partial(multilabel.asymmetric, **options), None, None


def _class_balanced(part: Any, kind: str, counts: Counts, _epochs: int) -> Bound:
    present = counts.present("class-balanced")
    focal = {"gamma": part.gamma} if part.around == "focal" else {}
    if kind in ROWS:
        weights = _tensor(balanced_by_effective_number(present, part.beta))
        loss = oneof.focal if focal else oneof.cross_entropy
        return partial(loss, weights=weights, **focal), None, None
    both = np.stack([present, counts.absent("class-balanced")])
    w1, w0 = _tensor(balanced_by_effective_number(both, part.beta))
    loss = multilabel.focal if focal else multilabel.bce
    return partial(loss, present=w1, absent=w0, **focal), None, None


def _auroc_margin(part: Any, *_: Any) -> Bound:
    return partial(auroc.auroc_margin, margin=part.margin), None, None


def _mse(_part: Any, kind: str, *_: Any) -> Bound:
    return (oneof if kind in ROWS else multilabel).squared_error, None, None


def _mae(_part: Any, kind: str, *_: Any) -> Bound:
    return (oneof if kind in ROWS else multilabel).absolute_error, None, None


def _cross_entropy(part: Any, _kind: str, counts: Counts, _epochs: int) -> Bound:
    weights = None
    if part.weights == "balanced":
        present = counts.present("cross-entropy, weights = 'balanced',")
        weights = _tensor(present.mean() / present)
    elif part.weights != "none":
        weights = _tensor(np.asarray(part.weights, np.float64))
    return partial(oneof.cross_entropy, weights=weights, smoothing=part.smoothing), None, None


def _ldam(part: Any, _kind: str, counts: Counts, epochs: int) -> Bound:
    present = counts.present("ldam")
    margins = _tensor(part.margin * (present.min() / present) ** 0.25)
    first = partial(oneof.ldam, margins=margins, scale=part.scale)
    if part.reweight_after == 1:
        return first, None, None
    weights = _tensor(balanced_by_effective_number(present, part.beta))
    return first, partial(first, weights=weights), round(part.reweight_after * epochs)


def _cumulative_bce(part: Any, *_: Any) -> Bound:
    return partial(ordinal.cumulative_bce, smoothing=part.smoothing), None, None


def _dice_bce(part: Any, *_: Any) -> Bound:
    return partial(masks.dice_bce, dice=part.dice, smooth=part.smooth), None, None


def _tensor(weights: Weights) -> Tensor:
    return torch.tensor(weights)


LOSSES: dict[str, Callable[[Any, str, Counts, int], Bound]] = {
    "bce": _bce,
    "weighted-bce": _weighted_bce,
    "focal": _focal,
    "asymmetric": _asymmetric,
    "class-balanced": _class_balanced,
    "auroc-margin": _auroc_margin,
    "mse": _mse,
    "mae": _mae,
    "cross-entropy": _cross_entropy,
    "ldam": _ldam,
    "cumulative-bce": _cumulative_bce,
    "dice-bce": _dice_bce,
}
"""Name in a recipe → what binds the recipe's numbers to the function."""
