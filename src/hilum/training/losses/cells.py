"""What every loss begins with: wide enough numbers, and nothing where nothing is known."""

from __future__ import annotations

import torch
from torch import Tensor

ROUNDING = 1e-3
"""How far from 1 the targets of a row may add up, after mixing in float32."""


def known(logits: Tensor, targets: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Put harmless numbers where nothing is known, and compute in float32 at least.

    What stands in a masked cell, NaN and infinity too, reaches neither loss nor gradient.

    Args:
        logits: [B, K], any floating type.
        targets: [B, K], 0 to 1.
        mask: [B, K], 0 where the target is unknown.

    Returns:
        Logits and targets, 0 where masked, and the mask as booleans.
    """
    there = mask > 0
    logits = wide(logits)
    zero = logits.new_zeros(())
    return torch.where(there, logits, zero), torch.where(there, targets.to(zero), zero), there


def known_rows(logits: Tensor, targets: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """As :func:`known`, for findings that exclude each other: whole rows or nothing.

    Args:
        logits: [B, k]; k may differ from K.
        targets: [B, K].
        mask: [B, K].

    Returns:
        Logits [B, k], targets [B, K], both 0 in rows left out, and which rows are kept, [B, 1].
    """
    kept = one_of_rows(targets, mask)
    logits = wide(logits)
    zero = logits.new_zeros(())
    return torch.where(kept, logits, zero), torch.where(kept, targets.to(zero), zero), kept


def one_of_rows(targets: Tensor, mask: Tensor) -> Tensor:
    """Rows in which one finding is present: all known, none negative, together 1.

    A softmax cannot fit a row without a finding or with several, so losses leave such rows out.
    Targets that were mixed or smoothed add up to 1 still.

    Args:
        targets: [B, K].
        mask: [B, K].

    Returns:
        Booleans [B, 1].
    """
    together = (targets.sum(1, keepdim=True) - 1).abs() < ROUNDING
    return together & (targets >= 0).all(1, keepdim=True) & (mask > 0).all(1, keepdim=True)


def wide(values: Tensor) -> Tensor:
    """At least float32: half types lose what a logarithm needs."""
    return values if values.dtype == torch.float64 else values.float()
