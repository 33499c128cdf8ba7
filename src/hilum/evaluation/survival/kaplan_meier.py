"""The share that survives, day by day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.evaluation.measure import Measure
from hilum.evaluation.proportions import normal_quantile
from hilum.evaluation.survival.times import Times, times


@dataclass(frozen=True, slots=True, eq=False)
class KaplanMeier:
    """One group's curve: a step function that is 1 from day 0 on and falls at each day.

    Attributes:
        group: its name.
        patients: in the group.
        events: among them.
        days: on which events came, rising, [steps]; empty without events.
        survival: share that outlives the day, in [0, 1], [steps].
        low: lower end of the interval at that day, [steps]; 0 where nobody survives.
        high: upper end, [steps].
        at_risk: patients watched just before the day, [steps].
        died: events on the day, [steps].
        censored: days on which observation ended without the event, rising.
        last: the last day on which anyone was watched; the curve ends there. 0 without patients.
        level: confidence level of the interval.
    """

    group: str
    patients: int
    events: int
    days: NDArray[np.float64]
    survival: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    at_risk: NDArray[np.int64]
    died: NDArray[np.int64]
    censored: NDArray[np.float64]
    last: float
    level: float

    @property
    def median(self) -> Measure:
        """The first day that no more than half outlive, with its interval where both ends exist.

        Source:
            Brookmeyer and Crowley 1982: the days at which the band crosses one half.
        """
        ends = [self._first_under_half(curve) for curve in (self.survival, self.low, self.high)]
        if ends[0] is None:
            return self._measure(None, "more than half survive to the end")
        if ends[1] is None or ends[2] is None:
            return self._measure(ends[0], "no interval: the band does not cross one half twice")
        return self._measure(ends[0], ends=(ends[1], ends[2]))

    def at(self, day: float) -> Measure:
        """The share that outlives a day, with its interval; undefined beyond the last day."""
        if day > self.last:
            return self._measure(None, f"nobody was watched beyond day {self.last:g}")
        step = int(np.searchsorted(self.days, day, "right")) - 1
        if step < 0:
            return self._measure(1.0)
        ends = float(self.low[step]), float(self.high[step])
        return self._measure(float(self.survival[step]), ends=ends)

    def _measure(
        self, value: float | None, reason: str = "", ends: tuple[float, float] | None = None
    ) -> Measure:
        return Measure(
            value,
            reason,
            low=ends[0] if ends else None,
            high=ends[1] if ends else None,
            level=self.level,
            positives=self.events,
            negatives=self.patients - self.events,
        )

    def _first_under_half(self, curve: NDArray[np.float64]) -> float | None:
        # Products of shares come out a rounding error above one half.
        under = np.flatnonzero(curve <= 0.5 + 1e-12)
        return float(self.days[under[0]]) if len(under) else None


def kaplan_meier(
    days: ArrayLike,
    events: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    level: float = 0.95,
) -> tuple[KaplanMeier, ...]:
    """Survival of every group, with a band by Greenwood's variance on the log-log scale.

    Args:
        days: from the start to the event or to the end of observation, ≥ 0, [patients]; one row a
            patient, not an image.
        events: 1 for the event, 0 where observation ended before it, [patients].
        groups: name or number of the group, [patients]; one group named "all" without.
        level: confidence level of each day's interval, in (0, 1).

    Returns:
        A curve a group, groups in rising order.

    Raises:
        EvaluationError: NaN, a negative day, an event other than 0 and 1, or lengths that differ.

    Source:
        Kaplan and Meier 1958; Greenwood 1926; log-log as Kalbfleisch and Prentice 1980, § 1.3.

    Example:
        >>> curve, = kaplan_meier([1, 2, 3, 4], [1, 0, 1, 1])
        >>> curve.survival.tolist()
        [0.75, 0.375, 0.0]
    """
    z = normal_quantile(level)
    watched = times(days, events, groups)
    return tuple(_curve(watched, g, z, level) for g in range(len(watched.names)))


def _curve(watched: Times, group: int, z: float, level: float) -> KaplanMeier:
    mine = watched.group == group
    seen = watched.events[mine]
    moments = np.unique(watched.days[mine][seen])
    at_risk, died = watched.at(moments, group), watched.deaths(moments, group)
    share = np.cumprod((at_risk - died) / at_risk, dtype=np.float64)
    alive = at_risk > died
    greenwood = np.cumsum(np.where(alive, died / (at_risk * np.maximum(at_risk - died, 1)), 0.0))
    with_band = np.where(share > 0, share, 0.5)
    spread = z * np.sqrt(greenwood) / np.abs(np.log(with_band))
    low, high = with_band ** np.exp(spread), with_band ** np.exp(-spread)
    lived = watched.days[mine]
    return KaplanMeier(
        group=watched.names[group],
        patients=int(mine.sum()),
        events=int(seen.sum()),
        days=moments,
        survival=share,
        low=np.where(share > 0, low, 0.0),
        high=np.where(share > 0, high, 0.0),
        at_risk=at_risk,
        died=died,
        censored=np.sort(lived[~seen]),
        last=float(lived.max(initial=0.0)),
        level=level,
    )
