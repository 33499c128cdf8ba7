"""From thicknesses to a picture: Beer–Lambert, scatter, noise, blur and display."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hilum.phantoms.canvas import Canvas, Map, Mask

# Effective linear attenuation per mm at about 120 kVp, hardened by the body itself.
WATER = 0.0185
BONE = 0.0450


@dataclass(frozen=True, slots=True)
class Exposure:
    """How the picture was taken and shown.

    Attributes:
        photons: detected a mm² in the open field; fewer, more noise.
        scatter: scattered over primary radiation behind the thickest part.
        blur_mm: standard deviation of the detector's and the focus' blur.
        contrast: slope of the display curve.
    """

    photons: float = 9.0e4
    scatter: float = 1.1
    blur_mm: float = 0.18
    contrast: float = 1.0


def attenuation(water: Map, bone: Map) -> Map:
    """Total attenuation of what lies on each ray, from thicknesses in mm."""
    total = np.maximum(water, np.float32(0.0)) * np.float32(WATER)
    return (total + bone * np.float32(BONE - WATER)).astype(np.float32, copy=False)


def expose(
    total: Map,
    healthy: Map,
    canvas: Canvas,
    how: Exposure,
    grain: Map,
) -> Map:
    """What the detector records, in logarithms: 0 for the open field, higher behind more matter.

    Args:
        total: attenuation of each ray.
        healthy: the same person's without lesions; scatter follows it, so that a lesion changes
            the picture where it lies and nowhere else.
        canvas: the grid.
        how: dose, scatter, blur.
        grain: standard normal noise, float32 [rows, columns].

    Returns:
        Attenuation as recorded, float32 [rows, columns].
    """
    primary = canvas.blur(np.exp(-total), how.blur_mm)
    haze = canvas.blur(np.exp(-healthy), 38.0)
    thick = np.clip(canvas.blur(healthy, 30.0) / 4.0, 0.0, 1.2)
    signal = primary + haze * thick * np.float32(how.scatter * 0.16)
    photons = np.float32(how.photons * canvas.spacing_mm**2)
    signal = signal + grain * np.sqrt(signal / photons)
    return -np.log(np.maximum(signal, np.float32(2e-4)))


def window(recorded: Map, inside: Mask) -> tuple[float, float]:
    """Recorded attenuations to be shown near black and near white: lung and mediastinum.

    Args:
        recorded: attenuation as recorded.
        inside: where the chest's cavity lies.
    """
    low, high = np.percentile(recorded[::4, ::4][inside[::4, ::4]], [2.0, 97.0])
    return float(low), float(max(high, low + 0.2))


def show(recorded: Map, limits: tuple[float, float], contrast: float) -> Map:
    """Grey levels in [0, 1] along an S-shaped curve, as film and detectors show them."""
    low, high = limits
    middle, half = (low + high) / 2, (high - low) / 2
    at = (recorded - np.float32(middle)) / np.float32(half)
    grey = 1.0 / (1.0 + np.exp(-np.float32(1.55 * contrast) * (at + np.float32(0.12))))
    return np.clip(grey, 0.0, 1.0).astype(np.float32)
