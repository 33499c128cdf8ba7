"""Transforms that move the picture: each says where its points came from."""

from __future__ import annotations

import math

import numpy as np

from hilum.domain import Affine
from hilum.transforms.rounds.transform import Grey, Parameter, Params, Shape, Transform


def _flip(grey: Grey, params: Params, shape: Shape) -> Grey:
    del params, shape
    return np.ascontiguousarray(grey[:, ::-1])


def _flip_place(params: Params, shape: Shape) -> Affine:
    del params
    return Affine.scale(-1, 1).then(Affine.shift(shape[1], 0))


def _offsets(params: Params, shape: Shape) -> tuple[int, int]:
    """Whole pixels that the picture moves down and to the right."""
    rows, columns = shape
    return round(params["down_share"] * rows), round(params["across_share"] * columns)


def _shift(grey: Grey, params: Params, shape: Shape) -> Grey:
    del shape
    rows, columns = grey.shape
    down, across = _offsets(params, (rows, columns))
    high, wide = max(0, rows - abs(down)), max(0, columns - abs(across))
    out = np.zeros_like(grey)
    top, left = max(0, down), max(0, across)
    under, beside = max(0, -down), max(0, -across)
    out[top : top + high, left : left + wide] = grey[under : under + high, beside : beside + wide]
    return out


def _shift_place(params: Params, shape: Shape) -> Affine:
    down, across = _offsets(params, shape)
    return Affine.shift(-across, -down)


def _crop_before(shape: Shape, params: Params) -> Shape:
    rows, columns = (math.ceil(side / params["share"] - 1e-9) for side in shape)
    return rows, columns


def _corner(params: Params, before: Shape, shape: Shape) -> tuple[int, int]:
    """Rows above the crop and columns to its left."""
    room = [big - small for big, small in zip(before, shape, strict=True)]
    return round(params["down"] * room[0]), round(params["across"] * room[1])


def _crop(grey: Grey, params: Params, shape: Shape) -> Grey:
    rows, columns = grey.shape
    top, left = _corner(params, (rows, columns), shape)
    return grey[top : top + shape[0], left : left + shape[1]].copy()


def _crop_place(params: Params, shape: Shape) -> Affine:
    top, left = _corner(params, _crop_before(shape, params), shape)
    return Affine.shift(left, top)


FLIP = Transform(
    "flip-left-right", "Mirrors the picture: the heart comes to lie on the right.", (),
    _flip, _flip_place, mirrors=True,
)  # fmt: skip
SHIFT = Transform(
    "shift",
    "Moves the picture by whole pixels; what comes in is black.",
    (
        Parameter("across_share", -0.5, 0.5, "to the right, as a share of the width",
                  (-0.05, 0.0, 0.05), nothing=0),
        Parameter("down_share", -0.5, 0.5, "downwards, as a share of the height",
                  (-0.05, 0.0, 0.05), nothing=0),
    ),
    _shift,
    _shift_place,
)  # fmt: skip
CROP = Transform(
    "crop",
    "Shows a part at a higher resolution: the picture is made larger, and a window of the "
    "network's input cut out of it.",
    (
        Parameter("share", 0.3, 1, "side of the window, as a share of the picture's side",
                  (0.8, 0.875, 0.95), nothing=1),
        Parameter("across", 0, 1, "place of the window: 0 left, 1 right", (0.0, 0.5, 1.0)),
        Parameter("down", 0, 1, "place of the window: 0 top, 1 bottom", (0.0, 0.5, 1.0)),
    ),
    _crop,
    _crop_place,
    before=_crop_before,
)  # fmt: skip
