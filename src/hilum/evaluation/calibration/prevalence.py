"""Probabilities at another prevalence."""

from __future__ import annotations

from typing import overload

import numpy as np
from numpy.typing import NDArray

from hilum.errors import EvaluationError


@overload
def restate(probability: float, from_prevalence: float, to_prevalence: float) -> float: ...
@overload
def restate(
    probability: NDArray[np.floating], from_prevalence: float, to_prevalence: float
) -> NDArray[np.float64]: ...
def restate(
    probability: float | NDArray[np.floating], from_prevalence: float, to_prevalence: float
) -> float | NDArray[np.float64]:
    """The probability at another prevalence: its odds times the ratio of the prevalences' odds.

    Holds where the finding looks the same in both places and only its frequency differs.

    Args:
        probability: in [0, 1], calibrated at ``from_prevalence``.
        from_prevalence: in (0, 1).
        to_prevalence: in (0, 1).

    Returns:
        The probability at ``to_prevalence``, of the same shape. Thresholds restate likewise, so
        decisions do not change.

    Raises:
        EvaluationError: a value out of range.

    Source:
        Saerens, Latinne and Decaestecker 2002, Adjusting the Outputs of a Classifier to New a
        Priori Probabilities, eq. 4.

    Example:
        >>> round(restate(0.5, 0.5, 0.1), 6)
        0.1
    """
    for name, value in (("from_prevalence", from_prevalence), ("to_prevalence", to_prevalence)):
        if not 0 < value < 1:
            raise EvaluationError(f"{name} must lie in (0, 1), got {value}")
    values = np.asarray(probability, np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise EvaluationError("probability must lie in [0, 1], got NaN or a value outside it")
    up = values * (to_prevalence * (1 - from_prevalence))
    down = (1 - values) * (from_prevalence * (1 - to_prevalence))
    restated = up / (up + down)
    return restated if isinstance(probability, np.ndarray) else float(restated)
