"""What a detector learns from: boxes of a batch."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

FILLING = -1
"""The kind of a row that fills up."""


class Targets(NamedTuple):
    """Boxes on the images of a batch, in pixels of the network's input.

    Attributes:
        boxes: float32 [batch, most, 4]: left, top, right, bottom.
        kinds: int64 [batch, most], positions among the detector's kinds; -1 where a row of
            ``boxes`` only fills up.
        annotated: bool [batch]: whether boxes were looked for. An image that nobody annotated
            teaches nothing of boxes; one that was, and has none, teaches that there are none.
    """

    boxes: Tensor
    kinds: Tensor
    annotated: Tensor

    @classmethod
    def nothing(cls, batch: int) -> Targets:
        """Images that nobody annotated."""
        return cls(
            torch.zeros(batch, 0, 4),
            torch.zeros(batch, 0, dtype=torch.int64),
            torch.zeros(batch, dtype=torch.bool),
        )

    def of(self, image: int) -> tuple[Tensor, Tensor]:
        """Boxes [n, 4] and kinds [n] of one image, without what fills up or has no area."""
        boxes = self.boxes[image]
        kept = (self.kinds[image] >= 0) & (boxes[:, 2:] > boxes[:, :2]).all(1)
        return self.boxes[image][kept], self.kinds[image][kept]
