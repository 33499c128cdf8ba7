"""Numbers of an arm: decisions, F1, AUROC of images and of patients, with intervals by patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.evaluation import Confusion, Measure, Reference, confusion, decision_intervals
from hilum.studies.comparing import Measured, drawn, effect, measure, with_its_interval
from hilum.studies.s4.cohort import Cohort, Fold, fold_of, references
from hilum.studies.s4.matrices import f1_of, table_of
from hilum.studies.s4.nested import Decided, Nested, decide

DRAWS = 2000

Counts = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """What arms are measured against, on the same draws of patients.

    Attributes:
        cohort: of the study.
        fold: number of the outer fold of every image.
        images: the reference of images, strata being folds.
        patients: likewise of patients.
        draws_images: of patients, weighing images.
        draws_patients: of patients.
    """

    cohort: Cohort
    fold: NDArray[np.int64]
    images: Reference
    patients: Reference
    draws_images: list[NDArray[np.int32]]
    draws_patients: list[NDArray[np.int32]]

    @classmethod
    def of(cls, cohort: Cohort, folds: tuple[Fold, ...]) -> Judge:
        """A judge for a cohort and its folds."""
        images, patients = references(cohort, folds)
        every = [drawn(one, DRAWS, np.random.default_rng(0)) for one in (images, patients)]
        return cls(cohort, fold_of(folds, len(cohort.died)), images, patients, *every)

    @property
    def fold_of_patients(self) -> NDArray[np.int64]:
        """Number of the outer fold of every patient."""
        return self.fold[np.unique(self.cohort.patients, return_index=True)[1]]


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """An arm under a rule.

    Attributes:
        images: decisions on images, by seed.
        patients: decisions on patients, by seed.
        auroc: within folds, of images.
        auroc_patients: of patients.
    """

    images: Mapping[int, Decided]
    patients: Mapping[int, Decided]
    auroc: Measured
    auroc_patients: Measured


def judged(judge: Judge, nested: Mapping[int, Nested], rule: str) -> Judged:
    """Decide and measure an arm, from what each seed said."""
    cohort = judge.cohort
    images = {s: decide(one, cohort.died, judge.fold, rule) for s, one in nested.items()}
    patients = {
        s: decide(one.of_patients(cohort), cohort.patients_died, judge.fold_of_patients, rule)
        for s, one in nested.items()
    }
    return Judged(
        images,
        patients,
        measure(judge.images, _columns(images), judge.draws_images),
        measure(judge.patients, _columns(patients), judge.draws_patients),
    )


def numbers(judge: Judge, found: Judged) -> dict[str, Any]:
    """All numbers of an arm, as JSON holds them."""
    died, cohort = judge.cohort.died, judge.cohort
    counts = [counted(died, one) for one in found.images.values()]
    of_patients = [counted(cohort.patients_died, one) for one in found.patients.values()]
    first = next(iter(found.images.values()))
    interval = decision_intervals(
        judge.images, first.died[:, None], rng=np.random.default_rng(0), samples=DRAWS
    )["f1"][0]
    return {
        "seeds": list(found.images),
        "counts": counts,
        "f1": [f1_of(table_of(one)) for one in counts],
        "f1_first": told(interval),
        "counts_patients": of_patients,
        "f1_patients": [f1_of(table_of(one)) for one in of_patients],
        "auroc": _told(judge.images, found.auroc),
        "auroc_patients": _told(judge.patients, found.auroc_patients),
        "chosen": [list(one.candidates) for one in found.images.values()],
    }


def apart(judge: Judge, one: Judged, other: Judged) -> dict[str, Any]:
    """How far an arm's AUROCs lie above another's, paired by patient."""
    pairs = {
        "auroc": (judge.images, one.auroc, other.auroc),
        "auroc_patients": (judge.patients, one.auroc_patients, other.auroc_patients),
    }
    return {
        name: told(effect(reference, a, _as_often(b, a)).difference)
        for name, (reference, a, b) in pairs.items()
    }


def counted(died: NDArray[np.bool_], decided: Decided) -> Counts:
    """TP, FN, FP, TN of death."""
    found: Confusion = confusion(died, decided.died)
    return found.tp, found.fn, found.fp, found.tn


def told(found: Measure) -> dict[str, Any]:
    """A measure as JSON holds it."""
    ends = {name: getattr(found, name) for name in ("value", "low", "high")}
    return {name: None if end is None else round(end, 5) for name, end in ends.items()} | {
        "reason": found.reason
    }


def _columns(decided: Mapping[int, Decided]) -> dict[int, NDArray[np.float32]]:
    return {seed: one.scores[:, None].astype(np.float32) for seed, one in decided.items()}


def _told(reference: Reference, found: Measured) -> dict[str, Any]:
    each = [round(float(one), 5) for one in found.each]
    return told(with_its_interval(reference, found)) | {"each": each}


def _as_often(one: Measured, other: Measured) -> Measured:
    """What chance has no part in, as if it had been run with the other's seeds."""
    if len(one.seeds) > 1:
        return one
    number = len(other.seeds)
    return replace(
        one,
        seeds=other.seeds,
        each=np.repeat(one.each, number),
        draws=np.repeat(one.draws, number, axis=0),
    )
