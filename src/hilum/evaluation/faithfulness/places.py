"""Places of a picture taken away or put back one after the other, and what a score does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.errors import EvaluationError

Order = NDArray[np.int64]
"""Numbers of the cells of a grid, row by row, in the order in which they are taken, [h · w]."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A score as places are taken away, or put back.

    Attributes:
        share: of the places, from 0 to 1, rising, float64 [steps].
        score: of the picture then, float64 [steps].
    """

    share: NDArray[np.float64]
    score: NDArray[np.float64]

    def __post_init__(self) -> None:
        share, score = np.asarray(self.share, np.float64), np.asarray(self.score, np.float64)
        if share.shape != score.shape or share.ndim != 1 or len(share) < 2:
            raise EvaluationError(
                f"a curve needs as many scores as shares, two or more: got {list(score.shape)} and "
                f"{list(share.shape)}"
            )
        if not (np.diff(share) > 0).all() or share[0] != 0 or share[-1] != 1:
            raise EvaluationError("the shares of a curve must rise from 0 to 1")
        if not np.isfinite(score).all():
            raise EvaluationError(f"{int((~np.isfinite(score)).sum())} scores are not finite")
        object.__setattr__(self, "share", share)
        object.__setattr__(self, "score", score)

    @property
    def area(self) -> float:
        """The mean score along the curve, by trapezoids.

        Of a faithful map it is low as places are taken away, and high as they are put back
        (Petsiuk, Das and Saenko 2018, RISE, § 4.3).
        """
        return float(np.trapezoid(self.score, self.share))


def shares(steps: int) -> NDArray[np.float64]:
    """Shares of the places at which a score is asked for: 0, 1 / steps, … 1.

    Raises:
        EvaluationError: no step.
    """
    if steps < 1:
        raise EvaluationError(f"steps must be at least 1, got {steps}")
    return np.arange(steps + 1) / steps


def by_evidence(values: ArrayLike) -> Order:
    """Cells of a heatmap, those that speak most for the finding first.

    Args:
        values: [h, w], finite. Of equal cells the upper left one comes first.

    Raises:
        EvaluationError: another shape, or a number that is not finite.
    """
    found = np.asarray(values, np.float64)
    if found.ndim != 2 or not found.size or not np.isfinite(found).all():
        raise EvaluationError(f"a heatmap needs finite numbers [h, w], got {list(found.shape)}")
    return np.argsort(-found.ravel(), kind="stable")


def from_the_middle(shape: tuple[int, int]) -> Order:
    """Cells of a grid, those nearest to its middle first: what a blind map would be.

    Args:
        shape: h and w.
    """
    rows, columns = ((np.arange(count) + 0.5) / count - 0.5 for count in shape)
    return np.argsort(np.hypot(rows[:, None], columns[None, :]).ravel(), kind="stable")


def mixed(
    inside: NDArray[np.float32],
    outside: NDArray[np.float32],
    order: Order,
    shape: tuple[int, int],
    share: float,
) -> NDArray[np.float32]:
    """One picture in the first places of an order, another one everywhere else.

    Args:
        inside: grey levels, [rows, columns].
        outside: of the same shape.
        order: of the cells of a grid.
        shape: the grid's h and w; it covers the picture.
        share: of the cells that show ``inside``, in [0, 1].

    Raises:
        EvaluationError: pictures of two shapes, or an order that does not name each cell once.
    """
    if inside.shape != outside.shape:
        raise EvaluationError(f"pictures of {list(inside.shape)} and {list(outside.shape)} pixels")
    cells = shape[0] * shape[1]
    if len(order) != cells or not np.array_equal(np.sort(order), np.arange(cells)):
        raise EvaluationError(f"an order of {len(order)} places for a grid of {cells} cells")
    chosen = np.zeros(cells, np.bool_)
    chosen[order[: round(share * cells)]] = True
    high, wide = inside.shape
    down = np.array([row * shape[0] // high for row in range(high)])
    across = np.array([column * shape[1] // wide for column in range(wide)])
    return np.where(chosen.reshape(shape)[down][:, across], inside, outside)
