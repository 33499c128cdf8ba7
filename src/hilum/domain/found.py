"""Boxes that a reading draws."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Origin = Literal["detector", "heatmap"]
"""What drew a box: a network that learnt from boxes, or one that learnt from labels of images."""


@dataclass(frozen=True, slots=True)
class FoundBox:
    """Where a reading finds something.

    Attributes:
        finding: key in :mod:`hilum.domain.findings`.
        score: in [0, 1], higher for surer. No probability unless the bundle's card says so.
        xywh: left, top, width, height in pixels of the stored picture, from the outer corner of
            its top-left pixel; width and height above 0.
        origin: what drew it.
        zones: zones of the lungs that it lies in, the largest share first ("right upper"); empty
            where the lungs are not known.
        in_lungs: share of the box that lies in the lungs, in [0, 1]; None where they are not known.
        size_mm: width and height; None where the spacing of the pixels is not known.

    Raises:
        ValueError: a number is out of range.
    """

    finding: str
    score: float
    xywh: tuple[float, float, float, float]
    origin: Origin
    zones: tuple[str, ...] = ()
    in_lungs: float | None = None
    size_mm: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if not (all(map(math.isfinite, self.xywh)) and min(self.xywh[2:]) > 0):
            raise ValueError(f"{self.finding}: a box of {self.xywh!r} has no area")
        for name, share in (("score", self.score), ("in_lungs", self.in_lungs)):
            if share is not None and not 0.0 <= share <= 1.0:
                raise ValueError(f"{self.finding}: {name} {share!r} must lie in [0, 1]")
