"""Steps that look at a pixel's neighbours: blur and sharpen."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, ClassVar, Literal

import cv2
import numpy as np
from pydantic.dataclasses import dataclass

from hilum.transforms.augmentation.amounts import STRICT, Amount, draw, within
from hilum.transforms.augmentation.picture import Grey, Params


@dataclass(frozen=True, slots=True, config=STRICT)
class GaussianBlur:
    """Blur the picture.

    Attributes:
        sigma_px: standard deviation of the blur, in pixels of the network's input.
    """

    mirrors: ClassVar[bool] = False
    do: Literal["gaussian-blur"] = field(default="gaussian-blur", kw_only=True)
    sigma_px: Annotated[Amount, within(0, 50)] = (0.0, 1.0)

    def sample(self, rng: np.random.Generator) -> Params:
        """The standard deviation."""
        return {"sigma_px": draw(self.sigma_px, rng)}

    def change(self, grey: Grey, params: Params) -> Grey:
        """Blurred grey levels."""
        if params["sigma_px"] < 0.05:  # the kernel's middle weighs 1 to the last digit
            return grey
        return np.asarray(cv2.GaussianBlur(grey, (0, 0), params["sigma_px"]), np.float32)


@dataclass(frozen=True, slots=True, config=STRICT)
class Sharpen:
    """Mix the picture with its sharpened self.

    The kernel is (1 − alpha) · identity + alpha · S, where S is −1 all around and 8 + lightness in
    the middle. **Source:** imgaug, ``augmenters.Sharpen``.

    Attributes:
        alpha: weight of the sharpened picture.
        lightness: 1 keeps the mean grey; below 1 darkens.
    """

    mirrors: ClassVar[bool] = False
    do: Literal["sharpen"] = field(default="sharpen", kw_only=True)
    alpha: Annotated[Amount, within(0, 1)] = (0.0, 0.1)
    lightness: Annotated[Amount, within(0, 10)] = 1.0

    def sample(self, rng: np.random.Generator) -> Params:
        """Both numbers."""
        return {"alpha": draw(self.alpha, rng), "lightness": draw(self.lightness, rng)}

    def change(self, grey: Grey, params: Params) -> Grey:
        """Sharpened grey levels, kept in [0, 1]."""
        alpha = params["alpha"]
        if alpha == 0:
            return grey
        kernel = np.full((3, 3), -alpha, np.float32)
        kernel[1, 1] = 1 - alpha + alpha * (8 + params["lightness"])
        sharp = np.asarray(cv2.filter2D(grey, -1, kernel), np.float32)
        return np.clip(sharp, 0, 1, out=sharp)
