"""Pictures that are no frontal chest: a lateral chest, a hand, an empty field, noise."""

from __future__ import annotations

import numpy as np

from hilum.domain import View
from hilum.phantoms.canvas import Canvas, Map, Mask, clouds, curve, ellipse, smooth
from hilum.phantoms.exposure import Exposure, attenuation, expose, show, window
from hilum.phantoms.lesions import LUNG
from hilum.phantoms.phantom import Phantom
from hilum.phantoms.tissue import rounded


def draw_lateral(rng: np.random.Generator, *, size: tuple[int, int] = (1024, 1024)) -> Phantom:
    """Draw a lateral chest radiograph, the patient facing left.

    Args:
        rng: source of anatomy, exposure and noise.
        size: (rows, columns).

    Returns:
        The picture with masks "lungs" and "heart".
    """
    grow = float(np.clip(rng.normal(1.0, 0.05), 0.88, 1.12))
    canvas = Canvas(size, 400.0 * grow, (-200.0 * grow * size[1] / size[0], -75.0 * grow))
    trunk = canvas.fill(grow * _TRUNK)
    lungs = canvas.fill(grow * _LUNGS)
    heart = canvas.fill(grow * ellipse((-38, 178), (52, 40), -0.75)) & lungs
    thick = rounded(canvas.depth(trunk), 60.0) * np.float32(300.0)
    air = rounded(canvas.depth(lungs), 55.0) * np.float32(225.0)
    air = np.maximum(air - rounded(canvas.depth(heart), 40.0) * np.float32(125.0), 0.0)
    for lift in (0.0, -11.0):  # the two halves of the diaphragm
        below = canvas.fill(grow * np.add(_DIAPHRAGM, (0.0, lift)))
        air = np.where(below, air * np.float32(0.45), air)
    blood = canvas.zeros()
    hila = canvas.fill(grow * ellipse((4, 108), (17, 24), 0.2))
    blood += canvas.blur(hila.astype(np.float32), 5.0) * np.float32(26.0)
    for _ in range(34):
        turn, far = rng.uniform(0, 2 * np.pi), rng.uniform(30, 95)
        root = (4 + rng.normal(0, 9), 108 + rng.normal(0, 13))
        end = (4 + far * np.cos(turn), 108 + 1.2 * far * np.sin(turn))
        bend = (4 + 0.5 * far * np.cos(turn + 0.2), 108 + 0.6 * far * np.sin(turn + 0.2))
        canvas.tube(blood, grow * curve([root, bend, end]), rng.uniform(1.5, 4.5), 5.0)
    bone = _lateral_bones(canvas, grow)
    room = air * np.float32(1.0 - LUNG)
    markings = (blood + clouds(rng, canvas, 7.0) * np.float32(2.5)) * smooth(air / 40.0)
    total = attenuation(thick - room + np.minimum(markings, room), bone)
    pixels = _take(total * np.float32(0.82), canvas, rng, lungs)
    masks = {"lungs": lungs, "heart": heart}
    return Phantom(pixels, canvas.spacing_mm, View.LATERAL, masks, {"scale": grow})


def draw_hand(rng: np.random.Generator, *, size: tuple[int, int] = (1024, 1024)) -> Phantom:
    """Draw a radiograph of a hand from behind: what a chest reader must refuse.

    Args:
        rng: source of anatomy, exposure and noise.
        size: (rows, columns).

    Returns:
        The picture with the mask "hand".
    """
    grow = float(np.clip(rng.normal(1.0, 0.06), 0.86, 1.14))
    canvas = Canvas(size, 240.0, (-120.0 * size[1] / size[0], -118.0))
    bone, flesh = canvas.zeros(), np.zeros(size, np.bool_)
    palm = [
        (-34, 6),
        (-12, -4),
        (14, -2),
        (36, 10),
        (44, 52),
        (30, 80),
        (27, 130),
        (-27, 130),
        (-30, 84),
        (-44, 62),
        (-43, 30),
    ]
    flesh |= canvas.fill(grow * curve(palm, closed=True))
    depth = rounded(canvas.depth(flesh), 20.0) * np.float32(26.0)
    for root, degrees, lengths, width in _FINGERS:
        turn = np.radians(degrees + rng.normal(0, 2.0))
        along = np.array([np.sin(turn), -np.cos(turn)])
        start = np.asarray(root, np.float64)
        tip = start + along * (sum(lengths) + 9.0)
        finger = np.linspace(start + along * lengths[0] * 0.4, tip, 24)
        taper = np.interp(np.linspace(0, 1, 24), [0, 0.8, 0.96, 1], [2.3, 1.85, 1.4, 0.5])
        alone = canvas.zeros()
        canvas.tube(alone, grow * finger, grow * width * taper, 17.0)
        depth = np.maximum(depth, alone)
        for length in lengths:
            _long_bone(
                bone, canvas, grow * start, grow * (start + along * (length - 2.2)), grow * width
            )
            start = start + along * length
    for x, y, r in _CARPALS:
        outline = ellipse((x, y), (r, r * 0.85), float(rng.uniform(0, 3)))
        bone += canvas.fill(grow * outline).astype(np.float32) * np.float32(5.0)
        canvas.tube(bone, grow * np.concatenate([outline, outline[:1]]), 1.1, 3.2)
    _long_bone(bone, canvas, grow * np.array([-12.0, 88]), grow * np.array([-14.0, 190]), grow * 17)
    _long_bone(bone, canvas, grow * np.array([16.0, 90]), grow * np.array([17.0, 190]), grow * 12)
    total = attenuation(depth, canvas.blur(bone, 0.3)) * np.float32(1.6)  # at a lower voltage
    hand = depth > 3.0
    pixels = _take(total, canvas, rng, hand, contrast=1.7)
    return Phantom(pixels, canvas.spacing_mm, View.OTHER, {"hand": hand}, {"scale": grow})


