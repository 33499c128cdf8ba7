"""Boxes between an image file and its picture in a pack."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hilum.domain.boxes import Boxes


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
