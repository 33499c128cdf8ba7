"""Whether acting on a probability does more good than acting on all, or on nobody."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.errors import EvaluationError
from hilum.evaluation import inputs
from hilum.evaluation.discrimination import undefined


@dataclass(frozen=True, slots=True, eq=False)
class DecisionCurve:
    """Net benefit over thresholds, in true positives an image.

    Attributes:
        thresholds: probability from which somebody would act, rising, in (0, 1), [thresholds].
        net_benefit: of acting where the probability reaches the threshold, [thresholds].
        all: of acting on every image, [thresholds].
        none: of acting on none: 0, [thresholds].
        reason: why the curve tells nothing; empty where it does.
    """

    thresholds: NDArray[np.float64]
    net_benefit: NDArray[np.float64]
    all: NDArray[np.float64]
    none: NDArray[np.float64]
    reason: str = ""

    @property
    def useful(self) -> NDArray[np.bool_]:
        """Where the model does more good than acting on all and on none, [thresholds]."""
        return self.net_benefit > np.maximum(self.all, self.none)


def decision_curve(
    reference: ArrayLike, probabilities: ArrayLike, thresholds: ArrayLike | None = None
) -> DecisionCurve:
    """Net benefit TP / n − FP / n · t / (1 − t) at every threshold t.

    A threshold says how many false alarms one would accept for a finding found: t = 0.1 is nine.
    It presumes calibrated probabilities, and holds at the prevalence of these images.

    Args:
        reference: 0 or 1, [n].
        probabilities: in [0, 1], [n].
        thresholds: in (0, 1); 0.01 to 0.99 where None.

    Returns:
        The curve; all 0 and with the reason where there is one class only.

    Raises:
        EvaluationError: a threshold outside (0, 1).

    Source:
        Vickers and Elkin 2006, Decision Curve Analysis: A Novel Method for Evaluating Prediction
        Models.
    """
    truth = inputs.references(reference)
    values = inputs.probabilities(probabilities, "probabilities", len(truth))
    cuts = (
        np.arange(1, 100) / 100 if thresholds is None else inputs.vector(thresholds, "thresholds")
    )
    cuts = np.unique(cuts)
    if ((cuts <= 0) | (cuts >= 1)).any():
        raise EvaluationError(
            f"thresholds must lie in (0, 1), got {cuts.min():g} to {cuts.max():g}"
        )
    zeros, reason = np.zeros(len(cuts)), undefined(truth)
    if reason:
        return DecisionCurve(cuts, zeros, zeros, zeros, reason)
    up, down = np.sort(values[truth]), np.sort(values[~truth])
    tp = len(up) - np.searchsorted(up, cuts, "left")
    fp = len(down) - np.searchsorted(down, cuts, "left")
    odds, n = cuts / (1 - cuts), len(truth)
    return DecisionCurve(
        thresholds=cuts,
        net_benefit=(tp - fp * odds) / n,
        all=(len(up) - len(down) * odds) / n,
        none=zeros,
    )
