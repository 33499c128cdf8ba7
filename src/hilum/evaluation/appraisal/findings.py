"""What is said of one finding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hilum.errors import EvaluationError
from hilum.evaluation.abstention import ConformalSets, conformal, judge_sets, risk_coverage
from hilum.evaluation.appraisal.curves import histogram, roc_and_precision_recall
from hilum.evaluation.appraisal.matched import Matched
from hilum.evaluation.appraisal.options import Options
from hilum.evaluation.appraisal.results import FindingResult, Needed, PointResult
from hilum.evaluation.calibration import (
    CalibrationLine,
    calibration_intervals,
    decision_curve,
    reliability,
)
from hilum.evaluation.measure import Measure
from hilum.evaluation.sample_size import cases_for_auroc

CERTAIN = 1e-7
"""Probabilities of 0 and 1 are moved so far inwards before their log-odds are taken."""
HARD = "All scores are 0 or 1."
_SEED = 53


def finding_result(
    matched: Matched,
    options: Options,
    f: int,
    numbers: dict[str, Measure],
    points: tuple[PointResult, ...],
) -> FindingResult:
    """Everything of one finding.

    Args:
        matched: rows.
        options: draws, level, seed, promised coverages.
        f: number of the finding.
        numbers: "prevalence", "auroc", "average_precision" and, where there are, "auroc_within"
            and "auroc_delong", measured already.
        points: its operating points.
    """
    rows = matched.tested & matched.mask[:, f]
    truth, scores = matched.targets[rows, f], matched.scores[rows, f]
    up = int(truth.sum())
    both = 0 < up < len(truth)
    notes: list[str] = []
    curves = roc_and_precision_recall(truth, scores) if both else (None, None)
    found = FindingResult(
        finding=matched.findings[f],
        name=matched.names[f],
        images=len(truth),
        patients=len(set(matched.patients[rows].tolist())),
        positives=up,
        negatives=len(truth) - up,
        points=points,
        roc=curves[0],
        precision_recall=curves[1],
        histogram=histogram(truth, scores, probabilities=matched.probabilities)
        if len(truth)
        else None,
        confounded=confounded(matched, f),
        needed=(_needed(numbers["auroc"], numbers["prevalence"], options),),
        prevalence=numbers["prevalence"],
        auroc=numbers["auroc"],
        average_precision=numbers["average_precision"],
        auroc_delong=numbers.get("auroc_delong"),
        auroc_within=numbers.get("auroc_within"),
    )
    if len(truth) and np.unique(scores).size == 1:
        notes.append("The model gives every image the same score.")
    elif len(truth) and scores.std() < 1e-6:
        notes.append("The model gives all images nearly the same score.")
    elif len(truth) and np.isin(scores, (0.0, 1.0)).all():
        notes.append(HARD)
    if matched.probabilities and len(truth):
        found = _calibrated(matched, options, f, found, notes)
    return replace(found, notes=tuple(notes))


def _calibrated(
    matched: Matched, options: Options, f: int, found: FindingResult, notes: list[str]
) -> FindingResult:
    rows = matched.tested & matched.mask[:, f]
    truth, scores = matched.targets[rows, f], matched.scores[rows, f]
    sure = int(((scores <= 0) | (scores >= 1)).sum())
    inward = np.clip(scores, CERTAIN, 1 - CERTAIN)
    if sure:
        notes.append(
            f"{sure:,} of {len(scores):,} probabilities are exactly 0 or 1; for slope, intercept "
            f"and log loss they were taken for {CERTAIN:g} from there."
        )
    numbers = calibration_intervals(
        truth,
        inward,
        matched.patients[rows].astype(str),
        rng=np.random.default_rng([options.seed, _SEED, f]),
        samples=options.samples,
        level=options.level,
    )
    share = found.positives / found.images
    both = 0 < share < 1
    cut = next((p.threshold for p in found.points if p.threshold is not None), 0.5)
    return replace(
        found,
        brier=numbers.brier,
        brier_majority=Measure(
            share * (1 - share), positives=found.positives, negatives=found.negatives
        ),
        log_loss=numbers.log_loss,
        ece=numbers.ece,
        line=CalibrationLine(numbers.slope, numbers.intercept),
        reliability=reliability(truth, scores) if both else None,
        decision_curve=decision_curve(truth, scores) if both else None,
        risk_coverage=risk_coverage(truth, scores, cut) if both else None,
        conformal=_conformal(matched, options, f, notes),
    )


def _conformal(
    matched: Matched, options: Options, f: int, notes: list[str]
) -> tuple[ConformalSets, ...]:
    """Sets with a promised coverage, made from tune rows; empty without."""
    tuned = matched.tuned & matched.mask[:, f]
    rows = matched.tested & matched.mask[:, f]
    if not tuned.any() or not rows.any():
        return ()
    found: list[ConformalSets] = []
    for promised in options.promised:
        for by_class in (False, True):
            try:
                rule = conformal(
                    matched.targets[tuned, f],
                    matched.scores[tuned, f],
                    promised=promised,
                    by_class=by_class,
                    patients=matched.patients[tuned].astype(str),
                )
            except EvaluationError as error:
                notes.append(f"No conformal sets: {error}")
                return tuple(found)
            found.append(judge_sets(rule, matched.targets[rows, f], matched.scores[rows, f]))
    return tuple(found)


def _needed(auroc: Measure, prevalence: Measure, options: Options) -> Needed:
    value, share = auroc.value, prevalence.value
    if value is None or share is None or not 0 < share < 1:
        return Needed("AUROC", options.width, 0, 0, auroc.reason or "one class alone")
    if not 0.5 < value < 1:
        reason = "the formula needs an AUROC between 0.5 and 1"
        return Needed("AUROC", options.width, 0, 0, reason)
    cases = cases_for_auroc(value, options.width, share, level=options.level)
    return Needed("AUROC", options.width, cases.positives, cases.negatives)


def confounded(matched: Matched, f: int) -> str:
    """Words of warning where positives and negatives come from different sources."""
    for column in dict.fromkeys([matched.within, "source"]):
        values = matched.attributes.get(column) if column else None
        if values is None or values.dtype.kind == "f":
            continue
        rows = matched.tested & matched.mask[:, f]
        told = _apart(matched.targets[rows, f], values[rows].astype(str), column)
        if told:
            return told
    return ""


def _apart(truth: NDArray[np.bool_], values: NDArray[np.str_], column: str) -> str:
    kinds, at = np.unique(values, return_inverse=True)
    up = np.bincount(at[truth], minlength=len(kinds)).astype(np.float64)
    down = np.bincount(at[~truth], minlength=len(kinds)).astype(np.float64)
    pairs = float(up.sum() * down.sum())
    if len(kinds) < 2 or not pairs:
        return ""
    within = float(up @ down)
    named = [str(kinds[k]) or "unknown" for k in np.argsort(-up) if up[k]][:3]
    if not within:
        return (
            f"Positives and negatives share no {column}: all positives come from "
            f"{', '.join(named)}, where there is no negative. The AUROC cannot tell the finding "
            f"from the {column} and says nothing of the finding."
        )
    share = within / pairs
    mixed = float((up + down) @ (up + down)) / float((up + down).sum()) ** 2
    if share < 0.5 * mixed:
        return (
            f"Only {share:.0%} of the pairs of a positive and a negative compare images of one "
            f"{column}; {mixed:.0%} would, were finding and {column} unrelated. Read the AUROC "
            f"within {column} (--within {column})."
        )
    return ""
