"""Reading a radiograph several times: plans, joining, spread, abstention."""

from hilum.reading.rounds.joining import JOINS, JOINS_OF_PROBABILITIES, Join, Joined, join
from hilum.reading.rounds.plan import Plan, plan, read_plan, said_of, written
from hilum.reading.rounds.several import several

__all__ = [
    "JOINS",
    "JOINS_OF_PROBABILITIES",
    "Join",
    "Joined",
    "Plan",
    "join",
    "plan",
    "read_plan",
    "said_of",
    "several",
    "written",
]
