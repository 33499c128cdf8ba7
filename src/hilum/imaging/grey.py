"""Stored values → grey levels: the grey-scale pipeline of DICOM as one look-up table.

Stored cell → stored value (PS3.5 8.1.1) → modality value (PS3.3 C.11.1) → value of interest
(C.11.2) → polarity (C.7.6.3.1.2, C.11.6) → [0, 1]. Every step is a function of one stored value,
so the whole chain is worked out once for each possible cell in float64 and looked up for the
pixels. PS3.4 N.2 gives the order of the steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.domain import Note
from hilum.errors import InvalidHeader
from hilum.imaging.shrink import average, smaller

Function = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]
Cells = NDArray[np.uint8 | np.uint16]
Grey = NDArray[np.float32]

PERCENTILES = (0.5, 99.5)
"""Where a file names no window; the darkest and brightest half per cent are often collimator
and burned-in letters."""

_BOUND = 1e100  # beyond this a header is nonsense, and float64 would overflow


@dataclass(frozen=True, slots=True, eq=False)
class LookUp:
    """A look-up table (PS3.3 C.11.1.1.1, C.11.2.1.1).

    Attributes:
        first: the input that the first entry stands for; inputs below take the first entry,
            inputs beyond the end the last.
        values: float64 [entries].
        bits: depth of an entry.
    """

    first: int
    values: NDArray[np.float64]
    bits: int

    def __call__(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Look values up; the input is rounded to the entry's index."""
        index = np.clip(np.rint(x) - self.first, 0, len(self.values) - 1)
        return self.values[index.astype(np.intp)]