def draw_blank(
    rng: np.random.Generator, *, size: tuple[int, int] = (1024, 1024), noise: float = 0.0
) -> Phantom:
    """Draw an exposure of nothing.

    Args:
        rng: source of the grey level and of noise.
        size: (rows, columns).
        noise: standard deviation of white noise in grey levels; 0 for a constant picture.

    Returns:
        The picture, without masks.
    """
    level = float(rng.uniform(0.2, 0.8))
    pixels = np.full(size, level, np.float32)
    if noise:
        pixels += rng.standard_normal(size, dtype=np.float32) * np.float32(noise)
    facts = {"level": level, "noise": noise}
    return Phantom(np.clip(pixels, 0, 1), 0.4, View.OTHER, parameters=facts)


def _take(
    total: Map, canvas: Canvas, rng: np.random.Generator, inside: Mask, *, contrast: float = 1.0
) -> Map:
    how = Exposure(contrast=contrast * float(rng.uniform(0.9, 1.1)))
    noise = rng.standard_normal(canvas.size, dtype=np.float32)
    recorded = expose(total, total, canvas, how, noise)
    return show(recorded, window(recorded, inside), how.contrast)


def _long_bone(bone: Map, canvas: Canvas, start: np.ndarray, end: np.ndarray, width: float) -> None:
    path = np.linspace(start, end, 14)
    share = np.linspace(0, 1, 14)
    waist = np.interp(share, [0, 0.12, 0.3, 0.75, 0.9, 1], [1.15, 1.25, 0.82, 0.78, 1.0, 0.85])
    canvas.tube(bone, path, width * waist, 6.5, hollow=1.0)


def _lateral_bones(canvas: Canvas, grow: float) -> Map:
    bone = canvas.zeros()
    spine = curve([(52, -75), (66, -20), (86, 60), (92, 140), (80, 220), (66, 330)], steps=40)
    steps = np.cumsum(np.r_[0, np.hypot(*np.diff(spine, axis=0).T)])
    at = 0.0
    while at < steps[-1] - 26:
        tall = 18.0 + 8.0 * at / steps[-1]
        block = np.stack(
            [np.interp(np.linspace(at, at + tall, 5), steps, spine[:, i]) for i in (0, 1)], axis=1
        )
        canvas.tube(bone, grow * block, grow * (24 + 8 * at / steps[-1]), 24.0, hollow=0.4)
        middle = block[2]
        arch = np.add(middle, [(14, 0), (26, 5), (34, 12)])
        canvas.tube(bone, grow * arch, grow * 7.0, 9.0, hollow=0.4)
        at += tall + 5.0
    for i in range(10):
        y = 4.0 + 23.0 * i
        rib = curve([(84, y - 6), (98, y + 10), (70, y + 26), (10, y + 44), (-48, y + 66)])
        share = np.linspace(0, 1, len(rib))
        canvas.tube(
            bone, grow * rib, grow * 9.0, np.interp(share, [0, 0.25, 1], [7, 9, 2.5]), hollow=0.8
        )
    sternum = curve([(-66, 22), (-80, 60), (-92, 110), (-96, 150)])
    canvas.tube(bone, grow * sternum, grow * 9.0, 13.0, hollow=0.5)
    return canvas.blur(bone, 0.7)


# Outlines at scale 1, in mm: front is left, y = 0 the top of the lungs.
_TRUNK = curve(
    [
        (-42, -130),
        (-44, -60),
        (-86, -52),
        (-150, -90),
        (-190, -80),
        (-130, -20),
        (-104, 20),
        (-112, 80),
        (-120, 150),
        (-116, 230),
        (-112, 330),
        (-108, 420),
        (110, 420),
        (112, 330),
        (122, 220),
        (132, 120),
        (120, 40),
        (96, -20),
        (72, -70),
        (66, -130),
    ],
    closed=True,
)
_LUNGS = curve(
    [
        (8, 0),
        (-20, 8),
        (-44, 30),
        (-66, 66),
        (-82, 112),
        (-88, 160),
        (-84, 206),
        (-40, 226),
        (20, 236),
        (70, 262),
        (102, 276),
        (108, 240),
        (112, 170),
        (108, 100),
        (90, 40),
        (52, 6),
    ],
    closed=True,
)
_DIAPHRAGM = np.concatenate(
    [
        curve([(-110, 218), (-88, 206), (-52, 190), (-10, 192), (40, 214), (84, 250), (112, 280)]),
        [(112, 420), (-112, 420)],
    ]
)
# (root of the metacarpal, degrees from upright, lengths of the bones, width)
_FINGERS = (
    ((-30.0, 60.0), -42.0, (40.0, 29.0, 22.0), 9.5),
    ((-16.0, 52.0), -9.0, (59.0, 38.0, 24.0, 18.0), 8.8),
    ((-2.0, 50.0), -1.0, (57.0, 43.0, 28.0, 19.0), 8.8),
    ((11.0, 52.0), 6.0, (52.0, 39.0, 26.0, 18.0), 8.0),
    ((23.0, 56.0), 15.0, (47.0, 31.0, 19.0, 17.0), 7.4),
)
_CARPALS = (
    (-21.0, 62.0, 7.0),
    (-10.0, 62.0, 6.0),
    (2.0, 61.0, 8.5),
    (17.0, 63.0, 8.0),
    (-15.0, 77.0, 9.0),
    (1.0, 78.0, 8.5),
    (15.0, 77.0, 6.5),
)
