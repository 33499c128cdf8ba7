"""Could this be a pair of lungs? Measures of two masks, and limits for them.

A network that draws lungs also draws something on a hand. What it draws is used only where it has
the form and the place of two lungs.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.domain import Note

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a pair of lungs may measure.

    Attributes:
        area: smallest and largest share of the picture that one lung covers.
        ratio: largest area of one lung over that of the other.
        tallness: smallest and largest height over width of one lung.
        solidity: smallest share of its convex hull that a lung fills.
        stray: largest share of what was drawn that lies apart from the two lungs.
        level: smallest share of the shorter lung's height that both have in common.
        overlap: largest share of the narrower lung's width where both lie above each other.
        sureness: smallest :attr:`LungShape.sureness`.
    """

    area: tuple[float, float] = (0.02, 0.36)
    ratio: float = 3.0
    tallness: tuple[float, float] = (0.7, 4.5)
    solidity: float = 0.72
    stray: float = 0.15
    level: float = 0.5
    overlap: float = 0.3
    sureness: float = 0.6


READING = Limits()
"""For masks that are used: a lung that is hidden or cut off may look odd, and still be one."""

LEARNING = Limits(
    area=(0.035, 0.30),
    ratio=2.0,
    tallness=(1.0, 3.6),
    solidity=0.80,
    stray=0.04,
    level=0.75,
    overlap=0.1,
    sureness=0.66,
)
"""For masks that a network learns from: rather too few than wrong ones."""


@dataclass(frozen=True, slots=True)
class LungShape:
    """Measures of a pair; lengths are ratios, so that the size of the picture does not matter.

    Attributes:
        area: share of the picture that each lung covers, right and left.
        tallness: height over width of each.
        solidity: share of its convex hull that each fills.
        stray: share of what was drawn that lies apart from the two lungs.
        level: share of the shorter one's height that both have in common.
        overlap: share of the narrower one's width where both lie above each other.
        sides: whether the right lung lies left of the left one on the picture; right of it on one
            that is stored mirrored.
        sureness: how firm the outlines are: intersection over union of what has a probability of
            three quarters with what has one quarter, in [0, 1].
    """

    area: tuple[float, float]
    tallness: tuple[float, float]
    solidity: tuple[float, float]
    stray: float
    level: float
    overlap: float
    sides: bool
    sureness: float


def largest_parts(masks: Mask) -> Mask:
    """Each mask's largest connected part with its holes filled, [structures, rows, columns]."""
    return np.stack([_largest(mask) for mask in masks])


def box_of(mask: Mask) -> tuple[int, int, int, int]:
    """The smallest box (x, y, width, height) around a mask; zeros for an empty one."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not rows.size:
        return (0, 0, 0, 0)
    x, y = int(columns[0]), int(rows[0])
    return (x, y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1)


def measure_shape(
    probabilities: NDArray[np.float32], lungs: Mask, *, aspect: float = 1.0
) -> LungShape:
    """Measure a pair of lungs.

    Args:
        probabilities: float32 [2, rows, columns], right and left.
        lungs: the masks made of them by :func:`largest_parts`, the same shape.
        aspect: width over height of a pixel, where the picture was squashed.
    """
    drawn = probabilities >= 0.5
    boxes = [box_of(lung) for lung in lungs]
    (xr, yr, wr, hr), (xl, yl, wl, hl) = boxes
    area = [float(lung.mean()) for lung in lungs]
    common = min(yr + hr, yl + hl) - max(yr, yl)
    across = min(xr + wr, xl + wl) - max(xr, xl)
    firm, faint = (float((probabilities >= at).sum()) for at in (0.75, 0.25))
    return LungShape(
        area=(area[0], area[1]),
        tallness=(_over(hr, wr * aspect), _over(hl, wl * aspect)),
        solidity=(_solidity(lungs[0]), _solidity(lungs[1])),
        stray=_over(float((drawn & ~lungs).sum()), float(drawn.sum())),
        level=_over(max(common, 0), min(hr, hl)),
        overlap=_over(max(across, 0), min(wr, wl)),
        sides=xr + wr / 2 < xl + wl / 2,
        sureness=_over(firm, faint),
    )


def faults(shape: LungShape, limits: Limits) -> tuple[Note, ...]:
    """Everything that speaks against a pair of lungs; empty where nothing does."""
    found: list[Note] = []

    def unless(good: bool, code: str, message: str) -> None:
        if not good:
            found.append(Note(code, message))

    for side, area, tall, solid in zip(
        ("right", "left"), shape.area, shape.tallness, shape.solidity, strict=True
    ):
        if not area:
            found.append(Note("no-lung", f"No {side} lung was found."))
            continue
        low, high = limits.area
        unless(low <= area <= high, "area", f"The {side} lung covers {area:.1%} of the picture.")
        low, high = limits.tallness
        unless(low <= tall <= high, "form", f"The {side} lung is {tall:.1f} times as high as wide.")
        unless(solid >= limits.solidity, "outline", f"The {side} lung's outline is ragged.")
    if all(shape.area):
        ratio = max(shape.area) / min(shape.area)
        unless(ratio <= limits.ratio, "unequal", f"One lung is {ratio:.1f} times the other.")
        unless(shape.sides, "sides", "The right lung does not lie on its side of the picture.")
        unless(shape.level >= limits.level, "level", "The lungs do not lie beside each other.")
        unless(shape.overlap <= limits.overlap, "overlap", "One lung lies above the other.")
    unless(shape.stray <= limits.stray, "stray", "Much was drawn apart from the lungs.")
    unless(
        shape.sureness >= limits.sureness,
        "unsure",
        f"The network is not sure of the outline ({shape.sureness:.2f}).",
    )
    return tuple(found)


def _largest(mask: Mask) -> Mask:
    count, labels, facts, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count < 2:
        return np.zeros(mask.shape, np.bool_)
    one = (labels == 1 + int(facts[1:, cv2.CC_STAT_AREA].argmax())).astype(np.uint8)
    outline, _ = cv2.findContours(one, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros_like(one)
    cv2.drawContours(filled, outline, -1, 1, cv2.FILLED)
    return filled > 0


def _solidity(mask: Mask) -> float:
    outlines, _ = cv2.findContours(
        mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    if not outlines:
        return 0.0
    points = np.concatenate(list(outlines))
    hull = np.zeros(mask.shape, np.uint8)
    cv2.fillConvexPoly(hull, cv2.convexHull(points), 1)
    return _over(float(mask.sum()), float(hull.sum()))


def _over(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
