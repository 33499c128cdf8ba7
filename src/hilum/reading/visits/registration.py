"""An earlier radiograph laid on a later one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.domain import Affine, Note
from hilum.reading.visits.outlines import by_outlines, overlap
from hilum.reading.visits.picture import VisitPicture
from hilum.reading.visits.visit import NotCompared
from hilum.similarity import THRESHOLD
from hilum.similarity.alignment import Map, align, inverse, warped
from hilum.similarity.confirmation import confirm

LEAST_OVERLAP = 0.75
"""Mean Dice coefficient of the lungs below which nothing is laid on anything."""

LEAST_LIKENESS = 0.2
"""Correlation of structure likewise; pictures of two persons mostly reach more: it does not tell
whether they are of one."""

MOST_TURNED_DEG = 20.0
MOST_STRETCHED = 1.6
"""One direction against the other, in pixels of the pictures."""

SCALES = (0.4, 2.5)
"""Smallest and largest share of the picture's sides that the earlier one may take on the later."""

SAME_EXPOSURE = "same-exposure"
"""Code of the note that tells that both files show one and the same exposure."""

_COARSE_PX = 64
_ROUNDS = (10, 8)
_MAY_LOSE = 0.05  # of the overlap of lungs, where bones and vessels lie better


@dataclass(frozen=True, slots=True)
class Registration:
    """Where an earlier radiograph lies on a later one.

    Attributes:
        affine: from points of the earlier radiograph to points of the later one, in pixels.
        lungs_before: mean Dice coefficient of the lungs when both pictures are merely stretched
            to one size.
        lungs: the same after laying one on the other, in [0, 1].
        likeness: correlation of structure in and around the lungs, in [−1, 1].
        refined: by bones and vessels; otherwise by the outlines of the lungs alone.
        notes: what a reader should know: that it is the same exposure.
    """

    affine: Affine
    lungs_before: float
    lungs: float
    likeness: float
    refined: bool
    notes: tuple[Note, ...] = ()


def register(earlier: VisitPicture, later: VisitPicture) -> Registration | NotCompared:
    """Lay an earlier radiograph on a later one.

    The outlines of the lungs give an affine map; bones, vessels and the outline of the heart refine
    it, where that does not pull the lungs apart. An affine map follows neither breath nor a turned
    chest in all places: differences of an overlay are no findings.

    Args:
        earlier: the picture that is moved.
        later: the one that stays.

    Returns:
        The map and how well it fits; or why there is none.
    """
    doubts = [
        Note("lungs-doubtful", f"The lungs of the {which} radiograph are not to go by. {it.doubt}")
        for which, it in (("earlier", earlier), ("later", later))
        if it.doubt
    ]
    if doubts:
        return NotCompared(tuple(doubts))
    start = by_outlines(later.lungs, earlier.lungs)
    if start is None:
        return NotCompared((Note("lungs-doubtful", "A lung is missing on one of the two."),))
    best, refined = _refined(earlier, later, start)
    reasons = _faults(earlier, later, best)
    if reasons:
        return NotCompared(reasons)
    still: Map = np.eye(2, 3)
    like = likeness(later, earlier, best)
    return Registration(
        affine=_in_pixels(inverse(best), earlier.shape, later.shape),
        lungs_before=overlap(later.lungs, earlier.lungs, still),
        lungs=overlap(later.lungs, earlier.lungs, best),
        likeness=like,
        refined=refined,
        notes=_same_exposure(earlier, later, best, like),
    )


