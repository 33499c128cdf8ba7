"""How a network lays its features out, and how they become a map."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Layout:
    """Where channels and places stand in a network's features.

    Attributes:
        kind: "map" [batch, channels, h, w], "channels-last" [batch, h, w, channels] or "tokens"
            [batch, tokens, channels].
        width: number of channels.
        prefix: tokens before those of the patches (class, registers).
    """

    kind: Literal["map", "channels-last", "tokens"]
    width: int
    prefix: int = 0


def layout_of(
    shape: tuple[int, ...], size: tuple[int, int], *, tokens: bool, prefix: int
) -> Layout | None:
    """The layout of a network's features; None where they are no map.

    Args:
        shape: of the features.
        size: rows and columns of the image.
        tokens: whether the network works on tokens.
        prefix: how many tokens it says to put before those of the patches; where that does not
            fit the image, one is tried as well.
    """
    if len(shape) == 3 and tokens:
        for before in (0, prefix, 1):
            h, w = _patches(shape[1] - before, size)
            if h * w == shape[1] - before and _alike(h, w, size):
                return Layout("tokens", shape[2], before)
        return None
    if len(shape) != 4:
        return None
    _, second, third, fourth = shape
    if _alike(third, fourth, size) and not tokens:  # there it is a table of attention
        return Layout("map", second)
    if _alike(second, third, size):
        return Layout("channels-last", fourth)
    return None


def as_map(features: Tensor, layout: Layout, rows: int, columns: int) -> Tensor:
    """Features as [batch, channels, h, w].

    Args:
        features: as the network gave them.
        layout: what :func:`layout_of` said.
        rows: of the image; with ``columns``, how many of the patches lie in a column.
        columns: of the image.
    """
    if layout.kind == "map":
        return features
    if layout.kind == "channels-last":
        return features.permute(0, 3, 1, 2)
    patches = features[:, layout.prefix :].transpose(1, 2)
    h, w = _patches(patches.shape[2], (rows, columns))
    return patches.reshape(patches.shape[0], layout.width, h, w)


def _patches(number: int, size: tuple[int, int]) -> tuple[int, int]:
    """How many patches lie in a column and in a row of the image."""
    h = max(1, round(math.sqrt(max(number, 0) * size[0] / size[1])))
    return h, number // h


def _alike(h: int, w: int, size: tuple[int, int]) -> bool:
    """Whether a map is of the image's shape, within the rounding of a place, and no point."""
    return h * w > 1 and abs(h * size[1] - w * size[0]) < max(size)
