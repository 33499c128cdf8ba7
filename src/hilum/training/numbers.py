"""From out-of-fold logits to calibration, operating points and the numbers on the card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.bundles.card import Calibration, CardFinding, OperatingPoint, Result
from hilum.domain.text import Text
from hilum.errors import EvaluationError, RecipeError, RunError
from hilum.evaluation import (
    Calibrator,
    Measure,
    Metric,
    Reference,
    at_specificity,
    calibration_slope_intercept,
    fit_platt,
    fit_pooled,
    intervals,
)

TRUSTED = 30
"""Patients with a finding from which a calibration of a finding's own is fitted and trusted."""

SPECIFICITY = 0.9
"""At the operating point. With fourteen findings, the point that weighs sensitivity and specificity
alike (Youden's) would call several of them present on most radiographs."""

NAMES: dict[Metric, str] = {
    "auroc": "AUROC",
    "auroc within strata": "AUROC within stratum",
    "average precision": "average precision",
}


def calibrate(
    keys: Sequence[str],
    logits: NDArray[np.float32],
    targets: NDArray[np.float32],
    mask: NDArray[np.bool_],
    fitted_on: str,
    patients: Text | None = None,
) -> tuple[CardFinding, ...]:
    """A calibration and an operating point a finding.

    A finding that at least 30 patients have gets a Platt calibration of its own. One with fewer
    gets the slope that all findings share and an intercept of its own, and is marked as not
    trusted.

    Args:
        keys: of the findings.
        logits: out of fold, [images, findings].
        targets: 0 or 1, the same shape.
        mask: which cells count.
        fitted_on: in words: which rows.
        patients: one an image; a calibration is trusted where so many of them, not of their
            images, have the finding. None where images are independent.

    Returns:
        The card's findings, in the order of ``keys``.

    Raises:
        RecipeError: a finding is present, or absent, on every image.
        RunError: scores go against the findings.
    """
    try:
        calibrators = _fitted(logits, targets, mask, patients)
    except EvaluationError as error:
        raise RunError(
            f"The scores cannot be calibrated, for nothing was learnt: {error} More images, more "
            "epochs, or trained weights to start from."
        ) from error
    found: list[CardFinding] = []
    for at, (key, (fitted, trusted)) in enumerate(zip(keys, calibrators, strict=True)):
        rows = mask[:, at]
        reference, scores = targets[rows, at], logits[rows, at]
        point = at_specificity(reference, fitted(scores), SPECIFICITY)
        if point.threshold is None or point.confusion is None:
            raise RecipeError(f"{key}: no operating point ({point.reason}); leave it out.")
        found.append(
            CardFinding(
                key=key,
                calibration=Calibration(
                    slope=fitted.slope,
                    intercept=fitted.intercept,
                    trusted=trusted,
                    method="platt" if trusted else "pooled",
                    fitted_on=fitted_on,
                ),
                operating_point=OperatingPoint(
                    threshold=point.threshold,
                    rule=point.rule,
                    sensitivity=point.confusion.sensitivity.value,
                    specificity=point.confusion.specificity.value,
                ),
                prevalence=fitted.positives / len(reference),
                positives=fitted.positives,
            )
        )
    return tuple(found)


def _fitted(
    logits: NDArray[np.float32],
    targets: NDArray[np.float32],
    mask: NDArray[np.bool_],
    patients: NDArray[Any] | None,
) -> list[tuple[Calibrator, bool]]:
    """The calibrator of each finding, and whether it is the finding's own.

    Raises:
        EvaluationError: scores go against the findings, or none is present and absent.
    """
    pooled = fit_pooled(logits, targets, mask)
    found: list[tuple[Calibrator, bool]] = []
    for at, shared in enumerate(pooled):
        rows = mask[:, at]
        reference, fitted, own = targets[rows, at], shared, False
        if min(_independent(reference, patients, rows)) >= TRUSTED:
            try:
                fitted, own = fit_platt(logits[rows, at], reference), True
            except EvaluationError:
                own = False  # scores that speak against a finding give it no slope of its own
        found.append((fitted, own))
    return found


def _independent(
    reference: NDArray[np.float32], patients: NDArray[Any] | None, rows: NDArray[np.bool_]
) -> tuple[int, int]:
    """Patients with the finding, and without; images where patients are not told."""
    if patients is None:
        return int((reference > 0).sum()), int((reference <= 0).sum())
    some = patients[rows]
    return len(set(some[reference > 0])), len(set(some[reference <= 0]))


