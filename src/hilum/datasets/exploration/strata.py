"""Findings by source, view, sex, part of the split, age: what a column alone tells of a finding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.exploration.codes import Codes, coded, distinct_pairs
from hilum.datasets.exploration.people import age_groups
from hilum.domain import LabelTable, State
from hilum.domain.labels import COLUMNS
from hilum.evaluation import Measure

NAMED = ("source", "view", "sex", "split")
AGE = "age group"
OTHERS_AT_MOST = 6
"""Columns with a meaning of their own that are taken besides."""
VALUES_AT_MOST = 12
"""Different values that such a column may have."""
SHARED_AT_MOST = 0.01
"""Share of patients with more than one value up to which a column belongs to the patient."""
SHUFFLES = 200
_DEALT, _AT_ONCE = 20, 1 << 20
SHUFFLED_AT_MOST = 1000
"""Values of a column up to which labels are shuffled over it."""


@dataclass(frozen=True, slots=True)
class Association:
    """What a column alone tells of a finding, on images that are PRESENT or ABSENT.

    Attributes:
        finding: key.
        auroc: of the score "share of images with this value that have the finding": what knowing
            the column, and nothing of the picture, gives. In-sample: the shares come from the same
            images, so it is at least .5 and rises with the number of values. Undefined where images
            of only one value say anything of the finding.
        auroc_as_absent: the same, were every UNMENTIONED image ABSENT; None where none is
            UNMENTIONED. Where a finding is judged in one source only, this is the trap.
        chance: the AUROC that 95 % of :data:`SHUFFLES` shuffles of the labels stay below; None
            where ``auroc`` is undefined or the column has more than :data:`SHUFFLED_AT_MOST`
            values. Shuffled over patients, each keeping its images' labels together, or over
            images, as :attr:`Strata.by_patient` says.
        patients_present: patients with an image that is PRESENT.
        patients_absent: other patients with an image that is ABSENT.
        cramers_v: 0 (independent) to 1 (each value decides).
        information_bits: mutual information of finding and column.
        information_share: the same over the finding's entropy: 0 to 1.
    """

    finding: str
    auroc: Measure
    auroc_as_absent: float | None = None
    patients_present: int = 0
    patients_absent: int = 0
    chance: float | None = None
    cramers_v: float | None = None
    information_bits: float | None = None
    information_share: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Strata:
    """Findings by the values of one column.

    Attributes:
        column: its name.
        values: different values, "" for unknown, in their order.
        images: int64 [values].
        patients: int64 [values]; a patient may stand in several.
        shared_patients: patients with images of more than one value, unknown left out.
        by_patient: whether the column belongs to the patient: at most :data:`SHARED_AT_MOST` of
            patients have images of more than one value, unknown being one.
        positives: int64 [values, findings]: images on which the finding is PRESENT.
        negatives: int64 [values, findings]: images on which it is ABSENT.
        unmentioned: int64 [values, findings]: images on which it is UNMENTIONED.
        tells: one a finding, in the table's order.
    """

    column: str
    values: tuple[str, ...]
    images: NDArray[np.int64]
    patients: NDArray[np.int64]
    shared_patients: int
    by_patient: bool
    positives: NDArray[np.int64]
    negatives: NDArray[np.int64]
    unmentioned: NDArray[np.int64]
    tells: tuple[Association, ...]


def count_strata(
    table: LabelTable, patients: Codes, rng: np.random.Generator
) -> tuple[Strata, ...]:
    """Findings by every column that divides the images into a few kinds.

    Args:
        table: of labels.
        patients: its patients as numbers.
        rng: shuffles labels.

    Returns:
        One a column with at least two values: source, view, sex, split, age group, then others of
        up to :data:`VALUES_AT_MOST` values.
    """
    columns = [(column, codes) for column, codes in _columns(table) if len(codes) > 1]
    if not columns:
        return ()
    counts = [_judged(table, at, patients) for at in range(len(table.findings))]
    return tuple(_strata(table, patients, column, codes, counts, rng) for column, codes in columns)


def _judged(table: LabelTable, at: int, patients: Codes) -> tuple[int, int]:
    """Patients with an image that is PRESENT, and others with one that is ABSENT."""
    states = table.states[:, at]
    has, has_not = (np.zeros(len(patients), bool) for _ in range(2))
    has[patients.number[states == State.PRESENT]] = True
    has_not[patients.number[states == State.ABSENT]] = True
    return int(has.sum()), int((has_not & ~has).sum())


def _columns(table: LabelTable) -> list[tuple[str, Codes]]:
    chosen = [
        (name, _ordered(coded(table.columns[name]))) for name in NAMED if name in table.columns
    ]
    if "age_years" in table.columns:
        number, values = age_groups(table.columns["age_years"])
        chosen.append((AGE, _ordered(Codes(number, values))))
    others = [name for name in sorted(table.columns) if name not in COLUMNS or name == "licence"]
    taken = 0
    for name in others:
        codes = _few(table.columns[name]) if taken < OTHERS_AT_MOST else None
        if codes is not None and len(codes) > 1:
            chosen.append((name, _ordered(codes)))
            taken += 1
    return chosen


def _few(column: NDArray[Any]) -> Codes | None:
    """The column as numbers, if it has few values; a look at its beginning spares most columns."""
    if len(coded(column[:10_000])) > VALUES_AT_MOST:
        return None
    codes = coded(column)
    return codes if len(codes) <= VALUES_AT_MOST else None


def _ordered(codes: Codes) -> Codes:
    """Values that occur, in alphabetical order, unknown ("") last."""
    there = np.flatnonzero(codes.counts()).tolist()
    order = sorted(there, key=lambda at: (codes.values[at] == "", codes.values[at]))
    place = np.zeros(len(codes), np.int32)
    place[order] = np.arange(len(order))
    return Codes(place[codes.number], tuple(codes.values[at] for at in order))


def _strata(
    table: LabelTable,
    patients: Codes,
    column: str,
    codes: Codes,
    counts: Sequence[tuple[int, int]],
    rng: np.random.Generator,
) -> Strata:
    k, f = len(codes), len(table.findings)
    counted = np.zeros((k, f, len(State)), np.int64)
    for at in range(f):
        cell = codes.number * np.int64(len(State)) + table.states[:, at]
        counted[:, at] = np.bincount(cell, minlength=k * len(State)).reshape(k, len(State))
    positives, negatives = counted[..., State.PRESENT], counted[..., State.ABSENT]
    unmentioned = counted[..., State.UNMENTIONED]
    known = np.array([value != "" for value in codes.values])[codes.number]
    here = np.bincount(distinct_pairs(patients.number[known], codes.number[known]))
    each = np.bincount(distinct_pairs(patients.number, codes.number))
    by_patient = int((each > 1).sum()) <= SHARED_AT_MOST * len(each)
    drawn = None
    if by_patient and k <= SHUFFLED_AT_MOST and f:
        drawn = _shuffled(table, patients.number.astype(np.int64) * k + codes.number, k, rng)
    tells = []
    for at, key in enumerate(table.findings):
        tables = None if drawn is None else (drawn[..., at], drawn[..., f + at])
        told = association(
            key, positives[:, at], negatives[:, at], unmentioned[:, at], rng, shuffled=tables
        )
        present, absent = counts[at]
        tells.append(replace(told, patients_present=present, patients_absent=absent))
    return Strata(
        column=column,
        values=codes.values,
        images=codes.counts(),
        patients=np.bincount(distinct_pairs(codes.number, patients.number), minlength=k),
        shared_patients=int((here > 1).sum()),
        positives=positives,
        negatives=negatives,
        unmentioned=unmentioned,
        by_patient=by_patient,
        tells=tuple(tells),
    )


def _shuffled(
    table: LabelTable, unit: NDArray[np.int64], values: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Counts after the values of a column were dealt anew to the patients.

    Args:
        table: of labels.
        unit: patient and value of each row: patient × values + value, [rows].
        values: different values.
        rng: deals.

    Returns:
        int64 [shuffles, values, 2 × findings]: images that are PRESENT, then those ABSENT.
    """
    units, number = np.unique(unit, return_inverse=True)
    value = (units % values).astype(np.int16)
    counts = np.stack(
        [
            np.bincount(number[table.states[:, at] == state], minlength=len(units))
            for state in (State.PRESENT, State.ABSENT)
            for at in range(len(table.findings))
        ],
        axis=1,
    ).astype(np.float32)  # counts exactly below 2²⁴
    drawn = np.zeros((SHUFFLES, values, counts.shape[1]))
    step = max(1, _AT_ONCE // (_DEALT * values))
    every = np.arange(values, dtype=np.int16)[:, None]
    for first in range(0, SHUFFLES, _DEALT):
        dealt = np.stack([rng.permutation(value) for _ in range(_DEALT)])
        for start in range(0, len(units), step):
            has = (dealt[:, None, start : start + step] == every).astype(np.float32)
            pieces = has.reshape(_DEALT * values, -1) @ counts[start : start + step]
            drawn[first : first + _DEALT] += pieces.reshape(_DEALT, values, -1)
    return drawn.astype(np.int64)


def association(
    finding: str,
    positives: NDArray[np.int64],
    negatives: NDArray[np.int64],
    unmentioned: NDArray[np.int64],
    rng: np.random.Generator,
    *,
    shuffled: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
) -> Association:
    """How strongly a finding goes with a column.

    Args:
        finding: key.
        positives: images with the finding, by value of the column, [values].
        negatives: images without, [values].
        unmentioned: images that do not say, [values].
        rng: shuffles labels over images, where ``shuffled`` is None.
        shuffled: images with and without the finding after shuffles, [shuffles, values] each.

    Source:
        Cramér 1946, § 21.9, for V; it equals √(χ²/n) for a finding that is there or not.
    """
    as_absent = None
    if unmentioned.any() and positives.any() and (negatives + unmentioned).any():
        said = positives + negatives + unmentioned > 0
        every = (negatives + unmentioned)[said]
        as_absent = float(_aurocs(positives[said][None], every[None])[0])
    images = positives + negatives
    use = images > 0
    positives, negatives, images = positives[use], negatives[use], images[use]
    p, n = int(positives.sum()), int(negatives.sum())
    if not p or not n or len(images) < 2:
        reason = f"no image has it {'absent' if p else 'present'}"
        if p and n:
            reason = "images of one value only say whether it is present"
        measure = Measure(None, reason, positives=p, negatives=n)
        return Association(finding, measure, auroc_as_absent=as_absent)
    value = float(_aurocs(positives[None], negatives[None])[0])
    chance = None
    if len(images) <= SHUFFLED_AT_MOST:
        if shuffled is None:
            drawn = rng.multivariate_hypergeometric(images, p, size=SHUFFLES, method="marginals")
            shuffled = drawn, images - drawn
        chance = float(np.quantile(_aurocs(*shuffled), 0.95))
    expected = images * (p / (p + n))
    chi2 = float(((positives - expected) ** 2 * (1 / expected + 1 / (images - expected))).sum())
    bits = _entropy(np.array([p, n])) - sum(
        float(images[at] / (p + n)) * _entropy(np.array([positives[at], negatives[at]]))
        for at in range(len(images))
    )
    bits = max(0.0, bits)
    return Association(
        finding,
        Measure(value, positives=p, negatives=n),
        auroc_as_absent=as_absent,
        chance=chance,
        cramers_v=float(min(1.0, (chi2 / (p + n)) ** 0.5)),
        information_bits=bits,
        information_share=min(1.0, bits / _entropy(np.array([p, n]))),
    )


def _aurocs(positives: NDArray[np.int64], negatives: NDArray[np.int64]) -> NDArray[np.float64]:
    """AUROC of the share of positives as score, [tables], from counts [tables, values].

    Values that tie may stand in any order: their wrong and right pairs balance.
    """
    share = positives / np.maximum(1, positives + negatives)
    order = np.argsort(share, axis=1, kind="stable")
    up = np.take_along_axis(positives, order, 1).astype(np.float64)
    down = np.take_along_axis(negatives, order, 1).astype(np.float64)
    below = np.cumsum(down, axis=1) - down / 2
    return (up * below).sum(1) / (up.sum(1) * down.sum(1))


def _entropy(counts: NDArray[np.int64]) -> float:
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log2(share)).sum())
