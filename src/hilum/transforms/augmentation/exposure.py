"""Steps that change grey levels one by one, as other exposures and other windows do."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, ClassVar, Literal

import cv2
import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from hilum.transforms.augmentation.amounts import STRICT, Amount, draw, draw_each, within
from hilum.transforms.augmentation.picture import Grey, Params

SEEDS = 2**63
Each = Literal["image", "pixel"]


@dataclass(frozen=True, slots=True, config=STRICT)
class Exposure:
    """Gamma, contrast and brightness, as another window or another machine would give.

    Attributes:
        gamma: largest |log exponent|.
        contrast: largest relative change about mid-grey.
        brightness: largest shift of grey, in [0, 1].
    """

    mirrors: ClassVar[bool] = False
    do: Literal["exposure"] = field(default="exposure", kw_only=True)
    gamma: Annotated[float, Field(ge=0, le=2)] = 0.3
    contrast: Annotated[float, Field(ge=0, lt=1)] = 0.2
    brightness: Annotated[float, Field(ge=0, lt=1)] = 0.08

    def sample(self, rng: np.random.Generator) -> Params:
        """Exponent, factor, shift."""
        return {
            "gamma": float(np.exp(rng.uniform(-self.gamma, self.gamma))),
            "contrast": rng.uniform(1 - self.contrast, 1 + self.contrast),
            "brightness": rng.uniform(-self.brightness, self.brightness),
        }

    def change(self, grey: Grey, params: Params) -> Grey:
        """grey^gamma, then (· − ½) · contrast + ½ + brightness, kept in [0, 1]."""
        changed = np.power(grey, np.float32(params["gamma"]))
        changed -= np.float32(0.5)
        changed *= np.float32(params["contrast"])
        changed += np.float32(0.5 + params["brightness"])
        return np.clip(changed, 0, 1, out=changed)


@dataclass(frozen=True, slots=True, config=STRICT)
class Gamma:
    """Raise grey levels to a power: below 1 brightens, above 1 darkens.

    Attributes:
        exponent: the power.
    """

    mirrors: ClassVar[bool] = False
    do: Literal["gamma"] = field(default="gamma", kw_only=True)
    exponent: Annotated[Amount, within(0.1, 10)] = (0.7, 1.3)

    def sample(self, rng: np.random.Generator) -> Params:
        """The power."""
        return {"exponent": draw(self.exponent, rng)}

    def change(self, grey: Grey, params: Params) -> Grey:
        """grey^exponent."""
        if params["exponent"] == 1:
            return grey
        return np.asarray(cv2.pow(grey, params["exponent"]), np.float32)


@dataclass(frozen=True, slots=True, config=STRICT)
class Add:
    """Add to grey levels.

    Attributes:
        by_255: how much, on a scale of 0 to 255.
        each: one number for the image, or one for each pixel.
    """

    mirrors: ClassVar[bool] = False
    do: Literal["add"] = field(default="add", kw_only=True)
    by_255: Annotated[Amount, within(-255, 255)] = (-15.0, 15.0)
    each: Each = "image"

    def sample(self, rng: np.random.Generator) -> Params:
        """The number, or the seed of all numbers."""
        if self.each == "pixel":
            return {"seed": int(rng.integers(SEEDS))}
        return {"by_255": draw(self.by_255, rng)}

    def change(self, grey: Grey, params: Params) -> Grey:
        """Grey + by_255 / 255, kept in [0, 1]."""
        if self.each == "image":
            if params["by_255"] == 0:
                return grey
            added = grey + np.float32(params["by_255"] / 255)
        else:
            rng = np.random.default_rng(int(params["seed"]))
            added = draw_each(self.by_255, grey.shape, rng)
            added /= np.float32(255)
            added += grey
        return np.clip(added, 0, 1, out=added)


@dataclass(frozen=True, slots=True, config=STRICT)
class Multiply:
    """Multiply grey levels.

    Attributes:
        by: the factor; below 1 darkens.
        each: one factor for the image, or one for each pixel.
    """

    mirrors: ClassVar[bool] = False
    do: Literal["multiply"] = field(default="multiply", kw_only=True)
    by: Annotated[Amount, within(0, 10)] = (0.8, 1.2)
    each: Each = "image"

    def sample(self, rng: np.random.Generator) -> Params:
        """The factor, or the seed of all factors."""
        if self.each == "pixel":
            return {"seed": int(rng.integers(SEEDS))}
        return {"by": draw(self.by, rng)}

    def change(self, grey: Grey, params: Params) -> Grey:
        """Grey · by, kept in [0, 1]."""
        if self.each == "image":
            multiplied = grey * np.float32(params["by"])
        else:
            rng = np.random.default_rng(int(params["seed"]))
            multiplied = draw_each(self.by, grey.shape, rng)
            multiplied *= grey
        return np.clip(multiplied, 0, 1, out=multiplied)


@dataclass(frozen=True, slots=True, config=STRICT)
class Clahe:
    """Spread grey levels evenly within tiles, as far as a limit allows, in 256 levels.

    **Source:** Zuiderveld K. Contrast limited adaptive histogram equalization. Graphics Gems IV,
    1994.

    Attributes:
        clip_limit: how much fuller than the average a bin of a tile's histogram may be.
        tiles: along each side.
    """

    mirrors: ClassVar[bool] = False
    do: Literal["clahe"] = field(default="clahe", kw_only=True)
    clip_limit: Annotated[Amount, within(0.1, 100)] = (1.0, 3.0)
    tiles: Annotated[int, Field(ge=1, le=32)] = 8

    def sample(self, rng: np.random.Generator) -> Params:
        """The limit."""
        return {"clip_limit": draw(self.clip_limit, rng)}

    def change(self, grey: Grey, params: Params) -> Grey:
        """Equalised grey levels."""
        spread = cv2.createCLAHE(params["clip_limit"], (self.tiles, self.tiles))
        levels = cv2.convertScaleAbs(grey, alpha=255.0)
        return spread.apply(levels).astype(np.float32) / np.float32(255)
