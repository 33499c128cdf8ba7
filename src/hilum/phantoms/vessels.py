"""Vessels of the lungs: trees that leave the hila, branch and thin out."""

from __future__ import annotations

from math import cos, pi, sin

import numpy as np

from hilum.phantoms.anatomy import Chest, hilum
from hilum.phantoms.canvas import Canvas, Map, ellipse


def vessels(canvas: Canvas, chest: Chest, rng: np.random.Generator) -> Map:
    """Thickness of blood in mm where vessels run, hila included; not yet cut to the lungs.

    Args:
        canvas: the grid.
        chest: the measures.
        rng: source of the branching.

    Returns:
        float32 [rows, columns].
    """
    blood = canvas.zeros()
    for side in (-1, 1):
        x, y = hilum(chest, side)
        # (direction in radians from outwards, downwards positive; width in mm; length of a stretch)
        stems = [
            (-1.25, 7.5),
            (-0.75, 6.0),
            (-0.2, 6.0),
            (0.35, 6.5),
            (0.8, 8.5),
            (1.15, 11.0),
            (1.4, 7.0),
        ]
        for angle, width in stems:
            start = (x + side * rng.normal(0, 3), y + 10 * angle + rng.normal(0, 3))
            _branch(blood, canvas, rng, start, angle + rng.normal(0, 0.12), (side, width, 0))
        lower = ellipse((x + side * 1.5, y + 24), (8.0, 27.0), -side * 0.20)
        upper = ellipse((x - side * 3.0, y - 4), (11.0, 17.0), side * 0.3)
        for outline in (lower, upper):
            shade = canvas.fill(outline).astype(np.float32)
            blood += canvas.blur(shade, 2.6) * np.float32(15.0)
    return canvas.blur(blood, 0.5)


def _branch(
    blood: Map,
    canvas: Canvas,
    rng: np.random.Generator,
    start: tuple[float, float],
    angle: float,
    stem: tuple[int, float, int],
) -> None:
    side, width, level = stem
    if width < 0.75 or level > 7:
        return
    length = (20.0 + 1.4 * width) * rng.uniform(0.75, 1.25)
    bend = rng.normal(0, 0.16)
    points = [start]
    for _ in range(4):
        angle += bend / 4
        x, y = points[-1]
        points.append((x + side * cos(angle) * length / 4, y + sin(angle) * length / 4))
    end_width = width * 0.86
    tapering = np.linspace(width, end_width, 5)
    canvas.tube(blood, points, tapering, 2.2 * tapering)
    spread = rng.uniform(0.28, 0.62)
    lean = rng.uniform(-0.15, 0.15)
    thin = rng.uniform(0.52, 0.72)
    thick = rng.uniform(0.74, 0.86)
    # The thicker child keeps on, the thinner one turns away, to either side.
    turn = 1 if rng.random() < 0.5 else -1
    limit = 0.5 * pi
    for share, change in ((thick, -turn * spread * 0.45), (thin, turn * spread)):
        to = float(np.clip(angle + change + lean, -limit * 1.05, limit * 1.05))
        _branch(blood, canvas, rng, points[-1], to, (side, end_width * share, level + 1))
