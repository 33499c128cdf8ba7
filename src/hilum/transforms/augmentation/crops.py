"""Crops: from the middle, from anywhere, around the lungs."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from hilum.errors import RecipeError, RunError
from hilum.transforms.augmentation.amounts import STRICT, Amount, draw, within
from hilum.transforms.augmentation.moving import clipped
from hilum.transforms.augmentation.picture import Frame, Move, Params

SizePx = tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]]


@dataclass(frozen=True, slots=True, config=STRICT)
class CentreCrop:
    """Keep the middle.

    Either ``size_px``: that many pixels, which become the picture's new size; or ``share``: that
    part is enlarged to the size that the picture had.

    Attributes:
        size_px: [rows, columns].
        share: side of the crop, as a share of the picture's side.
        aspect: with ``share``: how many times as wide the crop is, in relation to its height, as
            the picture; above 1 is wider. Its area stays that of ``share``, as far as it fits.
    """

    mirrors: ClassVar[bool] = False
    do: Literal["centre-crop"] = field(default="centre-crop", kw_only=True)
    size_px: SizePx | None = None
    share: Annotated[Amount, within(0.1, 1)] | None = None
    aspect: Annotated[Amount, within(0.2, 5)] = 1.0

    @model_validator(mode="after")
    def _one_size(self) -> CentreCrop:
        _need_one_size(self)
        return self

    def sample(self, rng: np.random.Generator) -> Params:
        """Share and aspect where they are drawn."""
        return _sample_size(self, rng)

    def move(self, frame: Frame, params: Params) -> Move:
        """A crop from the middle."""
        return _crop(self.size_px, frame, params)


@dataclass(frozen=True, slots=True, config=STRICT)
class RandomCrop:
    """Keep a part from anywhere in the picture; sizes as of :class:`CentreCrop`.

    Attributes:
        size_px: [rows, columns].
        share: side of the crop, as a share of the picture's side.
        aspect: with ``share``: of the crop, in relation to the picture's.
    """

    mirrors: ClassVar[bool] = False
    do: Literal["random-crop"] = field(default="random-crop", kw_only=True)
    size_px: SizePx | None = None
    share: Annotated[Amount, within(0.1, 1)] | None = None
    aspect: Annotated[Amount, within(0.2, 5)] = 1.0

    @model_validator(mode="after")
    def _one_size(self) -> RandomCrop:
        _need_one_size(self)
        return self

    def sample(self, rng: np.random.Generator) -> Params:
        """Share and aspect where they are drawn, and the place as shares of the room for it."""
        params = _sample_size(self, rng)
        return params | {"across": float(rng.random()), "down": float(rng.random())}

    def move(self, frame: Frame, params: Params) -> Move:
        """A crop."""
        return _crop(self.size_px, frame, params)


@dataclass(frozen=True, slots=True, config=STRICT)
class LungCrop:
    """Keep the box of the lungs that came with the radiograph, enlarged to the picture's size.

    Attributes:
        margin_share: what is kept around it on each side, as a share of the box's side; cut off
            at the picture's edge.
        keep_aspect: widen the crop to the picture's aspect, so that nothing is stretched.
    """

    mirrors: ClassVar[bool] = False
    do: Literal["lung-crop"] = field(default="lung-crop", kw_only=True)
    margin_share: Annotated[Amount, within(-0.25, 1)] = (0.0, 0.1)
    keep_aspect: bool = True

    def sample(self, rng: np.random.Generator) -> Params:
        """The margin."""
        return {"margin": draw(self.margin_share, rng)}

    def move(self, frame: Frame, params: Params) -> Move:
        """A crop.

        Raises:
            RunError: no box came with the radiograph, or it lies outside.
        """
        if frame.lungs is None:
            raise RunError(
                "lung-crop: no box of the lungs came with this radiograph. Give one with each "
                "radiograph, or take the step out of [augmentation]."
            )
        rows, columns = frame.shape
        x, y, w, h = frame.lungs.tolist()
        margin = params["margin"]
        x, y, w, h = x - margin * w, y - margin * h, w * (1 + 2 * margin), h * (1 + 2 * margin)
        x, y, w, h = clipped(np.array([[x, y, w, h]]), frame.shape)[0].tolist()
        if min(w, h) < 1:
            raise RunError("lung-crop: the box of the lungs lies outside this radiograph.")
        if self.keep_aspect:
            longest = max(w / columns, h / rows)
            wide, high = longest * columns, longest * rows
            x = min(max(x - (wide - w) / 2, 0), columns - wide)
            y = min(max(y - (high - h) / 2, 0), rows - high)
            w, h = wide, high
        return _enlarge((x, y, w, h), frame.shape)


def _need_one_size(crop: CentreCrop | RandomCrop) -> None:
    if (crop.size_px is None) == (crop.share is None):
        raise ValueError("either size_px or share is needed, and not both")
    if crop.size_px is not None and crop.aspect != 1:
        raise ValueError("aspect goes with share; size_px has an aspect of its own")


def _sample_size(crop: CentreCrop | RandomCrop, rng: np.random.Generator) -> Params:
    if crop.share is None:
        return {}
    return {"share": draw(crop.share, rng), "aspect": draw(crop.aspect, rng)}


def _crop(size_px: tuple[int, int] | None, frame: Frame, params: Params) -> Move:
    """From the middle, where no place was drawn."""
    rows, columns = frame.shape
    if size_px is not None:
        high, wide = size_px
        if high > rows or wide > columns:
            raise RecipeError(
                f"a crop of {high} × {wide} px does not fit in a picture of {rows} × {columns} px; "
                "choose a smaller size_px, a share, or a larger input.size."
            )
        left, top = (columns - wide) // 2, (rows - high) // 2
        if "across" in params:  # each of the places is as likely as the others
            left = int(params["across"] * (columns - wide + 1))
            top = int(params["down"] * (rows - high + 1))
        return Move(np.array([[1.0, 0, -left], [0, 1.0, -top]]), size_px)
    root = float(np.sqrt(params["aspect"]))
    w = min(params["share"] * root, 1.0) * columns
    h = min(params["share"] / root, 1.0) * rows
    left = params.get("across", 0.5) * (columns - w)
    top = params.get("down", 0.5) * (rows - h)
    return _enlarge((left, top, w, h), frame.shape)


def _enlarge(box: tuple[float, float, float, float], shape: tuple[int, int]) -> Move:
    """Bring a box (left, top, width, height, in pixels from the corner) to the whole picture."""
    x, y, w, h = box
    across, down = shape[1] / w, shape[0] / h
    matrix = [
        [across, 0, (0.5 - x) * across - 0.5],
        [0, down, (0.5 - y) * down - 0.5],
    ]
    return Move(np.array(matrix), shape)
