"""ROC, precision and recall, and how often each score was given."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hilum.evaluation.appraisal.results import Curve, Histogram

CORNERS = 400
"""Corners of a curve that are kept: more than a figure can show."""
BINS = 40


def roc_and_precision_recall(
    truth: NDArray[np.bool_], scores: NDArray[np.float64]
) -> tuple[Curve, Curve]:
    """The ROC curve, and precision against recall, of images with both classes.

    Args:
        truth: [n], with at least one positive and one negative.
        scores: finite, [n].

    Returns:
        Both curves, thinned to :data:`CORNERS` corners: the others lie nearly on their lines.
    """
    levels, at = np.unique(scores, return_inverse=True)
    up = np.bincount(at[truth], minlength=len(levels))[::-1]
    down = np.bincount(at[~truth], minlength=len(levels))[::-1]
    tp, fp = np.cumsum(up), np.cumsum(down)
    levels = levels[::-1]
    sensitivity = np.concatenate([[0.0], tp / tp[-1]])
    alarms = np.concatenate([[0.0], fp / fp[-1]])
    thresholds = np.concatenate([[levels[0] + 1.0], levels])
    keep = _kept(alarms, sensitivity)
    roc = Curve(alarms[keep], sensitivity[keep], thresholds[keep])
    recall, precision = tp / tp[-1], tp / (tp + fp)
    keep = _kept(recall, precision)
    return roc, Curve(recall[keep], precision[keep], levels[keep])


def histogram(
    truth: NDArray[np.bool_], scores: NDArray[np.float64], *, probabilities: bool
) -> Histogram:
    """How often each score was given with the finding, and without it.

    Args:
        truth: [n].
        scores: finite, [n], n ≥ 1.
        probabilities: whether bins begin at 0 and end at 1, or before where no score lies higher.
    """
    low, high = float(scores.min()), float(scores.max())
    if probabilities:
        low, high = 0.0, min(1.0, np.ceil(high * 20) / 20)
    if high <= low:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, BINS + 1)
    with_, without = (np.histogram(scores[part], edges)[0] for part in (truth, ~truth))
    return Histogram(edges, with_.astype(np.int64), without.astype(np.int64))


def _kept(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.int64]:
    """Corners to keep: both ends, and others spread evenly along the curve's length."""
    if len(x) <= CORNERS:
        return np.arange(len(x))
    length = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
    wanted: NDArray[np.float64] = np.linspace(0.0, float(length[-1]), CORNERS)
    found = np.searchsorted(length, wanted).clip(0, len(x) - 1)
    return np.unique(np.append(found, [0, len(x) - 1]))