@dataclass(frozen=True, slots=True)
class Window:
    """A VOI window (PS3.3 C.11.2.1.2, C.11.2.1.3), in modality values.

    Attributes:
        centre: Window Center.
        width: Window Width; one that its function does not allow shows the full range.
        function: VOI LUT Function.
    """

    centre: float
    width: float
    function: Function = "LINEAR"

    @property
    def valid(self) -> bool:
        """LINEAR needs a width of 1 or more, the others more than 0 (C.11.2.1.2.1, C.11.2.1.3)."""
        if not (abs(self.centre) < _BOUND and abs(self.width) < _BOUND):  # also false for NaN
            return False
        return self.width >= 1 if self.function == "LINEAR" else self.width > 0

    def __call__(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map modality values to [0, 1]; the window must be valid."""
        centre, width = self.centre, self.width
        if self.function != "LINEAR":
            with np.errstate(over="ignore"):  # a width near 0 is a threshold
                share = (x - centre) / width
            if self.function == "LINEAR_EXACT":  # C.11.2.1.3.2
                return np.clip(share + 0.5, 0.0, 1.0)
            return 1.0 / (1.0 + np.exp(np.clip(-4.0 * share, -700.0, 700.0)))  # C.11.2.1.3.1
        if width == 1:  # C.11.2.1.2.1: a threshold
            return (x > centre - 0.5).astype(np.float64)
        return np.clip((x - (centre - 0.5)) / (width - 1.0) + 0.5, 0.0, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class GreyFacts:
    """What a header says of its stored values.

    Attributes:
        bits: Bits Stored.
        shift: bits below the stored ones (High Bit + 1 − Bits Stored); 0 in files of today.
        signed: Pixel Representation 1.
        saturate: values beyond Bits Stored are overshoot of a lossy codec: clip them. False:
            the bits above are something else (overlays): mask them.
        padding: lowest and highest stored value that fill areas outside the picture
            (PS3.3 C.7.5.1.1.2), inclusive.
        slope: Rescale Slope.
        intercept: Rescale Intercept.
        modality: Modality LUT; stands instead of slope and intercept.
        voi: VOI LUT or window; None where the file names none.
        inverted: the lowest value is shown white.
    """

    bits: int
    shift: int = 0
    signed: bool = False
    saturate: bool = False
    padding: tuple[int, int] | None = None
    slope: float = 1.0
    intercept: float = 0.0
    modality: LookUp | None = None
    voi: LookUp | Window | None = None
    inverted: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """Grey levels and how they came about.

    Attributes:
        pixels: float32 [rows, columns] in [0, 1], 0 black.
        grey: the chain in words, such as "LINEAR 2048/4096, inverted".
        notes: what had to be chosen or mended.
    """

    pixels: NDArray[np.float32]
    grey: str
    notes: tuple[Note, ...]


def render(cells: Cells, facts: GreyFacts, *, longest_px: int | None = None) -> Rendered:
    """Show stored pixels as MONOCHROME2 grey levels.

    Args:
        cells: pixel cells as they lie in the file, uint8 or uint16 [rows, columns], in the byte
            order of the machine; for signed values the two's complement.
        facts: from the header.
        longest_px: shrink the shown picture to this longest side; never enlarged.

    Returns:
        Grey levels, words, notes. Padding is black whatever the polarity.

    Raises:
        InvalidHeader: slope 0 or not finite.

    Source:
        PS3.3 C.7.6.3.1.2, C.11.1, C.11.2, C.11.6; PS3.4 N.2.
    """
    size = 256 if cells.dtype == np.uint8 else 65536
    stored = stored_values(size, facts)
    padded = _padding(stored, size, facts)
    values = _modality(stored, facts)
    voi, words, notes = _voi(cells, values, padded, facts)
    grey = np.clip(voi, 0.0, 1.0)
    if facts.inverted:
        grey = 1.0 - grey
        words += ", inverted"
    grey[padded] = 0.0
    return Rendered(look_up(grey, cells, longest_px), words, notes)


def stored_values(size: int, facts: GreyFacts) -> NDArray[np.int64]:
    """The stored value of every possible pixel cell (PS3.5 8.1.1).

    Args:
        size: number of possible cells, 256 or 65,536.
        facts: bits, shift, sign.

    Returns:
        int64 [size].
    """
    values = np.arange(size, dtype=np.int64) >> facts.shift
    top = 1 << facts.bits
    if facts.saturate and not facts.signed:
        values = np.minimum(values, top - 1)
    values &= top - 1
    return np.where(values >= top // 2, values - top, values) if facts.signed else values


def _padding(stored: NDArray[np.int64], size: int, facts: GreyFacts) -> NDArray[np.bool_]:
    """Which cells are padding (PS3.3 C.7.5.1.1.2)."""
    if facts.padding is None:
        return np.zeros(size, np.bool_)
    low, high = facts.padding
    if low < stored.min() or high > stored.max():
        # Outside Bits Stored the value can only be meant for the whole cell.
        cell = np.arange(size, dtype=np.int64)
        stored = np.where(cell >= size // 2, cell - size, cell) if facts.signed else cell
    return (stored >= low) & (stored <= high)


def _modality(stored: NDArray[np.int64], facts: GreyFacts) -> NDArray[np.float64]:
    if facts.modality is not None:
        return facts.modality(stored.astype(np.float64))
    usable = abs(facts.slope) < _BOUND and abs(facts.intercept) < _BOUND and facts.slope
    if not usable:
        raise InvalidHeader(
            f"Rescale Slope {facts.slope:g}, Rescale Intercept {facts.intercept:g}: a slope must "
            "be a number and not 0 (PS3.3 C.11.1.1.2), or every pixel is the same. "
            "Export the image again."
        )
    return np.asarray(stored * facts.slope + facts.intercept, np.float64)


def _voi(
    cells: Cells, values: NDArray[np.float64], padded: NDArray[np.bool_], facts: GreyFacts
) -> tuple[NDArray[np.float64], str, tuple[Note, ...]]:
    voi = facts.voi
    if isinstance(voi, LookUp):
        return voi(values) / ((1 << voi.bits) - 1), "VOI LUT", ()
    if voi is not None and voi.valid:
        return voi(values), f"{voi.function} {voi.centre:g}/{voi.width:g}", ()
    if voi is None and facts.bits <= 8 and facts.modality is None and facts.slope == 1:
        # Eight bits without a window are a picture that was windowed before it was stored.
        full = Window((1 << facts.bits) / 2 - 0.5 + values.min(), (1 << facts.bits) - 1,
                      "LINEAR_EXACT")  # fmt: skip
        note = Note("no-window", "The header names no window; all of its 8 bits are shown.", False)
        return full(values), "full range", (note,)
    counts = _histogram(cells, len(values))
    counts[padded] = 0
    if voi is not None:
        low, high = _quantiles(values, counts, (0.0, 100.0))
        needs = "at least 1" if voi.function == "LINEAR" else "more than 0"
        note = Note(
            "window-invalid",
            f"Window {voi.centre:g}/{voi.width:g}: {voi.function} needs a width of {needs} "
            f"(PS3.3 C.11.2.1.2); the full range {low:g} to {high:g} is shown.",
        )
        return _stretch(values, low, high), f"full range {low:g} to {high:g}", (note,)
    low, high = _quantiles(values, counts, PERCENTILES)
    if low == high:
        low, high = _quantiles(values, counts, (0.0, 100.0))
    note = Note(
        "no-window",
        f"The header names no window; {PERCENTILES[0]:g} to {PERCENTILES[1]:g} % of the pixels "
        f"({low:g} to {high:g}) are shown.",
        warning=False,
    )
    return _stretch(values, low, high), f"percentiles {low:g} to {high:g}", (note,)


def _stretch(x: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    return (x - low) / (high - low) if high > low else np.zeros_like(x)


def _histogram(cells: Cells, size: int) -> NDArray[np.float64]:
    counts = cv2.calcHist([cells], [0], None, [size], [0, size])
    return np.asarray(counts, np.float64).ravel()


def _quantiles(
    values: NDArray[np.float64], counts: NDArray[np.float64], percent: tuple[float, float]
) -> tuple[float, float]:
    """The smallest values that at least so many per cent of the pixels do not exceed."""
    used = np.flatnonzero(counts)
    if not used.size:  # nothing but padding
        return 0.0, 0.0
    order = used[np.argsort(values[used], kind="stable")]
    reached = np.cumsum(counts[order])
    last, total = len(order) - 1, float(reached[-1])

    def reaching(share: float) -> float:
        return float(values[order[min(int(np.count_nonzero(reached < share * total)), last)]])

    return reaching(percent[0] / 100.0), reaching(percent[1] / 100.0)


def look_up(table: NDArray[np.float64], cells: Cells, longest_px: int | None) -> Grey:
    """Show cells through a table, and shrink what comes out.

    Args:
        table: grey levels in [0, 1] of all 256 or 65,536 cells.
        cells: uint8 or uint16 [rows, columns].
        longest_px: the longest side wanted; None for the picture as it is.

    Returns:
        float32 [rows, columns] in [0, 1]. A picture that shrinks is looked up at 16 bits, a quarter
        of the memory traffic of floats: the rounding is 1/65,535.
    """
    size = None if longest_px is None else smaller(cells.shape, longest_px)
    if size is None:
        return np.asarray(cv2.LUT(cells, table.astype(np.float32)), np.float32)
    steps = np.rint(table * 65535.0).astype(np.uint16)
    return average(cells, size, steps) * np.float32(1 / 65535)
