"""A logistic regression a finding on features of a backbone: a teacher that needs a second."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import binary_cross_entropy_with_logits

PENALTY = 500.0
"""Of half the squared weights, against the sum of the rows' losses: strong, as features are as many
as rows."""

STEPS = 200

Floats = NDArray[np.float32]


def regressed(
    learnt: tuple[Floats, Floats, NDArray[np.bool_]], asked: Floats, beyond: Floats | None = None
) -> Floats:
    """Log-odds that logistic regressions give, one a finding.

    Features are standardised as those of the rows that are learnt from.

    Args:
        learnt: features [rows, width], targets and mask [rows, findings] of rows to learn from.
        asked: features of the rows that are asked about, [others, width].
        beyond: what is added to the log-odds of the rows learnt from while they are learnt, as
            :attr:`hilum.training.prior.Prior.beyond`; None for nothing.

    Returns:
        [others, findings].
    """
    features, targets, mask = learnt
    mean, spread = features.mean(0), np.maximum(features.std(0), 1e-6)
    x, new = (torch.from_numpy((one - mean) / spread).double() for one in (features, asked))
    y, counts = torch.from_numpy(targets).double(), torch.from_numpy(mask).double()
    offset = torch.zeros_like(y) if beyond is None else torch.from_numpy(beyond).double()
    weight = torch.zeros(x.shape[1], y.shape[1], dtype=torch.double, requires_grad=True)
    bias = torch.zeros(y.shape[1], dtype=torch.double, requires_grad=True)
    solver = torch.optim.LBFGS([weight, bias], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        solver.zero_grad()
        odds = x @ weight + bias + offset
        each = binary_cross_entropy_with_logits(odds, y, reduction="none") * counts
        total = each.sum() + PENALTY * weight.square().sum() / 2
        total.backward()
        return total

    solver.step(loss)  # type: ignore[arg-type]
    with torch.no_grad():
        return (new @ weight + bias).float().numpy()
