"""Where a point of one picture lies in another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class Affine:
    """A map from points of one picture to points of another.

    Points are (x, y) in pixels, continuous, measured from the outer corner of the top-left pixel:
    the centre of the first pixel is (0.5, 0.5), and a resize is a plain multiplication.

    Attributes:
        matrix: ((a, b, tx), (c, d, ty)): x' = a·x + b·y + tx, y' = c·x + d·y + ty.
    """

    matrix: tuple[tuple[float, float, float], tuple[float, float, float]] = (
        (1.0, 0.0, 0.0),
        (0.0, 1.0, 0.0),
    )

    def __post_init__(self) -> None:
        values = np.asarray(self.matrix, dtype=np.float64)
        if values.shape != (2, 3) or not np.isfinite(values).all():
            raise ValueError(f"an affine needs 2 × 3 finite numbers, got {self.matrix!r}")
        if abs(np.linalg.det(values[:, :2])) < 1e-12:
            raise ValueError(f"the affine {self.matrix!r} cannot be inverted")

    @classmethod
    def scale(cls, x: float, y: float) -> Affine:
        """Multiply x and y."""
        return cls(((float(x), 0.0, 0.0), (0.0, float(y), 0.0)))

    @classmethod
    def shift(cls, x: float, y: float) -> Affine:
        """Add to x and y."""
        return cls(((1.0, 0.0, float(x)), (0.0, 1.0, float(y))))

    def __call__(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map points.

        Args:
            points: (x, y) pairs, shape [..., 2].

        Returns:
            The mapped points, the same shape.
        """
        m = np.asarray(self.matrix)
        return np.asarray(points, dtype=np.float64) @ m[:, :2].T + m[:, 2]

    def then(self, other: Affine) -> Affine:
        """The map that applies this one first and ``other`` next."""
        return _from_square(_square(other) @ _square(self))

    def inverse(self) -> Affine:
        """The map back."""
        return _from_square(np.linalg.inv(_square(self)).astype(np.float64))


def _square(affine: Affine) -> NDArray[np.float64]:
    return np.vstack([np.asarray(affine.matrix, dtype=np.float64), [0.0, 0.0, 1.0]])


def _from_square(square: NDArray[np.float64]) -> Affine:
    (a, b, x), (c, d, y), _ = square.tolist()
    return Affine(((a, b, x), (c, d, y)))
