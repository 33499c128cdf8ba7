"""AUROC with the interval of DeLong, DeLong and Clarke-Pearson, by midranks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.evaluation import inputs
from hilum.evaluation.discrimination import cells, measured, undefined
from hilum.evaluation.measure import Measure
from hilum.evaluation.proportions import normal_quantile, two_sided


@dataclass(frozen=True, slots=True)
class DeLongComparison:
    """How far the AUROC of method A lies above that of method B, on the same images.

    Attributes:
        a: AUROC of method A, with its interval.
        b: AUROC of method B, with its interval.
        difference: a − b with the interval that counts what both share; undefined where a or b is.
        p_value: two-sided, of no difference; None where it cannot be said.
    """

    a: Measure
    b: Measure
    difference: Measure
    p_value: float | None


def delong(
    reference: ArrayLike,
    scores: ArrayLike,
    *,
    mask: ArrayLike | None = None,
    level: float = 0.95,
) -> list[Measure]:
    """AUROC of every finding with DeLong's interval, without any draw.

    Holds only where images are independent: one image a patient. Where patients have several, it
    is too short; :func:`hilum.evaluation.intervals` draws patients instead.

    Args:
        reference: 0 or 1, [n], or [n, findings].
        scores: finite numbers, [n], or [n, findings].
        mask: True where a cell counts, [n, findings].
        level: confidence level, in (0, 1).

    Returns:
        One measure a finding, its interval normal and cut at 0 and 1. Undefined with one class
        only; without an interval, and with the reason, where a class has one image or the
        variance is 0, as for scores that separate the classes.

    Raises:
        EvaluationError: as :func:`hilum.evaluation.auroc_each`.

    Source:
        DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44, 837–845; computed in O(n log n) as
        Sun and Xu 2014, IEEE Signal Processing Letters 21, 1389–1393, show.

    Example:
        >>> print(*delong([0, 0, 1, 0, 1, 1], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]))
        0.889 (0.581 to 1.000)
    """
    z = normal_quantile(level)
    values = inputs.table(scores, "scores")
    raw = inputs.table(reference, "reference")
    truth, values, counts = cells(
        np.broadcast_to(raw, values.shape) if raw.shape == (len(values), 1) else raw, values, mask
    )
    found: list[Measure] = []
    for f in range(truth.shape[1]):
        rows = counts[:, f]
        found.append(_one(truth[rows, f], values[rows, f], z, level))
    return found


def delong_compare(
    reference: ArrayLike, a: ArrayLike, b: ArrayLike, *, level: float = 0.95
) -> DeLongComparison:
    """The AUROCs of two methods on the same independent images, and their difference.

    Holds only where images are independent, as :func:`delong`;
    :func:`hilum.evaluation.compare` draws patients instead.

    Args:
        reference: 0 or 1, [n].
        a: scores of method A, finite, [n].
        b: scores of method B, finite, [n].
        level: confidence level, in (0, 1).

    Returns:
        Both numbers, the difference and the p-value. Methods that rank all images alike differ
        by 0 with a p-value of 1.

    Raises:
        EvaluationError: NaN or infinity, lengths that differ, or a reference other than 0 and 1.

    Source:
        As :func:`delong`.
    """
    z = normal_quantile(level)
    truth = inputs.references(reference)
    sides = [inputs.vector(v, name, len(truth)) for v, name in ((a, "a"), (b, "b"))]
    first, second = (_one(truth, values, z, level) for values in sides)
    if first.value is None or second.value is None:
        return DeLongComparison(first, second, replace(first, value=None), None)
    difference = replace(
        measured(truth, first.value - second.value), level=level, reason=_too_few(truth)
    )
    if difference.reason:
        return DeLongComparison(first, second, difference, None)
    (up_a, down_a), (up_b, down_b) = (_components(truth, values) for values in sides)
    up, down = up_a - up_b, down_a - down_b
    if not up.any() and not down.any():
        return DeLongComparison(first, second, replace(difference, low=0.0, high=0.0), 1.0)
    error = _error(up, down)
    if error == 0:
        reason = "no interval: DeLong's variance is 0"
        return DeLongComparison(first, second, replace(difference, reason=reason), None)
    apart = first.value - second.value
    low, high = max(-1.0, apart - z * error), min(1.0, apart + z * error)
    return DeLongComparison(
        first, second, replace(difference, low=low, high=high), two_sided(apart / error)
    )


def _one(truth: NDArray[np.bool_], values: NDArray[np.float64], z: float, level: float) -> Measure:
    reason = undefined(truth)
    if reason:
        return replace(measured(truth, np.nan, reason), level=level)
    up, down = _components(truth, values)
    value = float(up.mean())
    point = replace(measured(truth, value), level=level, reason=_too_few(truth))
    if point.reason:
        return point
    error = _error(up, down)
    if error == 0:
        return replace(point, reason="no interval: DeLong's variance is 0")
    return replace(point, low=max(0.0, value - z * error), high=min(1.0, value + z * error))


def _components(
    truth: NDArray[np.bool_], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of every positive the share of negatives below it, of every negative that of positives above.

    Ties count half: the structural components V10 [n+] and V01 [n−], in the order of the images.
    """
    positives, negatives = values[truth], values[~truth]
    up, down = np.sort(positives), np.sort(negatives)
    # Sorted needles walk through the haystack in order, which the cache likes.
    order_up, order_down = np.argsort(positives), np.argsort(negatives)
    beneath = np.empty(len(up))
    beneath[order_up] = _places(down, up)
    above = np.empty(len(down))
    above[order_down] = _places(up, down)
    return beneath / len(down), 1 - above / len(up)


def _places(hay: NDArray[np.float64], needles: NDArray[np.float64]) -> NDArray[np.float64]:
    """How many of ``hay`` lie below each needle, half for ties; both rising."""
    return (hay.searchsorted(needles, "left") + hay.searchsorted(needles, "right")) / 2


def _error(up: NDArray[np.float64], down: NDArray[np.float64]) -> float:
    """Standard error from structural components."""
    return float(np.sqrt(up.var(ddof=1) / len(up) + down.var(ddof=1) / len(down)))


def _too_few(truth: NDArray[np.bool_]) -> str:
    positives = int(truth.sum())
    fewer = min(positives, len(truth) - positives)
    which = "positive" if positives == fewer else "negative"
    return f"no interval: one {which} has no variance" if fewer < 2 else ""
