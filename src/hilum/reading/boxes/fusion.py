"""Boxes of several models or rounds made one: weighted boxes fusion; and suppression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.domain.text import first_few
from hilum.errors import BoxError
from hilum.reading.boxes.leaders import leaders
from hilum.reading.boxes.overlapping import apart, overlapping

Floats = NDArray[np.float64]
Index = NDArray[np.int64]

ROUNDING = 1e-5
"""How far a score in single precision may lie above 1, and count as 1."""

FIRST = 256
"""Boxes of the first block that is suppressed; each later one holds twice as many."""


@dataclass(frozen=True, slots=True, eq=False)
class Fused:
    """Boxes made of several, the surest first.

    Attributes:
        boxes: float64 [fused, 4], left, top, right, bottom.
        scores: float64 [fused], in [0, 1].
        kinds: int64 [fused].
        members: int64 [fused], of how many boxes each was made.
    """

    boxes: Floats
    scores: Floats
    kinds: Index
    members: Index

    def __len__(self) -> int:
        return len(self.boxes)


def fuse(
    boxes: ArrayLike,
    scores: ArrayLike,
    kinds: ArrayLike,
    sources: ArrayLike,
    *,
    iou: float = 0.55,
    weights: Sequence[float] | None = None,
) -> Fused:
    """Fuse boxes that several models, or several rounds of one, drew on one picture.

    Box by box, the surest first: a box joins the fused box of its kind that it overlaps most, if by
    more than ``iou``, and begins a new one otherwise. A fused box lies at the mean of its members
    by their scores; its score is their mean, times the share of the sources that it could be of,
    so that what one of ten sees alone counts a tenth; where a source of much weight drew several
    of its members, that may pass 1, and is cut there.

    Args:
        boxes: [n, 4], left, top, right, bottom, all in one frame, with area.
        scores: [n], in [0, 1]; a box of score 0 is left out.
        kinds: [n], whole numbers ≥ 0; only boxes of one kind are fused.
        sources: [n], number of the model or round that drew each box, from 0.
        iou: overlap beyond which boxes are one, in (0, 1).
        weights: one a source, above 0; sources without a box count as well. Where None all count
            alike, and there are as many as the highest number in ``sources`` says.

    Returns:
        The same as box by box, whatever the order of the work.

    Raises:
        BoxError: boxes without area, scores out of range, arrays of unlike length, or a source
            without a weight.

    Source:
        Solovyev, Wang, Gabruseva 2021, Weighted boxes fusion: Ensembling boxes from different
        object detection models, § 3.1 (eqs. 1 to 3, and score rescaling by min(W, T) / W).
    """
    given, said, kind = _checked(boxes, scores, kinds, iou)
    source = np.asarray(sources, np.int64).reshape(-1)
    share = _weights(source, len(given), weights)
    weight = said * share[source] if len(given) else said
    order = np.argsort(-weight, kind="stable")
    order = order[weight[order] > 0]
    given, weight, kind = given[order], weight[order], kind[order]
    leader = leaders(given, weight, kind, iou)
    first, of = np.unique(leader, return_inverse=True)
    members = np.bincount(of, minlength=len(first))
    total = np.bincount(of, weight, len(first))
    corners = [np.bincount(of, given[:, k] * weight, len(first)) / total for k in range(4)]
    score = total / members * np.minimum(members, len(share)) / share.sum()
    surest = np.argsort(-score, kind="stable")
    made = np.stack(corners, axis=1)
    return Fused(made[surest], score[surest].clip(0, 1), kind[first][surest], members[surest])


def suppress(
    boxes: ArrayLike, scores: ArrayLike, kinds: ArrayLike, *, iou: float = 0.5
) -> NDArray[np.int64]:
    """Leave out boxes that a surer one of their kind overlaps by more than ``iou``.

    Args:
        boxes: [n, 4], left, top, right, bottom, with area.
        scores: [n], in [0, 1].
        kinds: [n], whole numbers ≥ 0.
        iou: in (0, 1).

    Returns:
        Rows that are left, int64, the surest first; of equal scores the earlier one counts.

    Raises:
        BoxError: as :func:`fuse`.

    Source:
        Greedy non-maximum suppression; Felzenszwalb et al. 2010, Object detection with
        discriminatively trained part-based models, § 7.2, by intersection over union.
    """
    given, said, kind = _checked(boxes, scores, kinds, iou)
    order = np.argsort(-said, kind="stable")
    return order[_surest(apart(given[order], kind[order]), iou)]


def _surest(boxes: Floats, iou: float) -> Index:
    """Rows that no earlier row suppresses, in order."""
    kept: list[Index] = []
    left = np.arange(len(boxes))
    size = FIRST
    while len(left):
        block, left = left[:size], left[size:]
        block = block[_alone(boxes[block], iou)]
        kept.append(block)
        _, gone, _ = overlapping(boxes[block], boxes[left], iou)
        stays = np.ones(len(left), np.bool_)
        stays[gone] = False
        left = left[stays]
        size *= 2
    return np.concatenate(kept) if kept else left


def _alone(boxes: Floats, iou: float) -> NDArray[np.bool_]:
    """Which boxes no earlier one suppresses: turns, in each of which some more are decided."""
    one, other, _ = overlapping(boxes, boxes, iou)
    earlier = one < other
    one, other = one[earlier], other[earlier]
    kept = np.ones(len(boxes), np.bool_)
    open_ = kept.copy()
    while len(one):
        waits = np.zeros(len(boxes), np.bool_)
        waits[other] = True
        open_ &= waits
        sure = ~open_[one]  # earlier ones that are decided, and kept: they suppress
        kept[other[sure]] = False
        open_[other[sure]] = False
        still = kept[one] & open_[other]
        one, other = one[still], other[still]
    return kept


def _checked(
    boxes: ArrayLike, scores: ArrayLike, kinds: ArrayLike, iou: float
) -> tuple[Floats, Floats, Index]:
    given = np.asarray(boxes, np.float64).reshape(-1, 4)
    said = np.asarray(scores, np.float64).reshape(-1)
    kind = np.asarray(kinds, np.int64).reshape(-1)
    if not 0 < iou < 1:
        raise BoxError(f"the overlap beyond which boxes are one lies between 0 and 1, got {iou}.")
    if not len(given) == len(said) == len(kind):
        raise BoxError(f"{len(given)} boxes, {len(said)} scores and {len(kind)} kinds.")
    flat = ~(np.isfinite(given).all(1) & (given[:, 2:] > given[:, :2]).all(1))
    wrong = ~((said >= 0) & (said <= 1 + ROUNDING))
    for what, odd, shown in (
        ("no area, or a corner that is no number: left, top, right, bottom", flat, given),
        ("a score outside of [0, 1]", wrong, said),
        ("a kind below 0", kind < 0, kind),
    ):
        if odd.any():
            raise BoxError(
                f"{int(odd.sum()):,} of {len(given):,} boxes have {what}: "
                f"{first_few(shown[odd].tolist(), quoted=False)}."
            )
    return given, np.minimum(said, 1.0), kind


def _weights(source: Index, boxes: int, weights: Sequence[float] | None) -> Floats:
    if len(source) != boxes:
        raise BoxError(f"{boxes} boxes and {len(source)} sources.")
    count = int(source.max(initial=0)) + 1
    share = np.ones(count) if weights is None else np.asarray(weights, np.float64).reshape(-1)
    if source.min(initial=0) < 0 or count > len(share):
        raise BoxError(
            f"sources are numbered from 0; got {int(source.min(initial=0))} to {count - 1} for "
            f"{len(share)} weights."
        )
    if not (np.isfinite(share).all() and (share > 0).all()):
        raise BoxError(f"weights of sources are above 0, got {first_few(share.tolist())}.")
    return share
