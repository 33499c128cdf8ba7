"""What a row's stratum alone says of its findings, taken out of what a network has to learn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STEADY = 2.0
"""Rows at the frequency of all that each stratum is given on top of its own, so that the frequency
of one with a handful of rows is not taken at its word."""


@dataclass(frozen=True, slots=True, eq=False)
class Prior:
    """Log-odds of findings by stratum.

    While a network learns, what an image's stratum says beyond the mean of all rows is added to its
    log-odds; afterwards nothing is. So it gains nothing from telling strata apart,
    and learns what a radiograph says within one.

    **Source**: the product with a model that knows the bias alone, of Clark, Yatskar and
    Zettlemoyer 2019, "Don't take the easy way out", section 3.2.2; that model is here the counted
    frequency of each stratum.

    Attributes:
        overall: mean of strata's log-odds over the rows that are learnt from, float32 [findings].
        beyond: of each image of the table, its stratum's log-odds less ``overall``; 0 for strata
            without rows to learn from. float32 [images, findings].
    """

    overall: NDArray[np.float32]
    beyond: NDArray[np.float32]

    @classmethod
    def of(
        cls,
        targets: NDArray[np.float32],
        mask: NDArray[np.bool_],
        strata: NDArray[np.int64],
        rows: NDArray[np.int64],
    ) -> Prior:
        """Count rows.

        Args:
            targets: in [0, 1], of the whole table [images, findings].
            mask: which count, [images, findings].
            strata: [images].
            rows: that are learnt from.
        """
        counted, present = mask[rows].astype(np.float64), (targets * mask)[rows].astype(np.float64)
        # Half a row more with each outcome: no frequency is 0 or 1.
        share = (present.sum(0) + 0.5) / (counted.sum(0) + 1.0)
        odds = np.full(targets.shape, np.nan)
        for stratum in np.unique(strata[rows]).tolist():
            inside = strata[rows] == stratum
            own = present[inside].sum(0) + STEADY * share
            odds[strata == stratum] = _log_odds(own / (counted[inside].sum(0) + STEADY))
        overall = odds[rows].mean(0)
        beyond = np.nan_to_num(odds - overall, nan=0.0)
        return cls(overall.astype(np.float32), beyond.astype(np.float32))


def _log_odds(share: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.log(share) - np.log1p(-share)
