"""What a reading round may do to a picture: a name, parameters with their ranges, a function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.domain import Affine

Grey = NDArray[np.float32]
Shape = tuple[int, int]
Params = Mapping[str, float]


def same_shape(shape: Shape, params: Params) -> Shape:
    """The shape that is needed before a transform that keeps it."""
    del params
    return shape


@dataclass(frozen=True, slots=True)
class Parameter:
    """One number that a transform takes.

    Attributes:
        name: with its unit as a suffix, where it has one.
        least: the smallest value that is taken.
        most: the largest.
        about: what it does.
        grid: values that a search tries, rising.
        nothing: the value that changes nothing; None where none does.
    """

    name: str
    least: float
    most: float
    about: str
    grid: tuple[float, ...]
    nothing: float | None = None


@dataclass(frozen=True, slots=True)
class Transform:
    """A deterministic change of a picture.

    Attributes:
        name: as it stands in files of rounds.
        about: one sentence.
        parameters: all of them must be given.
        change: takes grey levels float32 [rows, columns] in [0, 1], the parameters and the shape
            to give back; gives new grey levels in [0, 1] and leaves the given ones.
        place: from the parameters and the shape afterwards to the map of points afterwards to
            points before; None where nothing moves.
        before: from the shape afterwards and the parameters to the shape that is needed before.
        mirrors: whether left and right are swapped.
    """

    name: str
    about: str
    parameters: tuple[Parameter, ...]
    change: Callable[[Grey, Params, Shape], Grey]
    place: Callable[[Params, Shape], Affine] | None = None
    before: Callable[[Shape, Params], Shape] = same_shape
    mirrors: bool = False
