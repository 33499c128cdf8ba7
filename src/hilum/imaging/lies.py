"""Headers that lie: what the picture itself says against the header that came with it.

Byte order, Bits Stored, High Bit, Pixel Representation, window and polarity are tried on a sample
of the cells: in a radiograph neighbouring pixels are nearly equal, so the reading of the cells
under which they are is the right one; a window that leaves nothing to be seen is no window; and
the negative of a chest does not resemble a chest. Spacing is held against the size of detectors.

Nothing here changes a picture: :func:`examine` returns suspicions, and :func:`mend` applies those
that are beyond doubt, for a caller who was asked to. ``benchmarks/lies.py`` measures how many of
each kind are found, and how often an honest header is doubted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.domain import Note
from hilum.imaging import checks
from hilum.imaging.grey import PERCENTILES, Cells, GreyFacts, LookUp, Window
from hilum.imaging.layout import Layout, doubt_byte_order, doubt_layout, stored, strips_of
from hilum.imaging.suspicion import Suspicion

LOST = 0.5
LOST_BEYOND_DOUBT = 0.7
"""Share of the picture's grey levels that a window shows as plain black or white; 0.15 at most
under windows of 84 % of the pixels and more."""
FLAT = checks.LOW_CONTRAST
FLAT_BEYOND_DOUBT = 0.15
"""Share of the grey scale into which a window presses the whole picture."""
STRUCTURED = 0.8
"""Correlation of neighbours in the sample below which there is nothing that a window could show."""

NEGATIVE = 0.25
NEGATIVE_BEYOND_DOUBT = 0.4
NEGATIVE_UNNAMED = 0.6
"""Likeness to the negative of a chest; the last where the header names no part of the body."""
BEFORE_POSITIVES = 0.05
"""By so much a picture that is mended resembles a chest more as a negative than turned."""

_BOUND = 1e100  # beyond this a header is nonsense, and the pipeline refuses it
_LATTICE = 128
_SMALL = 64
_MOST_TRIMMED = 0.35

Grey = NDArray[np.float64]


def examine(
    cells: Cells, facts: GreyFacts, *, of_chest: bool | None = None, own_voi: bool = False
) -> tuple[Suspicion, ...]:
    """Hold a header against its picture.

    Args:
        cells: pixel cells as decoded, uint8 or uint16 [rows, columns], at least 32 × 32.
        facts: what the header says of them.
        of_chest: :attr:`Acquisition.of_chest`; polarity is judged for chests and, more
            carefully, where it is None.
        own_voi: window or VOI LUT are the caller's choice and not the file's: not doubted.

    Returns:
        Suspicions in the order in which they must be mended; codes "byte-order-doubtful",
        "depth-doubtful", "high-bit-doubtful", "sign-doubtful", "window-doubtful",
        "polarity-doubtful". Each one was found as if those before it that can be mended had been.

    Example:
        >>> ramp = np.tile(np.linspace(100, 3000, 64), (64, 1)).astype(np.uint16)
        >>> noisy = ramp + np.random.default_rng(0).integers(0, 40, ramp.shape, np.uint16)
        >>> [s.note.code for s in examine(noisy.byteswap(), GreyFacts(12))]
        ['byte-order-doubtful']
    """
    found: list[Suspicion] = []
    strips, lattice = strips_of(cells), _lattice(cells)
    swapped = doubt_byte_order(strips, facts)
    if swapped is not None:
        found.append(swapped)
        strips, lattice = strips.byteswap(), lattice.byteswap()
    layout = doubt_layout(strips, facts)
    if layout is not None:
        found.append(layout)
        facts = layout.facts or facts
    sample = _Sample.of(lattice, facts)
    window = None if own_voi else _window(sample, facts)
    if window is not None:
        found.append(window)
        facts = window.facts or facts
    polarity = _polarity(sample, facts, of_chest)
    if polarity is not None:
        found.append(polarity)
    return tuple(found)


def mend(
    cells: Cells, facts: GreyFacts, found: Sequence[Suspicion]
) -> tuple[Cells, GreyFacts, tuple[Note, ...]]:
    """Apply what can be mended beyond doubt.

    Args:
        cells: as given to :func:`examine`; not changed.
        facts: likewise.
        found: what it returned.

    Returns:
        Cells and facts to render, and a note a suspicion: what was done, or what remains doubtful.
    """
    notes: list[Note] = []
    for one in found:
        notes.append(one.mended or one.note)
        if one.mended is None:
            continue
        if one.swapped:
            cells = cells.byteswap()
        facts = one.facts or facts
    return cells, facts, tuple(notes)


@dataclass(frozen=True, slots=True, eq=False)
class _Sample:
    """Pixels on an even lattice.

    Attributes:
        values: modality values [rows, columns].
        padded: which are padding, or None.
        ends: modality values at the percentiles that are shown where no window is named.
    """

    values: Grey
    padded: NDArray[np.bool_] | None
    ends: tuple[float, float]

    @classmethod
    def of(cls, lattice: Cells, facts: GreyFacts) -> _Sample:
        cells = stored(lattice, Layout(facts.bits, facts.shift, facts.signed))
        if facts.saturate and not facts.signed:
            cells = np.minimum(lattice, (1 << facts.bits) - 1).astype(np.int32)
        values = cells.astype(np.float64)
        if facts.modality is not None:
            values = facts.modality(values)
        elif abs(facts.slope) < _BOUND and abs(facts.intercept) < _BOUND:  # also false for NaN
            values = values * facts.slope + facts.intercept
        padded = None
        if facts.padding is not None:
            padded = (cells >= facts.padding[0]) & (cells <= facts.padding[1])
        kept = np.sort(values[~padded] if padded is not None else values.ravel())
        if not kept.size:
            return cls(values, padded, (0.0, 0.0))
        low, high = (kept[min(int(p / 100 * kept.size), kept.size - 1)] for p in PERCENTILES)
        return cls(values, padded, (float(low), float(high)))

    def stretched(self) -> Grey:
        """Shown from one percentile to the other."""
        low, high = self.ends
        return np.clip((self.values - low) / (high - low), 0.0, 1.0)


def _lattice(cells: Cells) -> Cells:
    down, across = (max(1, side // _LATTICE) for side in cells.shape)
    return np.ascontiguousarray(cells[down // 2 :: down, across // 2 :: across])


def _voi_of(facts: GreyFacts) -> LookUp | Window | None:
    """What maps modality values to grey; None where percentiles are shown."""
    voi = facts.voi
    if isinstance(voi, LookUp):
        return voi
    if voi is not None:
        return voi if voi.valid else None
    if facts.bits <= 8 and facts.modality is None and facts.slope == 1:
        top = 1 << facts.bits
        least = -(top // 2) if facts.signed else 0
        return Window(top / 2 - 0.5 + least + facts.intercept, top - 1, "LINEAR_EXACT")
    return None


def _through(voi: LookUp | Window, values: Grey) -> Grey:
    return voi(values) / ((1 << voi.bits) - 1) if isinstance(voi, LookUp) else voi(values)


def _window(sample: _Sample, facts: GreyFacts) -> Suspicion | None:
    """A window, VOI LUT or full range under which there is next to nothing to see."""
    voi = _voi_of(facts)
    low, high = sample.ends
    if voi is None or not high > low:
        return None
    shown, could = _through(voi, sample.values), sample.stretched()
    first, last = _through(voi, np.array([low, high]))
    contrast, lost = abs(float(last - first)), _lost(shown, could)
    if (contrast >= FLAT and lost < LOST) or not _structured(could):
        return None
    name = {True: "The window", False: "The full range of the 8 bits"}[facts.voi is not None]
    if isinstance(facts.voi, LookUp):
        name = "The VOI LUT"
    elif facts.voi is not None:
        name = f"The window {facts.voi.centre:g}/{facts.voi.width:g}"
    if lost >= LOST:
        end = "white" if float(np.mean(shown)) > 0.5 else "black"
        why = f"{name} shows {lost:.0%} of the picture's grey levels as plain {end}"
    else:
        why = f"{name} presses the whole picture into {contrast:.0%} of the grey scale"
    why += f"; its values lie between {low:g} and {high:g}"
    sure = lost >= LOST_BEYOND_DOUBT or contrast < FLAT_BEYOND_DOUBT
    if not sure:
        return Suspicion(Note("window-doubtful", f"{why}."))
    # Percentiles are shown where no window is named, save for plain bytes.
    plain = facts.voi is None or (facts.bits <= 8 and _voi_of(replace(facts, voi=None)) is not None)
    instead = Window((low + high) / 2, high - low, "LINEAR_EXACT") if plain else None
    done = f"{PERCENTILES[0]:g} to {PERCENTILES[1]:g} % of the pixels are shown instead"
    return Suspicion(
        Note("window-doubtful", f"{why}."),
        Note("mended-window", f"{why}. {done}."),
        replace(facts, voi=instead),
    )


def _lost(shown: Grey, could: Grey) -> float:
    """Share of the picture that is plain black or white and would be neither.

    Grey levels count by their pixels, each at most 4 % of the picture: a border of one grey level
    is no loss.
    """
    level = np.minimum((could * 64).astype(np.intp), 63).ravel()
    plain = ((shown <= 1 / 255) | (shown >= 254 / 255)).ravel()
    total = np.bincount(level, minlength=64)[1:-1]
    gone = np.bincount(level[plain], minlength=64)[1:-1]
    weight = np.minimum(total, 0.04 * level.size)
    if not weight.any():
        return 0.0
    return float((gone / np.maximum(total, 1) * weight).sum() / weight.sum())


def _structured(could: Grey) -> bool:
    with np.errstate(invalid="ignore", divide="ignore"):  # NaN where all are equal
        across = np.corrcoef(could[:, 1:].ravel(), could[:, :-1].ravel())[0, 1]
    return bool(across > STRUCTURED)


def _polarity(sample: _Sample, facts: GreyFacts, chest: bool | None) -> Suspicion | None:
    """The negative of a chest."""
    low, high = sample.ends
    if chest is False or not high > low:
        return None
    voi = _voi_of(facts)
    grey = sample.stretched() if voi is None else np.clip(_through(voi, sample.values), 0.0, 1.0)
    if facts.inverted:
        grey = 1.0 - grey
    if sample.padded is not None:
        grey[sample.padded] = 0.0
    likeness = _likeness(grey.astype(np.float32))
    negative, before = -likeness[0], -likeness[0] - max(likeness)
    if negative < (NEGATIVE if chest else NEGATIVE_UNNAMED) or before <= 0:
        return None
    said = "MONOCHROME1" if facts.inverted else "MONOCHROME2"
    why = f"Shown as {said} (the header's polarity) the picture is the negative of a chest"
    note = Note("polarity-doubtful", f"{why}: bones dark, lungs bright.")
    sure = negative >= NEGATIVE_BEYOND_DOUBT and before >= BEFORE_POSITIVES
    if not sure:
        return Suspicion(note)
    mended = Note("mended-polarity", f"{why}. It was inverted.")
    return Suspicion(note, mended, replace(facts, inverted=not facts.inverted))


def _likeness(grey: NDArray[np.float32]) -> tuple[float, ...]:
    """Likeness to the mean chest in four turns, without uniform borders."""
    small = np.asarray(cv2.resize(grey, (_SMALL, _SMALL), interpolation=cv2.INTER_AREA), np.float32)
    uniform = checks.border(small)
    if max(uniform) == 0:
        return checks.likeness(small)
    top, right, bottom, left = (round(min(b, _MOST_TRIMMED) * _SMALL) for b in uniform)
    inner = np.ascontiguousarray(small[top : _SMALL - bottom, left : _SMALL - right])
    return checks.likeness(inner)
