"""What a score adds to what is known of a patient without a radiograph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.errors import EvaluationError, MissingExtra
from hilum.evaluation import inputs
from hilum.evaluation.comparison import Comparison, compare
from hilum.evaluation.discrimination import measured, undefined
from hilum.evaluation.measure import Measure
from hilum.evaluation.metrics import intervals
from hilum.evaluation.reference import Reference

FOLDS = 5


@dataclass(frozen=True, slots=True)
class CovariateAuroc:
    """AUROCs of an event, each from models that saw nothing of the patient, with intervals.

    Attributes:
        score: of the score alone, as it is, over all pairs.
        covariates: of age, sex and the like alone.
        together: of both.
        gain: together − covariates, paired by patient.
        names: of the covariates.
        folds: patients were put into.
    """

    score: Measure
    covariates: Measure
    together: Measure
    gain: Comparison
    names: tuple[str, ...]
    folds: int


@dataclass(frozen=True, slots=True, eq=False)
class _Scale:
    """Mean and deviation of what is known of every column, and the columns with holes."""

    middle: NDArray[np.float64]
    spread: NDArray[np.float64]
    holes: NDArray[np.int64]


def auroc_with_covariates(
    reference: ArrayLike,
    score: ArrayLike,
    covariates: ArrayLike,
    *,
    patients: ArrayLike,
    rng: np.random.Generator,
    names: Sequence[str] = (),
    samples: int = 2000,
) -> CovariateAuroc:
    """Does the score tell more than age and sex alone?

    Logistic regressions of the event, with and without the score, are fitted to four fifths of the
    patients and asked about the fifth that is left. Numbers are brought to mean 0 and deviation 1;
    a missing covariate takes the mean of the others and a column that says that it was missing.
    Only pairs of one fold are compared: models of two folds need not agree on a base rate.

    Args:
        reference: 1 for the event, [n].
        score: higher for more risk, finite, [n]; log-odds rather than probabilities.
        covariates: numbers, NaN where unknown, [n, covariates]; sex as 0 and 1.
        patients: who the image is of, [n]; all images of a patient are in one fold.
        rng: of the folds and of the intervals.
        names: of the covariates.
        samples: number of draws of patients.

    Returns:
        The AUROCs; all undefined where fewer than 2 patients have the event or do not.

    Raises:
        EvaluationError: shapes that differ, infinity, or NaN in the score.
        MissingExtra: scikit-learn is not installed.

    Source:
        Steyerberg 2019, Clinical Prediction Models, § 5.3 (cross-validation) and § 17.3 (what a
        marker adds).
    """
    truth = inputs.references(reference)
    values = inputs.vector(score, "score", len(truth))
    known = inputs.table(covariates, "covariates")
    if len(known) != len(truth):
        raise EvaluationError(f"covariates have {len(known)} rows where {len(truth)} were expected")
    if np.isinf(known).any():
        raise EvaluationError("covariates hold infinity; NaN stands for unknown")
    named = tuple(names) or tuple(f"covariate {i}" for i in range(known.shape[1]))
    if len(named) != known.shape[1]:
        raise EvaluationError(f"{len(named)} names were given for {known.shape[1]} covariates")
    who = inputs.codes(patients, "patients", len(truth))
    folds = min([FOLDS, *(len(np.unique(who[truth == side])) for side in (True, False))])
    seed = int(rng.integers(2**31))
    fitted = _out_of_fold(truth, values, known, who, folds, seed) if folds > 1 else None
    if fitted is None:
        why = undefined(truth) or "too few patients with the event, or without it"
        nothing = measured(truth, np.nan, why)
        return CovariateAuroc(
            nothing, nothing, nothing, Comparison(nothing, nothing, nothing, None), named, 0
        )
    odds, fold = fitted
    gain = compare(
        Reference.of(truth, who, strata=fold),
        odds[0],
        odds[1],
        rng=rng,
        metric="auroc within strata",
        samples=samples,
    ).each[0]
    measured_by = Reference.of(truth, who)
    plain = intervals(measured_by, values, rng=rng, samples=samples).each[0]
    return CovariateAuroc(plain, gain.b, gain.a, gain, named, folds)


def _out_of_fold(
    truth: NDArray[np.bool_],
    values: NDArray[np.float64],
    known: NDArray[np.float64],
    who: NDArray[np.int64],
    folds: int,
    seed: int,
) -> tuple[NDArray[np.float64], NDArray[np.int64]] | None:
    """Log-odds of every row from models that saw nothing of its patient, and its fold.

    Returns:
        With and without the score, [2, n]; number of the fold, [n]. None where the patients of
        the other folds are of one class.
    """
    try:
        import sklearn.linear_model as linear  # pyright: ignore[reportMissingTypeStubs]
        import sklearn.model_selection as selection  # pyright: ignore[reportMissingTypeStubs]
    except ImportError as error:
        raise MissingExtra("Covariates need scikit-learn: pip install 'hilum[analyse]'.") from error
    odds = np.empty((2, len(truth)))
    fold = np.empty(len(truth), np.int64)
    split: Any = selection.StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    for number, (learn, ask) in enumerate(split.split(known, truth, who)):
        fold[ask] = number
        if truth[learn].all() or not truth[learn].any():
            return None
        for side, columns in enumerate((np.column_stack([known, values]), known)):
            scale = _scale(columns[learn])
            model: Any = linear.LogisticRegression(max_iter=1000)
            model.fit(_design(columns[learn], scale), truth[learn])
            odds[side, ask] = model.decision_function(_design(columns[ask], scale))
    return odds, fold


def _scale(columns: NDArray[np.float64]) -> _Scale:
    holes = np.isnan(columns)
    count = np.maximum((~holes).sum(axis=0), 1)
    middle = np.where(holes, 0.0, columns).sum(axis=0) / count
    spread = np.sqrt((np.where(holes, 0.0, columns - middle) ** 2).sum(axis=0) / count)
    return _Scale(middle, np.where(spread > 0, spread, 1.0), np.flatnonzero(holes.any(axis=0)))


def _design(columns: NDArray[np.float64], scale: _Scale) -> NDArray[np.float64]:
    missing = np.isnan(columns)
    scaled = np.where(missing, 0.0, (columns - scale.middle) / scale.spread)
    return np.column_stack([scaled, missing[:, scale.holes].astype(np.float64)])
