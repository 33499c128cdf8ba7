"""Findings that are told by silence, made to agree with the vocabulary's kinds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hilum.domain import State
from hilum.domain.findings import wider


def with_kinds(findings: Sequence[str], states: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """States in which a finding and its kinds do not contradict each other.

    Where a source names what is present and is silent about the rest, silence is read as absence.
    Of a row that names viral pneumonia, pneumonia is not absent but present; of a row that names
    pneumonia, viral pneumonia is not absent but unmentioned.

    Args:
        findings: keys, one a column.
        states: uint8 [images, findings]; PRESENT where a row names the finding itself.

    Returns:
        uint8 [images, findings].
    """
    named = states == State.PRESENT
    told = states.copy()
    column = {key: at for at, key in enumerate(findings)}
    above = {key: [column[k] for k in wider(key) if k in column] for key in findings}
    for key, at in column.items():
        open_kind = named[:, above[key]].any(1) & (states[:, at] == State.ABSENT)
        told[open_kind, at] = State.UNMENTIONED
    for key, at in column.items():
        for parent in above[key]:
            told[named[:, at], parent] = State.PRESENT
    return told
