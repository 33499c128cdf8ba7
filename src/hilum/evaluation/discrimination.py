"""How well scores put images with a finding before images without it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.evaluation import inputs
from hilum.evaluation.measure import Measure
from hilum.evaluation.ranks import Weights, rank, weighted_auroc, weighted_average_precision


def auroc(reference: ArrayLike, scores: ArrayLike, *, weights: ArrayLike | None = None) -> Measure:
    """Area under the ROC curve: the share of pairs in the right order, half for ties.

    Args:
        reference: 0 or 1, [n].
        scores: any finite numbers, higher for more suspicion, [n].
        weights: ≥ 0, [n]; a weight of 2 counts an image twice.

    Returns:
        A number in [0, 1]; undefined when there is one class only.

    Raises:
        EvaluationError: NaN or infinity, lengths that differ, or a reference other than 0 and 1.

    Source:
        Hanley and McNeil 1982, The meaning and use of the area under a ROC curve: the
        Mann–Whitney statistic.

    Example:
        >>> print(auroc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]))
        0.750
        >>> print(auroc([0, 0, 0], [0.1, 0.4, 0.35]))
        undefined (no positive among 3 images)
    """
    truth = inputs.references(reference)
    values = inputs.vector(scores, "scores", len(truth))
    each, reason = _weights(truth, weights)
    ranks = rank(truth, values, np.arange(len(truth)))
    return measured(truth, weighted_auroc(ranks, each)[0], reason)


def average_precision(
    reference: ArrayLike, scores: ArrayLike, *, weights: ArrayLike | None = None
) -> Measure:
    """Precision averaged over the steps of recall, without interpolation.

    Args:
        reference: 0 or 1, [n].
        scores: any finite numbers, [n].
        weights: ≥ 0, [n].

    Returns:
        A number in (0, 1]; scores that know nothing reach about the prevalence. Undefined when
        there is one class only.

    Raises:
        EvaluationError: as :func:`auroc`.

    Source:
        Σ (Rₙ − Rₙ₋₁) Pₙ as in scikit-learn's ``average_precision_score``; tied scores are one
        threshold. Davis and Goadrich 2006 say why precision must not be interpolated linearly.
    """
    truth = inputs.references(reference)
    values = inputs.vector(scores, "scores", len(truth))
    each, reason = _weights(truth, weights)
    ranks = rank(truth, values, np.arange(len(truth)))
    return measured(truth, weighted_average_precision(ranks, each)[0], reason)


def auroc_within(
    reference: ArrayLike,
    scores: ArrayLike,
    strata: ArrayLike,
    *,
    weights: ArrayLike | None = None,
) -> Measure:
    """AUROC of the pairs that lie in one stratum: what is left once the stratum tells nothing.

    Σₛ n⁺ₛ n⁻ₛ AUROCₛ / Σₛ n⁺ₛ n⁻ₛ: every stratum counts by its number of pairs, and a stratum of
    one class has none.

    Args:
        reference: 0 or 1, [n].
        scores: any finite numbers, [n].
        strata: source, road, hospital or machine of every image, text or whole numbers, [n].
        weights: ≥ 0, [n].

    Returns:
        A number in [0, 1]; undefined when no stratum holds both classes.

    Raises:
        EvaluationError: as :func:`auroc`.

    Source:
        The stratified Mann–Whitney statistic of van Elteren 1960, with the pairs as weights.
    """
    truth = inputs.references(reference)
    values = inputs.vector(scores, "scores", len(truth))
    where = inputs.codes(strata, "strata", len(truth))
    each, reason = _weights(truth, weights)
    ranks = rank(truth, values, np.arange(len(truth)), where)
    return measured(truth, weighted_auroc(ranks, each)[0], reason)


def auroc_each(
    targets: ArrayLike,
    scores: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    strata: ArrayLike | None = None,
) -> list[Measure]:
    """AUROC of every finding; within strata where they are given.

    Args:
        targets: 0 or 1, [n, findings].
        scores: finite numbers, [n, findings].
        mask: True where a cell counts, [n, findings]; what the others hold does not matter.
        strata: as in :func:`auroc_within`, [n].

    Returns:
        One measure a finding, undefined ones included; :func:`mean_of` averages them.

    Raises:
        EvaluationError: as :func:`auroc`.
    """
    truth, values, counts = cells(targets, scores, mask)
    where = None if strata is None else inputs.codes(strata, "strata", len(truth))
    found: list[Measure] = []
    for f in range(truth.shape[1]):
        rows = np.flatnonzero(counts[:, f])
        part = None if where is None else where[rows]
        ranks = rank(truth[rows, f], values[rows, f], np.arange(len(rows)), part)
        value = weighted_auroc(ranks, np.ones((1, len(rows))))[0]
        found.append(measured(truth[rows, f], value, undefined(truth[rows, f])))
    return found


def average_precision_each(
    targets: ArrayLike, scores: ArrayLike, mask: ArrayLike | None = None
) -> list[Measure]:
    """Average precision of every finding; arguments and result as :func:`auroc_each`."""
    truth, values, counts = cells(targets, scores, mask)
    return [
        average_precision(truth[counts[:, f], f], values[counts[:, f], f])
        for f in range(truth.shape[1])
    ]


def cells(
    targets: ArrayLike, scores: ArrayLike, mask: ArrayLike | None
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.bool_]]:
    """Targets, scores and mask [n, findings], checked where the mask is True.

    Raises:
        EvaluationError: shapes that differ; NaN, infinity or a target other than 0 and 1 in a
            cell that counts.
    """
    raw = inputs.table(targets, "targets")
    shape = (raw.shape[0], raw.shape[1])
    values = inputs.table(scores, "scores", shape)
    counts = np.ones(shape, np.bool_)
    if mask is not None:
        counts = inputs.zero_one(inputs.table(mask, "mask", shape), "mask")
    truth = inputs.zero_one(raw, "targets", counts)
    inputs.finite(values, "scores", counts)
    return truth, values, counts


def undefined(reference: NDArray[np.bool_]) -> str:
    """Why nothing can be ranked among these images; empty when both classes are there."""
    n, positives = len(reference), int(reference.sum())
    if not n:
        return "no image"
    if positives in (0, n):
        return f"no {'negative' if positives else 'positive'} among {n} images"
    return ""


def _weights(reference: NDArray[np.bool_], weights: ArrayLike | None) -> tuple[Weights, str]:
    """Weights [1, n] and why they leave nothing to rank."""
    each = inputs.weights(weights, len(reference))
    reason = undefined(reference)
    if not reason and not (each[reference].any() and each[~reference].any()):
        reason = "all positives or all negatives have weight 0"
    return each[None], reason


def measured(reference: NDArray[np.bool_], value: float, reason: str = "") -> Measure:
    """A number as a measure, with the counts behind it and the reason if it is NaN."""
    positives = int(reference.sum())
    defined = not np.isnan(value)
    return Measure(
        float(value) if defined else None,
        "" if defined else reason or "no stratum holds both positives and negatives",
        positives=positives,
        negatives=len(reference) - positives,
    )
