"""Pictures of a radiograph and of the evidence on it.

The mean of a map plus a constant is the logit (of class activation maps; a card may name other
maps), so one place of an h × w grid adds value / (h·w). What is lit: only places whose value is
positive. How strongly::

    strength = max(value, 0) / max(peak, 1) · min(1, probability / operating point)

``peak`` is the map's greatest value, so a map is compared with itself. A map whose peak is below 1
never lights fully: even if it were as strong everywhere, it would add less than one unit of
log-odds. Neither does a finding that stays below its operating point.

The strength picks a colour and an opacity from :data:`RAMP`. The page draws by the same rule from
the same numbers.
"""

from __future__ import annotations

import base64
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.domain import Affine, Heatmap, Prediction, Radiograph, Reading

LONG_SIDE_PX = 768
QUALITY = 82
ENLARGE = 16
"""How many times a grid is enlarged (cubic) before it is laid over the picture."""

RAMP = ((0.0, (255, 214, 92), 0.0), (0.5, (255, 138, 31), 0.42), (1.0, (226, 26, 28), 0.68))
"""(strength, (red, green, blue), opacity); linear between."""


def preview(radiograph: Radiograph, long_side_px: int = LONG_SIDE_PX) -> NDArray[np.uint8]:
    """The radiograph, its long side at most ``long_side_px``, uint8 [rows, columns]."""
    grey = cv2.convertScaleAbs(radiograph.pixels, alpha=255.0)  # rounds to nearest, saturates
    while min(grey.shape) >= 2 and max(grey.shape) >= 2 * long_side_px and _even(grey.shape):
        size = (grey.shape[1] // 2, grey.shape[0] // 2)
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)  # by two: four times faster
    rows, columns = grey.shape
    factor = long_side_px / max(rows, columns)
    if factor < 1:
        size = (max(1, round(columns * factor)), max(1, round(rows * factor)))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    return _uint8(grey)


def _even(shape: tuple[int, ...]) -> bool:
    return all(side % 2 == 0 for side in shape)


def _uint8(picture: Any) -> NDArray[np.uint8]:
    """What OpenCV returned, as the type that it is."""
    return np.asarray(picture, np.uint8)


def jpeg(picture: NDArray[np.uint8]) -> bytes:
    """Encode a grey [rows, columns] or blue-green-red [rows, columns, 3] picture."""
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise ValueError(f"OpenCV could not encode a picture of {picture.shape} as JPEG")
    return bytes(data)


def strength(heatmap: Heatmap, prediction: Prediction) -> NDArray[np.float32]:
    """How strongly each place of the grid is lit, float32 [h, w] in [0, 1]."""
    positive = np.maximum(heatmap.values, 0)
    damping = min(1.0, prediction.probability / prediction.operating_point)
    return (positive * (damping / max(float(positive.max()), 1.0))).astype(np.float32)


def overlay(
    grey: NDArray[np.uint8],
    shape: tuple[int, int],
    heatmap: Heatmap,
    prediction: Prediction,
) -> NDArray[np.uint8]:
    """The evidence for one finding, laid over the picture.

    Args:
        grey: :func:`preview` of the radiograph.
        shape: (rows, columns) of the radiograph itself, which the heatmap's map leads to.
        heatmap: the grid.
        prediction: of the same finding; damps what stays below its operating point.

    Returns:
        uint8 [rows, columns, 3], blue, green, red.
    """
    rows, columns = grey.shape
    lit = strength(heatmap, prediction)
    big = cv2.resize(lit, None, fx=ENLARGE, fy=ENLARGE, interpolation=cv2.INTER_CUBIC)
    half = Affine.shift(0.5, 0.5)  # OpenCV counts from pixel centres, Affine from corners
    to_grey = (
        half.then(Affine.scale(1 / ENLARGE, 1 / ENLARGE))
        .then(heatmap.to_radiograph)
        .then(Affine.scale(columns / shape[1], rows / shape[0]))
        .then(half.inverse())
    )
    placed = cv2.warpAffine(big, np.asarray(to_grey.matrix), (columns, rows))
    index = cv2.convertScaleAbs(np.clip(placed, 0, 1), alpha=255.0)
    colours, opacity = _table()
    alpha = np.asarray(cv2.LUT(index, opacity))
    lit_colours = cv2.LUT(cv2.merge([index] * 3), colours)
    return _uint8(
        cv2.blendLinear(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), lit_colours, 1 - alpha, alpha)
    )


@cache
def _table() -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """:data:`RAMP` at 256 strengths: blue, green, red uint8 [1, 256, 3]; opacity float32 [256]."""
    at = np.linspace(0, 1, 256)
    stops = [s for s, _, _ in RAMP]
    bgr = [np.interp(at, stops, [rgb[c] for _, rgb, _ in RAMP]) for c in (2, 1, 0)]
    opacity = np.interp(at, stops, [a for _, _, a in RAMP])
    return np.rint(np.stack(bgr, 1)).astype(np.uint8)[None], opacity.astype(np.float32)


def margin(prediction: Prediction) -> float:
    """How far the probability lies above the operating point, in log-odds; negative below."""
    p = min(max(prediction.probability, 1e-9), 1 - 1e-9)
    return float(np.log(p / (1 - p)) - np.log(1 / (1 / prediction.operating_point - 1)))


def shown_findings(reading: Reading) -> tuple[Prediction, ...]:
    """Whose evidence is drawn: all findings that are present, else the one nearest to it."""
    return reading.present or tuple(sorted(reading.predictions, key=margin)[-1:])


def grids(heatmaps: tuple[Heatmap, ...], shape: tuple[int, int]) -> list[dict[str, Any]]:
    """Heatmaps for the page: positive evidence as bytes, grouped by size and place.

    Args:
        heatmaps: of one reading.
        shape: (rows, columns) of its radiograph.

    Returns:
        Groups of maps with ``h``, ``w``, ``to`` (a, b, tx, c, d, ty: from grid units to parts of
        the radiograph's width and height) and ``maps``: finding → [peak of the map,
        base64 of uint8 [h, w], 255 at the peak].
    """
    rows, columns = shape
    groups: dict[tuple[Any, ...], dict[str, Any]] = {}
    for heatmap in heatmaps:
        h, w = heatmap.values.shape
        unit = heatmap.to_radiograph.then(Affine.scale(1 / columns, 1 / rows)).matrix
        to = tuple(float(f"{v:.6g}") for row in unit for v in row)
        positive = np.maximum(heatmap.values, 0)
        peak = float(positive.max())
        scaled = np.rint(positive * (255 / peak) if peak else positive).astype(np.uint8)
        group = groups.setdefault((h, w, to), {"h": h, "w": w, "to": list(to), "maps": {}})
        data = base64.b64encode(scaled.tobytes()).decode("ascii")
        group["maps"][heatmap.finding] = [float(f"{peak:.4g}"), data]
    return list(groups.values())
