"""How many independent cases an interval of a wished width needs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from hilum.errors import EvaluationError
from hilum.evaluation.proportions import normal_quantile


@dataclass(frozen=True, slots=True)
class Cases:
    """Cases to collect, each of another patient.

    Attributes:
        positives: with the finding.
        negatives: without it.
    """

    positives: int
    negatives: int

    @property
    def images(self) -> int:
        """Both."""
        return self.positives + self.negatives


def cases_for_auroc(auroc: float, width: float, prevalence: float, *, level: float = 0.95) -> Cases:
    """Cases for an AUROC whose interval is about as wide as wished.

    Args:
        auroc: that is expected, in (0.5, 1).
        width: of the whole interval, in (0, 1): 0.1 for ± 0.05.
        prevalence: of the finding among the cases, in (0, 1).
        level: confidence level, in (0, 1).

    Returns:
        The fewest cases at that prevalence, at least one of each class.

    Raises:
        EvaluationError: a number out of range.

    Source:
        Hanley and McNeil 1982, Radiology 143, 29–36, eq. 1, with the exponential model for Q₁ and
        Q₂ (eq. 2).

    Example:
        >>> cases_for_auroc(0.85, 0.1, 0.1)
        Cases(positives=93, negatives=837)
    """
    if not 0.5 < auroc < 1:
        raise EvaluationError(f"auroc must lie in (0.5, 1), got {auroc}")
    _within(width, "width")
    _within(prevalence, "prevalence")
    target = (width / (2 * normal_quantile(level))) ** 2

    def cases(positives: int) -> Cases:
        odds = (1 - prevalence) / prevalence
        return Cases(positives, max(1, math.ceil(round(positives * odds, 9))))

    return cases(_fewest(lambda n: hanley_mcneil_variance(auroc, cases(n)) <= target))


def hanley_mcneil_variance(auroc: float, cases: Cases) -> float:
    """The variance of an AUROC that a number of cases gives, by the formula of 1982.

    Args:
        auroc: in [0, 1].
        cases: at least one of each class.

    Example:
        >>> round(hanley_mcneil_variance(0.893, Cases(positives=51, negatives=58)) ** 0.5, 3)
        0.033
    """
    first, second = auroc / (2 - auroc), 2 * auroc**2 / (1 + auroc)
    square = auroc**2
    return (
        auroc * (1 - auroc)
        + (cases.positives - 1) * (first - square)
        + (cases.negatives - 1) * (second - square)
    ) / (cases.positives * cases.negatives)


def cases_for_share(share: float, width: float, *, level: float = 0.95) -> int:
    """Cases for a share whose Wilson interval is no wider than wished.

    For a sensitivity they are positives, for a specificity negatives.

    Args:
        share: that is expected, in [0, 1].
        width: of the whole interval, in (0, 1).
        level: confidence level, in (0, 1).

    Returns:
        The fewest cases.

    Raises:
        EvaluationError: a number out of range.

    Source:
        Wilson 1927; Newcombe 1998, Statistics in Medicine 17, 857–872, method 3.

    Example:
        >>> cases_for_share(0.9, 0.1)
        141
    """
    if not 0 <= share <= 1:
        raise EvaluationError(f"share must lie in [0, 1], got {share}")
    _within(width, "width")
    z = normal_quantile(level)

    def wide(n: int) -> float:
        return 2 * z / (n + z * z) * math.sqrt(share * (1 - share) * n + z * z / 4)

    return _fewest(lambda n: wide(n) <= width)


def _fewest(enough: Callable[[int], bool]) -> int:
    """The least number from 1 on that is enough, where more always is."""
    low, high = 0, 1
    while not enough(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _within(value: float, name: str) -> None:
    if not 0 < value < 1:
        raise EvaluationError(f"{name} must lie in (0, 1), got {value}")
