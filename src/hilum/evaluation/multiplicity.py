"""P-values of many tests, corrected for their number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hilum.errors import EvaluationError


def holm(p_values: Sequence[float | None]) -> tuple[float | None, ...]:
    """P-values such that those under α hold a single wrong one in at most α of studies.

    Holds whatever the tests have to do with each other.

    Args:
        p_values: in [0, 1]; None for a test that could not be made, which does not count.

    Returns:
        Corrected p-values in the same order, None where there was none.

    Raises:
        EvaluationError: a p-value outside [0, 1] or NaN.

    Source:
        Holm 1979, A simple sequentially rejective multiple test procedure.
    """
    return _corrected(p_values, "holm")


def benjamini_hochberg(p_values: Sequence[float | None]) -> tuple[float | None, ...]:
    """P-values such that of the differences under q at most a share of q is expected to be wrong.

    Holds for independent tests and those that go together, as findings of one image mostly do.

    Args:
        p_values: in [0, 1]; None for a test that could not be made, which does not count.

    Returns:
        Corrected p-values in the same order, None where there was none.

    Raises:
        EvaluationError: a p-value outside [0, 1] or NaN.

    Source:
        Benjamini and Hochberg 1995, Controlling the False Discovery Rate.
    """
    return _corrected(p_values, "benjamini-hochberg")


def _corrected(p_values: Sequence[float | None], method: str) -> tuple[float | None, ...]:
    made = [i for i, p in enumerate(p_values) if p is not None]
    values: NDArray[np.float64] = np.array([p_values[i] for i in made], np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise EvaluationError("p-values must lie in [0, 1]")
    order = np.argsort(values, kind="stable")
    rising, total = values[order], len(values)
    if method == "holm":
        raised = np.maximum.accumulate(rising * (total - np.arange(total)))
    else:
        raised = np.minimum.accumulate((rising * total / np.arange(1, total + 1))[::-1])[::-1]
    out: list[float | None] = [None] * len(p_values)
    for at, value in zip(order, np.minimum(raised, 1.0), strict=True):
        out[made[int(at)]] = float(value)
    return tuple(out)
