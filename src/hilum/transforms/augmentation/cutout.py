"""Cutout: hides a square."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic.dataclasses import dataclass

from hilum.transforms.augmentation.amounts import STRICT, Amount, draw, within
from hilum.transforms.augmentation.picture import Grey, Params


@dataclass(frozen=True, slots=True, config=STRICT)
class Cutout:
    """Hide a square whose centre may be any pixel, so that part of it may lie outside.

    Boxes and masks stay: what is there is there, though it is not seen.
    **Source:** DeVries T, Taylor GW. Improved regularization of convolutional neural networks with
    Cutout. arXiv:1708.04552, 2017.

    Attributes:
        side_share: side of the square, as a share of the picture's shorter side.
        fill_255: grey level of the square, on a scale of 0 to 255.
    """

    mirrors: ClassVar[bool] = False
    do: Literal["cutout"] = field(default="cutout", kw_only=True)
    side_share: Annotated[Amount, within(0, 1)] = 0.25
    fill_255: Annotated[Amount, within(0, 255)] = 0.0

    def sample(self, rng: np.random.Generator) -> Params:
        """The square: side, centre as shares of the sides, grey."""
        return {
            "side": draw(self.side_share, rng),
            "across": float(rng.random()),
            "down": float(rng.random()),
            "fill_255": draw(self.fill_255, rng),
        }

    def change(self, grey: Grey, params: Params) -> Grey:
        """Grey levels with the square in it."""
        rows, columns = grey.shape
        side = round(params["side"] * min(rows, columns))
        top = int(params["down"] * rows) - side // 2
        left = int(params["across"] * columns) - side // 2
        hidden = grey.copy()
        hidden[max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)] = (
            params["fill_255"] / 255
        )
        return hidden
