"""How alike two heatmaps are."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from hilum.errors import EvaluationError
from hilum.evaluation.correlation import spearman


def likeness(one: ArrayLike, other: ArrayLike) -> float | None:
    """Rank correlation of two heatmaps, place by place.

    Args:
        one: [h, w], finite.
        other: of the same shape.

    Returns:
        Spearman's rank correlation in [-1, 1]; None where one of them is level.

    Raises:
        EvaluationError: other shapes, or numbers that are not finite.

    Source:
        Adebayo et al. 2018, Sanity Checks for Saliency Maps, § 3: rank correlation of the maps of
        a network and of the same network with random weights.
    """
    a, b = np.asarray(one, np.float64), np.asarray(other, np.float64)
    if a.ndim != 2 or a.shape != b.shape or not a.size:
        raise EvaluationError(f"heatmaps of the shapes {list(a.shape)} and {list(b.shape)}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise EvaluationError("a heatmap holds numbers that are not finite")
    return spearman(a.ravel(), b.ravel())
