"""Noise; every kind draws a seed, so that its parameters tell all of it."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, ClassVar, Literal

import cv2
import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from hilum.transforms.augmentation.amounts import STRICT, Amount, draw, within
from hilum.transforms.augmentation.exposure import SEEDS
from hilum.transforms.augmentation.picture import Grey, Params


@dataclass(frozen=True, slots=True, config=STRICT)
class Grain:
    """Blur or noise, each on some of the radiographs.

    Attributes:
        chance: probability of each.
        blur_px: largest standard deviation of the Gaussian blur.
        noise: largest standard deviation of the Gaussian noise, in grey of [0, 1].
    """

    mirrors: ClassVar[bool] = False
    do: Literal["grain"] = field(default="grain", kw_only=True)
    chance: Annotated[float, Field(ge=0, le=1)] = 0.2
    blur_px: Annotated[float, Field(ge=0.4, le=20)] = 1.2
    noise: Annotated[float, Field(ge=0.005, le=1)] = 0.03

    def sample(self, rng: np.random.Generator) -> Params:
        """Standard deviations, 0 for none, and the seed of the noise."""
        blur, noise = rng.random(2) < self.chance
        return {
            "blur": rng.uniform(0.4, self.blur_px) if blur else 0.0,
            "noise": rng.uniform(0.005, self.noise) if noise else 0.0,
            "seed": float(rng.integers(2**31)),
        }

    def change(self, grey: Grey, params: Params) -> Grey:
        """Blur, then add noise, kept in [0, 1]."""
        if params["blur"]:
            grey = np.asarray(cv2.GaussianBlur(grey, (0, 0), params["blur"]), np.float32)
        if params["noise"]:
            rng = np.random.default_rng(int(params["seed"]))
            grain = rng.standard_normal(grey.shape, np.float32)
            grain *= np.float32(params["noise"])
            grain += grey
            return np.clip(grain, 0, 1, out=grain)
        return grey


@dataclass(frozen=True, slots=True, config=STRICT)
class GaussianNoise:
    """Add a normal number to each pixel.

    Attributes:
        sigma_255: standard deviation, on a scale of 0 to 255.
    """

    mirrors: ClassVar[bool] = False
    do: Literal["gaussian-noise"] = field(default="gaussian-noise", kw_only=True)
    sigma_255: Annotated[Amount, within(0, 255)] = (0.0, 7.65)

    def sample(self, rng: np.random.Generator) -> Params:
        """Standard deviation, and the seed of the noise."""
        return {"sigma_255": draw(self.sigma_255, rng), "seed": int(rng.integers(SEEDS))}

    def change(self, grey: Grey, params: Params) -> Grey:
        """Grey + noise, kept in [0, 1]."""
        if params["sigma_255"] == 0:
            return grey
        noise = np.random.default_rng(int(params["seed"])).standard_normal(grey.shape, np.float32)
        noise *= np.float32(params["sigma_255"] / 255)
        noise += grey
        return np.clip(noise, 0, 1, out=noise)


@dataclass(frozen=True, slots=True, config=STRICT)
class LaplaceNoise:
    """Add a number to each pixel from Laplace's distribution: small ones and now and then a large.

    Attributes:
        scale_255: b of exp(−|x| / b) / 2b, on a scale of 0 to 255, as imgaug has it; the standard
            deviation is √2 times as large.
    """

    mirrors: ClassVar[bool] = False
    do: Literal["laplace-noise"] = field(default="laplace-noise", kw_only=True)
    scale_255: Annotated[Amount, within(0, 255)] = (0.0, 7.65)

    def sample(self, rng: np.random.Generator) -> Params:
        """The scale, and the seed of the noise."""
        return {"scale_255": draw(self.scale_255, rng), "seed": int(rng.integers(SEEDS))}

    def change(self, grey: Grey, params: Params) -> Grey:
        """Grey + noise, kept in [0, 1]."""
        if params["scale_255"] == 0:
            return grey
        rng = np.random.default_rng(int(params["seed"]))
        # The difference of two exponential numbers; a third of the time of rng.laplace.
        noise = rng.standard_exponential(grey.shape, np.float32)
        noise -= rng.standard_exponential(grey.shape, np.float32)
        noise *= np.float32(params["scale_255"] / 255)
        noise += grey
        return np.clip(noise, 0, 1, out=noise)


@dataclass(frozen=True, slots=True, config=STRICT)
class SaltAndPepper:
    """Make some pixels white or black, one as likely as the other.

    Attributes:
        share: of the pixels.
    """

    mirrors: ClassVar[bool] = False
    do: Literal["salt-and-pepper"] = field(default="salt-and-pepper", kw_only=True)
    share: Annotated[Amount, within(0, 1)] = (0.0, 0.05)

    def sample(self, rng: np.random.Generator) -> Params:
        """The share, and the seed of the noise."""
        return {"share": draw(self.share, rng), "seed": int(rng.integers(SEEDS))}

    def change(self, grey: Grey, params: Params) -> Grey:
        """Grey with specks."""
        if params["share"] == 0:
            return grey
        drawn = np.random.default_rng(int(params["seed"])).random(grey.shape, np.float32)
        specked = grey.copy()
        specked[drawn < params["share"] / 2] = 0
        specked[drawn >= 1 - params["share"] / 2] = 1
        return specked
