"""One person's chest: the measures that vary, and the outlines that follow from them.

Millimetres at the detector; x = 0 is the midline, x > 0 the patient's left (the right side of a
frontal picture), y = 0 the top of the lungs, y downwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hilum.phantoms.canvas import Points, curve, ellipse


@dataclass(frozen=True, slots=True)
class Chest:
    """Measures of one chest.

    Attributes:
        half_width: from the midline to the inner chest wall at its widest.
        height: from the top of the lungs to the costophrenic angles.
        dome: how far the right half of the diaphragm rises over its angle.
        left_drop: how much lower the left half stands.
        heart: width of the heart over the inner width of the chest (cardiothoracic ratio).
        heart_turn: how upright the heart lies: −1 lying to 1 upright.
        knob: radius of the aortic knob.
        wall: thickness of the soft tissue beside the chest.
        depth: front to back of the body.
        breasts: thickness of the breast shadow; 0 without.
        rib_pitch: from one rib to the next.
        rib_slope: how steeply ribs fall towards the side.
        clavicle: height of the clavicles' inner ends.
        lean: shift of the spine's middle, a slight scoliosis.
        gas: size of the stomach bubble, 0 to 1.
    """

    half_width: float
    height: float
    dome: float
    left_drop: float
    heart: float
    heart_turn: float
    knob: float
    wall: float
    depth: float
    breasts: float
    rib_pitch: float
    rib_slope: float
    clavicle: float
    lean: float
    gas: float

    @property
    def left_shift(self) -> float:
        """How much of the heart's width lies left of the midline, as a share."""
        return 0.71 + 0.03 * self.heart_turn


def draw_measures(rng: np.random.Generator, view: str) -> Chest:
    """A person, drawn from what is common in adults.

    Args:
        rng: source of randomness.
        view: "PA", or "AP": taken lying or sitting, less deep a breath, a larger heart shadow.
    """
    supine = view == "AP"
    female = rng.random() < 0.5
    size = rng.normal(1.0, 0.05) - 0.04 * female
    half_width = float(np.clip(143 * size * rng.normal(1, 0.03), 122, 162))
    height = float(np.clip((270 - 38 * supine) * size * rng.normal(1, 0.05), 195, 310))
    return Chest(
        half_width=half_width,
        height=height,
        dome=float(np.clip(rng.normal(46, 7), 28, 64)),
        left_drop=float(np.clip(rng.normal(12, 5), -4, 26)),
        heart=float(np.clip(rng.normal(0.445 + 0.045 * supine, 0.025), 0.37, 0.53)),
        heart_turn=float(np.clip(rng.normal(0, 0.5), -1, 1)),
        knob=float(np.clip(rng.normal(15, 2.5), 9, 22)),
        wall=float(np.clip(rng.normal(30, 8), 16, 52)),
        depth=float(np.clip(rng.normal(222, 18), 180, 275)),
        breasts=float(np.clip(rng.normal(26, 9), 8, 48)) if female else 0.0,
        rib_pitch=height / float(np.clip(rng.normal(10.2, 0.4), 9.3, 11.2)),
        rib_slope=float(np.clip(rng.normal(1.0, 0.12), 0.7, 1.3)),
        clavicle=float(np.clip(rng.normal(30 - 14 * supine, 6), 4, 46)),
        lean=float(rng.normal(0, 3.0)),
        gas=float(rng.random()),
    )


def cavity(chest: Chest) -> Points:
    """Both lungs and what lies between them, down to the costophrenic angles."""
    w, h = chest.half_width, chest.height
    right = [
        (-0.09 * w, 0.09 * h),
        (-0.24 * w, 0.016 * h),
        (-0.40 * w, 0.004 * h),
        (-0.57 * w, 0.055 * h),
        (-0.745 * w, 0.19 * h),
        (-0.875 * w, 0.37 * h),
        (-0.95 * w, 0.57 * h),
        (-0.99 * w, 0.78 * h),
        (-w, 0.95 * h),
        (-0.985 * w, 1.02 * h),
        (-0.93 * w, 1.10 * h),
        (-0.5 * w, 1.16 * h),
    ]
    left = [(-x, y) for x, y in reversed(right)]
    return curve(right + left, closed=True)


