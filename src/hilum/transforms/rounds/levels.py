"""Transforms of grey levels; nothing moves. The formulas are those of augmentation in training."""

from __future__ import annotations

import cv2
import numpy as np

from hilum.transforms.augmentation import (
    Add,
    Clahe,
    Exposure,
    Gamma,
    GaussianBlur,
    Multiply,
)
from hilum.transforms.rounds.transform import Grey, Parameter, Params, Shape, Transform


def sharpen_kernel(alpha: float, lightness: float) -> np.ndarray:
    """The kernel that sharpens: (1 − alpha) · identity + alpha · S, float64 [3, 3].

    S is −1 all around and 8 + lightness in the middle, so the kernel's sum is
    1 − alpha + alpha · lightness: lightness 1 keeps the mean grey.

    Source:
        imgaug, ``augmenters.convolutional.Sharpen``.
    """
    nothing = np.zeros((3, 3))
    nothing[1, 1] = 1.0
    effect = np.full((3, 3), -1.0)
    effect[1, 1] = 8.0 + lightness
    return (1.0 - alpha) * nothing + alpha * effect


def _blur(grey: Grey, params: Params, shape: Shape) -> Grey:
    del shape
    return np.clip(GaussianBlur().change(grey, dict(params)), 0, 1)


def _gamma(grey: Grey, params: Params, shape: Shape) -> Grey:
    del shape
    return np.clip(Gamma().change(grey, dict(params)), 0, 1)


def _sharpen(grey: Grey, params: Params, shape: Shape) -> Grey:
    del shape
    kernel = sharpen_kernel(params["alpha"], params["lightness"])
    return np.clip(cv2.filter2D(grey, -1, kernel).astype(np.float32, copy=False), 0, 1)


def _add(grey: Grey, params: Params, shape: Shape) -> Grey:
    del shape
    return Add().change(grey, dict(params)).copy()


def _multiply(grey: Grey, params: Params, shape: Shape) -> Grey:
    del shape
    return Multiply().change(grey, dict(params))


def _contrast(grey: Grey, params: Params, shape: Shape) -> Grey:
    del shape
    if params["by"] == 1:
        return grey.copy()
    return Exposure().change(grey, {"gamma": 1.0, "contrast": params["by"], "brightness": 0.0})


def _clahe(grey: Grey, params: Params, shape: Shape) -> Grey:
    del shape
    tiles = round(params["tiles"])
    return Clahe(tiles=tiles).change(grey, {"clip_limit": params["clip_limit"]})


def _equalise(grey: Grey, params: Params, shape: Shape) -> Grey:
    del shape, params
    levels = cv2.convertScaleAbs(grey, alpha=255.0)
    return cv2.equalizeHist(levels).astype(np.float32) / np.float32(255)


BLUR = Transform(
    "gaussian-blur",
    "Blurs by a Gaussian.",
    (
        Parameter("sigma_px", 0, 50, "standard deviation, in pixels of the network's input",
                  (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5), nothing=0),
    ),
    _blur,
)  # fmt: skip
GAMMA = Transform(
    "gamma",
    "Raises grey levels to a power: below 1 brightens, above 1 darkens.",
    (
        Parameter("exponent", 0.1, 10, "the power",
                  (0.5, 0.7, 0.75, 1.25, 1.3, 1.5, 1.75, 2.0, 2.25, 2.5), nothing=1),
    ),
    _gamma,
)  # fmt: skip
SHARPEN = Transform(
    "sharpen",
    "Mixes the picture with its sharpened self.",
    (
        Parameter("alpha", 0, 1, "weight of the sharpened picture", (0.03, 0.1, 0.3), nothing=0),
        Parameter("lightness", 0, 10, "1 keeps the mean grey, less darkens",
                  (0.05, 0.5, 1.1, 1.5)),
    ),
    _sharpen,
)  # fmt: skip
ADD = Transform(
    "add",
    "Adds to grey levels.",
    (
        Parameter("by_255", -255, 255, "how much, on a scale of 0 to 255",
                  (-30.0, -10.0, 10.0, 30.0, 100.0), nothing=0),
    ),
    _add,
)  # fmt: skip
MULTIPLY = Transform(
    "multiply",
    "Multiplies grey levels.",
    (Parameter("by", 0, 10, "the factor", (0.75, 0.9, 0.99, 1.01, 1.1, 1.5), nothing=1),),
    _multiply,
)
CONTRAST = Transform(
    "contrast",
    "Stretches grey levels about mid-grey.",
    (Parameter("by", 0, 10, "the factor", (0.7, 0.85, 1.15, 1.3), nothing=1),),
    _contrast,
)
CLAHE = Transform(
    "clahe",
    "Spreads grey levels evenly within tiles, as far as a limit allows, in 256 levels.",
    (
        Parameter("clip_limit", 0.1, 100, "how much fuller than the average a bin may be",
                  (1.0, 2.0, 3.0)),
        Parameter("tiles", 1, 32, "along each side, a whole number", (4.0, 8.0)),
    ),
    _clahe,
)  # fmt: skip
EQUALISE = Transform(
    "equalise", "Spreads grey levels evenly over the picture, in 256 levels.", (), _equalise
)
