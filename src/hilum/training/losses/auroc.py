"""A loss that orders radiographs: what AUROC counts, made smooth."""

from __future__ import annotations

import torch
from torch import Tensor

from hilum.training.losses.cells import known


def auroc_margin(logits: Tensor, targets: Tensor, mask: Tensor, *, margin: float = 1.0) -> Tensor:
    """Squared hinge of the difference of probabilities over all pairs of a batch.

    For a finding with P radiographs that show it and N that do not, the loss of the batch is
    1 / (P N) Σ max(0, margin - (pᵢ - pⱼ))² over present i and absent j. Half of what a pair costs
    stands at either radiograph, times (P + N) / (P N), so that the sum of a column over the number
    of its counted cells is that loss. A finding of which the batch holds one class only has no
    pairs: it costs nothing and is not counted (:func:`pairs`). Of mixed targets, t is how much of a
    radiograph counts as present and 1 - t as absent.

    Args:
        logits: [B, K].
        targets: [B, K].
        mask: [B, K].
        margin: between probabilities.

    Returns:
        [B, K].

    Source: Gao & Zhou 2015, for squared hinge over pairs. Yuan et al. 2021 give a min-max form of
    the same aim, which needs variables and an optimiser of its own beside those of the network;
    the pairs of a batch need none.
    """
    x, t, there = known(logits, targets, mask)
    p = torch.sigmoid(x)
    present, absent = t * there, (1 - t) * there
    total = present.sum(0) * absent.sum(0)
    columns: list[Tensor] = []
    for k in range(p.shape[1]):
        hinge = (margin - (p[:, k, None] - p[None, :, k])).clamp(min=0).square()
        cost = present[:, k, None] * absent[None, :, k] * hinge
        columns.append((cost.sum(1) + cost.sum(0)) / 2)
    counted = there.sum(0)
    scale = torch.where(total > 0, counted / total.clamp(min=1e-6), 0)
    return torch.stack(columns, 1) * scale


def pairs(targets: Tensor, mask: Tensor) -> Tensor:
    """Cells [B, K] of findings of which the batch holds both classes."""
    there = mask > 0
    t = torch.where(there, targets, 0)
    both = (t.sum(0) > 0) & (((1 - t) * there).sum(0) > 0)
    return there & both
