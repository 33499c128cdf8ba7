"""How often each finding is present, by image and by patient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hilum.datasets.exploration.codes import Codes
from hilum.domain import LabelTable, State
from hilum.evaluation import Measure, wilson


@dataclass(frozen=True, slots=True)
class FindingCount:
    """Counts of one finding.

    Attributes:
        finding: key.
        states: images in each state, in the order of :class:`hilum.domain.State`.
        by_image: share of images that are PRESENT among those PRESENT or ABSENT. Its interval
            takes images as independent, which those of one patient are not.
        by_patient: share of patients with an image that is PRESENT among patients with an image
            that is PRESENT or ABSENT; its ``positives`` and ``negatives`` are patients.
    """

    finding: str
    states: tuple[int, int, int, int]
    by_image: Measure
    by_patient: Measure

    @property
    def present(self) -> int:
        """Images on which it is PRESENT."""
        return self.states[State.PRESENT]

    @property
    def absent(self) -> int:
        """Images on which it is ABSENT."""
        return self.states[State.ABSENT]


def count_findings(table: LabelTable, patients: Codes) -> tuple[FindingCount, ...]:
    """Count every finding of a table.

    Args:
        table: of labels.
        patients: its patients as numbers.

    Returns:
        One a finding, in the table's order; shares with Wilson's 95 % intervals, undefined where
        no image is PRESENT or ABSENT.
    """
    return tuple(_count(table, at, patients) for at in range(len(table.findings)))


def _count(table: LabelTable, at: int, patients: Codes) -> FindingCount:
    states = np.ascontiguousarray(table.states[:, at])
    absent, present, uncertain, unmentioned = np.bincount(states, minlength=len(State)).tolist()
    who = [np.zeros(len(patients), bool) for _ in range(2)]
    for state, has in zip((State.ABSENT, State.PRESENT), who, strict=True):
        has[patients.number[states == state]] = True
    with_it = int(who[State.PRESENT].sum())
    judged = int((who[State.PRESENT] | who[State.ABSENT]).sum())
    return FindingCount(
        finding=table.findings[at],
        states=(absent, present, uncertain, unmentioned),
        by_image=wilson(present, present + absent),
        by_patient=wilson(with_it, judged),
    )


def unlabelled_images(table: LabelTable) -> int:
    """Images of which no finding is said to be present, absent or uncertain."""
    step = 1 << 20
    pieces = (table.states[start : start + step] for start in range(0, len(table), step))
    return sum(int((piece == State.UNMENTIONED).all(axis=1).sum()) for piece in pieces)
