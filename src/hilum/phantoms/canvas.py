"""Shapes in millimetres, drawn on a grid of pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

Points = NDArray[np.float64]
Map = NDArray[np.float32]
Mask = NDArray[np.bool_]

_SHIFT = 4  # OpenCV takes coordinates in 1/16 pixel
_STEPS = 200  # levels of a tube's brightest place in an 8-bit layer (OpenCV smooths 8-bit only)


@dataclass(frozen=True, slots=True)
class Canvas:
    """A grid of pixels over a plane measured in millimetres.

    Attributes:
        size: (rows, columns).
        height_mm: height of the picture; its width follows from square pixels.
        origin_mm: (x, y) of the picture's outer top-left corner.
    """

    size: tuple[int, int]
    height_mm: float
    origin_mm: tuple[float, float]

    @property
    def spacing_mm(self) -> float:
        """Side of a pixel."""
        return self.height_mm / self.size[0]

    def grid(self) -> tuple[Map, Map]:
        """(x, y) of the pixels' centres in mm: float32 [1, columns] and [rows, 1]."""
        rows, columns = self.size
        x = (np.arange(columns, dtype=np.float32) + 0.5) * self.spacing_mm + self.origin_mm[0]
        y = (np.arange(rows, dtype=np.float32) + 0.5) * self.spacing_mm + self.origin_mm[1]
        return x[None, :].astype(np.float32), y[:, None].astype(np.float32)

    def zeros(self) -> Map:
        """An empty map."""
        return np.zeros(self.size, np.float32)

    def fill(self, outline: ArrayLike) -> Mask:
        """The pixels inside a closed outline.

        Args:
            outline: (x, y) in mm, shape [n, 2].

        Returns:
            bool [rows, columns].
        """
        out = np.zeros(self.size, np.uint8)
        cv2.fillPoly(out, [self._fixed(np.asarray(outline))], 1, cv2.LINE_8, _SHIFT)
        return out.astype(bool)

    def depth(self, mask: Mask) -> Map:
        """Distance of each inner pixel from the mask's edge in mm; 0 outside.

        The picture's own border is no edge: a shape that is cut there goes on outside.
        """
        padded = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_REPLICATE)
        distance = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
        return np.asarray(distance, np.float32) * np.float32(self.spacing_mm)

    def blur(self, values: Map, sigma_mm: float) -> Map:
        """Gaussian blur; wide ones are done on a smaller picture, which is the same and fast."""
        sigma = sigma_mm / self.spacing_mm
        factor = 2 ** max(0, floor(np.log2(max(sigma, 1.0) / 3.0)))
        if factor == 1:
            return np.asarray(cv2.GaussianBlur(values, (0, 0), max(sigma, 0.05)), np.float32)
        rows, columns = values.shape
        small = (max(1, columns // factor), max(1, rows // factor))
        shrunk = cv2.resize(values, small, interpolation=cv2.INTER_AREA)
        blurred = cv2.GaussianBlur(shrunk, (0, 0), sigma / factor)
        return np.asarray(cv2.resize(blurred, (columns, rows)), np.float32)

    def tube(
        self,
        onto: Map,
        path: ArrayLike,
        width_mm: ArrayLike,
        thickness_mm: ArrayLike,
        *,
        hollow: float = 0.0,
    ) -> None:
        """Add a tube along a path to a map of thicknesses.

        Args:
            onto: the map, changed in place.
            path: (x, y) in mm, shape [n, 2].
            width_mm: width of its shadow, one number or one a point.
            thickness_mm: how thick it is in its middle, likewise.
            hollow: 0 for a full tube (thickest in the middle), up to 1 for a shell (a bone's
                cortex: thickest at the edges).
        """
        points = np.asarray(path, np.float64)
        width = np.broadcast_to(np.asarray(width_mm, np.float64), points.shape[:1])
        thick = np.broadcast_to(np.asarray(thickness_mm, np.float64), points.shape[:1])
        # A tube thinner than a pixel is drawn one pixel wide and accordingly thinner.
        drawn = np.maximum(width, self.spacing_mm)
        thick = thick * width / drawn
        box = self._box(points, float(drawn.max()))
        if box is None or thick.max() <= 0:
            return
        left, top, right, bottom = box
        layer = np.zeros((bottom - top, right - left), np.uint8)
        unit = float(thick.max()) / _STEPS
        ahead = np.concatenate([points[:1], points, points[-1:]])
        tangent = ahead[2:] - ahead[:-2]
        tangent /= np.maximum(np.hypot(tangent[:, 0], tangent[:, 1])[:, None], 1e-9)
        half = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1) * drawn[:, None] / 2
        middle = points - np.array([left, top]) * self.spacing_mm
        shells = (
            (1.0, 0.55 + 0.45 * hollow),
            (0.72, 0.85 - 0.12 * hollow),
            (0.45, 1.0 - 0.38 * hollow),
        )
        if drawn.max() < 4 * self.spacing_mm:  # too narrow to have a middle
            outline = self._fixed(np.concatenate([middle + half, (middle - half)[::-1]]))
            cv2.fillPoly(layer, [outline], 0.75 * thick.mean() / unit, cv2.LINE_AA, _SHIFT)
            onto[top:bottom, left:right] += layer * np.float32(unit)
            return
        for share, level in shells:
            one, two = self._fixed(middle + half * share), self._fixed(middle - half * share)
            quads = np.stack([one[:-1], one[1:], two[1:], two[:-1]], axis=1)
            greys = np.minimum(255.0, (thick[:-1] + thick[1:]) * (level / unit / 2)).tolist()
            for quad, grey in zip(quads, greys, strict=True):
                cv2.fillConvexPoly(layer, quad, grey, cv2.LINE_AA, _SHIFT)
        onto[top:bottom, left:right] += layer * np.float32(unit)

    def _fixed(self, points: Points) -> NDArray[np.int32]:
        pixels = (points - np.asarray(self.origin_mm)) / self.spacing_mm - 0.5
        return np.round(pixels * 2**_SHIFT).astype(np.int32)

    def _box(self, points: Points, margin: float) -> tuple[int, int, int, int] | None:
        low = (points.min(0) - margin - np.asarray(self.origin_mm)) / self.spacing_mm
        high = (points.max(0) + margin - np.asarray(self.origin_mm)) / self.spacing_mm
        left, top = max(0, floor(low[0])), max(0, floor(low[1]))
        right, bottom = min(self.size[1], ceil(high[0])), min(self.size[0], ceil(high[1]))
        return (left, top, right, bottom) if right > left and bottom > top else None


def curve(
    points: Sequence[tuple[float, float]], *, closed: bool = False, steps: int = 12
) -> Points:
    """A smooth curve through points (Catmull and Rom 1974).

    Args:
        points: (x, y), at least three.
        closed: whether it returns to the first point.
        steps: new points a stretch.

    Returns:
        (x, y), shape [m, 2].
    """
    p = np.asarray(points, np.float64)
    before, after = (p[-1:], p[:2]) if closed else (2 * p[:1] - p[1:2], 2 * p[-1:] - p[-2:-1])
    p = np.concatenate([before, p, after])
    t = np.linspace(0.0, 1.0, steps, endpoint=False)[:, None]
    a, b, c, d = (p[i : len(p) - 3 + i, None, :] for i in range(4))
    out = 0.5 * (
        2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
    )
    out = out.reshape(-1, 2)
    return out if closed else np.concatenate([out, p[-2:-1]])


def mirrored(points: ArrayLike) -> Points:
    """The same points on the other side of the midline x = 0."""
    return np.asarray(points, np.float64) * (-1.0, 1.0)


def ellipse(centre: tuple[float, float], radii: tuple[float, float], turn: float = 0.0) -> Points:
    """The outline of an ellipse; ``turn`` in radians, clockwise as seen."""
    t = np.linspace(0.0, 2 * np.pi, 64, endpoint=False)
    x, y = radii[0] * np.cos(t), radii[1] * np.sin(t)
    return np.stack(
        [
            centre[0] + x * np.cos(turn) - y * np.sin(turn),
            centre[1] + x * np.sin(turn) + y * np.cos(turn),
        ],
        axis=1,
    )


def smooth(t: ArrayLike) -> Map:
    """0 below 0, 1 above 1, and a smooth step between."""
    at = np.clip(np.asarray(t, np.float32), 0.0, 1.0)
    return np.asarray(at * at * (3.0 - 2.0 * at), np.float32)


def clouds(rng: np.random.Generator, canvas: Canvas, grain_mm: float) -> Map:
    """Smooth random texture with mean 0 and standard deviation 1.

    Args:
        rng: source of randomness.
        canvas: the grid.
        grain_mm: size of the largest grains; half and a quarter of it are mixed in.

    Returns:
        float32 [rows, columns].
    """
    out = canvas.zeros()
    for octave in range(3):
        grain = grain_mm / 2**octave / canvas.spacing_mm
        rows = max(3, round(canvas.size[0] / max(grain, 1.0)) + 2)
        columns = max(3, round(canvas.size[1] / max(grain, 1.0)) + 2)
        coarse = rng.standard_normal((rows, columns), dtype=np.float32)
        grown = cv2.resize(coarse, canvas.size[::-1], interpolation=cv2.INTER_CUBIC)
        out += np.asarray(grown, np.float32) * np.float32(0.6**octave)
    return (out - out.mean()) / max(float(out.std()), 1e-6)
