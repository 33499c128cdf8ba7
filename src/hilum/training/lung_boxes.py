"""Where the lungs lie on the pictures of a run, for the augmentation lung-crop."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from hilum.datasets.pack import Pack
from hilum.domain import Affine, Radiograph, Refusal
from hilum.domain.radiograph import Source
from hilum.reading.lungs import LungReader

Boxes = NDArray[np.float64]


def lung_boxes(images: Pack, cache: Path) -> tuple[Boxes, int]:
    """A box around both lungs of every picture, by the bundle ``lungs``.

    No label has a part in it, and what is found on a radiograph of the training can be found on a
    new one.

    Args:
        images: of the run.
        cache: .npz file to keep the boxes in; read when it is of these pictures.

    Returns:
        float64 [pictures, 4]: left, top, width, height in pixels; the whole picture where the lungs
        were not found or not believed. And on how many that is so.
    """
    names = hashlib.sha256("\n".join(images.names).encode()).hexdigest()
    if cache.exists():
        with np.load(cache) as kept:
            if str(kept["names"]) == names:
                return kept["boxes"], _whole(images, kept["boxes"])
    reader = LungReader.of("lungs")
    boxes = np.zeros((len(images), 4))
    for row in track(range(len(images)), "lungs", transient=True):
        boxes[row] = _box(reader, images[row], images.to_source(row))
    partial = cache.with_name(f"partial-{cache.name}")
    np.savez(partial, boxes=boxes, names=names)
    partial.replace(cache)
    return boxes, _whole(images, boxes)


def _box(reader: LungReader, picture: NDArray[np.uint8], to_source: Affine) -> Boxes:
    """The box on one picture, which is looked at in the proportions of its file."""
    rows, columns = picture.shape
    (across, _, _), (_, down, _) = to_source.matrix
    wide = max(1, round(columns * across / max(across, down)))
    high = max(1, round(rows * down / max(across, down)))
    pixels = cv2.resize(picture, (wide, high), interpolation=cv2.INTER_AREA)
    grey = pixels.astype(np.float32) / np.float32(255)
    found = reader(Radiograph(grey, Source("", "png", (high, wide))))
    if isinstance(found, Refusal) or not found.plausible:
        return np.array([0, 0, columns, rows], np.float64)
    scale = np.array([columns / wide, rows / high] * 2)
    return np.asarray(found.box) * scale


def _whole(images: Pack, boxes: Boxes) -> int:
    rows, columns = images.spec.size
    return int((boxes == (0, 0, columns, rows)).all(1).sum())
