"""Rotation, shift, shear, zoom and flips: about the middle of the picture."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from hilum.transforms.augmentation.amounts import STRICT, Amount, draw, within
from hilum.transforms.augmentation.moving import about, middle
from hilum.transforms.augmentation.picture import Frame, Move, Outside, Params


@dataclass(frozen=True, slots=True, config=STRICT)
class Rotate:
    """Turn the picture.

    Attributes:
        degrees: angle; above 0 turns against the clock, as seen.
        outside: what comes in at the corners.
    """

    mirrors: ClassVar[bool] = False
    do: Literal["rotate"] = field(default="rotate", kw_only=True)
    degrees: Annotated[Amount, within(-180, 180)] = (-10.0, 10.0)
    outside: Outside = "black"

    def sample(self, rng: np.random.Generator) -> Params:
        """The angle."""
        return {"degrees": draw(self.degrees, rng)}

    def move(self, frame: Frame, params: Params) -> Move:
        """A rotation."""
        angle = np.deg2rad(params["degrees"])
        linear = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        return Move(about(middle(frame.shape), linear), frame.shape, self.outside)


@dataclass(frozen=True, slots=True, config=STRICT)
class Shift:
    """Move the picture.

    Attributes:
        across_share: to the right, as a share of the width.
        down_share: downwards, as a share of the height.
        outside: what comes in.
    """

    mirrors: ClassVar[bool] = False
    do: Literal["shift"] = field(default="shift", kw_only=True)
    across_share: Annotated[Amount, within(-1, 1)] = (-0.05, 0.05)
    down_share: Annotated[Amount, within(-1, 1)] = (-0.05, 0.05)
    outside: Outside = "black"

    def sample(self, rng: np.random.Generator) -> Params:
        """Both shares."""
        return {"across": draw(self.across_share, rng), "down": draw(self.down_share, rng)}

    def move(self, frame: Frame, params: Params) -> Move:
        """A translation."""
        rows, columns = frame.shape
        x, y = params["across"] * columns, params["down"] * rows
        return Move(np.array([[1, 0, x], [0, 1, y]]), frame.shape, self.outside)


@dataclass(frozen=True, slots=True, config=STRICT)
class Shear:
    """Slant the picture.

    A point (x, y) from the middle of the new picture shows what was at (x cos a, y − x sin a): its
    columns slide along each other. **Source:** Keras, ``ImageDataGenerator``.

    Attributes:
        degrees: the angle a.
        outside: what comes in.
    """

    mirrors: ClassVar[bool] = False
    do: Literal["shear"] = field(default="shear", kw_only=True)
    degrees: Annotated[Amount, within(-60, 60)] = (-3.0, 3.0)
    outside: Outside = "black"

    def sample(self, rng: np.random.Generator) -> Params:
        """The angle."""
        return {"degrees": draw(self.degrees, rng)}

    def move(self, frame: Frame, params: Params) -> Move:
        """A shear."""
        angle = np.deg2rad(params["degrees"])
        linear = np.array([[1 / np.cos(angle), 0], [np.tan(angle), 1]])
        return Move(about(middle(frame.shape), linear), frame.shape, self.outside)


@dataclass(frozen=True, slots=True, config=STRICT)
class Zoom:
    """Magnify or shrink the picture.

    Attributes:
        field_share: how much of a side is seen afterwards: 0.9 magnifies, 1.1 shrinks (the
            meaning of Keras's ``zoom_range``).
        each_side: whether width and height are drawn apart, which stretches the picture.
        outside: what comes in where it shrinks.
    """

    mirrors: ClassVar[bool] = False
    do: Literal["zoom"] = field(default="zoom", kw_only=True)
    field_share: Annotated[Amount, within(0.2, 2)] = (0.9, 1.1)
    each_side: bool = False
    outside: Outside = "black"

    def sample(self, rng: np.random.Generator) -> Params:
        """What is seen of the width and of the height."""
        across = draw(self.field_share, rng)
        return {
            "across": across,
            "down": draw(self.field_share, rng) if self.each_side else across,
        }

    def move(self, frame: Frame, params: Params) -> Move:
        """A scaling."""
        linear = np.diag([1 / params["across"], 1 / params["down"]])
        return Move(about(middle(frame.shape), linear), frame.shape, self.outside)


@dataclass(frozen=True, slots=True, config=STRICT)
class FlipLeftRight:
    """Mirror the picture: the heart comes to lie on the right.

    Attributes:
        chance: of a flip.
    """

    mirrors: ClassVar[bool] = True
    do: Literal["flip-left-right"] = field(default="flip-left-right", kw_only=True)
    chance: Annotated[float, Field(ge=0, le=1)] = 0.5

    def sample(self, rng: np.random.Generator) -> Params:
        """1 for a flip, else 0."""
        return {"flip": float(rng.random() < self.chance)}

    def move(self, frame: Frame, params: Params) -> Move:
        """A reflection, or nothing."""
        linear = np.diag([-1.0 if params["flip"] else 1.0, 1.0])
        return Move(about(middle(frame.shape), linear), frame.shape)


@dataclass(frozen=True, slots=True, config=STRICT)
class FlipUpDown:
    """Put the picture on its head.

    Attributes:
        chance: of a flip.
    """

    mirrors: ClassVar[bool] = False
    do: Literal["flip-up-down"] = field(default="flip-up-down", kw_only=True)
    chance: Annotated[float, Field(ge=0, le=1)] = 0.5

    def sample(self, rng: np.random.Generator) -> Params:
        """1 for a flip, else 0."""
        return {"flip": float(rng.random() < self.chance)}

    def move(self, frame: Frame, params: Params) -> Move:
        """A reflection, or nothing."""
        linear = np.diag([1.0, -1.0 if params["flip"] else 1.0])
        return Move(about(middle(frame.shape), linear), frame.shape)
