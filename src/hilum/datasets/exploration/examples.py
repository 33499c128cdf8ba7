"""Which radiographs are shown as examples."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.exploration.codes import Codes
from hilum.datasets.exploration.verdicts import verdicts
from hilum.datasets.files import Files
from hilum.domain import LabelTable, State

NEGATIVE = "negative"
"""Stands for images on which no finding is PRESENT or UNCERTAIN and something is ABSENT."""
UNLABELLED = "unlabelled"
"""Stands for images of which nothing is said."""


def choose_examples(
    table: LabelTable, patients: Codes, files: Files, each: int, rng: np.random.Generator
) -> Mapping[str, tuple[int, ...]]:
    """Draw rows with each finding at random, each of another patient.

    Args:
        table: of labels.
        patients: its patients as numbers.
        files: only images that have one are drawn.
        each: rows a finding, at most.
        rng: the source of chance.

    Returns:
        Key of a finding → rows on which it is PRESENT, up to half of them with a box of it;
        :data:`NEGATIVE` → rows without any finding; :data:`UNLABELLED` → rows that say nothing.
        Findings without such rows are left out.
    """
    there = np.array([path is not None for path in files.paths])
    chosen: dict[str, tuple[int, ...]] = {}
    for at, key in enumerate(table.findings):
        present = table.states[:, at] == State.PRESENT
        present &= there
        boxed = _draw(np.flatnonzero(present & _boxed(table, key)), patients, each // 2, rng)
        present[np.isin(patients.number, patients.number[list(boxed)])] = False
        others = _draw(np.flatnonzero(present), patients, each - len(boxed), rng)
        chosen[key] = boxed + others
    told = verdicts(table.states, table.findings)
    for kind, rows in ((NEGATIVE, told.negative), (UNLABELLED, told.unlabelled)):
        chosen[kind] = _draw(np.flatnonzero(rows & there), patients, each, rng)
    return {key: rows for key, rows in chosen.items() if rows}


def _boxed(table: LabelTable, key: str) -> NDArray[np.bool_]:
    has = np.zeros(len(table), bool)
    if table.boxes is not None:
        has[table.boxes.row[table.boxes.finding == key]] = True
    return has


def _draw(
    rows: NDArray[np.int64], patients: Codes, each: int, rng: np.random.Generator
) -> tuple[int, ...]:
    shuffled = rng.permutation(rows)
    _, first = np.unique(patients.number[shuffled], return_index=True)
    return tuple(int(row) for row in shuffled[np.sort(first)[:each]])
