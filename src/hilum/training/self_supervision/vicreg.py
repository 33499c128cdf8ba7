"""The loss: two views alike, pictures apart, numbers of an embedding without repetition.

Source: Bardes, Ponce and LeCun 2022 (ICLR), "VICReg", equations 1 to 6 and algorithm 1.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import mse_loss, relu

GAMMA = 1.0
"""Standard deviation that every number of the embeddings shall have."""

EPSILON = 1e-4
"""Added to variances under the root, which has no slope at 0."""


def vicreg(
    one: Tensor, other: Tensor, *, invariance: float, variance: float, covariance: float
) -> Tensor:
    """The loss of embeddings of two views of the same pictures: a number.

    Args:
        one: [pictures, width]; two pictures or more.
        other: the same shape, row by row of the same pictures.
        invariance: λ of equation 6.
        variance: μ.
        covariance: ν.
    """
    alike = mse_loss(one, other)
    apart = hinge(one) + hinge(other)
    repeated = redundancy(one) + redundancy(other)
    return invariance * alike + variance * apart + covariance * repeated


def hinge(embeddings: Tensor) -> Tensor:
    """How far standard deviations stay below :data:`GAMMA`, in the mean (equations 1 and 2).

    Args:
        embeddings: [pictures, width].
    """
    deviation = torch.sqrt(embeddings.var(0) + EPSILON)
    return relu(GAMMA - deviation).mean()


def redundancy(embeddings: Tensor) -> Tensor:
    """Squares of covariances of different numbers, over the width (equations 3 and 4).

    Args:
        embeddings: [pictures, width].
    """
    centred = embeddings - embeddings.mean(0)
    covariances = centred.T @ centred / (len(embeddings) - 1)
    squares = covariances.square()
    return (squares.sum() - squares.diagonal().sum()) / embeddings.shape[1]
