"""A finding over visits as a small drawing: where its points, lines and bands lie.

Height is the log-odds of the probability above or below the operating point, which lies in the
middle; beyond ±4 it stays at the edge. Time runs across, in days where all are known.
"""

from __future__ import annotations

from dataclasses import dataclass

from hilum.reading.visits import Course, Point
from hilum.reading.visits.changes import log_odds

WIDTH, HEIGHT = 200, 48
_EDGE = 8
_MOST = 4.0


@dataclass(frozen=True, slots=True)
class Mark:
    """One visit.

    Attributes:
        x, y: where.
        decision: "present", "absent", "abstained", or "other" of what is not compared.
        probability: None of what is not compared.
    """

    x: float
    y: float
    decision: str
    probability: float | None


@dataclass(frozen=True, slots=True)
class Drawing:
    """A line.

    Attributes:
        marks: one a visit.
        path: points of the line through those that are compared.
        middle: height of the operating point.
        band: top and height of where the last point would be unchanged; None where nothing is
            known of it.
    """

    marks: tuple[Mark, ...]
    path: str
    middle: float
    band: tuple[float, float] | None


def drawing(course: Course) -> Drawing:
    """Where everything lies, in pixels of a drawing of :data:`WIDTH` × :data:`HEIGHT`."""
    across = _across(course.points)
    marks: list[Mark] = []
    for x, point in zip(across, course.points, strict=True):
        said = point.prediction
        if said is None:
            marks.append(Mark(x, HEIGHT - 5.0, "other", None))
            continue
        decision = "abstained" if said.abstained else "present" if said.present else "absent"
        y = _height(log_odds(said.probability) - log_odds(said.operating_point))
        marks.append(Mark(x, y, decision, said.probability))
    compared = [mark for mark in marks if mark.probability is not None]
    path = " ".join(f"{mark.x:.1f},{mark.y:.1f}" for mark in compared)
    return Drawing(tuple(marks), path, _height(0.0), _band(course))


def _across(points: tuple[Point, ...]) -> list[float]:
    room = WIDTH - 2 * _EDGE
    days = [point.days for point in points]
    known = [day for day in days if day is not None]
    if len(known) == len(days) and len(set(known)) == len(known) and len(known) > 1:
        first, last = known[0], known[-1]
        if first < last:
            return [_EDGE + room * (day - first) / (last - first) for day in known]
    steps = max(1, len(points) - 1)
    return [_EDGE + room * at / steps for at in range(len(points))]


def _height(above: float) -> float:
    inside = max(-_MOST, min(_MOST, above))
    return round(HEIGHT / 2 - (HEIGHT / 2 - _EDGE) * inside / _MOST, 1)


def _band(course: Course) -> tuple[float, float] | None:
    change = course.change
    if change is None or change.limit is None:
        return None
    before = log_odds(change.before.probability) - log_odds(change.before.operating_point)
    top, bottom = _height(before + change.limit), _height(before - change.limit)
    return (top, round(bottom - top, 1))