def likeness(first: VisitPicture, second: VisitPicture, affine: Map) -> float:
    """Correlation of structure in and around the lungs of the first, the second laid on it."""
    side = len(first.grey)
    laid = warped(second.grey.astype(np.float32), affine, float("nan"))
    small = cv2.resize(np.any(first.lungs, 0).astype(np.uint8), (side, side))
    around = np.ones((side // 16 * 2 + 1,) * 2, np.uint8)
    counted = (cv2.dilate(small, around) > 0) & np.isfinite(laid)
    if counted.sum() < side:
        return 0.0
    one = _structure(first.grey.astype(np.float32))[counted]
    two = _structure(np.where(np.isfinite(laid), laid, float(np.nanmean(laid))))[counted]
    spread = float(one.std() * two.std())
    return float(((one - one.mean()) * (two - two.mean())).mean()) / spread if spread else 0.0


def _refined(earlier: VisitPicture, later: VisitPicture, start: Map) -> tuple[Map, bool]:
    """The better of the map by outlines and the one that structure makes of it."""
    coarse = [_smaller(it.grey) for it in (later, earlier)]
    found, sign = align(coarse[0], coarse[1], start, rounds=_ROUNDS[0])
    if sign > 0:
        found, sign = align(later.grey, earlier.grey, found, rounds=_ROUNDS[1])
    lost = overlap(later.lungs, earlier.lungs, start) - overlap(later.lungs, earlier.lungs, found)
    better = likeness(later, earlier, found) > likeness(later, earlier, start)
    if sign > 0 and better and lost <= _MAY_LOSE and not _faults(earlier, later, found):
        return found, True
    return start, False


def _faults(earlier: VisitPicture, later: VisitPicture, affine: Map) -> tuple[Note, ...]:
    """Why a map from the later picture to the earlier one is not plausible."""
    found: list[Note] = []

    def unless(good: bool, code: str, message: str) -> None:
        if not good:
            found.append(Note(code, f"The earlier radiograph was not laid on this one: {message}"))

    linear = np.asarray(_in_pixels(affine, later.shape, earlier.shape).matrix)[:, :2]
    if np.linalg.det(linear) < 0:  # one of the two is stored mirrored
        linear = linear @ np.diag([-1.0, 1.0])
    large, small = np.linalg.svd(linear, compute_uv=False)
    turned = np.degrees(np.arctan2(linear[1, 0] - linear[0, 1], linear[0, 0] + linear[1, 1]))
    unless(
        large <= MOST_STRETCHED * small,
        "stretched",
        f"it would have to be stretched {large / small:.1f} times.",
    )
    unless(
        abs(turned) <= MOST_TURNED_DEG, "turned", f"it would have to be turned by {turned:.0f}°."
    )
    scale = float(np.sqrt(abs(np.linalg.det(affine[:, :2]))))
    low, high = SCALES
    unless(low <= scale <= high, "scale", "one of the two shows a much smaller part of the chest.")
    lungs = overlap(later.lungs, earlier.lungs, affine)
    unless(lungs >= LEAST_OVERLAP, "lungs-apart", f"the lungs do not fit (Dice {lungs:.2f}).")
    like = likeness(later, earlier, affine)
    unless(like >= LEAST_LIKENESS, "unlike", f"bones and vessels do not fit ({like:.2f}).")
    return tuple(found)


def _same_exposure(
    earlier: VisitPicture, later: VisitPicture, affine: Map, like: float
) -> tuple[Note, ...]:
    if like < THRESHOLD - 0.1:
        return ()
    if confirm((0, 1), (later.grey, earlier.grey), affine, THRESHOLD) is None:
        return ()
    message = "Both files show the same exposure: there is nothing to compare."
    return (Note(SAME_EXPOSURE, message),)


def _in_pixels(affine: Map, of: tuple[int, int], to: tuple[int, int]) -> Affine:
    """A map of shares from the centres as one of pixels."""
    (a, b, x), (c, d, y) = np.asarray(affine, np.float64).tolist()
    centred = Affine.scale(1 / of[1], 1 / of[0]).then(Affine.shift(-0.5, -0.5))
    back = Affine.shift(0.5, 0.5).then(Affine.scale(to[1], to[0]))
    return centred.then(Affine(((a, b, x), (c, d, y)))).then(back)


def _smaller(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    small = cv2.resize(grey, (_COARSE_PX, _COARSE_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def _structure(grey: NDArray[Any]) -> NDArray[np.float32]:
    """What is finer than about a lung."""
    picture = np.asarray(grey, np.float32)
    return picture - cv2.GaussianBlur(picture, (0, 0), len(picture) / 20)
