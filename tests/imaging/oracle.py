"""The grey-scale pipeline in floating point, one pixel at a time, from the clauses' own words.

Written apart from the code under test: no table, no vectors, no shared helper.
"""

from __future__ import annotations

import math


def stored_value(cell: int, bits: int, signed: bool) -> int:
    """PS3.5 8.1.1: the lowest Bits Stored bits of a cell, two's complement when signed."""
    value = cell % 2**bits
    if signed and value >= 2 ** (bits - 1):
        value -= 2**bits
    return value


def from_table(x: float, table: tuple[int, list[int], int]) -> float:
    """PS3.3 C.11.1.1.1, C.11.2.1.1."""
    first, entries, _ = table
    if x < first:
        return float(entries[0])
    if x > first + len(entries) - 1:
        return float(entries[-1])
    return float(entries[round(x - first)])


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


def grey(
    cell: int,
    *,
    bits: int,
    signed: bool,
    inverted: bool,
    rescale: tuple[float, float] = (1.0, 0.0),
    modality_lut: tuple[int, list[int], int] | None = None,
    voi_window: tuple[float, float, str] | None = None,
    voi_lut: tuple[int, list[int], int] | None = None,
    padding: tuple[int, int] | None = None,
) -> float:
    """One pixel: PS3.4 N.2, with PS3.3 C.7.6.3.1.2 for polarity and C.7.5.1.1.2 for padding."""
    value = stored_value(cell, bits, signed)
    if padding is not None and padding[0] <= value <= padding[1]:
        return 0.0
    if modality_lut is not None:
        x = from_table(value, modality_lut)
    else:
        x = value * rescale[0] + rescale[1]
    if voi_lut is not None:
        y = from_table(x, voi_lut) / (2 ** voi_lut[2] - 1)
    else:
        assert voi_window is not None
        y = window(x, *voi_window)
    return 1 - y if inverted else y
