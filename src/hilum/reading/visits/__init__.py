"""An earlier radiograph of the same patient beside this one: laid on it, and what has changed.

Pure functions of pictures and predictions; nothing is kept here, and nothing tells whose pictures
they are: that both are of one patient is for the caller to know.
"""

from hilum.reading.visits.changes import Change, Comparison, Kind, compare
from hilum.reading.visits.course import Course, Point, courses
from hilum.reading.visits.picture import VisitPicture
from hilum.reading.visits.registration import Registration, register
from hilum.reading.visits.spread import Spread, spread_of
from hilum.reading.visits.visit import NotCompared, Visit, days_between

__all__ = [
    "Change",
    "Comparison",
    "Course",
    "Kind",
    "NotCompared",
    "Point",
    "Registration",
    "Spread",
    "Visit",
    "VisitPicture",
    "compare",
    "courses",
    "days_between",
    "register",
    "spread_of",
]
