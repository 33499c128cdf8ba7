"""Bones of the chest as thicknesses of mineral in mm."""

from __future__ import annotations

import numpy as np

from hilum.phantoms.anatomy import Chest
from hilum.phantoms.canvas import Canvas, Map, curve, ellipse


def skeleton(canvas: Canvas, chest: Chest, rng: np.random.Generator, *, view: str) -> Map:
    """All bones of a frontal chest.

    Args:
        canvas: the grid.
        chest: the measures.
        rng: source of small irregularities.
        view: "PA" swings the scapulae out of the lungs; "AP" leaves them over their sides.

    Returns:
        Thickness of bone in mm, float32 [rows, columns].
    """
    bone = canvas.zeros()
    _spine(bone, canvas, chest)
    for number in range(1, 12):
        for side in (-1, 1):
            _rib(bone, canvas, chest, number=number, side=side, jitter=rng.normal(0, 1, 4))
    for side in (-1, 1):
        _shoulder(bone, canvas, chest, side=side, out_mm=26.0 if view == "PA" else 4.0)
        _clavicle(bone, canvas, chest, side=side, jitter=rng.normal(0, 1, 3))
    _sternum(bone, canvas, chest)
    return canvas.blur(bone, 0.55)


def wall_at(chest: Chest, y: float) -> float:
    """Half the inner width of the chest at height ``y``; follows the outline of the cavity."""
    share = np.interp(
        y / chest.height,
        [-0.06, 0.0, 0.055, 0.19, 0.37, 0.57, 0.78, 0.95, 1.3],
        [0.30, 0.46, 0.58, 0.745, 0.875, 0.95, 0.99, 1.0, 1.0],
    )
    return float(share) * chest.half_width


def _rib(
    bone: Map, canvas: Canvas, chest: Chest, *, number: int, side: int, jitter: np.ndarray
) -> None:
    pitch, slope = chest.rib_pitch, chest.rib_slope
    start = -0.55 * pitch + (number - 1) * pitch * 0.93 + jitter[0]
    fall = (6 + 4.4 * min(number, 9)) * slope  # from spine to side
    side_y = start + fall + 0.05 * chest.height
    wide = wall_at(chest, side_y) + 2.5
    # The back part runs outwards and down, turns at the side, and comes back lower in front.
    front = min(0.30 + 0.045 * number, 0.72)  # where bone ends and cartilage begins
    drop = (20 + 7.5 * min(number, 8)) * slope
    points = [
        (13.0, start + 1),
        (26.0, start - 2.5 + jitter[1] * 0.6),
        (0.40 * wide + 8, start - 1 + 0.10 * fall),
        (0.70 * wide, start + 0.38 * fall),
        (0.90 * wide, start + 0.74 * fall),
        (0.985 * wide, side_y - 0.012 * chest.height),
        (wide, side_y + 0.02 * chest.height),
    ]
    bend = len(points)
    if number <= 10:
        points += [
            (0.955 * wide, side_y + 0.34 * drop),
            (0.84 * wide, side_y + 0.66 * drop),
            (0.5 * (0.84 + front) * wide, side_y + 0.90 * drop),
            (front * wide, side_y + drop + 2 * jitter[2]),
        ]
    path = curve(points, steps=5) * (side, 1.0)
    share = np.linspace(0.0, 1.0, len(path))
    split = 5 * bend
    # The side is seen along the rib, so the ray meets more bone there.
    along = np.interp(
        share * len(path),
        [0, split * 0.55, split * 0.95, split * 1.15, len(path)],
        [1.0, 1.0, 1.8, 1.5, 0.6],
    )
    width = (8.6 + 0.35 * min(number, 8)) * (1 + 0.03 * jitter[3])
    growing = width * np.interp(share, [0, 0.2, 0.55, 1.0], [0.86, 1.0, 0.98, 1.22])
    canvas.tube(bone, path, growing, 6.2 * along, hollow=0.8)
    if number <= 10:  # the cup where cartilage begins
        cup = np.add(path[-1], [(-side * 1.5, -5.0), (-side * 2.2, 0.0), (-side * 0.5, 5.0)])
        canvas.tube(bone, cup, 2.0, 2.4)


def _clavicle(bone: Map, canvas: Canvas, chest: Chest, *, side: int, jitter: np.ndarray) -> None:
    w, y = chest.half_width, chest.clavicle
    path = curve(
        [
            (14, y + 6 + jitter[0]),
            (32, y + 2),
            (0.40 * w, y - 8),
            (0.66 * w, y - 19 + jitter[1]),
            (0.92 * w, y - 27 + jitter[2]),
            (1.14 * w, y - 25),
        ]
    ) * (side, 1.0)
    share = np.linspace(0, 1, len(path))
    width = np.interp(share, [0, 0.12, 0.45, 0.8, 1], [17, 13, 10.5, 12, 15])
    canvas.tube(bone, path, width, 10.5, hollow=0.75)


