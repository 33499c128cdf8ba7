"""Grades that rise: cumulative logits and what follows from them.

**Source** McCullagh 1980, Regression models for ordinal data: P(grade > k) = sigmoid(c_k), with c_k
falling in k. The distances from one to the next are free for each radiograph, and above 0.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import softplus

GAP = 1e-3
"""Smallest distance of two cumulative logits: every grade keeps a probability above 0."""


def cumulative(free: Tensor) -> Tensor:
    """Falling logits c_k of P(grade > k) from free numbers.

    Args:
        free: [batch, grades − 1]; the first is c_0, the others give distances by their softplus.
    """
    return torch.cat([free[:, :1], -distances(free)], 1).cumsum(1)


def distances(free: Tensor) -> Tensor:
    """Distances [batch, grades − 2] from one cumulative logit to the next, at least GAP."""
    return softplus(free[:, 1:]) + GAP


def log_odds(raw: Tensor, apart: Tensor | None = None) -> Tensor:
    """Log-odds [batch, grades] of each grade from falling logits [batch, grades − 1].

    P(k) = sigmoid(a) − sigmoid(b) = sigmoid(a) · sigmoid(−b) · (1 − exp(b − a)), with a and b the
    logits on both sides of the grade, taken in logarithms so that nothing cancels.

    Args:
        raw: falling logits.
        apart: their :func:`distances` where known: differences of large logits are coarse.
    """
    above, below = raw[:, :-1], raw[:, 1:]
    present, absent = _logs(
        above, below, (above - below).clamp(min=GAP) if apart is None else apart
    )
    return torch.cat([-raw[:, :1], present - absent, raw[:, -1:]], 1)


def slopes(free: Tensor) -> Tensor:
    """How the log-odds change with the free numbers: [batch, grades, grades − 1].

    Of a grade between logits a and a − d: tanh((log sigmoid(−a) − log sigmoid(a − d)) / 2) by a,
    and sigmoid′(a − d) / (P · (1 − P)) by the distance d.
    """
    raw = cumulative(free)
    above, below = raw[:, :-1], raw[:, 1:]
    one, count = torch.ones_like(raw[:, :1]), raw.shape[1]
    by_above = torch.cat([0 * one, torch.tanh((softplus(-below) - softplus(above)) / 2), one], 1)
    by_step = torch.exp(
        -softplus(below) - softplus(-below) - sum(_logs(above, below, distances(free)))
    )
    rate = torch.sigmoid(free[:, 1:])  # of the distances
    before = torch.cat([one, -rate], 1)[:, None] * torch.ones(count + 1, count).to(free).tril(-1)
    own = torch.diag_embed(torch.cat([-one, by_step * rate], 1))
    return by_above[:, :, None] * before + torch.cat([own, torch.zeros_like(raw)[:, None]], 1)


def start(share: NDArray[np.float64]) -> Tensor:
    """Free numbers [grades − 1] at which the grades have given shares, each above 0."""
    above = 1.0 - np.cumsum(share)[:-1]
    logits = np.log(above / (1.0 - above))
    steps = np.maximum(logits[:-1] - logits[1:] - GAP, GAP)
    return torch.tensor(np.r_[logits[:1], np.log(np.expm1(steps))], dtype=torch.float32)


def _logs(above: Tensor, below: Tensor, apart: Tensor) -> tuple[Tensor, Tensor]:
    """Logarithms of P(grade) and 1 − P(grade)."""
    t = torch.tanh(apart / 2)
    present = -softplus(-above) - softplus(below) + torch.log(2 * t / (1 + t))
    over, under = -softplus(above), -softplus(-below)
    absent = torch.maximum(over, under) + softplus(-(over - under).abs())
    return present, absent
