"""Boxes that readers drew, as a file tells of them: refused by name where they cannot be."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.domain.boxes import Boxes
from hilum.domain.text import Text, first_few, text
from hilum.errors import LabelError

MOST = 1000
"""Boxes on one image beyond which a file is taken to mix up images; nobody draws so many."""


def reference_boxes(
    name: str,
    images: Text,
    row: ArrayLike,
    finding: ArrayLike,
    xywh: ArrayLike,
    *,
    annotated: ArrayLike,
) -> Boxes:
    """Boxes of a table, after what no reader draws was looked for.

    Args:
        name: of the file, for messages.
        images: of the table, text [images].
        row: the image of each box, [boxes].
        finding: keys, [boxes].
        xywh: left, top, width, height in pixels of the image file, [boxes, 4].
        annotated: where readers looked for boxes, bool [images].

    Raises:
        LabelError: a corner is no number, a box has no area, all lie within the first pixel as
            shares of width and height do, or over :data:`MOST` lie on one image; with the images.
    """
    at = np.asarray(row, np.int64)
    corners = np.asarray(xywh, np.float64).reshape(-1, 4)
    odd = ~(np.isfinite(corners).all(1) & (corners[:, 2:] > 0).all(1))
    if odd.any():
        raise LabelError(
            f"{name}: {int(odd.sum()):,} boxes have no area, or a corner that is no number: "
            f"{_told(images[at[odd]], corners[odd])}; a box is left, top, width, height."
        )
    check_pixels(name, corners)
    count = np.bincount(at, minlength=len(images))
    many = np.flatnonzero(count > MOST)
    if len(many):
        said = [f"{images[image]} ({count[image]:,})" for image in many.tolist()]
        raise LabelError(
            f"{name}: over {MOST:,} boxes on {len(many):,} images: "
            f"{first_few(said, quoted=False)}. Do several images share a name?"
        )
    return Boxes(at, text(np.asarray(finding).tolist()), corners, np.asarray(annotated, np.bool_))


def check_pixels(name: str, xywh: NDArray[np.float64]) -> None:
    """Refuse boxes in shares of the image.

    Raises:
        LabelError: all of them end within the first pixel.
    """
    if len(xywh) and bool((xywh[:, :2] + xywh[:, 2:] <= 1).all()):
        raise LabelError(
            f"{name}: all boxes end within the first pixel, as shares of the image's width "
            f"and height do; multiply them by width and height in pixels of the image file."
        )


def _told(images: Text, xywh: NDArray[np.float64]) -> str:
    pairs = zip(images.tolist(), xywh.round(1).tolist(), strict=True)
    return first_few([f"{image}: {box}" for image, box in pairs], quoted=False)