def _shoulder(bone: Map, canvas: Canvas, chest: Chest, *, side: int, out_mm: float) -> None:
    w, y = chest.half_width, chest.clavicle
    top = (0.98 * w + out_mm * 0.6, y + 4)
    inner = [
        (top[0] - 34, y - 4),
        (top[0] - 30 + 0.4 * out_mm, y + 48),
        (top[0] - 24 + 0.4 * out_mm, y + 100),
        (top[0] - 8 + 0.4 * out_mm, y + 142),
    ]
    outer = [
        (top[0] + 2 + 0.3 * out_mm, y + 118),
        (top[0] + 16 + 0.2 * out_mm, y + 70),
        (top[0] + 24, y + 28),
        (top[0] + 10, y - 6),
    ]
    blade = canvas.fill(curve([*inner, *outer], closed=True) * (side, 1.0))
    bone += canvas.blur(blade.astype(np.float32), 1.0) * np.float32(2.2)
    canvas.tube(bone, curve([*inner[-1:], *outer]) * (side, 1.0), 6.0, 6.0, hollow=0.3)
    canvas.tube(bone, curve(inner) * (side, 1.0), 2.4, 2.6, hollow=0.2)
    spine_of_it = curve([inner[0], (top[0] + 6, y - 16), (top[0] + 34, y - 26)])
    canvas.tube(bone, spine_of_it * (side, 1.0), 8.0, 6.0, hollow=0.5)
    canvas.tube(bone, ellipse((side * (top[0] + 26), y + 14), (7, 17)), 2.0, 5.0)
    head = (top[0] + 46, y + 12)
    ball = canvas.fill(ellipse((side * head[0], head[1]), (24, 24)))
    bone += canvas.blur(ball.astype(np.float32), 1.2) * np.float32(14.0)
    shaft = curve([head, (head[0] + 12, y + 60), (head[0] + 18, y + 190)]) * (side, 1.0)
    share = np.linspace(0, 1, len(shaft))
    canvas.tube(bone, shaft, np.interp(share, [0, 0.3, 1], [38, 25, 22]), 17.0, hollow=1.0)


def _spine(bone: Map, canvas: Canvas, chest: Chest) -> None:
    y = -110.0
    while y < 1.45 * chest.height:
        t = (y + 60) / (chest.height + 60)
        tall = float(np.interp(t, [-0.3, 0.0, 1.0], [13, 17, 25]))
        half = float(np.interp(t, [-0.3, 0.0, 1.0], [10, 14.5, 18.5]))
        x = chest.lean * float(np.sin(np.pi * np.clip(t, 0, 1)))
        block = [
            (x - half, y + 1.5),
            (x - half + 1.5, y + tall / 2),
            (x - half, y + tall - 1.5),
            (x, y + tall - 0.5),
            (x + half, y + tall - 1.5),
            (x + half - 1.5, y + tall / 2),
            (x + half, y + 1.5),
            (x, y + 0.5),
        ]
        outline = curve(block, closed=True, steps=4)
        bone += canvas.fill(outline).astype(np.float32) * np.float32(6.5)
        canvas.tube(bone, np.concatenate([outline, outline[:1]]), 2.0, 2.6)
        for side in (-1, 1):
            pedicle = ellipse((x + side * half * 0.62, y + tall * 0.36), (3.0, 4.2))
            canvas.tube(bone, pedicle, 1.6, 3.4)
            process = curve(
                [
                    (x + side * half * 0.8, y + tall * 0.3),
                    (x + side * (half + 7), y + tall * 0.18),
                    (x + side * (half + 15), y + tall * 0.10),
                ]
            )
            canvas.tube(bone, process, 8.0, 2.4, hollow=0.5)
        spinous = curve([(x, y + tall * 0.45), (x + 0.6, y + tall * 0.8), (x, y + tall * 1.1)])
        canvas.tube(bone, spinous, 4.5, 4.5, hollow=0.5)
        y += tall + float(np.interp(t, [-0.3, 1.0], [3.0, 5.5]))


def _sternum(bone: Map, canvas: Canvas, chest: Chest) -> None:
    y = chest.clavicle
    outline = curve(
        [
            (-24, y + 6),
            (0, y + 12),
            (24, y + 6),
            (20, y + 34),
            (13, y + 52),
            (15, y + 110),
            (11, y + 140),
            (0, y + 150),
            (-11, y + 140),
            (-15, y + 110),
            (-13, y + 52),
            (-20, y + 34),
        ],
        closed=True,
    )
    bone += canvas.blur(canvas.fill(outline).astype(np.float32), 1.5) * np.float32(1.6)
