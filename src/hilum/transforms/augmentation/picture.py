"""What an augmentation changes, and what its steps say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.float32]
Params = dict[str, float]
"""What one application of a step does, by name; the seed of noise is one of them."""
Outside = Literal["black", "edge"]
"""What comes in from outside the picture: black, or the nearest pixel of its edge."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A radiograph with all that lies on it.

    Attributes:
        grey: float32 [rows, columns] in [0, 1].
        boxes: float64 [boxes, 4]: left, top, width, height in pixels, measured from the outer
            corner of the top-left pixel.
        masks: uint8 [structures, rows, columns], 0 or 1.
        lungs: float64 [4], a box around both lungs, for the step lung-crop; None where unknown.
        numbers: int64 [boxes], which box of the plain radiograph each one is: those that leave
            the picture are dropped, and their labels must go with them.
    """

    grey: Grey
    boxes: NDArray[np.float64] = None  # type: ignore[assignment]
    masks: NDArray[np.uint8] = None  # type: ignore[assignment]
    lungs: NDArray[np.float64] | None = None
    numbers: NDArray[np.int64] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.boxes is None:
            object.__setattr__(self, "boxes", np.zeros((0, 4)))
        if self.masks is None:
            object.__setattr__(self, "masks", np.zeros((0, *self.grey.shape), np.uint8))
        if self.numbers is None:
            object.__setattr__(self, "numbers", np.arange(len(self.boxes)))
        if self.masks.shape[1:] != self.grey.shape:
            raise ValueError(f"masks of {self.masks.shape} on a picture of {self.grey.shape}")

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        rows, columns = self.grey.shape
        return rows, columns


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """What a geometric step must know of the picture.

    Attributes:
        shape: (rows, columns).
        lungs: float64 [4], box around the lungs; None where unknown.
    """

    shape: tuple[int, int]
    lungs: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Move:
    """Where each point goes.

    Attributes:
        matrix: float64 [2, 3], from (x, y) before to (x, y) after; the centre of the top-left
            pixel is (0, 0).
        shape: (rows, columns) after.
        outside: what comes in; None for a move that lets nothing in.
    """

    matrix: NDArray[np.float64]
    shape: tuple[int, int]
    outside: Outside | None = None


class GreyStep(Protocol):
    """A random change of grey levels; nothing moves.

    Attributes:
        mirrors: whether it can swap left and right.
    """

    mirrors: ClassVar[bool]

    @property
    def do(self) -> str:
        """Its name in recipes."""
        ...

    def sample(self, rng: np.random.Generator) -> Params:
        """Draw the parameters of one application."""
        ...

    def change(self, grey: Grey, params: Params) -> Grey:
        """Grey levels, float32 [rows, columns] in [0, 1], changed; the given ones stay."""
        ...


class GeometricStep(Protocol):
    """A random movement of the picture and of all that lies on it.

    Attributes:
        mirrors: whether it can swap left and right.
    """

    mirrors: ClassVar[bool]

    @property
    def do(self) -> str:
        """Its name in recipes."""
        ...

    def sample(self, rng: np.random.Generator) -> Params:
        """Draw the parameters of one application."""
        ...

    def move(self, frame: Frame, params: Params) -> Move:
        """Where the points of a picture of that shape go."""
        ...
