"""Batches for the loop: drawn by seed, epoch and row, prepared one ahead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.bundles.card import Preprocessing
from hilum.training.segmentation.augmentation import Grey, Variety, vary
from hilum.training.segmentation.examples import Examples, unpack
from hilum.transforms.preprocess import normalise

Paint = Callable[[Grey, Grey, np.random.Generator], Grey]
Batch = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Input [B, channels, rows, columns] and masks [B, structures, rows / 2, columns / 2]."""


def example(examples: Examples, row: int, structures: int) -> tuple[Grey, Grey]:
    """Picture float32 [rows, columns] in [0, 1] and masks float32 [structures, rows, columns]."""
    grey = np.asarray(examples.pictures[row], np.float32) / np.float32(255)
    return grey, unpack(np.asarray(examples.masks[row]), structures).astype(np.float32)


def halved(masks: Grey) -> Grey:
    """Masks at half the size, by area: the share of each coarse pixel that lies inside."""
    high, wide = masks.shape[1] // 2, masks.shape[2] // 2
    return np.stack([cv2.resize(m, (wide, high), interpolation=cv2.INTER_AREA) for m in masks])


def plain(examples: Examples, row: int, spec: Preprocessing, structures: int) -> Batch:
    """One example as it is."""
    grey, masks = example(examples, row, structures)
    return normalise(grey, spec), halved(masks)


def changed(
    examples: Examples,
    row: int,
    spec: Preprocessing,
    structures: int,
    *,
    variety: Variety,
    paint: Paint | None,
    rng: np.random.Generator,
) -> Batch:
    """One example painted over and augmented."""
    grey, masks = example(examples, row, structures)
    if paint is not None and rng.random() < 0.5:
        grey = paint(grey, masks, rng)
    grey, masks = vary(grey, masks, variety, rng)
    return normalise(grey, spec), halved(masks)


def batches(make: Callable[[int], Batch], rows: NDArray[np.int64], size: int) -> Iterator[Batch]:
    """Batches of rows in order; the next one is prepared while one is used.

    Args:
        make: one example of a row.
        rows: which, in the order wanted.
        size: of a batch; the last may be smaller.
    """
    parts = [rows[at : at + size] for at in range(0, len(rows), size)]

    def together(part: NDArray[np.int64]) -> Batch:
        pairs = [make(int(row)) for row in part]
        return np.stack([p[0] for p in pairs]), np.stack([p[1] for p in pairs])

    with ThreadPoolExecutor(1) as ahead:
        waiting = ahead.submit(together, parts[0])
        for part in parts[1:]:
            ready, waiting = waiting, ahead.submit(together, part)
            yield ready.result()
        yield waiting.result()
