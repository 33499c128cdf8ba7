"""The frontal chest radiograph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Literal

import numpy as np

from hilum.domain import View
from hilum.phantoms import anatomy
from hilum.phantoms.anatomy import Chest
from hilum.phantoms.canvas import Canvas, Map, clouds
from hilum.phantoms.exposure import Exposure, attenuation, expose, show, window
from hilum.phantoms.lesions import Lesion, Thorax, draw_lesion
from hilum.phantoms.phantom import Phantom
from hilum.phantoms.skeleton import skeleton
from hilum.phantoms.tissue import chambers, soft_tissue, water
from hilum.phantoms.vessels import vessels

_LARGE_HEART = (0.56, 0.70)  # cardiothoracic ratios of a large heart at extent 0 and 1


def draw_chest(
    rng: np.random.Generator,
    *,
    size: tuple[int, int] = (1024, 1024),
    view: Literal["PA", "AP"] = "PA",
    lesions: Sequence[Lesion] = (),
    exposure: Exposure | None = None,
) -> Phantom:
    """Draw a frontal chest radiograph.

    Thicknesses of soft tissue, air and bone along each ray are added up, attenuated after
    Beer–Lambert, given scatter, noise and blur, and shown along an S-shaped curve. The same
    ``rng`` state draws the same person, whatever the lesions: with and without differ only there.

    Args:
        rng: source of anatomy, exposure and noise.
        size: (rows, columns), each at least 64.
        view: "PA" standing, or "AP" as taken in bed.
        lesions: abnormal findings to draw.
        exposure: dose, scatter, blur and contrast; drawn from ``rng`` when None.

    Returns:
        The picture with masks "lung_left", "lung_right", "heart" and one a lesion. The lungs'
        masks are the fields that a healthy lung would fill; fluid in them stays inside the mask.

    Raises:
        ValueError: a side of ``size`` is below 64, or ``view`` is neither PA nor AP.

    Example:
        >>> phantom = draw_chest(np.random.default_rng(0), size=(128, 128))
        >>> sorted(phantom.masks)
        ['heart', 'lung_left', 'lung_right']
    """
    if min(size) < 64:
        raise ValueError(f"a phantom needs at least 64 × 64 pixels, got {size[0]} × {size[1]}")
    if view not in ("PA", "AP"):
        raise ValueError(f"a frontal view is 'PA' or 'AP', got {view!r}")
    shape_rng, vessel_rng, noise_rng, lesion_rng = (
        np.random.default_rng(int(seed)) for seed in rng.integers(2**62, size=4)
    )
    chest = anatomy.draw_measures(shape_rng, view)
    canvas = _frame(chest, size, shape_rng)
    taken = exposure or _usual_exposure(shape_rng, view)

    usual = chambers(canvas, chest, chest.heart)
    ratio = _heart_ratio(lesions, chest, lesion_rng)
    now = usual if ratio == chest.heart else chambers(canvas, chest, ratio)
    bone = skeleton(canvas, chest, shape_rng, view=view)
    blood = vessels(canvas, chest, vessel_rng)
    tissue = soft_tissue(canvas, chest, shape_rng)
    grain = clouds(vessel_rng, canvas, 7.0)

    thorax = Thorax(canvas, chest, now.cavity, now.lungs, now.pleura, now.air)
    changes = [
        (lesion, draw_lesion(lesion, thorax, lesion_rng))
        for lesion in lesions
        if lesion.finding != "cardiomegaly"
    ]
    healthy = attenuation(water(tissue, usual, blood, grain, ()), bone)
    total = healthy
    if lesions:
        total = attenuation(water(tissue, now, blood, grain, [c for _, c in changes]), bone)
    noise = noise_rng.standard_normal(size, dtype=np.float32)
    recorded = expose(healthy, healthy, canvas, taken, noise)
    limits = window(recorded, usual.cavity)
    if lesions:
        recorded = expose(total, healthy, canvas, taken, noise)
    pixels = show(recorded, limits, taken.contrast)
    _collimate(pixels, noise_rng)

    masks = {"lung_left": now.lungs["left"], "lung_right": now.lungs["right"], "heart": now.heart}
    if ratio != chest.heart:
        masks["cardiomegaly"] = now.heart.copy()
    for lesion, change in changes:
        same = sum(name.split("-")[0] == lesion.finding for name in masks)
        masks[lesion.finding + (f"-{same + 1}" if same else "")] = change.mask
    facts = asdict(replace(chest, heart=ratio)) | asdict(taken)
    return Phantom(pixels, canvas.spacing_mm, View(view), masks, facts)


def _frame(chest: Chest, size: tuple[int, int], rng: np.random.Generator) -> Canvas:
    above, below = rng.uniform(38, 72), rng.uniform(16, 52)
    beside = rng.uniform(8, 34)
    tall = chest.height + above + below
    wide = 2 * (chest.half_width + beside)
    height = max(tall, wide * size[0] / size[1])
    spare = height - tall
    width = height * size[1] / size[0]
    left = -width / 2 + rng.normal(0, 5)
    return Canvas(size, float(height), (float(left), float(-above - spare * 0.45)))


def _usual_exposure(rng: np.random.Generator, view: str) -> Exposure:
    bedside = view == "AP"
    return Exposure(
        photons=float(rng.uniform(3.5e4, 9e4) * (0.6 if bedside else 1.0)),
        scatter=float(rng.uniform(0.8, 1.2) * (1.35 if bedside else 1.0)),
        blur_mm=float(rng.uniform(0.14, 0.28)),
        contrast=float(rng.uniform(0.85, 1.15)),
    )


def _heart_ratio(lesions: Sequence[Lesion], chest: Chest, rng: np.random.Generator) -> float:
    large = [lesion for lesion in lesions if lesion.finding == "cardiomegaly"]
    if not large:
        return chest.heart
    usual = float(rng.uniform(0.2, 0.8))
    extent = usual if large[0].extent is None else large[0].extent
    return _LARGE_HEART[0] + extent * (_LARGE_HEART[1] - _LARGE_HEART[0])


def _collimate(pixels: Map, rng: np.random.Generator) -> None:
    """Blacken what the collimator's leaves kept from the beam, as devices do."""
    rows, columns = pixels.shape
    for axis, length in ((0, rows), (1, columns)):
        for end in (0, 1):
            cut = round(max(0.0, float(rng.normal(0.004, 0.010))) * length)
            if cut:
                part = slice(0, cut) if end == 0 else slice(length - cut, length)
                pixels[(part, slice(None)) if axis == 0 else (slice(None), part)] = 0.0
