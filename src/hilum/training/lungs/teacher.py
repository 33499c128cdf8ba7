"""The classical teacher: edges of the picture decide where a proposed outline runs.

A network that has seen drawn chests alone finds real lungs roughly. The teacher brings its outline
to the picture's own edges by a watershed (Meyer 1994) between a marker well inside and one well
outside, on the picture without ribs, and keeps the result only where it is formed like a pair of
lungs and its outline runs along edges from dark to bright.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.reading.lung_shape import LEARNING, Mask, faults, largest_parts, measure_shape

Grey = NDArray[np.float32]

BAND = 0.02
"""The outline may move so far either way, as a share of the side."""
RIB = 0.05
"""Bright bands lower than this share of the side are taken for ribs, and darkened."""
RISE = 0.08
"""Smallest mean rise of grey across the outline, over the standard deviation of the picture."""


@dataclass(frozen=True, slots=True, eq=False)
class Taught:
    """What the teacher makes of a proposal.

    Attributes:
        lungs: bool [2, rows, columns], right and left.
        rise: mean rise of grey outwards across each outline, in standard deviations of the
            picture.
        kept: whether it may be learnt from.
        why_not: codes of what speaks against it.
    """

    lungs: Mask
    rise: tuple[float, float]
    kept: bool
    why_not: tuple[str, ...]


def teach(grey: Grey, probabilities: Grey) -> Taught:
    """Correct a proposal by the picture, and judge it.

    Args:
        grey: float32 [rows, columns] in [0, 1].
        probabilities: float32 [2, rows, columns], the proposal for the right and the left lung.
    """
    proposed = largest_parts(probabilities >= 0.5)
    smooth = without_ribs(grey)
    lungs = largest_parts(_watershed(smooth, proposed))
    said = measure_shape(probabilities, proposed)
    against = {note.code for note in faults(said, LEARNING)}
    against |= {note.code for note in faults(measure_shape(lungs * 1.0, lungs), LEARNING)}
    rise = (_rise(smooth, lungs[0]), _rise(smooth, lungs[1]))
    if min(rise) < RISE:
        against.add("edge")
    moved = (lungs ^ proposed).sum() / max(1, int(proposed.sum()))
    if moved > 0.2:
        against.add("moved")
    return Taught(lungs, rise, not against, tuple(sorted(against)))


def without_ribs(grey: Grey) -> Grey:
    """The picture with thin bright bands taken away (grey opening upright), then smoothed."""
    rows = grey.shape[0]
    opened = cv2.morphologyEx(grey, cv2.MORPH_OPEN, np.ones((max(3, round(RIB * rows)), 1)))
    return np.asarray(cv2.GaussianBlur(opened, (0, 0), rows / 170), np.float32)


def _watershed(smooth: Grey, proposed: Mask) -> Mask:
    """Labels grow from markers along rising gradients; they meet on the strongest edge."""
    step = max(1, round(BAND * smooth.shape[0]))
    markers = np.zeros(smooth.shape, np.int32)
    near = np.zeros(smooth.shape, np.bool_)
    for at, lung in enumerate(proposed):
        inside = cv2.distanceTransform(np.pad(lung, 1).astype(np.uint8), cv2.DIST_L2, 5)
        markers[inside[1:-1, 1:-1] > step] = at + 2
        outside = cv2.distanceTransform((~lung).astype(np.uint8), cv2.DIST_L2, 5)
        near |= outside < step
    markers[~near] = 1
    slope = np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
    top = float(np.quantile(slope, 0.99)) or 1.0
    shown = cv2.convertScaleAbs(np.minimum(slope / top, 1), alpha=255.0)
    cv2.watershed(cv2.merge([shown, shown, shown]), markers)
    blur = smooth.shape[0] / 85
    found: list[Mask] = []
    for at in (2, 3):
        grown = cv2.dilate((markers == at).astype(np.uint8), np.ones((3, 3), np.uint8))
        with_line = ((markers == at) | ((grown > 0) & (markers == -1))).astype(np.float32)
        found.append(cv2.GaussianBlur(with_line, (0, 0), blur) > 0.5)
    return np.stack(found)


def _rise(smooth: Grey, lung: Mask) -> float:
    inside = cv2.distanceTransform(lung.astype(np.uint8), cv2.DIST_L2, 5)
    outside = cv2.distanceTransform((~lung).astype(np.uint8), cv2.DIST_L2, 5)
    step = max(2.0, smooth.shape[0] / 64)
    within, beyond = (inside > 0) & (inside <= step), (outside > 0) & (outside <= step)
    if not within.any() or not beyond.any():
        return 0.0
    rise = float(smooth[beyond].mean() - smooth[within].mean())
    return rise / max(1e-3, float(smooth.std()))
