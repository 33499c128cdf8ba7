"""From probabilities to decisions: confusion matrices and operating points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.errors import EvaluationError
from hilum.evaluation import inputs
from hilum.evaluation.discrimination import undefined
from hilum.evaluation.measure import Measure


@dataclass(frozen=True, slots=True)
class Confusion:
    """Decisions against the reference, counted; every share is undefined where it is 0 / 0.

    Attributes:
        tp: finding present, decided present.
        fp: absent, decided present.
        fn: present, decided absent.
        tn: absent, decided absent.

    Example:
        >>> print(Confusion(tp=44, fp=16, fn=53, tn=284).sensitivity)
        0.454
    """

    tp: int
    fp: int
    fn: int
    tn: int

    def __post_init__(self) -> None:
        if min(self.tp, self.fp, self.fn, self.tn) < 0:
            raise EvaluationError(f"counts must not be negative, got {self}")

    @property
    def sensitivity(self) -> Measure:
        """TP / (TP + FN), also called recall."""
        return self._share(self.tp, self.tp + self.fn, "no positive")

    @property
    def specificity(self) -> Measure:
        """TN / (TN + FP)."""
        return self._share(self.tn, self.tn + self.fp, "no negative")

    @property
    def ppv(self) -> Measure:
        """TP / (TP + FP), positive predictive value or precision; holds at this prevalence."""
        return self._share(self.tp, self.tp + self.fp, "nothing was decided present")

    @property
    def npv(self) -> Measure:
        """TN / (TN + FN), negative predictive value; holds at this prevalence."""
        return self._share(self.tn, self.tn + self.fn, "nothing was decided absent")

    @property
    def f1(self) -> Measure:
        """2 TP / (2 TP + FP + FN), of the finding, not of its absence."""
        return self._share(
            2 * self.tp, 2 * self.tp + self.fp + self.fn, "no positive, and none was decided"
        )

    @property
    def accuracy(self) -> Measure:
        """(TP + TN) / all; compare it with always saying the commoner answer."""
        return self._share(self.tp + self.tn, self.tp + self.fp + self.fn + self.tn, "no image")

    @property
    def balanced_accuracy(self) -> Measure:
        """Mean of sensitivity and specificity; undefined where either is."""
        a, b = self.sensitivity, self.specificity
        if a.value is None or b.value is None:
            return b if a.defined else a
        return Measure((a.value + b.value) / 2, positives=a.positives, negatives=a.negatives)

    def _share(self, part: int, whole: int, reason: str) -> Measure:
        return Measure(
            part / whole if whole else None,
            "" if whole else reason,
            positives=self.tp + self.fn,
            negatives=self.fp + self.tn,
        )


def confusion(reference: ArrayLike, decisions: ArrayLike) -> Confusion:
    """Count decisions against the reference.

    Args:
        reference: 0 or 1, [n].
        decisions: 0 or 1, [n].

    Returns:
        The four counts.

    Raises:
        EvaluationError: lengths that differ, or values other than 0 and 1.
    """
    truth = inputs.references(reference)
    said = inputs.references(decisions, "decisions")
    if len(truth) != len(said):
        raise EvaluationError(f"reference has {len(truth)} values, decisions {len(said)}")
    return Confusion(
        tp=int((truth & said).sum()),
        fp=int((~truth & said).sum()),
        fn=int((truth & ~said).sum()),
        tn=int((~truth & ~said).sum()),
    )


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """The probability from which a finding is called present, and what that gave here.

    Attributes:
        threshold: half-way between two neighbouring probabilities, in (0, 1); None when there is
            none that fulfils the rule.
        rule: how it was chosen: "youden", "sensitivity>=0.9", "specificity>=0.9".
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
