"""How many decisions are wrong when the least certain images are left to somebody else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.errors import EvaluationError
from hilum.evaluation import inputs
from hilum.evaluation.measure import Measure


@dataclass(frozen=True, slots=True, eq=False)
class RiskCoverage:
    """Share of wrong decisions among the images that are decided, the surest first.

    Attributes:
        coverage: share of images that are decided, k / n for k = 1 to n, float64 [images].
        risk: share of wrong decisions among them, [images].
        area: mean of the risk over all coverages (AURC); less is better.
        area_at_best: the same if every wrong decision were less sure than every right one: what
            certainty cannot mend.
        threshold: probability that decides; None where the likeliest of several classes does.
    """

    coverage: NDArray[np.float64]
    risk: NDArray[np.float64]
    area: Measure
    area_at_best: float
    threshold: float | None

    def at(self, coverage: float) -> Measure:
        """Risk when that share of the images is decided.

        Args:
            coverage: in (0, 1]; rounded up to whole images.
        """
        if not 0 < coverage <= 1:
            raise EvaluationError(f"coverage must lie in (0, 1], got {coverage}")
        if not len(self.risk):
            return Measure(None, "no image")
        k = int(np.ceil(coverage * len(self.risk) - 1e-9))
        return Measure(
            float(self.risk[k - 1]), positives=self.area.positives, negatives=self.area.negatives
        )


def risk_coverage(
    reference: ArrayLike, probabilities: ArrayLike, threshold: float = 0.5
) -> RiskCoverage:
    """Abstain by certainty: the distance of a probability from the threshold, in log-odds.

    Args:
        reference: 0 or 1, [n]; or the number of the class, [n], where ``probabilities`` are
            [n, classes].
        probabilities: in [0, 1], [n] of one finding; or [n, classes] of findings of which just
            one is present: the likeliest is decided, its probability is the certainty.
        threshold: from which a finding is called present, in (0, 1); not used with classes.

    Returns:
        The curve. Images of equal certainty are taken in every order at once: the risk within
        them is the mean over orders.

    Raises:
        EvaluationError: values out of range, or shapes that do not go together.

    Source:
        El-Yaniv and Wiener 2010, On the Foundations of Noise-free Selective Classification;
        Geifman, Uziel and El-Yaniv 2019, Bias-Reduced Uncertainty Estimation for Deep Neural
        Classifiers, § 2 (area, and area at best).

    Example:
        >>> found = risk_coverage([1, 0, 1, 0], [0.9, 0.2, 0.4, 0.45])
        >>> found.risk.round(3).tolist(), found.at(0.5).value
        ([0.0, 0.0, 0.333, 0.25], 0.0)
    """
    values = inputs.numbers(probabilities, "probabilities")
    if values.ndim == 2:
        truth, values = classes(reference, values)
        decided = values.argmax(1)
        sure, wrong = values.max(1), decided != truth
        positives = int((~wrong).sum())
        cut = None
    else:
        found = inputs.references(reference)
        values = inputs.probabilities(values, "probabilities", len(found))
        if not 0 < threshold < 1:
            raise EvaluationError(f"threshold must lie in (0, 1), got {threshold}")
        sure = np.abs(_odds(values) - _odds(np.array(threshold)))
        wrong = (values >= threshold) != found
        positives, cut = int(found.sum()), threshold
    n = len(wrong)
    if not n:
        nothing = np.zeros(0)
        return RiskCoverage(nothing, nothing, Measure(None, "no image"), 0.0, cut)
    counts = np.arange(1, n + 1)
    risk = _errors(sure, wrong) / counts
    errors = int(wrong.sum())
    best = np.maximum(0, counts - (n - errors)) / counts
    return RiskCoverage(
        coverage=counts / n,
        risk=risk,
        area=Measure(float(risk.mean()), positives=positives, negatives=n - positives),
        area_at_best=float(best.mean()),
        threshold=cut,
    )


def classes(
    reference: ArrayLike, probabilities: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Numbers of classes [n] and probabilities [n, classes], checked.

    Raises:
        EvaluationError: a class that no column stands for, or probabilities out of range.
    """
    given = inputs.numbers(reference, "reference")
    n, k = probabilities.shape
    if given.shape != (n,) or (given != np.trunc(given)).any() or not _within(given, 0, k - 1):
        raise EvaluationError(
            f"reference must hold {n} numbers of classes, 0 to {k - 1}, one an image"
        )
    inputs.finite(probabilities, "probabilities")
    if not _within(probabilities, 0, 1):
        raise EvaluationError("probabilities must lie in [0, 1]; calibrate logits first")
    return given.astype(np.int64), probabilities


def _within(values: NDArray[np.float64], low: float, high: float) -> bool:
    return not values.size or bool(values.min() >= low and values.max() <= high)


def _odds(values: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore"):
        return np.log(values) - np.log1p(-values)


def _errors(sure: NDArray[np.float64], wrong: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Wrong decisions among the k surest, k = 1 to n; ties share theirs evenly."""
    _, level = np.unique(-sure, return_inverse=True)
    counts = np.bincount(level)
    share = np.bincount(level, wrong.astype(np.float64)) / counts
    return np.cumsum(np.repeat(share, counts))
