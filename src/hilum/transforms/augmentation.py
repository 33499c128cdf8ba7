"""Random changes of a radiograph in training: each samples its parameters, then applies them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.float32]
Params = dict[str, float]


class Augmentation(Protocol):
    """One random change.

    Attributes:
        mirrors: whether it can swap left and right. The heart is on the left, so nothing that
            does is in the default recipe.
    """

    mirrors: ClassVar[bool]

    def sample(self, rng: np.random.Generator) -> Params:
        """Draw the parameters of one application."""
        ...

    def apply(self, grey: Grey, params: Params) -> Grey:
        """Change grey levels, float32 [rows, columns] in [0, 1], with given parameters."""
        ...


@dataclass(frozen=True, slots=True)
class Warp:
    """Rotate, zoom, stretch and shift in one interpolation; what comes in from outside is black.

    Attributes:
        rotate_deg: largest angle, either way.
        zoom: largest change of size: 0.1 draws factors between 1/1.1 and 1.1.
        stretch: largest change of the aspect, likewise.
        shift: largest shift, as a share of the side.
    """

    mirrors: ClassVar[bool] = False
    rotate_deg: float = 10.0
    zoom: float = 0.12
    stretch: float = 0.05
    shift: float = 0.05

    def sample(self, rng: np.random.Generator) -> Params:
        """Angle in degrees, factors, shifts as shares of the sides."""
        zoom, stretch = np.log1p(self.zoom), np.log1p(self.stretch)
        return {
            "angle": rng.uniform(-self.rotate_deg, self.rotate_deg),
            "zoom": float(np.exp(rng.uniform(-zoom, zoom))),
            "stretch": float(np.exp(rng.uniform(-stretch, stretch))),
            "x": rng.uniform(-self.shift, self.shift),
            "y": rng.uniform(-self.shift, self.shift),
        }

    def apply(self, grey: Grey, params: Params) -> Grey:
        """Warp about the centre, bilinear."""
        rows, columns = grey.shape
        centre = ((columns - 1) / 2, (rows - 1) / 2)
        matrix = cv2.getRotationMatrix2D(centre, params["angle"], params["zoom"])
        matrix[0, :2] *= params["stretch"]
        matrix[0, 2] = centre[0] - matrix[0, :2] @ centre + params["x"] * columns
        matrix[1, 2] += params["y"] * rows
        warped = cv2.warpAffine(grey, matrix, (columns, rows), flags=cv2.INTER_LINEAR)
        return np.asarray(warped, np.float32)


@dataclass(frozen=True, slots=True)
class Exposure:
    """Gamma, contrast and brightness, as another window or another machine would give.

    Attributes:
        gamma: largest |log exponent|.
        contrast: largest relative change about mid-grey.
        brightness: largest shift of grey.
    """

    mirrors: ClassVar[bool] = False
    gamma: float = 0.3
    contrast: float = 0.2
    brightness: float = 0.08

    def sample(self, rng: np.random.Generator) -> Params:
        """Exponent, factor, shift."""
        return {
            "gamma": float(np.exp(rng.uniform(-self.gamma, self.gamma))),
            "contrast": rng.uniform(1 - self.contrast, 1 + self.contrast),
            "brightness": rng.uniform(-self.brightness, self.brightness),
        }

    def apply(self, grey: Grey, params: Params) -> Grey:
        """grey^gamma, then (· − ½) · contrast + ½ + brightness, kept in [0, 1]."""
        changed = np.power(grey, np.float32(params["gamma"]))
        changed = (changed - np.float32(0.5)) * np.float32(params["contrast"])
        return np.clip(changed + np.float32(0.5 + params["brightness"]), 0, 1)


@dataclass(frozen=True, slots=True)
class Grain:
    """Blur or noise, each on some of the radiographs.

    Attributes:
        chance: probability of each.
        blur_px: largest standard deviation of the Gaussian blur.
        noise: largest standard deviation of the Gaussian noise, in grey.
    """

    mirrors: ClassVar[bool] = False
    chance: float = 0.2
    blur_px: float = 1.2
    noise: float = 0.03

    def sample(self, rng: np.random.Generator) -> Params:
        """Standard deviations, 0 for none, and the seed of the noise."""
        blur, noise = rng.random(2) < self.chance
        return {
            "blur": rng.uniform(0.4, self.blur_px) if blur else 0.0,
            "noise": rng.uniform(0.005, self.noise) if noise else 0.0,
            "seed": float(rng.integers(2**31)),
        }

    def apply(self, grey: Grey, params: Params) -> Grey:
        """Blur, then add noise, kept in [0, 1]."""
        if params["blur"]:
            grey = np.asarray(cv2.GaussianBlur(grey, (0, 0), params["blur"]), np.float32)
        if params["noise"]:
            rng = np.random.default_rng(int(params["seed"]))
            grain = rng.standard_normal(grey.shape, np.float32) * np.float32(params["noise"])
            grey = np.clip(grey + grain, 0, 1).astype(np.float32)
        return grey


def augment(grey: Grey, steps: Sequence[Augmentation], rng: np.random.Generator) -> Grey:
    """Sample and apply each step in order.

    Args:
        grey: float32 [rows, columns] in [0, 1]; left as it is.
        steps: what to apply.
        rng: the only source of chance.

    Returns:
        float32 of the same shape, in [0, 1].
    """
    for step in steps:
        grey = step.apply(grey, step.sample(rng))
    return grey
