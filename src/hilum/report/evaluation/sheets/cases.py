"""Which radiographs a sheet shows: the best and worst heatmaps, right and wrong decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hilum.evaluation.appraisal.matched import Matched

EACH = 4
"""Radiographs in a row of a sheet."""

SECTIONS = {
    "best": "Best heatmaps: of the evidence, most lies in the readers' boxes, beyond chance",
    "worst": "Worst heatmaps: least of it does",
    "found": "Right: there, and called present",
    "false-alarm": "Wrong: not there, but called present",
    "missed": "Wrong: there, but missed",
    "absent": "Right: not there, and not called",
}
"""Rows of a sheet, and what is written above each."""

Evidence = tuple[float | None, float]
"""As :func:`hilum.evaluation.localisation.evidence_in_boxes` gives it."""


@dataclass(frozen=True, slots=True)
class Case:
    """A radiograph on the sheet of a finding.

    Attributes:
        finding: key.
        section: of :data:`SECTIONS`.
        image: its name.
        score: the model's, of that finding.
        point: the operating point.
        there: whether the reference has it.
        evidence: share of the heatmap's evidence in readers' boxes, and by chance; None without
            a box.
    """

    finding: str
    section: str
    image: str
    score: float
    point: float
    there: bool
    evidence: Evidence | None = None

    @property
    def called(self) -> bool:
        """Whether the model says that it is there."""
        return self.score >= self.point


def choose(
    matched: Matched, evidence: Mapping[tuple[str, str], Evidence], each: int = EACH
) -> dict[str, tuple[Case, ...]]:
    """Choose the radiographs of every sheet among the tested rows.

    Args:
        matched: rows, with an operating point for every finding.
        evidence: (image, finding) → evidence, for images with readers' boxes of the finding.
        each: how many a section at most.

    Returns:
        Finding → cases, section by section. Heatmaps are ranked by the evidence in boxes beyond
        chance; where few have boxes, none is both best and worst. Right decisions are the surest,
        wrong ones those that the model was surest of.
    """
    chosen: dict[str, tuple[Case, ...]] = {}
    for column, key in enumerate(matched.findings):
        if key not in matched.thresholds:
            continue
        rows = np.flatnonzero(matched.tested & matched.mask[:, column])
        every = [_case(matched, row, column, evidence) for row in rows.tolist()]
        chosen[key] = tuple(_ranked(every, each) + _decided(every, each))
    return chosen


def _case(
    matched: Matched, row: int, column: int, evidence: Mapping[tuple[str, str], Evidence]
) -> Case:
    key, image = matched.findings[column], str(matched.images[row])
    return Case(
        finding=key,
        section="",
        image=image,
        score=float(matched.scores[row, column]),
        point=matched.thresholds[key],
        there=bool(matched.targets[row, column]),
        evidence=evidence.get((image, key)),
    )


def _ranked(every: Sequence[Case], each: int) -> list[Case]:
    boxed = [(case, _beyond_chance(case)) for case in every if case.evidence is not None]
    boxed.sort(key=lambda pair: -pair[1])
    best = boxed[: min(each, (len(boxed) + 1) // 2)]
    worst = boxed[len(best) :][-each:][::-1]
    return [
        _put(case, section)
        for section, pairs in (("best", best), ("worst", worst))
        for case, _ in pairs
    ]


def _beyond_chance(case: Case) -> float:
    share, chance = case.evidence or (None, 0.0)
    return (share or 0.0) - chance


def _decided(every: Sequence[Case], each: int) -> list[Case]:
    scores = np.array([case.score for case in every])
    there = np.array([case.there for case in every], np.bool_)
    called = np.array([case.called for case in every], np.bool_)
    kinds: dict[str, tuple[NDArray[np.bool_], int]] = {
        "found": (there & called, -1),
        "false-alarm": (~there & called, -1),
        "missed": (there & ~called, 1),
        "absent": (~there & ~called, 1),
    }
    made: list[Case] = []
    for section, (mine, sign) in kinds.items():
        at = np.flatnonzero(mine)
        order = at[np.argsort(sign * scores[at], kind="stable")][:each]
        made += [_put(every[i], section) for i in order.tolist()]
    return made


def _put(case: Case, section: str) -> Case:
    return replace(case, section=section)
