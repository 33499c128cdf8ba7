"""Findings that are told by silence, made to agree with the vocabulary's kinds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hilum.domain import State
from hilum.domain.findings import wider

ILLNESSES: Mapping[str, tuple[str, ...]] = {"covid_19": ("viral_pneumonia", "pneumonia")}
"""Illness of the patient → what it may show on the image, and may not. A source that names one of
them and is silent about the other says neither that it is there nor that it is not."""


def left_open(key: str) -> tuple[str, ...]:
    """The findings of which a row may name one and, silent about this one, not deny it.

    Example:
        >>> left_open("sars"), left_open("viral_pneumonia")
        (('viral_pneumonia', 'pneumonia'), ('pneumonia', 'covid_19'))
    """
    illnesses = (illness for illness, shown in ILLNESSES.items() if key in shown)
    return (*wider(key), *ILLNESSES.get(key, ()), *illnesses)


def with_kinds(findings: Sequence[str], states: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """States in which a finding and its kinds do not contradict each other.

    Where a source names what is present and is silent about the rest, silence is read as absence.
    Of a row that names viral pneumonia, pneumonia is not absent but present; of a row that names
    pneumonia, viral pneumonia is not absent but unmentioned; and COVID-19, which the patient has,
    leaves open whether the image shows a pneumonia (:data:`ILLNESSES`).

    Args:
        findings: keys, one a column.
        states: uint8 [images, findings]; PRESENT where a row names the finding itself.

    Returns:
        uint8 [images, findings].
    """
    named = states == State.PRESENT
    told = states.copy()
    column = {key: at for at, key in enumerate(findings)}
    for key, at in column.items():
        others = [column[k] for k in left_open(key) if k in column]
        unsaid = named[:, others].any(1) & (states[:, at] == State.ABSENT)
        told[unsaid, at] = State.UNMENTIONED
    for key, at in column.items():
        for parent in (column[k] for k in wider(key) if k in column):
            told[named[:, at], parent] = State.PRESENT
    return told
