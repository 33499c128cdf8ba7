"""Two readers of the same images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.exploration.codes import coded
from hilum.domain import LabelTable, State
from hilum.domain.text import first_few
from hilum.errors import LabelError
from hilum.evaluation import Measure, wilson

_Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two readers on one finding; only images that both call PRESENT or ABSENT count.

    Attributes:
        finding: key.
        both_present: images.
        only_this: PRESENT here, ABSENT in the other table.
        only_other: the other way round.
        both_absent: images.
        undecided: common images that one of them or both call neither PRESENT nor ABSENT.
        kappa: Cohen's kappa, with a 95 % interval that takes patients as independent, images not.
        agreement: share of images on which they agree, with Wilson's interval by image.
    """

    finding: str
    both_present: int
    only_this: int
    only_other: int
    both_absent: int
    undecided: int
    kappa: Measure
    agreement: Measure


@dataclass(frozen=True, slots=True, eq=False)
class Readers:
    """What two tables say of the images that both hold.

    Attributes:
        images: common images.
        only_this: images that the other table lacks.
        only_other: images that only the other table holds.
        findings: one a finding that both hold.
        rows: int64 [common], rows of this table.
        other_rows: int64 [common], rows of the other.
        columns: int64 [findings, 2]: the finding's column here and there.
    """

    images: int
    only_this: int
    only_other: int
    findings: tuple[Agreement, ...]
    rows: NDArray[np.int64]
    other_rows: NDArray[np.int64]
    columns: NDArray[np.int64]


def compare_readers(table: LabelTable, other: LabelTable) -> Readers:
    """Compare two tables on the images and findings that both hold.

    Args:
        table: of one reader.
        other: of another. Images are the same when they have the same path; where no path is the
            same, when they have the same name.

    Raises:
        LabelError: no image, or no finding, stands in both.
    """
    keys = [key for key in table.findings if key in other.findings]
    if not keys:
        raise LabelError(
            f"The two tables have no finding in common: one has {first_few(table.findings)}, the "
            f"other {first_few(other.findings)}."
        )
    rows, other_rows = _common(table.images.tolist(), other.images.tolist())
    if not len(rows):
        rows, other_rows = _common(_names(table), _names(other))
    if not len(rows):
        raise LabelError(
            f"The two tables have no image in common: one has {first_few(table.images[:6])}, the "
            f"other {first_few(other.images[:6])}."
        )
    columns = np.array([(table.findings.index(k), other.findings.index(k)) for k in keys])
    patients = coded(table.patients[rows]).number
    return Readers(
        images=len(rows),
        only_this=len(table) - len(rows),
        only_other=len(other) - len(rows),
        findings=tuple(
            agree(key, table.states[rows, here], other.states[other_rows, there], patients)
            for key, (here, there) in zip(keys, columns.tolist(), strict=True)
        ),
        rows=rows,
        other_rows=other_rows,
        columns=columns,
    )


def _names(table: LabelTable) -> list[str]:
    names = [path.rpartition("/")[2] for path in table.images.tolist()]
    return names if len(set(names)) == len(names) else []


def _common(images: list[str], others: list[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    place = {image: at for at, image in enumerate(others)}
    pairs = [(at, place[image]) for at, image in enumerate(images) if image in place]
    here, there = np.array(pairs, np.int64).reshape(-1, 2).T
    return here, there


def agree(
    finding: str,
    here: NDArray[np.uint8],
    there: NDArray[np.uint8],
    patients: NDArray[np.integer],
) -> Agreement:
    """Compare two readers on one finding.

    Args:
        finding: key.
        here: states of one reader, [images].
        there: states of the other, [images].
        patients: whole numbers from 0, [images].

    Source:
        Cohen 1960 for kappa; its variance by the linear term of its expansion in the four shares,
        summed within patients (Williams 2000, doi:10.1111/j.0006-341X.2000.00645.x). With one image
        a patient it is that of Fleiss, Cohen & Everitt 1969.
    """
    said = (here <= State.PRESENT) & (there <= State.PRESENT)
    a, b = here[said] == State.PRESENT, there[said] == State.PRESENT
    n, both, neither = len(a), int((a & b).sum()), int((~a & ~b).sum())
    return Agreement(
        finding=finding,
        both_present=both,
        only_this=int((a & ~b).sum()),
        only_other=int((~a & b).sum()),
        both_absent=neither,
        undecided=int((~said).sum()),
        kappa=_kappa(a, b, patients[said]),
        agreement=wilson(both + neither, n),
    )


def _kappa(a: NDArray[np.bool_], b: NDArray[np.bool_], patients: NDArray[np.integer]) -> Measure:
    n = len(a)
    if not n:
        return Measure(None, "no image that both call present or absent")
    p, q = float(a.mean()), float(b.mean())
    same = float((a == b).mean())
    by_chance = p * q + (1 - p) * (1 - q)
    if p == q and p in {0.0, 1.0}:
        said = "present" if p else "absent"
        return Measure(None, f"both call it {said} on every image")
    kappa = (same - by_chance) / (1 - by_chance)
    if same == 1:
        return Measure(kappa, "no interval: they never differ")
    influence = ((a == b) - same) / (1 - by_chance) - (1 - same) / (1 - by_chance) ** 2 * (
        (a - p) * (2 * q - 1) + (b - q) * (2 * p - 1)
    )
    sums = np.bincount(patients, influence)
    groups = len(np.unique(patients))
    if groups < 2:
        return Measure(kappa, f"no interval: {groups} patient")
    half = _Z95 * float((sums**2).sum() * groups / (groups - 1)) ** 0.5 / n
    return Measure(kappa, low=max(-1.0, kappa - half), high=min(1.0, kappa + half))
