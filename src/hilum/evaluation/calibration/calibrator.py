"""From logits to probabilities, as data: a line, and where one was fitted a curve on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.errors import EvaluationError
from hilum.evaluation import inputs
from hilum.evaluation.logistic import sigmoid

Method = Literal["none", "shift", "temperature", "platt", "pooled", "beta", "isotonic"]


@dataclass(frozen=True, slots=True)
class BetaCurve:
    """log-odds = a · ln s − b · ln(1 − s) + c, with s = sigmoid of the line.

    Attributes:
        a: ≥ 0; more than 1 pulls low probabilities further down.
        b: ≥ 0; more than 1 pushes high probabilities further up. Not both are 0.
        c: shift in log-odds.

    Source:
        Kull, Silva Filho and Flach 2017, Beta calibration, eq. 3.
    """

    a: float
    b: float
    c: float

    def __post_init__(self) -> None:
        if not (self.a >= 0 and self.b >= 0 and self.a + self.b > 0):
            raise EvaluationError(f"a beta curve must rise: a ≥ 0 and b ≥ 0, not both 0, {self}")

    def log_odds(self, line: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds of any shape from those of the line."""
        return -self.a * np.logaddexp(0, -line) + self.b * np.logaddexp(0, line) + self.c


@dataclass(frozen=True, slots=True)
class Steps:
    """Probabilities at places of the line, with straight lines between and level ends.

    Attributes:
        at: log-odds of the line, rising.
        probability: at those places, in (0, 1), never falling.
    """

    at: tuple[float, ...]
    probability: tuple[float, ...]

    def __post_init__(self) -> None:
        x, p = np.array(self.at, np.float64), np.array(self.probability, np.float64)
        if not (len(x) == len(p) >= 1 and np.isfinite(x).all() and ((p > 0) & (p < 1)).all()):
            raise EvaluationError(
                f"steps need as many places as probabilities in (0, 1): {len(x)} and {len(p)}"
            )
        if (np.diff(x) <= 0).any() or (np.diff(p) < 0).any():
            raise EvaluationError(
                "steps must have rising places, and probabilities that never fall"
            )

    def log_odds(self, line: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds of any shape from those of the line."""
        p = np.interp(line, self.at, self.probability)
        return np.log(p) - np.log1p(-p)


@dataclass(frozen=True, slots=True)
class Calibrator:
    """probability = sigmoid(curve(slope · logit + intercept)); without a curve that of the line.

    Attributes:
        slope: more than 0, so that the order of the logits is kept; 1 / temperature.
        intercept: shift in log-odds.
        method: how it was fitted.
        positives: images with the finding behind it; few (under 30) are not to be trusted.
        negatives: images without it.
        curve: what is done to the line; None leaves it straight.
    """

    slope: float
    intercept: float
    method: Method
    positives: int
    negatives: int
    curve: BetaCurve | Steps | None = None

    def __call__(self, logits: ArrayLike) -> NDArray[np.float64]:
        """Probabilities in [0, 1] of logits, of the same shape."""
        return sigmoid(self.log_odds(logits))

    def log_odds(self, logits: ArrayLike) -> NDArray[np.float64]:
        """Calibrated log-odds of logits, of the same shape."""
        line = self.slope * inputs.numbers(logits, "logits") + self.intercept
        return line if self.curve is None else self.curve.log_odds(line)

    def after(self, slope: float, intercept: float) -> Calibrator:
        """The calibrator of logits, for one that was fitted on slope · logit + intercept."""
        return Calibrator(
            self.slope * slope,
            self.slope * intercept + self.intercept,
            self.method,
            self.positives,
            self.negatives,
            self.curve,
        )

    def ties(self, logits: ArrayLike) -> int:
        """How many different logits get a probability that another of them gets as well.

        A line and a beta curve tie none but those that rounding does; steps tie all on a level, so
        that AUROC may change.
        """
        values = np.unique(inputs.numbers(logits, "logits"))
        _, counts = np.unique(self(values), return_counts=True)
        return int(counts[counts > 1].sum())
