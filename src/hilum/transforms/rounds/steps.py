"""Steps: a transform with its numbers; several in a row are a chain."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hilum.domain import Affine
from hilum.errors import RecipeError
from hilum.registry import Registry, unknown
from hilum.transforms.rounds.transform import Grey, Shape, Transform

MOST_PX = 4096
"""Longest side of the picture that crops may ask for: 64 MiB of grey levels."""
_LONGEST = 10**15

_HERE = "hilum.transforms.rounds"
TRANSFORMS = Registry(
    "transform of reading rounds",
    [
        ("gaussian-blur", f"{_HERE}.levels:BLUR"),
        ("gamma", f"{_HERE}.levels:GAMMA"),
        ("sharpen", f"{_HERE}.levels:SHARPEN"),
        ("add", f"{_HERE}.levels:ADD"),
        ("multiply", f"{_HERE}.levels:MULTIPLY"),
        ("contrast", f"{_HERE}.levels:CONTRAST"),
        ("clahe", f"{_HERE}.levels:CLAHE"),
        ("equalise", f"{_HERE}.levels:EQUALISE"),
        ("flip-left-right", f"{_HERE}.places:FLIP"),
        ("shift", f"{_HERE}.places:SHIFT"),
        ("crop", f"{_HERE}.places:CROP"),
    ],
)


@dataclass(frozen=True, slots=True)
class Step:
    """A transform with a value for each of its parameters; made by :meth:`of`.

    Attributes:
        do: name of the transform.
        values: (parameter, value), in the transform's order.
    """

    do: str
    values: tuple[tuple[str, float], ...] = ()

    @classmethod
    def of(cls, do: str, values: Mapping[str, Any] | None = None) -> Step:
        """Make a step.

        Args:
            do: a name in :data:`TRANSFORMS`.
            values: one a parameter, within its range.

        Raises:
            UnknownName: no such transform.
            RecipeError: a parameter is missing, unknown, no number, or out of its range.
        """
        transform: Transform = TRANSFORMS.resolve(do)
        given = dict(values or {})
        found: list[tuple[str, float]] = []
        for one in transform.parameters:
            if one.name not in given:
                raise RecipeError(f"{do} needs {one.name}, from {one.least:g} to {one.most:g}.")
            value = given.pop(one.name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise RecipeError(f"{do}: {one.name} must be a number, got {_short(value)}.")
            if not one.least <= value <= one.most:
                raise RecipeError(
                    f"{do}: {one.name} must lie from {one.least:g} to {one.most:g}, got "
                    f"{_short(value)}."
                )
            found.append((one.name, float(value)))
        if given:
            known = [one.name for one in transform.parameters]
            raise RecipeError(unknown(f"parameter of {do}", next(iter(given)), known))
        return cls(do, tuple(found))

    @property
    def transform(self) -> Transform:
        """What does it."""
        return TRANSFORMS.resolve(self.do)

    @property
    def params(self) -> dict[str, float]:
        """Its numbers by name."""
        return dict(self.values)

    def __str__(self) -> str:
        told = ", ".join(f"{name} {value:g}" for name, value in self.values)
        return f"{self.do}({told})" if told else self.do


def _short(value: object) -> str:
    """A value as a message shows it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return reprlib.repr(value) if isinstance(value, bool | str) else type(value).__name__
    if abs(value) > _LONGEST:
        return f"a number beyond {_LONGEST:g}"
    return f"{value:g}"


Chain = tuple[Step, ...]
"""Steps in order, each on what the one before made; empty for the plain picture."""


def told(chain: Sequence[Step]) -> str:
    """A chain in words: "gamma(exponent 0.7), gaussian-blur(sigma_px 1)", or "plain"."""
    return ", ".join(str(step) for step in chain) or "plain"


def shapes(chain: Sequence[Step], shape: Shape) -> list[Shape]:
    """The shapes before each step and after the last, so that the last is ``shape``.

    Raises:
        RecipeError: crops one after another need a picture of more than :data:`MOST_PX` a side.
    """
    needed = [shape]
    for step in reversed(chain):
        before = step.transform.before(needed[-1], step.params)
        if before != needed[-1] and max(before) > MOST_PX:
            raise RecipeError(
                f"The crops of a round ask for a picture of {before[0]:,} × {before[1]:,} px or "
                f"more to give {shape[0]} × {shape[1]} px; at most {MOST_PX:,} px a side are "
                f"made: take fewer crops one after another, or larger shares."
            )
        needed.append(before)
    return needed[::-1]


def apply(chain: Sequence[Step], grey: Grey, shape: Shape | None = None) -> tuple[Grey, Affine]:
    """Do what a chain says.

    Args:
        chain: its steps; without one the picture comes back as it is, copied.
        grey: float32 [rows, columns] in [0, 1], left as it is; of the first of :func:`shapes`.
        shape: (rows, columns) to give back; by default that of ``grey``, which no crop can keep.

    Returns:
        Grey levels float32 in [0, 1], and the map from their points to points of ``grey``.

    Raises:
        RecipeError: the picture has not the shape that the chain needs.
    """
    rows, columns = grey.shape
    needed = shapes(chain, shape or (rows, columns))
    if needed[0] != (rows, columns):
        raise RecipeError(
            f"{told(chain)} needs a picture of {needed[0][0]} × {needed[0][1]} px to give "
            f"{needed[-1][0]} × {needed[-1][1]} px, got {rows} × {columns} px."
        )
    place, out = Affine(), grey.copy() if not chain else grey
    for step, after in zip(chain, needed[1:], strict=True):
        out, place = once(step, out, after, place)
    return out, place


def once(step: Step, grey: Grey, after: Shape, place: Affine) -> tuple[Grey, Affine]:
    """One step: grey levels of the shape ``after``, and the map from them to the beginning."""
    transform, params = step.transform, step.params
    changed = transform.change(grey, params, after)
    if transform.place is not None:
        place = transform.place(params, after).then(place)
    return changed, place
