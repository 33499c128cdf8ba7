"""Sets of answers that hold the true one as often as promised: split conformal prediction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.errors import EvaluationError
from hilum.evaluation import inputs
from hilum.evaluation.abstention.risk_coverage import classes
from hilum.evaluation.measure import Measure
from hilum.evaluation.proportions import wilson


@dataclass(frozen=True, slots=True)
class Conformal:
    """A rule that turns probabilities into sets of classes; made by :func:`conformal`.

    Attributes:
        promised: share of new images whose true class the set shall hold.
        by_class: whether that is promised for the images of each class, not for all together.
        least: probability from which a class is in the set, one a class; for one finding those of
            absent and present. 0 where so few images calibrated it that the class is always in.
        images: images behind each.
        patients: patients behind each.
        needed: patients from which a class need not always be in the set.
    """

    promised: float
    by_class: bool
    least: tuple[float, ...]
    images: tuple[int, ...]
    patients: tuple[int, ...]
    needed: int

    def sets(self, probabilities: ArrayLike) -> NDArray[np.bool_]:
        """Which classes are in the set, bool [n, classes]; [n, 2] absent, present for one finding.

        Args:
            probabilities: [n] of one finding, or [n, classes].
        """
        return _each_class(probabilities) >= np.array(self.least) - _ROUNDING


@dataclass(frozen=True, slots=True)
class ConformalSets:
    """What a rule gave on images that it was not made from.

    Attributes:
        promised: share of images that was promised to be covered.
        by_class: whether it was promised for each class.
        threshold: :attr:`Conformal.least`.
        coverage: share of images whose set holds the true class, with Wilson's interval.
        each: the same among the images of each class: absent, present for one finding.
        size: mean number of classes in a set.
        single: share of sets of one class, where the rule decides.
        empty: share of sets without a class: no class is likely enough.
        single_wrong: share of wrong ones among the sets of one class.
    """

    promised: float
    by_class: bool
    threshold: tuple[float, ...]
    coverage: Measure
    each: tuple[Measure, ...]
    size: Measure
    single: Measure
    empty: Measure
    single_wrong: Measure


_ROUNDING = 1e-12


def conformal(
    reference: ArrayLike,
    probabilities: ArrayLike,
    *,
    promised: float = 0.9,
    by_class: bool = False,
    patients: ArrayLike | None = None,
) -> Conformal:
    """Calibrate sets on images that the model did not learn from.

    A class is in the set when its probability is no lower than what all but a share 1 − promised
    of the true classes had. The promise holds on average over calibrations, for an image drawn as
    these were; not for a single patient, nor at another hospital.

    Args:
        reference: 0 or 1, [n]; or the number of the class, [n], with probabilities [n, classes].
        probabilities: in [0, 1], [n] of one finding, or [n, classes].
        promised: coverage, in (0, 1).
        by_class: promise it for each class, so that a rare one is not given up for the others.
        patients: who each image is of, [n]; each patient counts as one, the promise then being for
            an image of a new patient. Images count one by one where None.

    Returns:
        The rule.

    Raises:
        EvaluationError: values out of range, or no image.

    Source:
        Vovk, Gammerman and Shafer 2005, Algorithmic Learning in a Random World, § 4.5 (by class);
        Sadinle, Lei and Wasserman 2019, Least Ambiguous Set-Valued Classifiers with Bounded Error
        Levels (the score); Lee, Barber and Willett 2023, Distribution-Free Inference with
        Hierarchical Data, § 3 (patients with several images).
    """
    if not 0 < promised < 1:
        raise EvaluationError(f"promised must lie in (0, 1), got {promised}; 0.9 is usual")
    truth, values = _checked(reference, probabilities)
    if not len(truth):
        raise EvaluationError("conformal sets need images to calibrate on: there is none")
    given = np.arange(len(truth)) if patients is None else patients
    who = inputs.codes(given, "patients", len(truth))
    scores = 1 - values[np.arange(len(truth)), truth]
    least: list[float] = []
    images: list[int] = []
    people: list[int] = []
    for k in range(values.shape[1]):
        rows = truth == k if by_class else np.ones(len(truth), np.bool_)
        highest, count = _quantile(scores[rows], who[rows], promised)
        least.append(max(0.0, 1 - highest))
        images.append(int(rows.sum()))
        people.append(count)
    # Patients m with ⌈(m + 1) · promised⌉ ≤ m.
    needed = int(np.ceil(promised / (1 - promised) - 1e-9))
    return Conformal(promised, by_class, tuple(least), tuple(images), tuple(people), needed)


def judge_sets(rule: Conformal, reference: ArrayLike, probabilities: ArrayLike) -> ConformalSets:
    """Apply a rule to other images, and see whether it kept its promise.

    Args:
        rule: from :func:`conformal`.
        reference: as there, of images that the rule was not made from.
        probabilities: likewise.

    Returns:
        Coverage and size. Wilson's intervals take images as independent.

    Raises:
        EvaluationError: values out of range, or another number of classes.
    """
    truth, values = _checked(reference, probabilities)
    if values.shape[1] != len(rule.least):
        raise EvaluationError(f"the rule knows {len(rule.least)} classes, not {values.shape[1]}")
    sets = values >= np.array(rule.least) - _ROUNDING
    held = sets[np.arange(len(truth)), truth]
    size = sets.sum(1)
    one = size == 1
    return ConformalSets(
        promised=rule.promised,
        by_class=rule.by_class,
        threshold=rule.least,
        coverage=_share(held),
        each=tuple(_share(held[truth == k]) for k in range(values.shape[1])),
        size=Measure(float(size.mean()), negatives=len(size)) if len(size) else _share(held),
        single=_share(one),
        empty=_share(size == 0),
        single_wrong=_share(~held[one]),
    )


def _checked(
    reference: ArrayLike, probabilities: ArrayLike
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    values = inputs.numbers(probabilities, "probabilities")
    if values.ndim == 1:
        truth = inputs.references(reference).astype(np.int64)
        inputs.probabilities(values, "probabilities", len(truth))
        return truth, _each_class(values)
    return classes(reference, values)


def _each_class(probabilities: ArrayLike) -> NDArray[np.float64]:
    values = inputs.numbers(probabilities, "probabilities")
    return np.stack([1 - values, values], axis=1) if values.ndim == 1 else values


def _quantile(
    scores: NDArray[np.float64], who: NDArray[np.int64], promised: float
) -> tuple[float, int]:
    """The score that a share ``promised`` of patients, one more counted at infinity, stays under.

    A patient's images share one weight. With an image a patient this is the ⌈(n + 1) · promised⌉th
    smallest score.
    """
    if not len(scores):
        return np.inf, 0
    _, at, counts = np.unique(who, return_inverse=True, return_counts=True)
    people = len(counts)
    order = np.argsort(scores, kind="stable")
    weight = np.cumsum((1 / counts)[at][order])
    wanted = promised * (people + 1) - 1e-9
    if weight[-1] < wanted:
        return np.inf, people
    return float(scores[order][int(np.searchsorted(weight, wanted))]), people


def _share(which: NDArray[np.bool_]) -> Measure:
    if not len(which):
        return Measure(None, "no image")
    return wilson(int(which.sum()), len(which))
