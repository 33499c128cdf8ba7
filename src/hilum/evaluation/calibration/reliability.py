"""What was seen where a probability was said: reliability diagram and ECE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.errors import EvaluationError
from hilum.evaluation import inputs
from hilum.evaluation.discrimination import measured
from hilum.evaluation.measure import Measure
from hilum.evaluation.proportions import wilson

Bins = Literal["mass", "width"]


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """A reliability diagram: images in bins of their probability.

    Attributes:
        edges: rising, float64 [bins + 1]; a bin holds probabilities from its lower edge on, the
            last one its upper edge as well.
        predicted: mean probability in a bin, [bins]; NaN in an empty one.
        observed: share of images with the finding in a bin, with Wilson's interval (which takes
            images as independent); undefined in an empty one.
        counts: images in a bin, int64 [bins].
        ece: expected calibration error, in [0, 1].
        ece_if_calibrated: what ECE would be on average on as many images if every probability
            meant what it says: an ECE near it is no sign of bad calibration.
        by: "mass" for bins of equal counts, "width" for bins of equal width.
    """

    edges: NDArray[np.float64]
    predicted: NDArray[np.float64]
    observed: tuple[Measure, ...]
    counts: NDArray[np.int64]
    ece: Measure
    ece_if_calibrated: float
    by: Bins


def reliability(
    reference: ArrayLike, probabilities: ArrayLike, *, bins: int = 10, by: Bins = "mass"
) -> Reliability:
    """Put images in bins of their probability, and compare it with the share that has the finding.

    Args:
        reference: 0 or 1, [n].
        probabilities: in [0, 1], [n].
        bins: at most; equal probabilities always share a bin, so bins of equal counts may be fewer.
        by: "mass" for bins of equal counts, which rare findings need; "width" for bins of equal
            width.

    Returns:
        The diagram and its ECE: Σ_b n_b / n · |mean probability − share with the finding|.

    Raises:
        EvaluationError: values out of range, or fewer than 1 bin.

    Source:
        Naeini, Cooper and Hauskrecht 2015, Obtaining Well Calibrated Probabilities Using Bayesian
        Binning (ECE); Nixon et al. 2019, Measuring Calibration in Deep Learning (equal counts);
        Bröcker and Smith 2007 (what a calibrated forecast shows by chance).

    Example:
        >>> found = reliability([0, 0, 1, 1], [0.1, 0.1, 0.7, 0.7], bins=2)
        >>> found.counts.tolist(), round(found.ece.value, 3)
        ([2, 2], 0.2)
    """
    truth = inputs.references(reference)
    values = inputs.probabilities(probabilities, "probabilities", len(truth))
    edges = bin_edges(values, bins, by)
    at = bins_of(values, edges)
    n, size = len(truth), len(edges) - 1
    counts = np.bincount(at, minlength=size)
    said, seen = (np.bincount(at, w, size) for w in (values, truth.astype(np.float64)))
    predicted = np.divide(said, counts, out=np.full(size, np.nan), where=counts > 0)
    error = float(np.abs(said - seen).sum()) / n if n else np.nan
    spread = np.bincount(at, values * (1 - values), size)
    return Reliability(
        edges=edges,
        predicted=predicted,
        observed=tuple(wilson(int(s), int(c)) for s, c in zip(seen, counts, strict=True)),
        counts=counts,
        ece=measured(truth, error, "no image"),
        # The mean of the absolute value of a normal variable is σ √(2/π).
        ece_if_calibrated=float(np.sqrt(2 / np.pi * spread).sum()) / n if n else 0.0,
        by=by,
    )


def ece(
    reference: ArrayLike, probabilities: ArrayLike, *, bins: int = 10, by: Bins = "mass"
) -> Measure:
    """Expected calibration error; arguments and source as :func:`reliability`.

    It is above 0 even where every probability is right, the more so the fewer images there are:
    :attr:`Reliability.ece_if_calibrated` says by how much.
    """
    return reliability(reference, probabilities, bins=bins, by=by).ece


def bin_edges(values: NDArray[np.float64], bins: int, by: Bins) -> NDArray[np.float64]:
    """Edges from 0 to 1; of equal counts, those of quantiles, each once.

    Raises:
        EvaluationError: fewer than 1 bin, or an unknown way.
    """
    if bins < 1:
        raise EvaluationError(f"bins must be at least 1, got {bins}; 10 is usual")
    if by not in ("mass", "width"):
        raise EvaluationError(f'by must be "mass" or "width", got {by!r}')
    if by == "width" or not len(values):
        return np.linspace(0, 1, bins + 1)
    order = np.sort(values)
    first = order[(np.arange(1, bins) * len(order)) // bins]
    inner = np.unique(first[(first > order[0]) & (first > 0) & (first < 1)])
    return np.concatenate([[0.0], inner, [1.0]])


def bins_of(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """The bin of every value, [n]."""
    return np.clip(np.searchsorted(edges, values, "right") - 1, 0, len(edges) - 2)
