"""How well masks agree: Dice and intersection over union, picture by picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Overlap:
    """Sizes of masks cut at one half, in pixels, [pictures, structures] each.

    Attributes:
        shared: of what lies in both.
        mine: of the network's.
        theirs: of the reference.
    """

    shared: NDArray[np.float32]
    mine: NDArray[np.float32]
    theirs: NDArray[np.float32]

    def dice(self) -> NDArray[np.float64]:
        """2 shared / (mine + theirs), [pictures, structures]; 1 where both are empty."""
        return _ratio(2 * self.shared, self.mine + self.theirs)

    def iou(self) -> NDArray[np.float64]:
        """Shared / (mine + theirs - shared), likewise."""
        return _ratio(self.shared, self.mine + self.theirs - self.shared)

    def rows(self, chosen: NDArray[np.bool_]) -> Overlap:
        """Some pictures."""
        return Overlap(self.shared[chosen], self.mine[chosen], self.theirs[chosen])


def _ratio(above: NDArray[np.float32], below: NDArray[np.float32]) -> NDArray[np.float64]:
    found = np.ones(below.shape)
    return np.divide(above, below, out=found, where=below > 0, dtype=np.float64)


METRICS: dict[str, Callable[[Overlap], NDArray[np.float64]]] = {
    "dice": Overlap.dice,
    "iou": Overlap.iou,
}
"""What is highest at the best checkpoint: the mean over the tuning pictures."""


@dataclass(frozen=True, slots=True, eq=False)
class JudgedMasks:
    """How well the masks of the tuning rows agree.

    Attributes:
        findings: names of the structures.
        overlap: of each picture.
        mask: bool [rows, structures], which were drawn in the reference.
        loss: of the tuning rows.
        odds: mean log-odds by fields of the picture, float32 [rows, structures × fields].
        targets: shares that structures cover, [rows, structures].
    """

    findings: tuple[str, ...]
    overlap: Overlap
    mask: NDArray[np.bool_]
    loss: float
    odds: NDArray[np.float32]
    targets: NDArray[np.float32]

    def each(self, metric: str) -> list[float | None]:
        """A metric of each structure; None where nobody drew it."""
        found = METRICS[metric](self.overlap)
        pairs = zip(found.T, self.mask.T, strict=True)
        return [float(values[drawn].mean()) if drawn.any() else None for values, drawn in pairs]

    def numbers(self) -> dict[str, dict[str, float | None]]:
        """Dice and intersection over union as the journal of a network holds them."""
        told: dict[str, dict[str, float | None]] = {}
        for metric in METRICS:
            each = self.each(metric)
            defined = [value for value in each if value is not None]
            mean = float(np.mean(defined)) if defined else None
            told[metric] = {"mean": mean, **dict(zip(self.findings, each, strict=True))}
        return told
