"""What can be had without looking at a picture."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.errors import MissingExtra
from hilum.evaluation.appraisal.few import too_few, without_intervals
from hilum.evaluation.appraisal.matched import Matched
from hilum.evaluation.appraisal.options import Options
from hilum.evaluation.appraisal.results import Baseline
from hilum.evaluation.comparison import compare
from hilum.evaluation.measure import Measure, mean_of
from hilum.evaluation.reference import Reference

FOLDS = 5
_SEED = 23
_METADATA = ("age_years", "sex", "view")
_WORDS = (
    "logistic regression, each image judged by one that saw nothing of its patient ({folds} folds "
    "by patient); model and baseline are compared within the folds"
)


def baselines(matched: Matched, options: Options) -> tuple[Baseline, ...]:
    """Majority; age, sex and view; source: as far as the label table tells them.

    Raises:
        MissingExtra: scikit-learn is not installed.
    """
    found = [majority(matched)]
    metadata = [name for name in _METADATA if varies(matched, name)]
    if metadata:
        named = ", ".join("age" if name == "age_years" else name for name in metadata)
        found.append(_fitted(matched, options, "metadata", named, columns(matched, metadata)))
    source = matched.within or "source"
    if varies(matched, source):
        found.append(_fitted(matched, options, "source", source, columns(matched, [source])))
    return tuple(found)


def majority(matched: Matched) -> Baseline:
    """Always the commoner answer: AUROC one half, and an accuracy that may look high."""
    reference = matched.reference(matched.tested)
    each: list[Measure] = []
    accuracy: list[Measure] = []
    for f in range(len(matched.findings)):
        truth = reference.targets[reference.mask[:, f], f]
        up, n = int(truth.sum()), len(truth)
        counts = {"positives": up, "negatives": n - up}
        both = 0 < up < n
        each.append(Measure(0.5 if both else None, "" if both else "one class alone", **counts))
        share = max(up, n - up) / n if n else None
        accuracy.append(Measure(share, "" if n else "no image", **counts))
    words = "the commoner answer to every image"
    return Baseline("majority", words, tuple(each), mean_of(each, matched.names),
                    accuracy=tuple(accuracy))  # fmt: skip


def columns(matched: Matched, names: list[str]) -> NDArray[np.float64]:
    """Attributes of the tested rows as numbers: ages with their square, values one a column."""
    made: list[NDArray[np.float64]] = []
    for name in names:
        values = matched.attributes[name][matched.tested]
        if values.dtype.kind == "f":
            known = np.isfinite(values)
            middle = float(values[known].mean()) if known.any() else 0.0
            spread = float(values[known].std()) if known.any() else 1.0
            scaled = np.where(known, (values - middle) / (spread or 1.0), 0.0)
            made += [scaled, scaled**2, (~known).astype(np.float64)]
            continue
        kinds, number = np.unique(values.astype(str), return_inverse=True)
        counts = np.bincount(number)
        for k in np.argsort(-counts, kind="stable")[: max(1, min(len(kinds), 50) - 1)]:
            made.append((number == k).astype(np.float64))
    return np.column_stack(made)


def varies(matched: Matched, name: str) -> bool:
    """Whether an attribute has two known values on the tested rows."""
    values = matched.attributes.get(name)
    if values is None:
        return False
    values = values[matched.tested]
    if values.dtype.kind == "f":
        return len(np.unique(values[np.isfinite(values)])) > 1
    return len(set(values.tolist()) - {""}) > 1


def _fitted(
    matched: Matched, options: Options, name: str, told: str, design: NDArray[np.float64]
) -> Baseline:
    reference = matched.reference(matched.tested)
    rng = np.random.default_rng([options.seed, _SEED])
    folds = min(FOLDS, reference.groups)
    fold = rng.permutation(np.arange(reference.groups) % folds)[reference.patients]
    scores = out_of_fold(reference, design, fold)
    found = compare(
        replace(reference, strata=fold.astype(np.int64)),
        matched.scores[matched.tested],
        scores,
        rng=rng,
        metric="auroc within strata",
        samples=options.samples,
        level=options.level,
    )
    each = [
        without_intervals(one, why) if why else one
        for one, why in zip(found.each, too_few(reference), strict=True)
    ]
    return Baseline(
        name=name,
        words=f"{told}: {_WORDS.format(folds=folds)}",
        auroc=tuple(one.b for one in each),
        mean=found.mean.b,
        gain=tuple(each),
        mean_gain=found.mean,
    )


def out_of_fold(
    reference: Reference, design: NDArray[np.float64], fold: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Log-odds of every image and finding by logistic regressions that saw nothing of its fold.

    Args:
        reference: targets and mask, [images, findings].
        design: numbers, without a column of ones, [images, columns].
        fold: number of the fold, [images]; no patient in two.

    Returns:
        float64 [images, findings]; 0 where the other folds hold one class alone. Those of two
        folds come from two regressions, and are compared within a fold only.
    """
    try:
        import sklearn.exceptions as problems  # pyright: ignore[reportMissingTypeStubs]
        import sklearn.linear_model as linear  # pyright: ignore[reportMissingTypeStubs]
    except ImportError as error:
        raise MissingExtra("Baselines need scikit-learn: pip install 'hilum[analyse]'.") from error
    odds = np.zeros((len(design), len(reference.findings)))
    for f in range(len(reference.findings)):
        for k in range(int(fold.max()) + 1):
            learn = (fold != k) & reference.mask[:, f]
            truth = reference.targets[learn, f]
            if not 0 < int(truth.sum()) < len(truth):
                continue
            model: Any = linear.LogisticRegression(solver="newton-cholesky", max_iter=100)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", problems.ConvergenceWarning)
                model.fit(design[learn], truth)
            odds[fold == k, f] = model.decision_function(design[fold == k])
    return odds
