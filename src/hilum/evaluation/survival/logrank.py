"""Whether groups die at the same rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.errors import MissingExtra
from hilum.evaluation.survival.times import times


@dataclass(frozen=True, slots=True)
class LogRank:
    """The log-rank test of no difference between groups.

    Attributes:
        statistic: χ²; None where undefined.
        degrees: of freedom: groups that are still watched when the first die, − 1.
        p_value: None where undefined.
        groups: names.
        observed: events of each group.
        expected: events of each group if all died at the same rate.
        reason: why it is undefined.
    """

    statistic: float | None
    degrees: int
    p_value: float | None
    groups: tuple[str, ...]
    observed: tuple[int, ...]
    expected: tuple[float, ...]
    reason: str = ""


def logrank(days: ArrayLike, events: ArrayLike, groups: ArrayLike) -> LogRank:
    """Test whether groups die at the same rate, all days weighing alike.

    Args:
        days: from the start to the event or to the end of observation, ≥ 0, [patients]; one row a
            patient.
        events: 1 for the event, 0 where observation ended before it, [patients].
        groups: name or number of the group, [patients]; made without looking at the outcome.

    Returns:
        The test; undefined with one group, without events, or where no day has two groups left.

    Raises:
        EvaluationError: NaN, a negative day, an event other than 0 and 1, or lengths that differ.
        MissingExtra: scipy is not installed.

    Source:
        Mantel 1966; Peto and Peto 1972; variance as Klein and Moeschberger 2003, eq. 7.3.3–7.3.4.
    """
    try:
        from scipy.special import chdtrc  # pyright: ignore[reportMissingTypeStubs]
    except ImportError as error:
        raise MissingExtra(
            "The log-rank test needs scipy: pip install 'hilum[analyse]'."
        ) from error
    watched = times(days, events, groups)
    k = len(watched.names)
    moments = np.unique(watched.days[watched.events])
    at_risk = np.array([watched.at(moments, g) for g in range(k)], np.float64).reshape(k, -1)
    died = np.array([watched.deaths(moments, g) for g in range(k)], np.float64).reshape(k, -1)
    here, gone = at_risk.sum(axis=0), died.sum(axis=0)
    share = at_risk / here
    expected = (share * gone).sum(axis=1)
    observed = died.sum(axis=1)
    # Hypergeometric: given how many die on a day, who they are is chance.
    chance = gone * (here - gone) / np.maximum(here - 1, 1)
    spread: NDArray[np.float64] = np.diag((chance * share).sum(axis=1)) - (chance * share) @ share.T
    # Who is watched on the first day that leaves anything to chance: later days hold no others.
    kept = at_risk[:, chance > 0][:, :1].any(axis=1)
    degrees = max(int(kept.sum()) - 1, 0)
    reason = ""
    if k < 2:
        reason = "there is one group"
    elif not len(moments):
        reason = "no event was observed"
    elif not degrees:
        reason = "no day on which one of several groups could have died"
    value = p_value = None
    if not reason:
        # One group follows from the others.
        free = np.flatnonzero(kept)[:-1]
        apart: NDArray[np.float64] = (observed - expected)[free]
        value = float(np.vdot(apart, np.linalg.solve(spread[np.ix_(free, free)], apart)))
        p_value = float(chdtrc(degrees, value))  # pyright: ignore[reportUnknownArgumentType]
    return LogRank(
        statistic=value,
        degrees=degrees,
        p_value=p_value,
        groups=watched.names,
        observed=tuple(int(n) for n in observed),
        expected=tuple(float(e) for e in expected),
        reason=reason,
    )
