"""What grey 0 and grey 1 become before they enter a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hilum.bundles.card import Preprocessing

NEAR = 1e-5
"""Levels that differ by less, relative to their span, are the same."""


@dataclass(frozen=True, slots=True)
class Levels:
    """The two ends of a grey scale after normalisation, which is linear between them.

    Attributes:
        black: value of grey 0, one number a colour.
        white: value of grey 1, likewise.
    """

    black: tuple[float, ...]
    white: tuple[float, ...]

    @classmethod
    def of(
        cls,
        value_range: tuple[float, float],
        mean: Sequence[float] = (0.0,),
        std: Sequence[float] = (1.0,),
    ) -> Levels:
        """Levels of (grey · (high - low) + low - mean) / std.

        Args:
            value_range: (low, high), what grey 0 and 1 become first.
            mean: one number, or one a colour.
            std: likewise, more than 0.
        """
        colours = max(len(mean), len(std))
        means = tuple(mean) * (colours // len(mean))
        stds = tuple(std) * (colours // len(std))
        low, high = value_range
        both = list(zip(means, stds, strict=True))
        return cls(tuple((low - m) / s for m, s in both), tuple((high - m) / s for m, s in both))

    @classmethod
    def of_input(cls, spec: Preprocessing) -> Levels:
        """Levels of a bundle's or a recipe's input."""
        return cls.of(spec.value_range, spec.mean, spec.std)

    @property
    def is_one(self) -> bool:
        """Whether all colours share one mean and deviation."""
        return all(
            _near(b, self.black[0], self.span) and _near(w, self.white[0], self.span)
            for b, w in zip(self.black, self.white, strict=True)
        )

    @property
    def span(self) -> float:
        """From black to white, in the first colour."""
        return self.white[0] - self.black[0]

    def same(self, other: Levels) -> bool:
        """Whether both bring grey to the same values."""
        if len(self.black) != len(other.black):
            return self.is_one and other.is_one and self.first().same(other.first())
        pairs = [*zip(self.black, other.black, strict=True)]
        pairs += zip(self.white, other.white, strict=True)
        return all(_near(a, b, self.span) for a, b in pairs)

    def first(self) -> Levels:
        """Levels of the first colour."""
        return Levels(self.black[:1], self.white[:1])

    def from_grey(self, grey: Levels) -> tuple[list[float], list[float]]:
        """(scale, shift) a colour: the colour is scale · x + shift, x being the one grey channel.

        Args:
            grey: levels of x, one channel.
        """
        scale = [(w - b) / grey.span for b, w in zip(self.black, self.white, strict=True)]
        shift = [b - s * grey.black[0] for b, s in zip(self.black, scale, strict=True)]
        return scale, shift

    def __str__(self) -> str:
        ends = (", ".join(f"{v:g}" for v in end) for end in (self.black, self.white))
        return " to ".join(f"({e})" if len(self.black) > 1 else e for e in ends)


def as_recipe(levels: Levels) -> str:
    """What a recipe writes under ``[input]`` to have these levels in one grey channel."""
    return f"value_range = [{levels.black[0]:g}, {levels.white[0]:g}], without mean and std"


def _near(a: float, b: float, span: float) -> bool:
    return abs(a - b) <= NEAR * abs(span)
