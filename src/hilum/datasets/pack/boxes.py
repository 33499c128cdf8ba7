"""Boxes between an image file and its picture in a pack."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.domain import LabelTable
from hilum.domain.boxes import Boxes


def of_files(table: LabelTable, width_px: NDArray[Any], height_px: NDArray[Any]) -> Boxes | None:
    """The boxes of a table in pixels of the image files that are there.

    Published boxes are measured in the picture that the table's columns width_px and height_px
    tell of, while the file may be a smaller copy of it.

    Args:
        table: whose boxes are meant; where its columns tell no size, its boxes fit the files.
        width_px: of the files, upright or not as they are stored, one an image.
        height_px: the same.

    Returns:
        The boxes; None where nobody drew any.
    """
    if table.boxes is None or not {"width_px", "height_px"} <= set(table.columns):
        return table.boxes
    wide, high = table.columns["width_px"], table.columns["height_px"]
    told = (wide > 0) & (high > 0)
    across = np.divide(width_px, wide, where=told, out=np.ones(len(table)))
    down = np.divide(height_px, high, where=told, out=np.ones(len(table)))
    return table.boxes.scaled(across, down)


def into_pack(boxes: Boxes, to_source: NDArray[np.float64]) -> Boxes:
    """Carry boxes from image files to the pictures of a pack.

    Args:
        boxes: in pixels of the image files.
        to_source: float64 [pictures, 6], the pack's ``index["to_source"]``: maps (a, b, tx, c, d,
            ty) from a picture to its file.

    Returns:
        The boxes in pixels of the pictures. What a centre crop has cut away lies outside them
        (:meth:`hilum.domain.boxes.Boxes.outside` tells which): nothing is lost on the way back.
    """
    a, b, x, c, d, y = to_source[boxes.row].T
    scale = a * d - b * c
    back = np.stack([d, -b, b * y - d * x, -c, a, c * x - a * y]) / scale
    return _carried(boxes, back.T)


def into_source(boxes: Boxes, to_source: NDArray[np.float64]) -> Boxes:
    """The way back: boxes from pictures of a pack to their image files.

    Args:
        boxes: in pixels of the pictures.
        to_source: as for :func:`into_pack`.
    """
    return _carried(boxes, to_source[boxes.row])


def _carried(boxes: Boxes, maps: NDArray[np.float64]) -> Boxes:
    """Map opposite corners; maps scale, shift, mirror and turn by right angles."""
    a, b, x, c, d, y = maps.T
    left, top, wide, high = boxes.xywh.T
    one = np.stack([a * left + b * top + x, c * left + d * top + y])
    right, bottom = left + wide, top + high
    two = np.stack([a * right + b * bottom + x, c * right + d * bottom + y])
    low = np.minimum(one, two)
    xywh = np.concatenate([low, np.abs(two - one)]).T
    return Boxes(boxes.row, boxes.finding, xywh, boxes.annotated)
