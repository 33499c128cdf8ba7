"""Sizes of images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hilum.domain import LabelTable

PAIRS = (("width_px", "height_px"), ("original_width_px", "original_height_px"))
"""Columns that hold sizes: of the files, and of the pictures that they were made from."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of images of one kind.

    Attributes:
        of: what they are sizes of: "image files" or "originals", and where they are told.
        images: (width, height) in pixels → images, the most common first.
        unknown: images whose size is not told.
        differ: of sizes that were read: images of which the table tells another size.
    """

    of: str
    images: Mapping[tuple[int, int], int]
    unknown: int
    differ: int = 0


def count_sizes(
    table: LabelTable, read: tuple[NDArray[np.int32], NDArray[np.int32]] | None = None
) -> tuple[Sizes, ...]:
    """Count the sizes that the columns tell, and those that files had when they were read.

    Args:
        table: of labels.
        read: widths and heights int32 [images] as read from the files; 0 where not read.
    """
    found = []
    for pair, of in zip(
        PAIRS, ("image files, by the table", "originals, by the table"), strict=True
    ):
        if set(pair) <= set(table.columns):
            wide, high = (pixels(table.columns[name]) for name in pair)
            found.append(_count(of, wide, high))
    if read is not None:
        found.append(replace(_count("image files, as read", *read), differ=_differ(table, read)))
    return tuple(sizes for sizes in found if sizes.images)


def _differ(table: LabelTable, read: tuple[NDArray[np.int32], NDArray[np.int32]]) -> int:
    if not set(PAIRS[0]) <= set(table.columns):
        return 0
    told = [pixels(table.columns[name]) for name in PAIRS[0]]
    known = (told[0] > 0) & (told[1] > 0) & (read[0] > 0)
    return int((known & ((told[0] != read[0]) | (told[1] != read[1]))).sum())


def pixels(column: NDArray[np.generic]) -> NDArray[np.int32]:
    """A column of pixels, text or numbers, as int32; 0 where it tells none."""
    if column.dtype.kind == "i":
        return column.astype(np.int32)
    values, inverse = np.unique(column, return_inverse=True)
    return np.array([_pixels(str(value)) for value in values.tolist()], np.int32)[inverse]


def _pixels(value: str) -> int:
    try:
        return max(0, int(float(value)))
    except (ValueError, OverflowError):
        return 0


def _count(of: str, wide: NDArray[np.int32], high: NDArray[np.int32]) -> Sizes:
    known = (wide > 0) & (high > 0)
    key = wide[known].astype(np.int64) << 32 | high[known]
    pairs, counts = np.unique(key, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    images = {
        (int(pair) >> 32, int(pair) & 0xFFFFFFFF): int(n)
        for pair, n in zip(pairs[order], counts[order], strict=True)
    }
    return Sizes(of, images, int((~known).sum()))
