"""Soft tissue and air of a frontal chest, as thicknesses of water in mm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hilum.phantoms import anatomy
from hilum.phantoms.anatomy import Chest
from hilum.phantoms.canvas import Canvas, Map, Mask, Points, clouds, curve, ellipse, smooth
from hilum.phantoms.lesions import LUNG, Change, Side


@dataclass(frozen=True, slots=True, eq=False)
class Chambers:
    """Where air and organs lie, for one size of the heart.

    Attributes:
        cavity: lungs and mediastinum together.
        heart: the heart.
        lungs: the visible fields of the lungs, by side.
        pleura: these, and what lies behind the heart and the diaphragm.
        air: mm of lung on each ray, float32 [rows, columns]; some lies behind heart and diaphragm.
    """

    cavity: Mask
    heart: Mask
    lungs: dict[Side, Mask]
    pleura: dict[Side, Mask]
    air: Map


def chambers(canvas: Canvas, chest: Chest, ratio: float) -> Chambers:
    """Lungs around a heart of the given cardiothoracic ratio."""
    cavity = canvas.fill(anatomy.cavity(chest))
    heart = canvas.fill(anatomy.heart(chest, ratio)) & cavity
    air = rounded(canvas.depth(cavity), 62.0) * np.float32(0.74 * chest.depth)
    displaced = rounded(canvas.depth(heart), 48.0) * np.float32(112.0)
    middle = np.zeros(canvas.size, np.bool_)
    for outline in anatomy.mediastinum(chest):
        part = canvas.fill(outline)
        middle |= part
        displaced = np.maximum(displaced, rounded(canvas.depth(part), 22.0) * np.float32(120.0))
    air = np.maximum(air - displaced, 0.0)
    x, _ = canvas.grid()
    fields: dict[Side, Mask] = {}
    pleura: dict[Side, Mask] = {}
    sides: tuple[tuple[Side, int], ...] = (("right", -1), ("left", 1))
    for name, side in sides:
        own = np.broadcast_to(x * side > 0, canvas.size)
        base = canvas.fill(anatomy.lung_base(chest, side)) & own
        # Behind the dome the lung reaches further down, thinner and thinner.
        recess = np.float32(0.20) * np.exp(-canvas.depth(base) / np.float32(26.0))
        air = np.where(base, air * recess, air)
        pleura[name] = cavity & own & ~middle
        fields[name] = pleura[name] & ~base & ~heart
    return Chambers(cavity, heart, fields, pleura, air)


def soft_tissue(canvas: Canvas, chest: Chest, rng: np.random.Generator) -> Map:
    """The body as if it were filled: trunk, neck, arms, breasts, less windpipe and stomach gas."""
    _, y = canvas.grid()
    outline = canvas.fill(anatomy.body(chest, arms_mm=float(rng.uniform(2, 26))))
    thick = rounded(canvas.depth(outline), 44.0) * np.float32(chest.depth)
    thick *= np.interp(y, [-140.0, -50.0, 0.0, 60.0], [0.80, 0.80, 0.90, 1.0]).astype(np.float32)
    thick *= np.interp(y, [0.75 * chest.height, 1.1 * chest.height], [1.0, 0.93]).astype(np.float32)
    thick += outline * clouds(rng, canvas, 55.0) * np.float32(1.8)
    if chest.breasts:
        thick += _breasts(canvas, chest, rng)
    return thick - _airways(canvas, chest) - _stomach_gas(canvas, chest)


def water(tissue: Map, space: Chambers, blood: Map, grain: Map, changes: Sequence[Change]) -> Map:
    """All that is not bone on each ray, with lesions, in mm of water.

    Args:
        tissue: the body as if filled.
        space: lungs and organs.
        blood: vessels, not yet cut to the lungs.
        grain: texture of the lungs, mean 0, standard deviation 1.
        changes: lesions.
    """
    markings = np.float32(1.0 - LUNG) * blood + grain * np.float32(1.7)
    added = np.zeros_like(tissue)
    for change in changes:
        markings = markings * change.markings
        added = added + change.water
    room = space.air * np.float32(1.0 - LUNG)
    inside = smooth(space.air / 40.0)
    return np.asarray(tissue - room + np.minimum(markings * inside + added, room), np.float32)


def rounded(depth: Map, radius_mm: float) -> Map:
    """Thickness of a body with round sides, 0 at its edge to 1 from ``radius_mm`` inwards."""
    rest = 1.0 - np.minimum(depth / np.float32(radius_mm), 1.0)
    return np.asarray(np.sqrt(1.0 - rest * rest), np.float32)


def _breasts(canvas: Canvas, chest: Chest, rng: np.random.Generator) -> Map:
    out = canvas.zeros()
    _, y = canvas.grid()
    w, h = chest.half_width, chest.height
    low = rng.normal(0.80, 0.05) * h
    for side in (-1, 1):
        centre = (side * 0.60 * w, low)
        shape = canvas.fill(ellipse(centre, (0.50 * w, 0.29 * h), side * 0.15))
        fade = smooth((y - (centre[1] - 0.30 * h)) / (0.36 * h))  # no upper edge
        out += rounded(canvas.depth(shape), 42.0) * fade * np.float32(chest.breasts)
    return out


def _airways(canvas: Canvas, chest: Chest) -> Map:
    out = canvas.zeros()
    fork = (3.0, 0.30 * chest.height)
    windpipe = curve([(0.0, -130.0), (1.0, -40.0), (2.5, 0.10 * chest.height), fork])
    canvas.tube(out, windpipe, 17.0, 16.0)
    for side in (-1, 1):
        x, y = anatomy.hilum(chest, side)
        steep = 0.62 if side < 0 else 0.45  # the right main bronchus is the steeper one
        path: Points = curve([fork, (side * 10.0, fork[1] + steep * 24), (x, y + 6)])
        canvas.tube(out, path, np.linspace(13, 8.5, len(path)), np.linspace(11, 6.0, len(path)))
    return canvas.blur(out, 0.9)


def _stomach_gas(canvas: Canvas, chest: Chest) -> Map:
    if chest.gas < 0.35:
        return canvas.zeros()
    top = chest.height + chest.left_drop - 0.72 * chest.dome
    radii = (20 + 16 * chest.gas, 9 + 13 * chest.gas)
    shape = canvas.fill(ellipse((0.46 * chest.half_width, top + radii[1] + 6), radii, 0.2))
    return canvas.blur(rounded(canvas.depth(shape), 16.0), 1.5) * np.float32(42 * chest.gas)
