"""What an appraisal is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from hilum.errors import EvaluationError

RULES = ("youden", "sensitivity", "specificity", "cost", "threshold", "card")

WITH_TUNE = ("youden", "sensitivity=0.9", "specificity=0.9")
"""Points that are taken where there are tune rows and none is asked for."""


@dataclass(frozen=True, slots=True)
class PointRule:
    """How a threshold is found.

    Attributes:
        rule: one of :data:`RULES`.
        value: wished sensitivity or specificity, or the threshold itself; 0 otherwise.
        cost_fp: of calling an absent finding present, for "cost".
        cost_fn: of missing a finding, for "cost".
    """

    rule: Literal["youden", "sensitivity", "specificity", "cost", "threshold", "card"]
    value: float = 0.0
    cost_fp: float = 1.0
    cost_fn: float = 1.0

    @classmethod
    def parse(cls, written: str) -> PointRule:
        """Read a rule as the command line writes it.

        Args:
            written: "youden", "card", "sensitivity=0.9", "specificity=0.95", "threshold=0.5" or
                "cost=1:10" (a false alarm costs 1, a miss 10).

        Raises:
            EvaluationError: it is none of these; the message lists them.

        Example:
            >>> PointRule.parse("cost=1:10")
            PointRule(rule='cost', value=0.0, cost_fp=1.0, cost_fn=10.0)
        """
        rule, _, value = (part.strip() for part in written.partition("="))
        try:
            if rule in ("youden", "card") and not value:
                return cls(rule)
            if rule in ("sensitivity", "specificity") and 0 < float(value) <= 1:
                return cls(rule, float(value))
            if rule == "threshold" and 0 < float(value) < 1:
                return cls(rule, float(value))
            if rule == "cost":
                fp, _, fn = value.partition(":")
                if 0 < float(fp) < float("inf") and 0 < float(fn) < float("inf"):
                    return cls(rule, cost_fp=float(fp), cost_fn=float(fn))
        except ValueError:
            pass
        raise EvaluationError(
            f"{written!r} is no operating point; such are youden, sensitivity=0.9, "
            f"specificity=0.95, cost=1:10 (false alarm : miss), threshold=0.5 and card (the "
            f"bundle's own)."
        )

    @property
    def needs_tune(self) -> bool:
        """Whether the threshold has to be found on rows of its own."""
        return self.rule not in ("threshold", "card")

    @property
    def name(self) -> str:
        """As results call it: "sensitivity>=0.9"."""
        if self.rule in ("sensitivity", "specificity"):
            return f"{self.rule}>={self.value:g}"
        if self.rule == "threshold":
            return f"threshold {self.value:g}"
        if self.rule == "cost":
            return f"cost {self.cost_fp:g}:{self.cost_fn:g}"
        return self.rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What an appraisal is asked, besides the rows.

    Attributes:
        points: operating points; None takes :data:`WITH_TUNE` where there are tune rows, and the
            bundle card's where there is one.
        prevalences: finding → prevalences that PPV and NPV are restated for.
        subgroups: attributes whose groups are compared; None takes all that are known.
        promised: coverages that conformal sets promise.
        width: of the interval that :attr:`FindingResult.needed` is told for.
        samples: bootstrap draws of patients.
        level: of all intervals.
        seed: of all chance.
    """

    points: tuple[PointRule, ...] | None = None
    prevalences: Mapping[str, tuple[float, ...]] = field(
        default_factory=dict[str, tuple[float, ...]]
    )
    subgroups: tuple[str, ...] | None = None
    promised: tuple[float, ...] = (0.9, 0.95)
    width: float = 0.1
    samples: int = 2000
    level: float = 0.95
    seed: int = 0
