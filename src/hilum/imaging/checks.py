"""What the picture alone tells of its fitness: blur, noise, polarity, turning, borders, blankness.

Thresholds were set on 2,612 real frontal radiographs of four sources (ChestX-ray14, its resized
copy, a paediatric and a case-report collection; none of those the mean chest was made of), and on
653 of them spoilt by code, with a longest side of 512 px:

=================================  ===========================================  ========
flag                               of spoilt pictures                            of real
=================================  ===========================================  ========
blurred                            σ 1.5 px 99.7 %, σ 2 and 3 px 100 %,           0.15 %
                                   σ 3 px with 2 % noise 93 %
noisy                              10 % noise 82 %, 20 % 100 %, nothing but       0.0 %
                                   noise 100 %
turned or inverted                 90° 99.5 %, 270° 99.4 %, 180° 96.0 %,          0.96 %
                                   inverted 99.8 % (named so 98.2 %)
low contrast (a twentieth left)    100 %                                          0.0 %
bordered (a fifth black)           100 %                                          0.69 %
=================================  ===========================================  ========

Not seen: a chest turned by less than some 45°, and one of which half is cut away without a border.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.domain import Note
from hilum.imaging.shrink import shrink

WORK_PX = 512
"""Longest side on which everything is measured; smaller pictures are taken as they are."""

BLURRED_DETAIL = 0.25
BLURRED_SHARPNESS = 1.55
"""At or below either a picture is blurred; real ones lie above .31 and 1.64 (99.8 %)."""

NOISY_CORRELATION = 0.93
"""Below it a picture is noisy; real ones lie above .94."""

NOISE_ONLY_CORRELATION = 0.3
"""Below it a picture is nothing but noise; white noise stays under .26."""

POSE_MARGIN = 0.1
"""By so much another pose must resemble a chest more than the picture as it is."""

LOW_CONTRAST = 0.2
"""Below it a picture is nearly blank; real ones lie above .23."""

WIDE_BORDER = 0.15
"""From so large a share of uniform rows or columns at one side a picture is bordered."""

_BINS = 1024
_TEMPLATE_PX = 16

_MEAN_CHEST = (
    (-99, -96, -91, -86, -75, -48, -14, 9, 10, -9, -43, -72, -84, -87, -88, -91),
    (-78, -63, -55, -49, -43, -29, -7, 12, 13, -4, -27, -42, -48, -52, -58, -72),
    (-42, -22, -14, -13, -18, -22, -13, 6, 10, -11, -23, -20, -14, -14, -20, -38),
    (-13, 4, 8, 1, -18, -29, -21, 3, 9, -18, -32, -23, -4, 7, 4, -12),
    (2, 15, 16, 0, -28, -41, -28, 4, 13, -22, -43, -34, -8, 14, 14, 0),
    (6, 17, 18, -4, -34, -46, -29, 9, 19, -18, -45, -40, -12, 14, 16, 3),
    (2, 14, 17, -7, -35, -42, -20, 17, 27, -7, -38, -39, -14, 12, 13, -1),
    (-6, 8, 14, -8, -31, -33, -8, 26, 35, 9, -23, -33, -14, 10, 8, -10),
    (-15, 2, 12, -7, -23, -21, 3, 35, 43, 24, -4, -21, -11, 8, 2, -19),
    (-24, -2, 11, -2, -11, -7, 15, 43, 50, 36, 13, -5, -5, 7, -2, -26),
    (-31, -5, 11, 8, 7, 12, 29, 50, 55, 44, 28, 10, 4, 7, -6, -32),
    (-39, -9, 13, 22, 26, 32, 43, 57, 60, 51, 39, 24, 15, 9, -10, -39),
    (-46, -14, 17, 33, 43, 48, 55, 64, 65, 58, 49, 38, 26, 11, -14, -47),
    (-53, -17, 20, 43, 54, 59, 64, 70, 70, 64, 58, 48, 34, 13, -18, -54),
    (-58, -21, 20, 46, 59, 65, 69, 72, 72, 67, 61, 53, 38, 15, -21, -59),
    (-57, -21, 21, 46, 58, 64, 68, 70, 70, 66, 61, 53, 40, 16, -21, -60),
)  # fmt: skip
"""Mean of 392 ChestX-ray14 training radiographs (NIH Clinical Center), each with mean 0 and norm 1,
on a grid of 16 × 16 and rounded: dark lungs, bright mediastinum and abdomen."""

Grey = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """Measures of one picture; nothing here decides.

    Attributes:
        contrast: 99th minus 1st percentile of grey, in [0, 1].
        entropy: of the histogram with 64 grey levels, in bits, 0 to 6.
        sharpness: how much steeper the strongest edges become when smoothed less (Gaussian σ 1
            against σ 3); 1 is blurred beyond use, a step edge gives 3. Little moved by noise.
        detail: amplitude of structure finer than σ 1 over that between σ 1 and σ 4; low when
            blurred, high when noisy.
        correlation: between neighbouring pixels, the lower of both directions; 0 for white noise,
            above .95 for a radiograph.
        likeness: correlation in [-1, 1] with the mean frontal chest, for the picture as it is and
            turned clockwise by 90, 180 and 270 degrees.
        border: share of rows and columns that are uniform at the (top, right, bottom, left).
        aspect: rows over columns.
        black: share of pixels at 0 (below 1/255).
        white: share of pixels at 1 (above 254/255).
    """

    contrast: float
    entropy: float
    sharpness: float
    detail: float
    correlation: float
    likeness: tuple[float, float, float, float]
    border: tuple[float, float, float, float]
    aspect: float
    black: float
    white: float

    @property
    def inverted_score(self) -> float:
        """In [-1, 1]; positive when the picture looks like the negative of a chest."""
        return -self.likeness[0]

    @property
    def pose(self) -> tuple[int, bool]:
        """The clockwise turn in degrees (0, 90, 180, 270) and the inversion that would mend it.

        (0, False) unless another pose resembles a chest more by :data:`POSE_MARGIN`.
        """
        scores = (*self.likeness, *(-score for score in self.likeness))
        best = int(np.argmax(scores))
        if scores[best] - scores[0] <= POSE_MARGIN:
            return 0, False
        return 90 * (best % 4), best >= 4


def measure(pixels: Grey) -> PictureFacts:
    """Measure a picture.

    Args:
        pixels: grey levels float32 [rows, columns] in [0, 1], MONOCHROME2.

    Returns:
        The measures; a uniform picture has contrast, entropy, sharpness and likeness 0.

    Source:
        The edge measure compares gradients at two scales as in Elder & Zucker 1998,
        doi:10.1109/34.689301.
    """
    rows, columns = pixels.shape
    small = np.ascontiguousarray(shrink(pixels, WORK_PX))
    counts = np.asarray(cv2.calcHist([small], [0], None, [_BINS], [0.0, 1.0 + 1.0 / _BINS])).ravel()
    reached = np.cumsum(counts) / counts.sum()
    low, high = np.searchsorted(reached, (0.01, 0.99))
    coarse = counts.reshape(64, -1).sum(axis=1) / counts.sum()
    coarse = coarse[coarse > 0]
    return PictureFacts(
        contrast=float(high - low) / _BINS,
        entropy=float(-(coarse * np.log2(coarse)).sum()) + 0.0,
        sharpness=_sharpness(small),
        detail=_detail(small),
        correlation=min(_correlation(small[1:], small[:-1]),
                        _correlation(small[:, 1:], small[:, :-1])),
        likeness=likeness(small),
        border=border(small),
        aspect=rows / columns,
        black=float(np.mean(small < 1 / 255)),
        white=float(np.mean(small > 254 / 255)),
    )  # fmt: skip


def flags(facts: PictureFacts) -> tuple[Note, ...]:
    """Say what is odd about a picture, by the thresholds of this module.

    Args:
        facts: from :func:`measure`.

    Returns:
        Notes with the codes "blank", "noise-only", "noisy", "blurred", "turned", "inverted",
        "bordered"; a blank picture or plain noise gets no other.
    """
    if facts.contrast < LOW_CONTRAST:
        return (Note("blank", f"The picture is nearly blank: its grey levels span "
                     f"{facts.contrast:.0%} of the range."),)  # fmt: skip
    if facts.correlation < NOISE_ONLY_CORRELATION:
        return (Note("noise-only", "Neighbouring pixels are unrelated: the picture is noise."),)
    found: list[Note] = []
    if facts.correlation < NOISY_CORRELATION:
        found.append(Note("noisy", "The picture is noisier than radiographs are."))
    if facts.sharpness <= BLURRED_SHARPNESS or facts.detail <= BLURRED_DETAIL:
        found.append(Note("blurred", "The picture is blurred, or enlarged from a small one."))
    turn, inverted = facts.pose
    if turn:
        found.append(Note("turned", f"The picture looks like a chest once turned by {turn}° "
                          "clockwise."))  # fmt: skip
    if inverted:
        found.append(Note("inverted", "The picture looks like the negative of a chest."))
    if max(facts.border) >= WIDE_BORDER:
        found.append(Note("bordered", f"A uniform border covers {max(facts.border):.0%} of one "
                          "side."))  # fmt: skip
    return tuple(found)


def _sharpness(small: Grey) -> float:
    """90th percentile, over the strongest edges, of the gradient at σ 1 over that at σ 3."""
    fine, coarse = _gradient(small, 1.0), _gradient(small, 3.0)
    edge_y, edge_x = small.shape[0] // 10, small.shape[1] // 10  # letters and collimators outside
    inner = (slice(edge_y, small.shape[0] - edge_y), slice(edge_x, small.shape[1] - edge_x))
    fine, coarse = fine[inner], coarse[inner]
    strong = coarse >= max(float(np.percentile(coarse[::2, ::2], 97)), 1e-5)
    if not strong.any():
        return 0.0
    return float(np.percentile(fine[strong] / coarse[strong], 90))


def _gradient(small: Grey, sigma: float) -> Grey:
    smooth = cv2.GaussianBlur(small, (0, 0), sigma)
    across = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=1 / 8)
    return np.asarray(cv2.magnitude(across, down), np.float32)


def _detail(small: Grey) -> float:
    fine = np.asarray(cv2.GaussianBlur(small, (0, 0), 1.0), np.float32)
    coarse = np.asarray(cv2.GaussianBlur(small, (0, 0), 4.0), np.float32)
    between = float(np.std(fine - coarse))
    return float(np.std(small - fine)) / between if between > 1e-6 else 0.0


def _correlation(one: Grey, other: Grey) -> float:
    one, other = one - one.mean(), other - other.mean()
    scale = float(np.sqrt(np.vdot(one, one) * np.vdot(other, other)))
    return float(np.vdot(one, other)) / scale if scale > 1e-6 else 1.0


@cache
def _mean_chest() -> Grey:
    chest = np.asarray(_MEAN_CHEST, np.float32)
    chest -= chest.mean()
    return chest / np.linalg.norm(chest)


def likeness(small: Grey) -> tuple[float, float, float, float]:
    """Correlation with the mean frontal chest, for the picture as it is and turned clockwise.

    Args:
        small: grey levels float32 [rows, columns], of any size.

    Returns:
        In [-1, 1], for turns by 0, 90, 180 and 270 degrees; 0 for a uniform picture.
    """
    grid = np.asarray(
        cv2.resize(small, (_TEMPLATE_PX, _TEMPLATE_PX), interpolation=cv2.INTER_AREA), np.float32
    )
    grid = grid - grid.mean()
    norm = float(np.linalg.norm(grid))
    if norm < 1e-4:
        return (0.0, 0.0, 0.0, 0.0)
    chest = _mean_chest()

    def like(turn: int) -> float:
        turned = np.asarray(np.rot90(grid, -turn), np.float32)
        return float(np.vdot(turned, chest)) / norm

    return like(0), like(1), like(2), like(3)


def border(small: Grey) -> tuple[float, float, float, float]:
    """Share of lines without structure at the (top, right, bottom, left).

    In such a line 96 % of the pixels lie within 3 % of grey.

    Args:
        small: grey levels float32 [rows, columns] in [0, 1].
    """
    uniform_rows = np.ptp(np.quantile(small[:, ::4], (0.02, 0.98), axis=1), axis=0) < 0.03
    uniform_columns = np.ptp(np.quantile(small[::4], (0.02, 0.98), axis=0), axis=0) < 0.03
    return (
        _run(uniform_rows),
        _run(uniform_columns[::-1]),
        _run(uniform_rows[::-1]),
        _run(uniform_columns),
    )


def _run(flags: NDArray[np.bool_]) -> float:
    """Share of lines before the first with structure."""
    return 1.0 if flags.all() else flags.tolist().index(False) / len(flags)
