"""Which rows are tuned on and which are reported, by patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.files import find_images
from hilum.domain import LabelTable
from hilum.domain.labels import Policy
from hilum.domain.text import coded
from hilum.errors import LabelError
from hilum.reading.rounds.measuring.seeing import Picture

TUNE, TEST = "tune", "test"
FEWEST = 5
"""Patients with, and without, the finding that each part must have."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Labelled pictures of one finding; one row a picture.

    Attributes:
        pictures: what is looked at.
        present: bool [rows], whether the finding is there.
        patients: int64 [rows], number of the patient.
        tune: bool [rows], rows for choosing; the others are reported.
        how: in words, how the two were divided.
    """

    pictures: tuple[Picture, ...]
    present: NDArray[np.bool_]
    patients: NDArray[np.int64]
    tune: NDArray[np.bool_]
    how: str

    def keep(self, kept: NDArray[np.bool_]) -> Rows:
        """Some of the rows."""
        chosen = np.flatnonzero(kept)
        return Rows(
            tuple(self.pictures[at] for at in chosen.tolist()),
            self.present[kept],
            self.patients[kept],
            self.tune[kept],
            self.how,
        )

    def check(self, finding: str) -> None:
        """Refuse parts that have too few patients to choose or to measure with.

        Raises:
            LabelError: fewer than :data:`FEWEST` with or without the finding.
        """
        for name, part in ((TUNE, self.tune), (TEST, ~self.tune)):
            for word, rows in (("with", self.present), ("without", ~self.present)):
                count = len(set(self.patients[part & rows].tolist()))
                if count < FEWEST:
                    raise LabelError(
                        f"The {name} rows have {count} patients {word} {finding}; at least "
                        f"{FEWEST} are needed: take more rows, or another finding."
                    )


def rows_of(
    table: LabelTable,
    folder: Path,
    finding: str,
    *,
    policy: Policy,
    tune_share: float,
    sample: int,
    seed: int,
) -> Rows:
    """Labelled rows with a file, divided by patient.

    A column ``split`` with the parts tune and test decides where the table has both; otherwise
    patients are drawn. A larger sample holds a smaller one, with every patient in the same part.

    Args:
        table: labels.
        folder: of the pictures.
        finding: key.
        policy: what becomes of uncertain and unmentioned labels.
        tune_share: share of patients to tune on, where they are drawn.
        sample: rows at most, by whole patients; 0 for all.
        seed: of what is drawn.

    Raises:
        LabelError: the table has no such finding, too few patients of a kind, or a split with a
            patient in both parts.
        RunError: no such folder.
    """
    if finding not in table.findings:
        raise LabelError(
            f"The table has no labels of {finding}; it has {', '.join(table.findings[:8])}."
        )
    targets, mask = table.select([finding]).targets(policy)
    paths = find_images(table, folder).paths
    split = table.columns.get("split")
    use = mask[:, 0] & np.array([path is not None for path in paths])
    parts = None if split is None else split.astype(str)
    divided = parts is not None and all((parts[use] == part).any() for part in (TUNE, TEST))
    if divided and parts is not None:
        use &= np.isin(parts, (TUNE, TEST))
    at = np.flatnonzero(use)
    kinds, patient = coded(table.patients[at])
    rng = np.random.default_rng(seed)
    drawn, order = rng.random(len(kinds)), rng.permutation(len(kinds))
    if divided and parts is not None:
        tune = parts[at] == TUNE
        both = np.intersect1d(patient[tune], patient[~tune])
        if len(both):
            raise LabelError(
                f"The table's column 'split' puts {len(both)} "
                f"{'patient' if len(both) == 1 else 'patients'} in {TUNE} and in {TEST} at once: "
                f"divide it by patient, or leave the column out and patients are drawn."
            )
        how = "as the table's column 'split' divides them"
    else:
        has = np.bincount(patient, targets[at, 0] > 0.5, len(kinds)) > 0
        tune = (_first(drawn, has, tune_share) | _first(drawn, ~has, tune_share))[patient]
        how = (
            f"patients drawn, {tune_share:.0%} of those with and of those without it to tune on "
            f"(seed {seed})"
        )
    if sample and len(at) > sample:
        total = np.cumsum(np.bincount(patient, minlength=len(kinds))[order])
        chosen = order[: max(1, int(np.searchsorted(total, sample, "right")))]
        kept = np.isin(patient, chosen)
        at, patient, tune = at[kept], patient[kept], tune[kept]
    found = Rows(
        _pictures(table, paths, at),
        targets[at, 0] > 0.5,
        patient.astype(np.int64),
        np.asarray(tune, np.bool_),
        how,
    )
    found.check(finding)
    return found


def _first(drawn: NDArray[np.float64], kind: NDArray[np.bool_], share: float) -> NDArray[np.bool_]:
    """A share of the patients of one kind: those that drew the lowest numbers."""
    chosen = np.zeros(len(drawn), np.bool_)
    at = np.flatnonzero(kind)
    chosen[at[np.argsort(drawn[at])][: round(share * len(at))]] = True
    return chosen


def _pictures(
    table: LabelTable, paths: Sequence[Path | None], at: NDArray[np.int64]
) -> tuple[Picture, ...]:
    found: list[Picture] = []
    for row in at.tolist():
        path = paths[row]
        if path is not None:
            found.append(Picture.of(str(table.images[row]), path))
    return tuple(found)
