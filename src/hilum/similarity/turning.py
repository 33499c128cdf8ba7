"""The eight ways in which a square lies on itself, for places and for codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from hilum.similarity.features import ORDERS

Code = TypeVar("Code", np.int8, np.float32)


@dataclass(frozen=True, slots=True)
class Turning:
    """How a picture is turned over or by quarters before it is compared.

    Attributes:
        name: in words; "" for a picture left as it is.
        swap: x and y change places first.
        left_right: then x is mirrored.
        up_down: then y is mirrored.
    """

    name: str
    swap: bool = False
    left_right: bool = False
    up_down: bool = False

    @property
    def matrix(self) -> NDArray[np.float64]:
        """[2, 2], for (x, y) measured from the centre."""
        square = np.eye(2)[::-1] if self.swap else np.eye(2)
        return np.diag([1.0 - 2 * self.left_right, 1.0 - 2 * self.up_down]) @ square

    def places(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Points [n, 3] of the turned picture."""
        moved = (points[:, :2] - 0.5) @ self.matrix.T.astype(np.float32) + 0.5
        return np.column_stack([moved, points[:, 2]]).astype(np.float32)

    def codes(self, codes: NDArray[Code]) -> NDArray[Code]:
        """Codes [n, 32] of the turned picture: cosines of odd order and sines change their sign."""
        down, across, term = ORDERS.T
        sign = np.ones(len(ORDERS), np.int8)
        turned = codes
        if self.swap:
            turned = codes[:, _SWAPPED]
            sign[term == 1] *= -1
        if self.left_right:
            sign[(across % 2 == 1) ^ (term == 2)] *= -1
        if self.up_down:
            sign[(down % 2 == 1) ^ (term == 2)] *= -1
        return np.multiply(turned, sign, dtype=codes.dtype)


_NUMBER = {tuple(order): number for number, order in enumerate(ORDERS.tolist())}
_SWAPPED = np.array([_NUMBER[across, down, term] for down, across, term in ORDERS.tolist()])

UPRIGHT = Turning("")
MIRRORED = Turning("mirrored", left_right=True)
EVERY = (
    UPRIGHT,
    MIRRORED,
    Turning("upside down", up_down=True),
    Turning("turned by 180°", left_right=True, up_down=True),
    Turning("turned by 90°", swap=True, left_right=True),
    Turning("turned by 270°", swap=True, up_down=True),
    Turning("mirrored and turned by 90°", swap=True),
    Turning("mirrored and turned by 270°", swap=True, left_right=True, up_down=True),
)
