"""Two pictures that show the same exposure."""

from __future__ import annotations

from dataclasses import dataclass

from hilum.domain import Affine
from hilum.similarity.relations import EQUAL


@dataclass(frozen=True, slots=True)
class Pair:
    """Two pictures that show the same exposure.

    Attributes:
        first: number of a picture.
        second: number of the other.
        score: in [0, 1], half of the area that was compared has a correlation of at least this; 1
            for equal thumbnails.
        relations: what differs, in words; see :func:`hilum.similarity.relations.relations`.
        affine: from points of the first to points of the second, both as shares of width and
            height from the top left corner: (0.5, 0.5) is the centre.
        overlap: share of the first picture that lies inside the second.
    """

    first: int
    second: int
    score: float
    relations: tuple[str, ...]
    affine: Affine
    overlap: float


def equal(first: int, second: int) -> Pair:
    """Two pictures with the same thumbnail."""
    return Pair(first, second, 1.0, (EQUAL,), Affine(), 1.0)