def lung_base(chest: Chest, side: int) -> Points:
    """Everything below one half of the diaphragm; ``side`` is −1 for the right, 1 for the left."""
    w, h = chest.half_width, chest.height
    angle = h + (chest.left_drop if side > 0 else 0.0)
    rise = chest.dome * (1.0 if side < 0 else 0.94)
    top = [
        (side * 1.25 * w, angle + 40),
        (side * 1.02 * w, angle + 2),
        (side * 0.975 * w, angle - 0.06 * rise),
        (side * 0.90 * w, angle - 0.36 * rise),
        (side * 0.76 * w, angle - 0.74 * rise),
        (side * 0.56 * w, angle - 0.98 * rise),
        (side * 0.38 * w, angle - 0.98 * rise),
        (side * 0.18 * w, angle - 0.80 * rise),
        (0.0, h + 0.5 * chest.left_drop - 0.66 * chest.dome),
    ]
    return np.concatenate([curve(top), [(0.0, h + 400), (side * 1.25 * w, h + 400)]])


def heart(chest: Chest, ratio: float) -> Points:
    """The heart's outline, its apex to the patient's left.

    Args:
        chest: the measures.
        ratio: width over the inner width of the chest.
    """
    width = 2 * chest.half_width * ratio
    left, right = width * chest.left_shift, width * (1 - chest.left_shift)
    floor = chest.height + chest.left_drop - 0.70 * chest.dome
    top = 0.40 * chest.height
    tall = floor - top
    up = chest.heart_turn
    return curve(
        [
            (-0.42 * right, top - 0.10 * tall),
            (-0.60 * right, top + 0.18 * tall),
            (-0.90 * right, top + 0.42 * tall),
            (-right, top + 0.66 * tall),
            (-0.90 * right, top + 0.90 * tall),
            (-0.55 * right, top + 1.06 * tall),
            (0.20 * left, top + 1.18 * tall),
            (0.70 * left, top + (1.18 + 0.03 * up) * tall),
            (0.95 * left, top + (1.05 + 0.05 * up) * tall),
            (left, top + (0.88 + 0.05 * up) * tall),
            (0.93 * left, top + (0.66 + 0.04 * up) * tall),
            (0.77 * left, top + (0.42 + 0.03 * up) * tall),
            (0.55 * left, top + 0.18 * tall),
            (0.38 * left, top - 0.06 * tall),
            (0.05 * left, top - 0.15 * tall),
        ],
        closed=True,
    )


def mediastinum(chest: Chest) -> list[Points]:
    """Great vessels, spine's soft tissue and oesophagus: what is neither lung nor heart."""
    h, knob = chest.height, chest.knob
    centre = (7 + 0.72 * knob, 0.285 * h)
    middle = curve(
        [
            (-21, -80),
            (-20, 0.0),
            (-23, 0.18 * h),
            (-25, 0.36 * h),
            (-22, 0.60 * h),
            (-20, 0.90 * h),
            (-20, 1.3 * h),
            (24, 1.3 * h),
            (25, 0.90 * h),
            (25, 0.60 * h),
            (24, 0.42 * h),
            (19, 0.20 * h),
            (17, 0.0),
            (19, -80),
        ],
        closed=True,
    )
    descending = curve(
        [
            (centre[0] - 6, centre[1]),
            (centre[0] + knob * 0.80, centre[1] + knob * 0.5),
            (centre[0] + knob * 0.45, centre[1] + 0.16 * h),
            (centre[0] + 2, centre[1] + 0.42 * h),
            (centre[0] - 6, 0.95 * h),
            (0, 0.95 * h),
            (0, centre[1]),
        ],
        closed=True,
    )
    pulmonary = ellipse((20, 0.395 * h), (15, 30), -0.30)
    return [middle, ellipse(centre, (knob * 1.04, knob)), descending, pulmonary]


def hilum(chest: Chest, side: int) -> tuple[float, float]:
    """Where one lung's vessels begin; the left one stands a little higher."""
    return (side * 0.265 * chest.half_width, (0.46 if side < 0 else 0.425) * chest.height)


def body(chest: Chest, *, arms_mm: float) -> Points:
    """The outline of neck, shoulders and trunk.

    Args:
        chest: the measures.
        arms_mm: how far the upper arms stand off the trunk; they begin at the shoulders.
    """
    edge = chest.half_width + chest.wall
    h = chest.height
    right = [
        (-58, -140),
        (-56, -62),
        (-70, -44),
        (-115, -30),
        (-edge - 8, -16),
        (-edge - 38 - arms_mm, 18),
        (-edge - 52 - arms_mm, 95),
        (-edge - 50 - arms_mm, 1.9 * h),
        (-edge - 6 - arms_mm, 1.9 * h),
        (-edge - 3 - 0.4 * arms_mm, 0.62 * h),
        (-edge + 1, 0.40 * h),
        (-edge - 2, 0.62 * h),
        (-edge, 1.0 * h),
        (-edge + 2, 1.4 * h),
        (-edge, 1.9 * h),
    ]
    left = [(-x, y) for x, y in reversed(right)]
    return curve(right + left, closed=True)
