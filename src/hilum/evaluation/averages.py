"""Several findings as one number: weighted and micro means, and F1 in all of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.errors import EvaluationError
from hilum.evaluation.decisions import Confusion
from hilum.evaluation.discrimination import auroc, average_precision, undefined
from hilum.evaluation.measure import Measure, mean_of
from hilum.evaluation.reference import Reference

Average = Literal["macro", "micro", "weighted"]


@dataclass(frozen=True, slots=True)
class Averages:
    """One number of many findings, in three ways that need not agree.

    Attributes:
        macro: every finding counts alike.
        weighted: every finding counts by its positives.
        micro: all cells, or all decisions, in one pot.
    """

    macro: Measure
    weighted: Measure
    micro: Measure


def weighted_mean_of(
    measures: Sequence[Measure], weights: Sequence[float], names: Sequence[str] = ()
) -> Measure:
    """The mean of the measures that are defined, each counting by its weight.

    Args:
        measures: one a finding.
        weights: ≥ 0, one a finding: its positives, as a rule.
        names: what the measures are of, for the reason; their numbers from 0 without.

    Returns:
        The mean, saying which were left out and why; undefined when no measure of weight is
        defined. It has no interval.

    Raises:
        EvaluationError: another number of weights, or one that is negative.
    """
    if len(weights) != len(measures):
        raise EvaluationError(f"{len(weights)} weights were given for {len(measures)} measures")
    if any(not weight >= 0 for weight in weights):
        raise EvaluationError("weights must not be negative")
    plain = mean_of(measures, names)
    kept = [
        (m.value, w) for m, w in zip(measures, weights, strict=True) if m.value is not None and w
    ]
    if not plain.defined or not kept:
        return replace(plain, value=None, reason=plain.reason or "all weights are 0")
    total = math.fsum(w for _, w in kept)
    return replace(
        plain,
        value=math.fsum(v * w for v, w in kept) / total,
        reason=plain.reason.replace("mean of", "weighted mean of", 1),
    )


def pooled(reference: Reference, scores: ArrayLike) -> tuple[Reference, NDArray[np.float64]]:
    """All cells that count as one finding, for micro means.

    The AUROC of the pot compares images across findings: it also rewards scores that merely know
    which findings are common.

    Args:
        reference: of [images, findings].
        scores: finite where a cell counts, [images, findings].

    Returns:
        A reference of one finding named "all findings" and scores [cells, 1]; patients and strata
        go with their cells, so that :func:`hilum.evaluation.intervals` can draw patients.
    """
    values = reference.scores(scores)
    rows, columns = np.nonzero(reference.mask)
    return (
        Reference(
            targets=reference.targets[rows, columns][:, None],
            mask=np.ones((len(rows), 1), np.bool_),
            patients=reference.patients[rows],
            strata=None if reference.strata is None else reference.strata[rows],
            findings=("all findings",),
        ),
        values[rows, columns][:, None],
    )


def micro_auroc(reference: Reference, scores: ArrayLike) -> Measure:
    """AUROC of all cells in one pot, naming the findings that have one class only.

    Args:
        reference: of [images, findings]; its patients do not matter.
        scores: finite where a cell counts, [images, findings].

    Returns:
        A number in [0, 1]; undefined when the pot has one class only.

    Source:
        ``roc_auc_score(average="micro")`` of scikit-learn.
    """
    pot, values = pooled(reference, scores)
    return name_undefined(auroc(pot.targets[:, 0], values[:, 0]), reference)


def micro_average_precision(reference: Reference, scores: ArrayLike) -> Measure:
    """Average precision of all cells in one pot; otherwise as :func:`micro_auroc`."""
    pot, values = pooled(reference, scores)
    return name_undefined(average_precision(pot.targets[:, 0], values[:, 0]), reference)


def name_undefined(micro: Measure, reference: Reference) -> Measure:
    """A micro mean that says which findings in its pot would be undefined alone, and why."""
    reasons = [
        f"{name} ({why})"
        for f, name in enumerate(reference.findings)
        if (why := undefined(reference.targets[reference.mask[:, f], f]))
    ]
    if not reasons:
        return micro
    said = f"undefined alone, but in the pot: {', '.join(reasons)}"
    return replace(micro, reason="; ".join(r for r in (micro.reason, said) if r))


def f1_averages(confusions: Sequence[Confusion], names: Sequence[str] = ()) -> Averages:
    """F1 of many findings or classes.

    scikit-learn takes an undefined F1 for 0 in its means; here it is left out and named.

    Args:
        confusions: one a finding.
        names: of them.

    Returns:
        Macro and weighted means of each finding's F1, and the F1 of all counts together (micro),
        which for one-of-K decisions equals the accuracy. That of one finding is
        ``confusion.f1``, named "binary" elsewhere.
    """
    each = [one.f1 for one in confusions]
    whole = sum(confusions, start=Confusion(0, 0, 0, 0))
    return Averages(
        mean_of(each, names),
        weighted_mean_of(each, [one.tp + one.fn for one in confusions], names),
        whole.f1,
    )


def mean_of_draws(
    points: Sequence[Measure],
    drawn: NDArray[np.float64],
    weights: Sequence[float] | None = None,
) -> NDArray[np.float64]:
    """The mean over the findings that are defined on the images as they are, in every draw.

    Args:
        points: one a finding.
        drawn: [findings, draws].
        weights: one a finding; alike without.

    Returns:
        [draws], NaN where a finding that the mean holds is undefined in the draw.
    """
    each = np.array([1.0] * len(points) if weights is None else weights, np.float64)
    kept = [f for f, point in enumerate(points) if point.defined and each[f] > 0]
    if not kept:
        return np.full(drawn.shape[1:], np.nan, np.float64)
    if weights is None:
        return np.asarray(drawn[kept].mean(axis=0))
    return np.average(drawn[kept], axis=0, weights=each[kept])
