"""Shares of independent trials."""

from __future__ import annotations

from hilum.errors import EvaluationError
from hilum.evaluation.measure import Measure

_Z95 = 1.959963984540054
"""97.5 % quantile of the standard normal distribution."""


def wilson(successes: int, trials: int) -> Measure:
    """A share with Wilson's 95 % score interval.

    Args:
        successes: 0 to ``trials``.
        trials: independent trials.

    Returns:
        The share; undefined without trials.

    Raises:
        EvaluationError: more successes than trials, or a negative number.

    Source:
        Wilson 1927; Brown, Cai & DasGupta 2001, eq. 4.
    """
    if not 0 <= successes <= trials:
        raise EvaluationError(f"{successes} successes of {trials} trials cannot be.")
    if not trials:
        return Measure(None, "no trial")
    share, square = successes / trials, _Z95**2
    centre = (successes + square / 2) / (trials + square)
    half = _Z95 / (trials + square) * (share * (1 - share) * trials + square / 4) ** 0.5
    return Measure(
        share,
        low=max(0.0, min(share, centre - half)),
        high=min(1.0, max(share, centre + half)),
        positives=successes,
        negatives=trials - successes,
    )
