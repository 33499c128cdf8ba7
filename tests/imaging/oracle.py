"""The grey-scale pipeline in floating point, one pixel at a time, from the clauses' own words.

Written apart from the code under test: no table of all cells, no vectors, no shared helper.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Table = tuple[int, Sequence[int], int]
"""First input mapped, entries, bits an entry (PS3.3 C.11.1.1.1)."""


@dataclass(frozen=True)
class Cells:
    """How stored values lie in pixel cells (PS3.5 8.1.1).

    Attributes:
        bits: Bits Stored.
        signed: Pixel Representation 1.
        high_bit: High Bit; None for Bits Stored − 1.
    """

    bits: int
    signed: bool = False
    high_bit: int | None = None


def stored_value(cell: int, cells: Cells) -> int:
    """PS3.5 8.1.1: Bits Stored bits, the highest of which is High Bit; two's complement."""
    high_bit = cells.bits - 1 if cells.high_bit is None else cells.high_bit
    value = cell // 2 ** (high_bit + 1 - cells.bits) % 2**cells.bits
    if cells.signed and value >= 2 ** (cells.bits - 1):
        value -= 2**cells.bits
    return value


def from_table(x: float, table: Table) -> float:
    """PS3.3 C.11.1.1.1, C.11.2.1.1: inputs beyond the table take its first or last entry.

    No clause tells which entry a fraction takes, as a Rescale Slope may leave it: the nearest
    whole input here, the even one of two.
    """
    first, entries, _ = table
    if x <= first:
        return float(entries[0])
    if x >= first + len(entries) - 1:
        return float(entries[-1])
    return float(entries[round(x) - first])


def window(x: float, c: float, w: float, function: str) -> float:
    """PS3.3 C.11.2.1.2.1, C.11.2.1.3.1, C.11.2.1.3.2 with ymin 0 and ymax 1."""
    if function == "LINEAR":
        if x <= c - 0.5 - (w - 1) / 2:
            y = 0.0
        elif x > c - 0.5 + (w - 1) / 2:
            y = 1.0
        else:
            y = (x - (c - 0.5)) / (w - 1) + 0.5
        return y
    if function == "LINEAR_EXACT":
        if x <= c - w / 2:
            y = 0.0
        elif x > c + w / 2:
            y = 1.0
        else:
            y = (x - c) / w + 0.5
        return y
    assert function == "SIGMOID"
    power = -4 * (x - c) / w
    return 0.0 if power > 700 else 1 / (1 + math.exp(power))


def between(x: float, low: float, high: float) -> float:
    """From black at one value to white at another, where a file names no window."""
    return min(1.0, max(0.0, (x - low) / (high - low)))


def quantile(values: Iterable[float], thousandths: int) -> float:
    """The smallest value that at least so many thousandths of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(1, -(-thousandths * len(ordered) // 1000)) - 1]


def modality(value: int, *, rescale: tuple[float, float], table: Table | None) -> float:
    """PS3.3 C.11.1: the Modality LUT where there is one, else slope and intercept."""
    if table is not None:
        return from_table(value, table)
    return value * rescale[0] + rescale[1]


def shown_inverted(photometric: str, shape: str) -> bool:
    """PS3.3 C.7.6.3.1.2 (MONOCHROME1: the lowest value is white) and C.11.6 (INVERSE), once.

    C.8.11.3.1.2 lets them come only together. Where one comes alone the picture is shown inverted.
    """
    return photometric == "MONOCHROME1" or shape == "INVERSE"


def grey(
    cell: int,
    cells: Cells,
    *,
    photometric: str = "MONOCHROME2",
    shape: str = "",
    rescale: tuple[float, float] = (1.0, 0.0),
    modality_lut: Table | None = None,
    voi_window: tuple[float, float, str] | None = None,
    voi_lut: Table | None = None,
    voi_ends: tuple[float, float] | None = None,
    padding: tuple[int, int] | None = None,
) -> float:
    """One pixel, in the order of PS3.4 N.2; padding (PS3.3 C.7.5.1.1.2) is black.

    Exactly one of ``voi_window``, ``voi_lut`` and ``voi_ends`` (what is black, what is white) is
    given.
    """
    value = stored_value(cell, cells)
    if padding is not None and padding[0] <= value <= padding[1]:
        return 0.0
    x = modality(value, rescale=rescale, table=modality_lut)
    if voi_lut is not None:
        y = from_table(x, voi_lut) / (2 ** voi_lut[2] - 1)
    elif voi_window is not None:
        y = window(x, *voi_window)
    else:
        assert voi_ends is not None
        y = between(x, *voi_ends)
    return 1 - y if shown_inverted(photometric, shape) else y
