"""How stored values lie in their cells, told from the picture: byte order, depth, sign."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hilum.domain import Note
from hilum.imaging.grey import Cells, GreyFacts
from hilum.imaging.suspicion import Suspicion

ROUGH, SMOOTH = 0.12, 0.2
"""Mean step between neighbours over that between distant pixels: swapped cells lie above the
first, and, once swapped back, below the second and below a third of what they were. No reading
of the cells that is rougher than the second is taken for the right one."""
SWAP_GAIN = 3.0

MOST_VOTES, MOST_VOTES_SIGN = 0.6, 0.95
"""From so large a share of the places where two readings differ, the smoother one is right. A
wrong depth gave 0.79 and more, since steep edges jump further than the bits that were said to be
stored; a wrong sign 0.999 and more; honest headers, overlays included, 0.002 and less."""
FEWEST_VOTES = 16
RAREST_VOTES = 0.0002
"""At so many places, and at so large a share of all, two readings must differ."""

FEWEST_LEVELS = 48
"""A picture of fewer grey levels was drawn, not taken: its layout is not doubted."""

SATURATED = 0.01
OVERSHOOT = 1.25
"""A lossy codec overshoots Bits Stored by little; so many pixels so far beyond are the picture."""

_STRIP_PIXELS = 65_536

Ints = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Layout:
    """How stored values lie in their cells (PS3.5 8.1.1)."""

    bits: int
    shift: int
    signed: bool


def strips_of(cells: Cells) -> Cells:
    """Whole rows at even distances: neighbours stay neighbours."""
    rows = len(cells)
    wanted = min(rows, max(16, _STRIP_PIXELS // cells.shape[1]))
    return np.ascontiguousarray(cells[(np.arange(wanted) * rows + rows // 2) // wanted])


def stored(cells: Cells, how: Layout) -> Ints:
    """Stored values of cells under a layout, int32 [rows, columns]."""
    values = np.bitwise_and(np.right_shift(cells, how.shift, dtype=np.int32), (1 << how.bits) - 1)
    if not how.signed:
        return values
    sign = 1 << (how.bits - 1)
    return (values ^ sign) - sign


def _steps(values: Ints) -> Ints:
    return np.abs(np.diff(values, axis=1))


def _roughness(values: Ints) -> float:
    """Mean step between neighbours over that between pixels a third of a row apart."""
    far = values.shape[1] // 3
    apart = float(np.abs(values[:, far:] - values[:, :-far]).mean())
    return float(_steps(values).mean()) / apart if apart > 0 else 0.0


def _swapped(strips: Cells, facts: GreyFacts) -> bool:
    """Whether the cells are rough however they are read, and smooth with their bytes swapped."""
    said = Layout(facts.bits, facts.shift, facts.signed)
    readings = (said, Layout(16, 0, signed=False), Layout(16, 0, signed=True))
    rough = np.inf
    for how in readings:
        rough = min(rough, _roughness(stored(strips, how)))
        if rough < ROUGH:
            return False
    swapped = strips.byteswap()
    smooth = min(_roughness(stored(swapped, how)) for how in readings)
    return bool(0 < smooth < SMOOTH and smooth * SWAP_GAIN < rough)


def doubt_byte_order(strips: Cells, facts: GreyFacts) -> Suspicion | None:
    """Bytes that lie the other way round than the transfer syntax says."""
    swapped = strips.dtype == np.uint16 and _swapped(strips, facts)
    return _swap(facts) if swapped else None


def _swap(facts: GreyFacts) -> Suspicion:
    why = ("Neighbouring pixels are unrelated until the two bytes of each are swapped: the pixels "
           "were written in the wrong byte order")  # fmt: skip
    return Suspicion(
        Note("byte-order-doubtful", f"{why}, and what is shown is noise."),
        Note("mended-byte-order", f"{why}. They were swapped."),
        facts,
        swapped=True,
    )


def doubt_layout(strips: Cells, facts: GreyFacts) -> Suspicion | None:
    """Bits Stored, High Bit and Pixel Representation against the picture."""
    whole = 8 * strips.dtype.itemsize
    if facts.saturate:
        return _saturated(strips, facts, whole)
    used = int(np.bitwise_or.reduce(strips, axis=None))
    if facts.shift and used and not used >> facts.bits and _busy(strips, facts.shift):
        return _high_bit(facts, 0)
    highest = used.bit_length() - facts.shift
    steps = _steps(stored(strips, Layout(facts.bits, facts.shift, facts.signed)))
    wraps = steps > (1 << max(0, min(facts.bits, highest))) * 3 // 4
    if not _enough(int(np.count_nonzero(wraps)), steps) or _drawn(strips):
        return None
    lowest = (used & -used).bit_length() - 1
    for other, bits in _others(facts, lowest, highest, whole):
        share = MOST_VOTES if other.bits > facts.bits else MOST_VOTES_SIGN
        if _smoother(strips, steps, other, bits) >= share:
            return _relaid(facts, other)
    return None


def _others(
    facts: GreyFacts, lowest: int, highest: int, whole: int
) -> Iterator[tuple[Layout, int]]:
    """Readings to try instead, and the bits of the narrower of both.

    Args:
        facts: the header's own.
        lowest: the lowest bit that any cell uses.
        highest: bits above the shift that any cell uses.
        whole: bits of a cell.
    """
    bits, shift, signed = facts.bits, facts.shift, facts.signed
    if highest > bits and shift == 0:
        if lowest and bits + lowest <= whole:
            yield Layout(bits, lowest, signed), bits
        for sign in (signed, not signed):
            yield Layout(whole, 0, sign), bits
    yield Layout(bits, shift, not signed), bits
    if 1 < highest < bits:
        yield Layout(highest, shift, signed=True), highest


def _smoother(strips: Cells, steps: Ints, other: Layout, bits: int) -> float:
    """Share of the places where two readings differ that are smoother under the other one.

    Places that are smooth under neither, such as the edges of drawn letters, say nothing; nor do
    those beside pixels that do not differ at all, such as the edges of a collimator, or at pixels
    of the lowest or highest value of all, such as dead ones. 0 where too few places are left.
    """
    values = stored(strips, other)
    if _roughness(values) > SMOOTH:
        return 0.0
    others = _steps(values)
    telling = (steps != others) & (np.minimum(steps, others) < (1 << bits) // 8)
    telling[:, 1:-1] &= (steps[:, :-2] > 0) & (steps[:, 2:] > 0)
    extreme = (strips == strips.min()) | (strips == strips.max())
    telling &= ~(extreme[:, 1:] | extreme[:, :-1])
    votes = int(np.count_nonzero(telling))
    if not _enough(votes, steps):
        return 0.0
    return int(np.count_nonzero(others[telling] < steps[telling])) / votes


def _drawn(strips: Cells) -> bool:
    """Test patterns jump from black to white and back."""
    return int(np.count_nonzero(np.bincount(strips.ravel()))) < FEWEST_LEVELS


def _enough(votes: int, steps: Ints) -> bool:
    return votes >= max(FEWEST_VOTES, RAREST_VOTES * steps.size)


def _relaid(facts: GreyFacts, right: Layout) -> Suspicion:
    if right.shift != facts.shift:
        return _high_bit(facts, right.shift)
    if right.bits != facts.bits:
        return _depth(facts, right.bits, right.signed)
    return _sign(facts)


def _busy(strips: Cells, shift: int) -> bool:
    """Whether each of the lowest bits is set in a good share of the cells, as in noise."""
    return all(0.2 < float(np.mean((strips >> bit) & 1)) < 0.8 for bit in range(shift))


def _saturated(strips: Cells, facts: GreyFacts, whole: int) -> Suspicion | None:
    if facts.signed or float(np.mean(strips > OVERSHOOT * (1 << facts.bits))) < SATURATED:
        return None
    every_bit = Layout(whole - facts.shift, facts.shift, signed=False)
    if _roughness(stored(strips, every_bit)) > SMOOTH:
        return None
    return _depth(facts, every_bit.bits, signed=False)


def _depth(facts: GreyFacts, bits: int, signed: bool) -> Suspicion:
    if bits > facts.bits:
        why = (f"Bits Stored says {facts.bits}, but the picture goes on in the bits above; without "
               "them bright and dark wrap around")  # fmt: skip
        done = f"All {bits} bits are shown"
    else:
        why = (f"Bits Stored says {facts.bits}, but the picture ends at bit {bits} and wraps "
               "around there, as negative values do")  # fmt: skip
        done = f"{bits} bits with a sign are shown"
    mended = replace(facts, bits=bits, signed=signed, saturate=False)
    return Suspicion(
        Note("depth-doubtful", f"{why}."), Note("mended-depth", f"{why}. {done}."), mended
    )


def _high_bit(facts: GreyFacts, shift: int) -> Suspicion:
    why = (f"High Bit says that the picture lies in bits {facts.shift} to "
           f"{facts.shift + facts.bits - 1} of a cell; it lies in bits {shift} to "
           f"{shift + facts.bits - 1}")  # fmt: skip
    return Suspicion(
        Note("high-bit-doubtful", f"{why}."),
        Note("mended-high-bit", f"{why}, and was taken from there."),
        replace(facts, shift=shift),
    )


def _sign(facts: GreyFacts) -> Suspicion:
    said, is_so = ("signed", "unsigned") if facts.signed else ("unsigned", "signed")
    why = (f"Pixel Representation says {said} numbers, but only as {is_so} ones do they make a "
           "picture without breaks from bright to dark")  # fmt: skip
    return Suspicion(
        Note("sign-doubtful", f"{why}."),
        Note("mended-sign", f"{why}; they were read so."),
        replace(facts, signed=not facts.signed),
    )
