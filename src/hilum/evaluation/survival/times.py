"""Days of observation and what ended it, checked and counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.errors import EvaluationError
from hilum.evaluation import inputs


@dataclass(frozen=True, slots=True, eq=False)
class Times:
    """Patients by day of observation, and by group.

    Attributes:
        days: ≥ 0, [patients].
        events: whether the event, rather than the end of observation, came on that day.
        group: number of the group in ``names``, [patients].
        names: of the groups.
    """

    days: NDArray[np.float64]
    events: NDArray[np.bool_]
    group: NDArray[np.int64]
    names: tuple[str, ...]

    def at(self, moments: NDArray[np.float64], group: int) -> NDArray[np.int64]:
        """Patients of a group who are still watched just before each moment, [moments]."""
        days = np.sort(self.days[self.group == group])
        return len(days) - np.searchsorted(days, moments, "left")

    def deaths(self, moments: NDArray[np.float64], group: int) -> NDArray[np.int64]:
        """Events of a group at each moment, [moments]."""
        days = np.sort(self.days[(self.group == group) & self.events])
        return np.searchsorted(days, moments, "right") - np.searchsorted(days, moments, "left")


def times(days: ArrayLike, events: ArrayLike, groups: ArrayLike | None) -> Times:
    """Check what a survival function is given.

    Raises:
        EvaluationError: NaN, a negative day, an event other than 0 and 1, or lengths that differ.
    """
    seen = inputs.references(events, "events")
    length = inputs.vector(days, "days", len(seen))
    if (length < 0).any():
        raise EvaluationError(
            f"days must not be negative, got {length.min():g} at row {int(length.argmin())}"
        )
    if groups is None:
        return Times(length, seen, np.zeros(len(seen), np.int64), ("all",))
    labels = np.asarray(groups)
    number = inputs.codes(labels, "groups", len(seen))
    names = tuple(str(name) for name in np.unique(labels))
    return Times(length, seen, number, names)
