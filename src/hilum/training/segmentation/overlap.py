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
        """2 shared / (mine + theirs), [pictures, structures]; NaN where the reference is empty.

        Were two empty masks to count as 1, a network that draws nothing would be good at whatever
        is rare.
        """
        return self._where_there(2 * self.shared, self.mine + self.theirs)

    def iou(self) -> NDArray[np.float64]:
        """Shared / (mine + theirs - shared), likewise."""
        return self._where_there(self.shared, self.mine + self.theirs - self.shared)

    def false(self) -> NDArray[np.float64]:
        """1 where something is drawn on a picture whose reference is empty, 0 where nothing is.

        NaN where the reference is not empty; [pictures, structures].
        """
        return np.where(self.theirs > 0, np.nan, self.mine > 0)

    def rows(self, chosen: NDArray[np.bool_]) -> Overlap:
        """Some pictures."""
        return Overlap(self.shared[chosen], self.mine[chosen], self.theirs[chosen])

    def _where_there(
        self, above: NDArray[np.float32], below: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        nothing = np.full(below.shape, np.nan)
        return np.divide(above, below, out=nothing, where=self.theirs > 0, dtype=np.float64)


METRICS: dict[str, Callable[[Overlap], NDArray[np.float64]]] = {
    "dice": Overlap.dice,
    "iou": Overlap.iou,
}
"""What is highest at the best checkpoint: the mean over the tuning pictures on which there is
something to draw."""

FALSE = "false"
"""In the journal: share of the pictures with nothing to draw on which something was drawn."""


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
        """A metric of each structure; None where no picture defines it."""
        found = {**METRICS, FALSE: Overlap.false}[metric](self.overlap)
        defined = np.isfinite(found) & self.mask
        pairs = zip(found.T, defined.T, strict=True)
        return [float(values[some].mean()) if some.any() else None for values, some in pairs]

    def numbers(self) -> dict[str, dict[str, float | None]]:
        """Dice, intersection over union and false drawings as the journal holds them."""
        told: dict[str, dict[str, float | None]] = {}
        for metric in (*METRICS, FALSE):
            each = self.each(metric)
            defined = [value for value in each if value is not None]
            mean = float(np.mean(defined)) if defined else None
            told[metric] = {"mean": mean, **dict(zip(self.findings, each, strict=True))}
        return told
