"""Several rounds put together: one probability, how far they lie apart, and who counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.errors import RecipeError

Floats = NDArray[np.float64]
Join = Literal["mean", "vote", "maximum", "trimmed", "weighted"]
JOINS: tuple[Join, ...] = get_args(Join)
JOINS_OF_PROBABILITIES: tuple[Join, ...] = ("mean", "trimmed", "weighted")
"""Those that give a probability; of a vote or a maximum the bundle's calibration does not hold."""
VOTES_TO_WIN = 0.5
"""Share of rounds that call a finding present from which the vote does."""
_LEAST = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Joined:
    """What rounds say together.

    Attributes:
        probability: [..., findings] in [0, 1]; for a vote the share of rounds that call the
            finding present.
        spread: standard deviation of the rounds' probabilities, dividing by their number,
            [..., findings].
        weights: how much each round counted, [..., rounds, findings], summing to 1 over rounds.
    """

    probability: Floats
    spread: Floats
    weights: Floats


def join(
    probabilities: ArrayLike,
    how: Join = "mean",
    *,
    thresholds: ArrayLike | None = None,
    trim: float = 0.2,
    weights: ArrayLike | None = None,
) -> Joined:
    """Put rounds together.

    Args:
        probabilities: [..., rounds, findings] in [0, 1].
        how: "mean" of the probabilities; "vote", the share of rounds at or above the threshold;
            "maximum"; "trimmed", the mean without the lowest and the highest; "weighted", the
            probability whose log-odds are the weighted mean of the rounds' log-odds.
        thresholds: operating points, [findings]; for a vote.
        trim: share of the rounds that the trimmed mean leaves out at each end, in [0, 0.5);
            rounded down to whole rounds, of which one must be left.
        weights: [rounds] or [rounds, findings], none negative, not all 0; for "weighted".

    Raises:
        RecipeError: an unknown word, or something that it needs is missing or out of range.
    """
    values = np.asarray(probabilities, np.float64)
    if values.ndim < 2 or not values.shape[-2]:
        raise RecipeError(f"rounds are joined from [..., rounds, findings], got {values.shape}.")
    counted = _weights(values, how, trim, weights)
    if how == "vote":
        if thresholds is None:
            raise RecipeError("a vote needs the operating points of the findings.")
        probability = (values >= np.asarray(thresholds, np.float64)).mean(axis=-2)
    elif how == "weighted":
        clipped = np.clip(values, _LEAST, 1 - _LEAST)
        odds = ((np.log(clipped) - np.log1p(-clipped)) * counted).sum(axis=-2)
        probability = 1 / (1 + np.exp(-odds))
    else:
        probability = (values * counted).sum(axis=-2)
    # Rounding must not carry a mean beyond what the rounds say.
    if how != "vote":
        probability = np.clip(probability, values.min(axis=-2), values.max(axis=-2))
    return Joined(probability, np.ptp(values, axis=-2).astype(bool) * values.std(axis=-2), counted)


def weight_table(weights: ArrayLike, rounds: int, findings: int) -> Floats:
    """Weights as [rounds, findings], summing to 1 over the rounds.

    Raises:
        RecipeError: another number of rounds, a negative weight, or none above 0.
    """
    given = np.asarray(weights, np.float64)
    given = given[:, None] if given.ndim == 1 else given
    if given.ndim != 2 or given.shape[0] != rounds or given.shape[1] not in (1, findings):
        raise RecipeError(
            f"weights must be one a round, {rounds}, got an array of {list(given.shape)}."
        )
    if not np.isfinite(given).all() or (given < 0).any() or not (given.sum(axis=0) > 0).all():
        raise RecipeError("weights of rounds must not be negative, and not all 0.")
    return np.broadcast_to(given / given.sum(axis=0), (rounds, findings)).copy()


def trimmed_off(rounds: int, trim: float) -> int:
    """How many rounds the trimmed mean leaves out at each end.

    Raises:
        RecipeError: a share out of range.
    """
    if not 0 <= trim < 0.5:
        raise RecipeError(f"trim must lie in [0, 0.5), got {trim:g}.")
    return min(int(trim * rounds + 1e-9), (rounds - 1) // 2)


def _weights(values: Floats, how: Join, trim: float, weights: ArrayLike | None) -> Floats:
    rounds, findings = values.shape[-2:]
    if how in ("mean", "vote"):
        return np.full(values.shape, 1 / rounds)
    if how == "weighted":
        if weights is None:
            raise RecipeError(
                "the join 'weighted' needs weights: name a file of rounds that holds them."
            )
        return np.broadcast_to(weight_table(weights, rounds, findings), values.shape).copy()
    order = np.argsort(values, axis=-2, kind="stable")
    if how == "maximum":
        kept: Sequence[int] = (rounds - 1,)
    elif how == "trimmed":
        off = trimmed_off(rounds, trim)
        kept = range(off, rounds - off)
    else:
        raise RecipeError(f"Unknown join {how!r}; known: {', '.join(JOINS)}.")
    counted = np.zeros(values.shape)
    chosen = np.take(order, kept, axis=-2)
    np.put_along_axis(counted, chosen, 1 / len(kept), axis=-2)
    return counted
