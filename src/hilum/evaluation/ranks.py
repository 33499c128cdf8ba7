"""Order sorted once, then weighed as often as a bootstrap wants.

For one finding, the negatives are laid in rising order of their scores. A draw gives every patient
a weight; the running sum C of the negatives' weights then says how much negative weight lies below
any positive, and one pass over the positives yields the statistic. No draw sorts anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.int32 | np.float64]
"""Weights of groups, [draws, groups], ≥ 0."""

BLOCK = 1 << 18
"""Images weighed at a time: their weights and running sums stay in a core's cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Ranks:
    """The order of one finding's scores.

    Attributes:
        negatives: group of every negative, by rising stratum and score, [n−].
        positives: group of every positive, in the same order, [n+].
        below: negatives laid before the positive and not tied with it, [n+].
        tied: the same with those tied, [n+].
        first: negatives laid before the positive's stratum, [n+], or [1] with one stratum.
        last: negatives laid up to the end of its stratum, [n+], or [1] with one stratum.
        lower: positives laid before the positive and not tied with it, [n+].
    """

    negatives: NDArray[np.int64]
    positives: NDArray[np.int64]
    below: NDArray[np.int64]
    tied: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    lower: NDArray[np.int64]


def rank(
    reference: NDArray[np.bool_],
    scores: NDArray[np.float64],
    groups: NDArray[np.int64],
    strata: NDArray[np.int64] | None = None,
) -> Ranks:
    """Sort one finding's images, by stratum first.

    Args:
        reference: [n].
        scores: [n], finite.
        groups: the group that an image takes its weight from, [n], 0 to groups − 1.
        strata: the stratum of an image, [n], 0 to strata − 1; None for one stratum.

    Returns:
        The order.
    """
    values, key = np.unique(scores, return_inverse=True)
    if strata is not None:
        key = key + strata * len(values)
    order = np.argsort(key, kind="stable")
    is_positive = reference[order]
    negatives, positives = order[~is_positive], order[is_positive]
    down, up = key[negatives], key[positives]
    if strata is None:
        first, last = np.array([0]), np.array([len(negatives)])
    else:
        first = np.searchsorted(down, strata[positives] * len(values), "left")
        last = np.searchsorted(down, (strata[positives] + 1) * len(values), "left")
    return Ranks(
        negatives=groups[negatives],
        positives=groups[positives],
        below=np.searchsorted(down, up, "left"),
        tied=np.searchsorted(down, up, "right"),
        first=first,
        last=last,
        lower=np.searchsorted(up, up, "left"),
    )


def weighted_auroc(ranks: Ranks, weights: Weights) -> NDArray[np.float64]:
    """AUROC of every draw, NaN where no pair has weight.

    With w the weights and C the running sum of the negatives' weights:
    Σᵢ wᵢ (½ (C[below] + C[tied]) − C[first]) / Σᵢ wᵢ (C[last] − C[first]) over positives i: the
    weight of pairs in one stratum that are in the right order, half for ties, by that of all pairs.

    Args:
        ranks: one finding's order.
        weights: [draws, groups].

    Returns:
        float64 [draws] in [0, 1] or NaN.
    """
    return weigh(ranks, weights, (auroc_of,))[0]


def weighted_average_precision(ranks: Ranks, weights: Weights) -> NDArray[np.float64]:
    """Average precision of every draw, NaN where no positive or no negative has weight.

    Σᵢ wᵢ TPᵢ / (TPᵢ + FPᵢ) / Σᵢ wᵢ over positives i, TPᵢ and FPᵢ being the weight of positives and
    negatives that score at least as high: precision at every threshold, weighed by the step in
    recall, ties taken together, no interpolation.

    Args:
        ranks: one finding's order, of one stratum.
        weights: [draws, groups].

    Returns:
        float64 [draws] in (0, 1] or NaN.
    """
    return weigh(ranks, weights, (average_precision_of,))[0]


Kernel = Callable[[Ranks, Weights, Weights], NDArray[np.float64]]
"""From an order, the weights of its positives [draws, n+] and the running sum of those of its
negatives [draws, n− + 1] to a number a draw, NaN where it is undefined."""


def weigh(ranks: Ranks, weights: Weights, kernels: Sequence[Kernel]) -> NDArray[np.float64]:
    """Several numbers of one order in one pass over the draws.

    Args:
        ranks: one finding's order.
        weights: [draws, groups].
        kernels: :func:`auroc_of`, :func:`average_precision_of`.

    Returns:
        float64 [kernels, draws], NaN where undefined.
    """
    values = np.empty((len(kernels), len(weights)))
    rows = max(1, BLOCK // (len(ranks.negatives) + len(ranks.positives) + 1))
    for start in range(0, len(weights), rows):
        part = weights[start : start + rows]
        up = part.take(ranks.positives, axis=1)
        negative = _running(part.take(ranks.negatives, axis=1))
        for k, kernel in enumerate(kernels):
            values[k, start : start + rows] = kernel(ranks, up, negative)
    return values


def auroc_of(ranks: Ranks, up: Weights, negative: Weights) -> NDArray[np.float64]:
    """The kernel of :func:`weighted_auroc`."""
    # Twice the right pairs: whole numbers stay whole, so equal scores give exactly one half.
    twice = negative.take(ranks.below, axis=1) + negative.take(ranks.tied, axis=1)
    if len(ranks.first) == len(ranks.positives):
        first = negative.take(ranks.first, axis=1)
        twice -= 2 * first
        pairs = _dot(up, negative.take(ranks.last, axis=1) - first)
    else:
        pairs = up.sum(axis=1, dtype=np.float64) * negative[:, -1]
    return _ratio(_dot(up, twice), 2 * pairs)


def average_precision_of(ranks: Ranks, up: Weights, negative: Weights) -> NDArray[np.float64]:
    """The kernel of :func:`weighted_average_precision`."""
    positive = _running(up)
    true = positive[:, -1:] - positive.take(ranks.lower, axis=1)
    found = negative[:, -1:] - negative.take(ranks.below, axis=1)
    found += true
    precision = np.divide(true, found, out=np.zeros(found.shape), where=found > 0)
    value = _ratio(_dot(up, precision), up.sum(axis=1, dtype=np.float64))
    value[negative[:, -1] <= 0] = np.nan
    return value


def _running(weights: Weights) -> Weights:
    """Running sums with a leading 0, [draws, n + 1]."""
    total: Weights = np.empty((len(weights), weights.shape[1] + 1), weights.dtype)
    total[:, 0] = 0
    np.cumsum(weights, axis=1, dtype=weights.dtype, out=total[:, 1:])
    return total


def _dot(a: NDArray[np.number], b: NDArray[np.number]) -> NDArray[np.float64]:
    # Not through BLAS, whose threads would stand in the way of those that weigh findings.
    return np.einsum("ij,ij->i", a.astype(np.float64, copy=False), b.astype(np.float64, copy=False))


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
