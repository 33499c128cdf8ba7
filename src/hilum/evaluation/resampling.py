"""Bootstrap by patient: images of one patient are drawn together or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.errors import EvaluationError
from hilum.evaluation import inputs
from hilum.evaluation.measure import Measure, with_interval

CELLS = 2_000_000
"""Weights held at a time: a chunk of draws stays within some 30 MB, however many images."""

Statistic = Callable[[NDArray[np.int32]], Measure | float | None]
"""From how often every image was drawn, [n], to a number; None where it is undefined."""


def bootstrap(
    statistic: Statistic,
    groups: ArrayLike,
    *,
    rng: np.random.Generator,
    samples: int = 2000,
    level: float = 0.95,
) -> Measure:
    """Percentile interval of any statistic, patients being drawn with replacement.

    For AUROC and average precision of many findings :func:`hilum.evaluation.intervals` does the
    same far quicker.

    Args:
        statistic: takes integer weights, one an image: how often it was drawn. One that cannot
            weigh takes the rows ``np.repeat(np.arange(n), weights)``.
        groups: the patient of every image, [n]; ``range(n)`` where every image is of another.
        rng: the source of chance.
        samples: number of draws.
        level: confidence level, in (0, 1).

    Returns:
        The statistic of the images as they are, with its interval; draws in which it was undefined
        are counted.

    Raises:
        EvaluationError: the statistic returned NaN, which hides why: it should return None.
    """
    check(samples, level)
    patients = inputs.codes(groups, "groups", len(np.asarray(groups)))
    value = statistic(np.ones(len(patients), np.int32))
    if not isinstance(value, Measure):
        value = Measure(_number(value), "" if value is not None else "the statistic is undefined")
    total = int(patients.max(initial=-1)) + 1
    values: list[float] = []
    for weights in draws(total, len(patients), samples, rng):
        for row in weights:
            number = _number(statistic(row[patients]))
            values.append(np.nan if number is None else number)
    return with_interval(value, np.array(values), groups=total, level=level)


def draws(
    groups: int, images: int, samples: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int32]]:
    """How often each patient is drawn when as many are drawn as there are, with replacement.

    Args:
        groups: number of patients.
        images: number of images, which bounds the draws made at a time.
        samples: number of draws.
        rng: the source of chance.

    Yields:
        Chunks of draws, int32 [some, groups]; the rows of all chunks number ``samples``.
    """
    if not groups:
        raise EvaluationError("nothing can be resampled: there is no image")
    size = max(1, min(samples, CELLS // max(images, groups)))
    for start in range(0, samples, size):
        rows = min(size, samples - start)
        drawn = rng.integers(0, groups, size=(rows, groups))
        drawn += np.arange(rows)[:, None] * groups
        counted = np.bincount(drawn.ravel(), minlength=rows * groups)
        yield counted.reshape(rows, groups).astype(np.int32)


def check(samples: int, level: float) -> None:
    """Refuse a number of draws or a level that mean nothing."""
    if samples < 1:
        raise EvaluationError(f"samples must be at least 1, got {samples}; 2000 is usual")
    if not 0 < level < 1:
        raise EvaluationError(f"level must lie in (0, 1), got {level}; 0.95 is usual")


def _number(value: Measure | float | None) -> float | None:
    number = value.value if isinstance(value, Measure) else value
    if number is not None and not np.isfinite(number):
        raise EvaluationError(f"the statistic returned {number}; return None where undefined")
    return None if number is None else float(number)
