"""A finding over all visits of a patient: a line each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hilum.domain import Prediction
from hilum.reading.visits.changes import Change, compare
from hilum.reading.visits.spread import Spread
from hilum.reading.visits.visit import NotCompared, Visit, days_between


@dataclass(frozen=True, slots=True)
class Point:
    """One finding on one visit.

    Attributes:
        visit: number of the visit, from the earliest.
        days: since the first visit with a date; None where the date is not known.
        prediction: what was said; None where another bundle or other options read it, or nothing
            was said: that is no point of the line.
    """

    visit: int
    days: int | None
    prediction: Prediction | None


@dataclass(frozen=True, slots=True)
class Course:
    """One finding over visits.

    Attributes:
        finding: key.
        points: one a visit, in their order.
        operating_point: of the last visit.
        change: against the visit before that the last is compared with; None without one.
    """

    finding: str
    points: tuple[Point, ...]
    operating_point: float
    change: Change | None


def courses(visits: Sequence[Visit], spread: Spread | None) -> tuple[Course, ...]:
    """A line a finding of the last visit.

    Args:
        visits: of one patient, the earliest first; at least one.
        spread: of the bundle of the last visit.

    Raises:
        ValueError: no visit.
    """
    if not visits:
        raise ValueError("a course needs a visit")
    last = visits[-1]
    alike = [visit.reader == last.reader for visit in visits]
    before = next((v for v, same in zip(visits[-2::-1], alike[-2::-1], strict=True) if same), None)
    found = None if before is None else compare(before, last, spread)
    changes: dict[str, Change] = {}
    if found is not None and not isinstance(found, NotCompared):
        changes = {change.finding: change for change in found.changes}
    first = next((v.taken for v in visits if days_between(v.taken, v.taken) is not None), "")
    days = [days_between(first, visit.taken) for visit in visits]
    return tuple(
        Course(
            said.finding,
            tuple(
                Point(at, day, visit.get(said.finding) if same else None)
                for at, (visit, day, same) in enumerate(zip(visits, days, alike, strict=True))
            ),
            said.operating_point,
            changes.get(said.finding),
        )
        for said in last.predictions
    )
