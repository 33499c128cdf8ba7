"""Heatmaps of rounds laid back on the plain picture, so that they can be added."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.domain import Affine

Floats = NDArray[np.float32]


def lay_back(maps: Floats, to_plain: Affine, extent: tuple[float, float]) -> Floats:
    """Bring maps of one round to the grid of the plain picture.

    What a round did not show has no evidence. A place that it showed larger keeps the sum of its
    evidence: values are multiplied by how often the round's frame fits into the plain one, so that
    the mean over the grid stays what the round added to the logit.

    Args:
        maps: float32 [findings, h, w] on the round's input.
        to_plain: from points of the round's input to points of the plain input.
        extent: (rows, columns) of the input, of both.

    Returns:
        float32 [findings, h, w] on the plain input.
    """
    if np.allclose(np.asarray(to_plain.matrix), np.eye(2, 3), atol=1e-9):
        return maps
    rows, columns = maps.shape[1:]
    grid = Affine.scale(extent[1] / columns, extent[0] / rows)
    back = grid.then(to_plain.inverse()).then(grid.inverse())
    matrix = np.asarray(back.matrix, np.float64)
    # From centres of pixels, as OpenCV counts, to points, as an affine does, and back.
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    share = abs(float(np.linalg.det(matrix[:, :2])))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    laid = [
        cv2.warpAffine(
            one * np.float32(share), matrix, (columns, rows), flags=flags,
            borderMode=cv2.BORDER_CONSTANT, borderValue=0.0,
        )
        for one in maps
    ]  # fmt: skip
    return np.array(laid, np.float32)
