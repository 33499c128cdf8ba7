"""Losses of findings that exclude each other: tasks one-of.

In all of them logits, targets and mask are [B, K], and the result is [B, 1], a loss a row; p is
softmax(logits), t the target. A row counts where every target is known and they add up to 1
(:func:`hilum.training.losses.cells.one_of_rows`).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from hilum.training.losses.cells import known_rows
from hilum.training.losses.multilabel import SMALLEST


def cross_entropy(
    logits: Tensor,
    targets: Tensor,
    mask: Tensor,
    *,
    weights: Tensor | None = None,
    smoothing: float = 0.0,
) -> Tensor:
    """Cross-entropy, -Σ w t log p.

    Args:
        logits: [B, K].
        targets: [B, K].
        mask: [B, K].
        weights: w [K]; 1 when None.
        smoothing: ε; targets become t (1 - ε) + ε / K.

    Returns:
        [B, 1].

    Source: Szegedy et al. 2016, section 7, for the smoothing.
    """
    z, t, kept = known_rows(logits, targets, mask)
    if smoothing:
        t = t * (1 - smoothing) + smoothing / t.shape[1]
    return _rows(t, log_softmax(z, 1), weights, kept)


def focal(
    logits: Tensor,
    targets: Tensor,
    mask: Tensor,
    *,
    gamma: float = 2.0,
    weights: Tensor | None = None,
) -> Tensor:
    """Focal loss of the softmax, -Σ w t (1 - p)^γ log p.

    Args:
        logits: [B, K].
        targets: [B, K].
        mask: [B, K].
        gamma: γ.
        weights: w [K]; 1 when None.

    Returns:
        [B, 1].

    Source: Lin et al. 2017, eq. 4, of which the softmax is the form for several classes.
    """
    z, t, kept = known_rows(logits, targets, mask)
    log_p = log_softmax(z, 1)
    # 1 - p loses nothing this way where p comes near 1.
    unsure = (-torch.expm1(log_p)).clamp(min=SMALLEST)
    return _rows(t, unsure.pow(gamma) * log_p, weights, kept)


def ldam(
    logits: Tensor,
    targets: Tensor,
    mask: Tensor,
    *,
    margins: Tensor,
    scale: float = 30.0,
    weights: Tensor | None = None,
) -> Tensor:
    """Label-distribution-aware margin loss: cross-entropy of scale × (z - margin of the true one).

    Args:
        logits: z [B, K].
        targets: [B, K].
        mask: [B, K].
        margins: Δ [K].
        scale: s.
        weights: w [K]; 1 when None.

    Returns:
        [B, 1].

    Source: Cao et al. 2019; s and the largest margin as its authors' code has them.
    """
    z, t, kept = known_rows(logits, targets, mask)
    # Row j of the middle axis lowers logit j alone: the loss were j the true finding.
    lowered = scale * (z[:, None, :] - torch.diag(margins.to(z)))
    log_p = log_softmax(lowered, 2).diagonal(dim1=1, dim2=2)
    return _rows(t, log_p, weights, kept)


def squared_error(logits: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    """Mean of (p - t)² over the findings, [B, 1]."""
    z, t, kept = known_rows(logits, targets, mask)
    return torch.where(kept, (torch.softmax(z, 1) - t).square().mean(1, keepdim=True), 0)


def absolute_error(logits: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    """Mean of |p - t| over the findings, [B, 1]."""
    z, t, kept = known_rows(logits, targets, mask)
    return torch.where(kept, (torch.softmax(z, 1) - t).abs().mean(1, keepdim=True), 0)


def _rows(t: Tensor, log_p: Tensor, weights: Tensor | None, kept: Tensor) -> Tensor:
    cost = -t * log_p if weights is None else -weights.to(log_p) * t * log_p
    return torch.where(kept, cost.sum(1, keepdim=True), 0)
