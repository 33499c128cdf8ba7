"""Losses of findings that are judged one by one: tasks multi-label and binary.

In all of them logits, targets and mask are [B, K], and so is the result; p is sigmoid(logit), t the
target, which may be a fraction (mixed or smoothed), x the logit.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from hilum.training.losses.cells import known

SMALLEST = 1e-12
"""Below this a base of a power counts as this, so that its derivative stays finite."""


def bce(
    logits: Tensor,
    targets: Tensor,
    mask: Tensor,
    *,
    present: Tensor | None = None,
    absent: Tensor | None = None,
    smoothing: float = 0.0,
) -> Tensor:
    """Binary cross-entropy, -w₁ t log p - w₀ (1 - t) log(1 - p).

    Args:
        logits: [B, K].
        targets: [B, K].
        mask: [B, K].
        present: w₁ [K]; 1 when None.
        absent: w₀ [K]; 1 when None.
        smoothing: ε; targets become t (1 - ε) + ε / 2.

    Returns:
        [B, K].
    """
    x, t, there = known(logits, targets, mask)
    if smoothing:
        t = t * (1 - smoothing) + smoothing / 2
    if present is None and absent is None:
        loss = binary_cross_entropy_with_logits(x, t, reduction="none")
    else:
        one = x.new_ones(())
        w1 = one if present is None else present.to(x)
        w0 = one if absent is None else absent.to(x)
        loss = -w1 * t * logsigmoid(x) - w0 * (1 - t) * logsigmoid(-x)
    return torch.where(there, loss, 0)


def focal(
    logits: Tensor,
    targets: Tensor,
    mask: Tensor,
    *,
    gamma: float = 2.0,
    present: Tensor | None = None,
    absent: Tensor | None = None,
) -> Tensor:
    """Focal loss, -w₁ t (1 - p)^γ log p - w₀ (1 - t) p^γ log(1 - p).

    Lin's α is w₁ = α, w₀ = 1 - α.

    Args:
        logits: [B, K].
        targets: [B, K].
        mask: [B, K].
        gamma: γ.
        present: w₁ [K] or []; 1 when None.
        absent: w₀ [K] or []; 1 when None.

    Returns:
        [B, K].

    Source: Lin et al. 2017, eq. 5.
    """
    x, t, there = known(logits, targets, mask)
    one = x.new_ones(())
    w1 = one if present is None else present.to(x)
    w0 = one if absent is None else absent.to(x)
    log_p, log_q = logsigmoid(x), logsigmoid(-x)
    loss = -w1 * t * (gamma * log_q).exp() * log_p - w0 * (1 - t) * (gamma * log_p).exp() * log_q
    return torch.where(there, loss, 0)


def asymmetric(
    logits: Tensor,
    targets: Tensor,
    mask: Tensor,
    *,
    gamma_positive: float = 0.0,
    gamma_negative: float = 4.0,
    clip: float = 0.05,
) -> Tensor:
    """Asymmetric loss, -t (1 - p)^γ₊ log p - (1 - t) q^γ₋ log(1 - q) with q = max(p - clip, 0).

    Args:
        logits: [B, K].
        targets: [B, K].
        mask: [B, K].
        gamma_positive: γ₊.
        gamma_negative: γ₋.
        clip: probability up to which an absent finding costs nothing.

    Returns:
        [B, K].

    Source: Ridnik et al. 2021.
    """
    x, t, there = known(logits, targets, mask)
    log_p, log_q = logsigmoid(x), logsigmoid(-x)
    if clip:
        shifted = (torch.sigmoid(x) - clip).clamp(min=SMALLEST)
        absent = shifted.pow(gamma_negative) * (torch.sigmoid(-x) + clip).clamp(max=1).log()
    else:
        absent = (gamma_negative * log_p).exp() * log_q
    loss = -t * (gamma_positive * log_q).exp() * log_p - (1 - t) * absent
    return torch.where(there, loss, 0)


def squared_error(logits: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    """(p - t)², [B, K]."""
    x, t, there = known(logits, targets, mask)
    return torch.where(there, (torch.sigmoid(x) - t).square(), 0)


def absolute_error(logits: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    """|p - t|, [B, K]."""
    x, t, there = known(logits, targets, mask)
    return torch.where(there, (torch.sigmoid(x) - t).abs(), 0)
