"""Shares of independent trials."""

from __future__ import annotations

from statistics import NormalDist

from hilum.errors import EvaluationError, MissingExtra
from hilum.evaluation.measure import Measure


def wilson(successes: int, trials: int, *, level: float = 0.95) -> Measure:
    """A share with Wilson's score interval.

    Args:
        successes: 0 to ``trials``.
        trials: independent trials.
        level: confidence level, in (0, 1).

    Returns:
        The share; undefined without trials.

    Raises:
        EvaluationError: more successes than trials, a negative number, or a level out of range.

    Source:
        Wilson 1927; Brown, Cai & DasGupta 2001, eq. 4.
    """
    _check(successes, trials, level)
    if not trials:
        return Measure(None, "no trial", level=level)
    z = normal_quantile(level)
    share, square = successes / trials, z**2
    centre = (successes + square / 2) / (trials + square)
    half = z / (trials + square) * (share * (1 - share) * trials + square / 4) ** 0.5
    return Measure(
        share,
        low=max(0.0, min(share, centre - half)),
        high=min(1.0, max(share, centre + half)),
        level=level,
        positives=successes,
        negatives=trials - successes,
    )


def clopper_pearson(successes: int, trials: int, *, level: float = 0.95) -> Measure:
    """A share with the exact interval of Clopper and Pearson, which is never too short.

    Args:
        successes: 0 to ``trials``.
        trials: independent trials.
        level: confidence level, in (0, 1).

    Returns:
        The share; undefined without trials.

    Raises:
        EvaluationError: more successes than trials, a negative number, or a level out of range.
        MissingExtra: scipy is not installed.

    Source:
        Clopper and Pearson 1934, as quantiles of the beta distribution.
    """
    _check(successes, trials, level)
    if not trials:
        return Measure(None, "no trial", level=level)
    try:
        from scipy.special import betaincinv  # pyright: ignore[reportMissingTypeStubs]
    except ImportError as error:
        raise MissingExtra(
            "Clopper and Pearson's interval needs scipy: pip install 'hilum[analyse]'."
        ) from error
    tail, failures = (1 - level) / 2, trials - successes
    return Measure(
        successes / trials,
        low=float(betaincinv(successes, failures + 1, tail)) if successes else 0.0,
        high=float(betaincinv(successes + 1, failures, 1 - tail)) if failures else 1.0,
        level=level,
        positives=successes,
        negatives=failures,
    )


def normal_quantile(level: float) -> float:
    """Half the width of a two-sided interval, in standard errors: 1.96 for 0.95.

    Raises:
        EvaluationError: a level outside (0, 1).
    """
    if not 0 < level < 1:
        raise EvaluationError(f"level must lie in (0, 1), got {level}; 0.95 is usual")
    return NormalDist().inv_cdf((1 + level) / 2)


def two_sided(z: float) -> float:
    """The probability that a standard normal number lies farther from 0 than ``z``."""
    return min(1.0, 2 * NormalDist().cdf(-abs(z)))


def _check(successes: int, trials: int, level: float) -> None:
    if not 0 <= successes <= trials:
        raise EvaluationError(f"{successes} successes of {trials} trials cannot be.")
    normal_quantile(level)
