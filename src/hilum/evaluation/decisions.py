"""Decisions against the reference: four counts, and the shares that they give."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from numpy.typing import ArrayLike

from hilum.errors import EvaluationError
from hilum.evaluation import inputs
from hilum.evaluation.measure import Measure
from hilum.evaluation.proportions import clopper_pearson, wilson


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

    @property
    def mcc(self) -> Measure:
        """Matthews correlation of decision and reference, in [−1, 1]; 0 is chance.

        Undefined where one answer alone was given or one class alone is there.
        """
        tp, fp, fn, tn = self.tp, self.fp, self.fn, self.tn
        sides = {
            "no positive": tp + fn,
            "no negative": fp + tn,
            "nothing was decided present": tp + fp,
            "nothing was decided absent": fn + tn,
        }
        reason = next((why for why, count in sides.items() if not count), "")
        root = math.sqrt(math.prod(sides.values()))
        return self._measure(None if reason else (tp * tn - fp * fn) / root, reason)

    @property
    def lr_positive(self) -> Measure:
        """Sensitivity / (1 − specificity): how often likelier a call is with the finding."""
        return self._ratio(self.tp * (self.fp + self.tn), self.fp * (self.tp + self.fn),
                           "no false positive: the ratio has no bound")  # fmt: skip

    @property
    def lr_negative(self) -> Measure:
        """(1 − sensitivity) / specificity: how often likelier no call is with the finding."""
        return self._ratio(self.fn * (self.fp + self.tn), self.tn * (self.tp + self.fn),
                           "no true negative: the ratio has no bound")  # fmt: skip

    def __add__(self, other: Confusion) -> Confusion:
        """Both counted together."""
        return Confusion(
            self.tp + other.tp, self.fp + other.fp, self.fn + other.fn, self.tn + other.tn
        )

    def _share(self, part: int, whole: int, reason: str) -> Measure:
        return self._measure(part / whole if whole else None, "" if whole else reason)

    def _ratio(self, above: int, below: int, reason: str) -> Measure:
        for side in (self.sensitivity, self.specificity):
            if side.value is None:
                return side
        return self._share(above, below, reason)

    def _measure(self, value: float | None, reason: str) -> Measure:
        return Measure(value, reason, positives=self.tp + self.fn, negatives=self.fp + self.tn)


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


def shares(
    confusion: Confusion,
    *,
    method: Literal["wilson", "clopper-pearson"] = "wilson",
    level: float = 0.95,
) -> dict[str, Measure]:
    """The shares of images that a confusion matrix gives, each with its interval.

    Holds where images are independent: where a patient has several,
    :func:`hilum.evaluation.decision_intervals` draws patients instead.

    Args:
        confusion: the counts.
        method: Wilson's interval, or that of Clopper and Pearson, which is never too short.
        level: confidence level, in (0, 1).

    Returns:
        "sensitivity", "specificity", "ppv", "npv" and "accuracy".

    Raises:
        MissingExtra: Clopper and Pearson without scipy.
    """
    ways = {"wilson": wilson, "clopper-pearson": clopper_pearson}
    if method not in ways:
        raise EvaluationError(f"Unknown method {method!r}; known: {', '.join(ways)}.")
    tp, fp, fn, tn = confusion.tp, confusion.fp, confusion.fn, confusion.tn
    parts = {
        "sensitivity": (tp, tp + fn),
        "specificity": (tn, tn + fp),
        "ppv": (tp, tp + fp),
        "npv": (tn, tn + fn),
        "accuracy": (tp + tn, tp + fp + fn + tn),
    }
    found: dict[str, Measure] = {}
    for name, (part, whole) in parts.items():
        share: Measure = getattr(confusion, name)
        if share.defined:
            ends = ways[method](part, whole, level=level)
            share = replace(share, low=ends.low, high=ends.high, level=level)
        found[name] = share
    return found


def ppv_at(confusion: Confusion, prevalence: float) -> Measure:
    """PPV of the same sensitivity and specificity at another prevalence.

    Args:
        confusion: the counts, at whatever prevalence.
        prevalence: of the place that is asked about, in (0, 1).

    Returns:
        sens · prev / (sens · prev + (1 − spec) · (1 − prev)); undefined where sensitivity or
        specificity is, or where nothing would be called.

    Raises:
        EvaluationError: a prevalence out of range.

    Source:
        Bayes' theorem; Altman and Bland 1994, Diagnostic tests 2: predictive values.

    Example:
        >>> print(ppv_at(Confusion(tp=90, fp=10, fn=10, tn=90), 0.01))
        0.083
    """
    return _restated(confusion, prevalence, "ppv")


def npv_at(confusion: Confusion, prevalence: float) -> Measure:
    """NPV of the same sensitivity and specificity at another prevalence, as :func:`ppv_at`."""
    return _restated(confusion, prevalence, "npv")


def _restated(confusion: Confusion, prevalence: float, name: Literal["ppv", "npv"]) -> Measure:
    if not 0 < prevalence < 1:
        raise EvaluationError(f"prevalence must lie in (0, 1), got {prevalence}")
    sensitivity, specificity = confusion.sensitivity, confusion.specificity
    if sensitivity.value is None or specificity.value is None:
        return specificity if sensitivity.defined else sensitivity
    if name == "ppv":
        right = sensitivity.value * prevalence
        wrong = (1 - specificity.value) * (1 - prevalence)
    else:
        right = specificity.value * (1 - prevalence)
        wrong = (1 - sensitivity.value) * prevalence
    reason = f"nothing was decided {'present' if name == 'ppv' else 'absent'}"
    defined = right + wrong > 0
    return replace(
        sensitivity,
        value=right / (right + wrong) if defined else None,
        reason="" if defined else reason,
    )
