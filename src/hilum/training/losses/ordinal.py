"""The loss of grades: tasks ordinal."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from hilum.training.losses.cells import known_rows


def cumulative_bce(
    logits: Tensor, targets: Tensor, mask: Tensor, *, smoothing: float = 0.0
) -> Tensor:
    """Binary cross-entropy of each "worse than grade k".

    Args:
        logits: [B, K - 1], log-odds that the grade is above k, for k from the lowest.
        targets: [B, K], the grade, one of K; a row counts where they are known and add up to 1.
        mask: [B, K].
        smoothing: ε; cumulative targets become t (1 - ε) + ε / 2.

    Returns:
        [B, K - 1].

    Source: Cheng et al. 2008; Cao, Mirjalili & Raschka 2020.
    """
    x, t, kept = known_rows(logits, targets, mask)
    above = cumulative(t)
    if smoothing:
        above = above * (1 - smoothing) + smoothing / 2
    loss = binary_cross_entropy_with_logits(x, above, reduction="none")
    return torch.where(kept, loss, 0)


def cumulative(targets: Tensor) -> Tensor:
    """Targets [B, K] of grades as "worse than grade k", [B, K - 1]."""
    return targets.flip(1).cumsum(1).flip(1)[:, 1:].clamp(0, 1)
