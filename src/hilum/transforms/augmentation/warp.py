"""Rotation, zoom, stretch and shift in one step."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, ClassVar, Literal

import cv2
import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from hilum.transforms.augmentation.amounts import STRICT
from hilum.transforms.augmentation.moving import middle
from hilum.transforms.augmentation.picture import Frame, Move, Params


@dataclass(frozen=True, slots=True, config=STRICT)
class Warp:
    """Rotate, zoom, stretch and shift in one interpolation; what comes in from outside is black.

    Attributes:
        rotate_deg: largest angle, either way.
        zoom: largest change of size: 0.1 draws factors between 1/1.1 and 1.1.
        stretch: largest change of the aspect, likewise.
        shift: largest shift, as a share of the side.
    """

    mirrors: ClassVar[bool] = False
    do: Literal["warp"] = field(default="warp", kw_only=True)
    rotate_deg: Annotated[float, Field(ge=0, le=45)] = 10.0
    zoom: Annotated[float, Field(ge=0, le=1)] = 0.12
    stretch: Annotated[float, Field(ge=0, le=1)] = 0.05
    shift: Annotated[float, Field(ge=0, le=0.5)] = 0.05

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

    def move(self, frame: Frame, params: Params) -> Move:
        """A warp about the centre."""
        rows, columns = frame.shape
        centre = middle(frame.shape)
        matrix = cv2.getRotationMatrix2D(centre, params["angle"], params["zoom"])
        matrix[0, :2] *= params["stretch"]
        matrix[0, 2] = centre[0] - matrix[0, :2] @ centre + params["x"] * columns
        matrix[1, 2] += params["y"] * rows
        return Move(np.asarray(matrix, np.float64), frame.shape, "black")
