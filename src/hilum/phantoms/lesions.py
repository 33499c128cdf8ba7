"""Abnormal findings that a phantom can have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from hilum.phantoms.anatomy import Chest
from hilum.phantoms.canvas import Canvas, Map, Mask, clouds, ellipse, smooth

Side = Literal["left", "right"]
LUNG = 0.26  # density of aerated lung over water
FINDINGS = ("cardiomegaly", "consolidation", "effusion", "nodule", "pneumothorax")


@dataclass(frozen=True, slots=True)
class Lesion:
    """One abnormal finding to be drawn.

    Attributes:
        finding: "cardiomegaly", "consolidation", "effusion", "nodule" or "pneumothorax", keys of
            :mod:`hilum.domain.findings`.
        side: the patient's side; None leaves it to chance. A large heart has none.
        extent: from 0, just visible, to 1, gross; None leaves it to chance.
    """

    finding: str
    side: Side | None = None
    extent: float | None = None

    def __post_init__(self) -> None:
        if self.finding not in FINDINGS:
            raise ValueError(
                f"no phantom has the finding {self.finding!r}; known: {', '.join(FINDINGS)}"
            )
        if self.side not in (None, "left", "right"):
            raise ValueError(f"side must be 'left', 'right' or None, got {self.side!r}")
        if self.extent is not None and not 0.0 <= self.extent <= 1.0:
            raise ValueError(f"extent must lie in [0, 1], got {self.extent!r}")
        if self.finding == "cardiomegaly" and self.side is not None:
            raise ValueError("a large heart has no side")


@dataclass(frozen=True, slots=True, eq=False)
class Thorax:
    """What a lesion is drawn into.

    Attributes:
        canvas: the grid.
        chest: the measures.
        cavity: where lungs and mediastinum lie.
        lungs: the visible fields of the lungs, by side.
        pleura: these, and what lies behind the heart and the diaphragm.
        air: mm of lung on each ray, float32 [rows, columns].
    """

    canvas: Canvas
    chest: Chest
    cavity: Mask
    lungs: Mapping[Side, Mask]
    pleura: Mapping[Side, Mask]
    air: Map


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """What a lesion does to the picture; nothing outside its mask.

    Attributes:
        mask: where it lies.
        water: mm of water added on each ray; negative where lung tissue gives way to air.
        markings: the share of the vessels that stays visible, in [0, 1].
    """

    mask: Mask
    water: Map
    markings: Map


def draw_lesion(lesion: Lesion, thorax: Thorax, rng: np.random.Generator) -> Change:
    """Draw one lesion of lung or pleura (a large heart is drawn with the heart).

    Args:
        lesion: what to draw.
        thorax: where to draw it.
        rng: source of side, place, size and shape where the lesion leaves them open.
    """
    draw = {
        "consolidation": _consolidation,
        "effusion": _effusion,
        "nodule": _nodule,
        "pneumothorax": _pneumothorax,
    }[lesion.finding]
    chance: Side = "left" if rng.random() < 0.5 else "right"
    usual = float(rng.uniform(0.25, 0.85))
    extent = usual if lesion.extent is None else lesion.extent
    return draw(thorax, lesion.side or chance, extent, rng)


def _nodule(thorax: Thorax, side: Side, extent: float, rng: np.random.Generator) -> Change:
    canvas, lung = thorax.canvas, thorax.lungs[side]
    radius = 4.5 + 10.5 * extent
    x, y = _place(canvas, lung, radius + 3.0, rng)
    turn = rng.uniform(0, np.pi)
    mask = canvas.fill(ellipse((x, y), (radius, radius * rng.uniform(0.82, 1.0)), turn)) & lung
    depth = np.clip(canvas.depth(mask) / np.float32(radius), 0.0, 1.0)
    sphere = np.sqrt(np.maximum(0.0, 1.0 - (1.0 - depth) ** 2)) * np.float32(2 * radius)
    water = np.minimum(sphere * np.float32(1.15), thorax.air)
    return Change(mask, np.asarray(water, np.float32), np.ones_like(sphere))


def _consolidation(thorax: Thorax, side: Side, extent: float, rng: np.random.Generator) -> Change:
    canvas, lung = thorax.canvas, thorax.lungs[side]
    radius = 22.0 + 34.0 * extent
    x, y = _place(canvas, lung, min(radius * 0.6, 25.0), rng)
    gx, gy = canvas.grid()
    far = np.hypot(
        (gx - np.float32(x)) / np.float32(radius), (gy - np.float32(y)) / np.float32(radius)
    )
    shape = far + clouds(rng, canvas, radius * 0.9) * np.float32(0.22)
    mask = (shape < 1.0) & lung
    # Dense in its middle, patchy towards its edge; nothing outside.
    weight = smooth((1.0 - shape) / 0.9) * mask
    patchy = np.clip(0.78 + 0.12 * clouds(rng, canvas, 16.0), 0.4, 1.0).astype(np.float32)
    filled = thorax.air * weight * patchy * np.float32(0.45 + 0.35 * extent)
    water = np.asarray(filled * np.float32(1.0 - LUNG), np.float32)
    return Change(mask, water, 1.0 - 0.9 * weight)


def _effusion(thorax: Thorax, side: Side, extent: float, rng: np.random.Generator) -> Change:
    canvas, chest = thorax.canvas, thorax.chest
    gx, gy = canvas.grid()
    sign = -1.0 if side == "right" else 1.0
    angle = chest.height + (chest.left_drop if side == "left" else 0.0)
    level = angle - chest.dome - (0.02 + 0.40 * extent) * chest.height + rng.normal(0, 3)
    outwards = np.clip(sign * gx / np.float32(chest.half_width), 0.0, 1.0)
    # The meniscus climbs along the chest wall.
    meniscus = level + chest.dome * 0.75 * (1.0 - outwards**3) - 34.0 * outwards**6
    mask = thorax.pleura[side] & (thorax.air > 0.5) & (gy > meniscus)
    weight = smooth((gy - meniscus) / 30.0) * smooth((sign * gx - 18.0) / 30.0) * mask
    water = np.asarray(thorax.air * weight * np.float32(1.0 - LUNG), np.float32)
    return Change(mask, water, 1.0 - weight)


def _pneumothorax(thorax: Thorax, side: Side, extent: float, rng: np.random.Generator) -> Change:
    canvas, chest, lung = thorax.canvas, thorax.chest, thorax.lungs[side]
    _, gy = canvas.grid()
    wide = 10.0 + 42.0 * extent + rng.normal(0, 1.5)
    reach = (0.35 + 0.6 * extent) * chest.height
    gap = np.float32(wide) * smooth(1.0 - (gy - 0.05 * chest.height) / reach)
    from_wall = canvas.depth(thorax.cavity)
    mask = lung & (from_wall < gap)
    pleura = np.exp(-(((from_wall - gap) / 0.9) ** 2)) * mask * (gap > 2.0)
    water = pleura * np.float32(2.4) - thorax.air * mask * np.float32(LUNG * 0.85)
    return Change(mask, water.astype(np.float32), 1.0 - mask.astype(np.float32))


def _place(
    canvas: Canvas, lung: Mask, margin_mm: float, rng: np.random.Generator
) -> tuple[float, float]:
    depth = canvas.depth(lung)
    fits = np.argwhere(depth >= min(margin_mm, 0.9 * float(depth.max())))
    row, column = fits[int(rng.integers(len(fits)))]
    return (
        (float(column) + 0.5) * canvas.spacing_mm + canvas.origin_mm[0],
        (float(row) + 0.5) * canvas.spacing_mm + canvas.origin_mm[1],
    )
