"""From probabilities to decisions: operating points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.errors import EvaluationError
from hilum.evaluation import inputs
from hilum.evaluation.decisions import Confusion
from hilum.evaluation.discrimination import undefined


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """The probability from which a finding is called present, and what that gave here.

    Attributes:
        threshold: half-way between two neighbouring probabilities, in (0, 1); None when there is
            none that fulfils the rule.
        rule: how it was chosen: "youden", "sensitivity>=0.9", "specificity>=0.9", "cost 1:10".
        confusion: the decisions at the threshold, on the images where it was chosen: flattering.
        reason: why there is no threshold.
    """

    threshold: float | None
    rule: str
    confusion: Confusion | None = None
    reason: str = ""


def youden(reference: ArrayLike, probabilities: ArrayLike) -> OperatingPoint:
    """The threshold with the greatest sensitivity + specificity − 1; of equals, the lowest.

    Args:
        reference: 0 or 1, [n].
        probabilities: in [0, 1], [n].

    Returns:
        The operating point; without a threshold when there is one class only.

    Source:
        Youden 1950, Index for rating diagnostic tests.
    """
    cuts = _cuts(reference, probabilities)
    # Compared as whole numbers: tp · n⁻ + tn · n⁺, so that rounding settles no tie.
    gain = cuts.tp * cuts.negatives + (cuts.negatives - cuts.fp) * cuts.positives
    return cuts.point(int(gain.argmax()) if len(gain) else None, "youden")


def at_sensitivity(
    reference: ArrayLike, probabilities: ArrayLike, sensitivity: float = 0.9
) -> OperatingPoint:
    """The highest threshold that still reaches a sensitivity.

    Args:
        reference: 0 or 1, [n].
        probabilities: in [0, 1], [n].
        sensitivity: to reach at least, in (0, 1].

    Returns:
        The operating point; without a threshold when there is one class only, or when positives
        of probability 0 stand in the way.
    """
    _fraction(sensitivity, "sensitivity")
    cuts = _cuts(reference, probabilities)
    fit = np.flatnonzero(cuts.tp / max(cuts.positives, 1) >= sensitivity)
    return cuts.point(int(fit[-1]) if len(fit) else None, f"sensitivity>={sensitivity:g}")


def at_specificity(
    reference: ArrayLike, probabilities: ArrayLike, specificity: float = 0.9
) -> OperatingPoint:
    """The lowest threshold that reaches a specificity.

    Args:
        reference: 0 or 1, [n].
        probabilities: in [0, 1], [n].
        specificity: to reach at least, in (0, 1].

    Returns:
        The operating point; without a threshold when there is one class only, or when negatives
        of probability 1 stand in the way.
    """
    _fraction(specificity, "specificity")
    cuts = _cuts(reference, probabilities)
    fit = np.flatnonzero((cuts.negatives - cuts.fp) / max(cuts.negatives, 1) >= specificity)
    return cuts.point(int(fit[0]) if len(fit) else None, f"specificity>={specificity:g}")


def at_cost(
    reference: ArrayLike,
    probabilities: ArrayLike,
    cost_fp: float,
    cost_fn: float,
    *,
    prevalence: float | None = None,
) -> OperatingPoint:
    """The threshold whose errors cost least; of equals, the lowest.

    The cost of an image is prevalence · (1 − sensitivity) · cost_fn + (1 − prevalence) ·
    (1 − specificity) · cost_fp.

    Args:
        reference: 0 or 1, [n].
        probabilities: in [0, 1], [n].
        cost_fp: of a finding called present that is absent, more than 0.
        cost_fn: of a finding that is missed, more than 0, in the same unit.
        prevalence: where decisions will be made, in (0, 1); without, that of these images.

    Returns:
        The operating point; without a threshold when there is one class only.

    Raises:
        EvaluationError: a cost that is not more than 0, or a prevalence out of range.

    Source:
        Zweig and Campbell 1993, Receiver-operating characteristic (ROC) plots, p. 572.
    """
    for name, value in (("cost_fp", cost_fp), ("cost_fn", cost_fn)):
        if not (value > 0 and np.isfinite(value)):
            raise EvaluationError(f"{name} must be more than 0, got {value}")
    rule = f"cost {cost_fp:g}:{cost_fn:g}"
    cuts = _cuts(reference, probabilities)
    miss, alarm = cost_fn, cost_fp
    if prevalence is not None:
        if not 0 < prevalence < 1:
            raise EvaluationError(f"prevalence must lie in (0, 1), got {prevalence}")
        rule += f" at prevalence {prevalence:g}"
        miss *= prevalence * max(cuts.negatives, 1)
        alarm *= (1 - prevalence) * max(cuts.positives, 1)
    cost = (cuts.positives - cuts.tp) * miss + cuts.fp * alarm
    if not len(cost):
        return cuts.point(None, rule)
    # Costs that differ by rounding alone are equal.
    least = np.flatnonzero(cost <= cost.min() * (1 + 1e-12))
    return cuts.point(int(least[0]), rule)


@dataclass(frozen=True, slots=True, eq=False)
class _Cuts:
    """Every threshold that tells probabilities apart, rising, with what it finds."""

    thresholds: NDArray[np.float64]
    tp: NDArray[np.int64]
    fp: NDArray[np.int64]
    positives: int
    negatives: int
    reason: str

    def point(self, index: int | None, rule: str) -> OperatingPoint:
        if self.reason or index is None:
            return OperatingPoint(
                None, rule, reason=self.reason or "no threshold in (0, 1) fulfils the rule"
            )
        tp, fp = int(self.tp[index]), int(self.fp[index])
        return OperatingPoint(
            float(self.thresholds[index]),
            rule,
            Confusion(tp=tp, fp=fp, fn=self.positives - tp, tn=self.negatives - fp),
        )


def _cuts(reference: ArrayLike, probabilities: ArrayLike) -> _Cuts:
    truth = inputs.references(reference)
    values = inputs.probabilities(probabilities, "probabilities", len(truth))
    levels, at = np.unique(values, return_inverse=True)
    up = np.bincount(at[truth], minlength=len(levels))
    down = np.bincount(at[~truth], minlength=len(levels))
    edges = np.concatenate([[0.0], levels, [1.0]])
    # One cut below every level and one above all; between neighbours in floating point the upper
    # one itself, which the rule "present from the threshold on" puts on the right side.
    middle = edges[:-1] + (edges[1:] - edges[:-1]) / 2
    thresholds = np.where(middle > edges[:-1], middle, edges[1:])
    tp = up.sum() - np.concatenate([[0], np.cumsum(up)])
    fp = down.sum() - np.concatenate([[0], np.cumsum(down)])
    # At 0 all is present and at 1 nothing need be absent: no decision can be made there.
    keep = (thresholds > 0) & (thresholds < 1)
    return _Cuts(
        thresholds[keep], tp[keep], fp[keep], int(up.sum()), int(down.sum()), undefined(truth)
    )


def _fraction(value: float, name: str) -> None:
    if not 0 < value <= 1:
        raise EvaluationError(f"{name} must lie in (0, 1], got {value}")