def measure(
    keys: Sequence[str],
    logits: NDArray[np.float32],
    reference: Reference,
    *,
    split: str,
    note: str,
    seed: int,
    strata: str,
) -> list[Result]:
    """AUROC, AUROC within strata and average precision with intervals by patient.

    Args:
        keys: of the findings.
        logits: [images, findings].
        reference: what they are measured against.
        split: which rows, in words.
        note: how the rows relate to the network.
        seed: of the bootstrap.
        strata: what the strata are, such as "road"; "" where there are none.

    Returns:
        One result a metric and finding, then the mean of the metric.
    """
    metrics: list[Metric] = ["auroc", "average precision"]
    if strata:
        metrics.insert(1, "auroc within strata")
    results: list[Result] = []
    for metric in metrics:
        found = intervals(reference, logits, rng=np.random.default_rng(seed), metric=metric)
        name = NAMES[metric].replace("stratum", strata)
        for key, one in zip((*keys, None), (*found.each, found.mean), strict=True):
            results.append(as_result(name, key, _without_certainty(one), split, note))
    return results


def calibration_slopes(
    findings: Sequence[CardFinding],
    logits: NDArray[np.float32],
    targets: NDArray[np.float32],
    mask: NDArray[np.bool_],
    *,
    split: str,
    note: str,
) -> list[Result]:
    """Slope of a logistic regression of the reference on the calibrated log-odds; 1 is right."""
    results: list[Result] = []
    for at, finding in enumerate(findings):
        rows = mask[:, at]
        scores = logits[rows, at].astype(np.float64)
        odds = finding.calibration.slope * scores + finding.calibration.intercept
        line = calibration_slope_intercept(targets[rows, at], _probability(odds))
        results.append(as_result("calibration slope", finding.key, line.slope, split, note))
    return results


def cross_fitted_slopes(
    reference: Reference,
    logits: NDArray[np.float32],
    parts: Sequence[NDArray[np.int64]],
    *,
    split: str,
    note: str,
) -> list[Result]:
    """How well calibrations hold that were fitted on the other folds; 1 is right.

    Args:
        reference: of the images.
        logits: out of fold, [images, findings].
        parts: places of each fold's images.
        split: which rows, in words.
        note: how they relate to the network.

    Returns:
        A result a finding; undefined, with the reason, where the other folds give no calibration.
    """
    odds = np.full(logits.shape, np.nan)
    whole = np.concatenate(parts)
    for held in parts:
        rest = np.setdiff1d(whole, held)
        targets, mask = reference.targets[rest].astype(np.float32), reference.mask[rest]
        try:
            found = _fitted(logits[rest], targets, mask, reference.patients[rest])
        except EvaluationError as error:
            none = Measure(None, reason=f"the other folds give no calibration: {error}")
            named = reference.findings
            return [as_result("calibration slope", key, none, split, note) for key in named]
        slope, shift = (np.array([getattr(one, n) for one, _ in found])
                        for n in ("slope", "intercept"))  # fmt: skip
        odds[held] = logits[held] * slope + shift
    results = []
    for at, key in enumerate(reference.findings):
        rows = whole[reference.mask[whole, at]]
        line = calibration_slope_intercept(
            reference.targets[rows, at], _probability(odds[rows, at])
        )
        results.append(as_result("calibration slope", key, line.slope, split, note))
    return results


def _probability(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    # Beyond 36 a probability is 1 to the last digit, and its log-odds infinite.
    return 1 / (1 + np.exp(-np.clip(odds, -36, 36)))


def _without_certainty(found: Measure) -> Measure:
    """An interval that has shrunk to a point at 0 or 1 is none: resampling shows nothing there."""
    if found.value in (0.0, 1.0) and found.low == found.high == found.value:
        why = "the classes separate completely, of which resampling cannot tell how sure that is"
        return replace(found, low=None, high=None, reason=why)
    return found


def as_result(metric: str, key: str | None, found: Measure, split: str, note: str) -> Result:
    """A measure as a row of the card."""
    return Result(
        metric=metric,
        finding=key,
        split=split,
        value=found.value,
        low=found.low,
        high=found.high,
        level=found.level,
        positives=found.positives if key else None,
        images=found.images if key else None,
        note="; ".join(part for part in (note, found.reason) if part),
    )
