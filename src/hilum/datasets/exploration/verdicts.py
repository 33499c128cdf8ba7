"""What an image is said to show as a whole: a finding, nothing, or nothing is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.domain import State

NEGATIVE = frozenset({"no_finding", "normal", "negative_for_pneumonia"})
"""Keys that say that something was not found; they are no findings that stand beside others."""
NOTHING = ("no_finding", "normal")
"""Beside these nothing can be present."""


@dataclass(frozen=True, slots=True, eq=False)
class Verdicts:
    """Rows of a table by what they say as a whole; each row is of one kind, bool [rows].

    Attributes:
        negative: no finding is PRESENT or UNCERTAIN, and at least one is ABSENT or a key of
            :data:`NEGATIVE` is PRESENT.
        unlabelled: every finding is UNMENTIONED.
        others: all other rows: something is there or may be.
    """

    negative: NDArray[np.bool_]
    unlabelled: NDArray[np.bool_]
    others: NDArray[np.bool_]


def verdicts(states: NDArray[np.uint8], findings: Sequence[str]) -> Verdicts:
    """Tell rows that show nothing from rows of which nothing is said.

    Args:
        states: values of :class:`hilum.domain.State`, uint8 [rows, findings].
        findings: keys.
    """
    rows = len(states)
    clear, something, judged = np.zeros(rows, bool), np.zeros(rows, bool), np.zeros(rows, bool)
    for at, key in enumerate(findings):
        state = states[:, at]
        present, absent = state == State.PRESENT, state == State.ABSENT
        judged |= state != State.UNMENTIONED
        if key in NEGATIVE:
            clear |= present
            if key in NOTHING:
                something |= absent
        else:
            clear |= absent
            something |= present | (state == State.UNCERTAIN)
    negative = clear & ~something
    return Verdicts(negative=negative, unlabelled=~judged, others=judged & ~negative)
