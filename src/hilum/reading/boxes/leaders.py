"""Which boxes are fused into one: as box by box, and far quicker."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hilum.reading.boxes.overlapping import apart, overlapping
from hilum.reading.boxes.overlapping import iou as iou_of

Floats = NDArray[np.float64]
Index = NDArray[np.int64]

SLACK = 0.1
"""How far a fused box may move from the box that began it, as 1 minus the overlap of both, before
more boxes are looked at."""

TURNS = 100
"""Turns after which boxes are fused one by one."""

FIRST = 256
"""Boxes of the first block; a later one holds as many as all before it."""


def leaders(boxes: Floats, weight: Floats, kind: Index, iou: float) -> Index:
    """For each box, by falling weight, the first member of the fused box that it joins.

    In blocks that grow: the fused boxes so far stand before the block as boxes of their own, with
    the weight of all their members.
    """
    n = len(boxes)
    leader = np.arange(n)
    begun = np.zeros(0, np.int64)
    fused, total = np.zeros((0, 4)), np.zeros(0)
    done = 0
    while done < n:
        block = np.arange(done, min(n, done + max(FIRST, done)))
        items = np.concatenate([begun, block])
        at = np.concatenate([fused, boxes[block]])
        heavy = np.concatenate([total, weight[block]])
        joined = _settled(at, heavy, kind[items], iou, len(begun))
        if joined is None:
            return _one_by_one(boxes, weight, kind, iou)
        leader[block] = items[joined[len(begun) :]]
        first, of = np.unique(joined, return_inverse=True)
        begun = items[first]
        total = np.bincount(of, heavy).astype(np.float64)
        fused = np.stack([np.bincount(of, at[:, k] * heavy) for k in range(4)], axis=1)
        fused /= total[:, None]
        done = int(block[-1]) + 1
    return leader


def _settled(boxes: Floats, weight: Floats, kind: Index, iou: float, fused: int) -> Index | None:
    """The same, of which the first some are fused boxes that join none; None if it took too long.

    Who joins what depends on all earlier boxes. It is guessed for all at once, the fused boxes that
    follow from it are worked out as they stood before each box, and all decide anew, until nobody
    changes. What does not change is what box by box gives: the first box is right, so is the
    second that looks at it alone, and so on.

    Only boxes that overlap a leader by more than ``iou - slack`` are looked at. 1 minus the overlap
    is a metric, so that one farther off cannot join a fused box that lies within ``slack`` of its
    leader; where one has moved farther, more are looked at.
    """
    n = len(boxes)
    shifted = apart(boxes, kind)
    slack = np.full(n, np.nan)  # of leaders, and of boxes that were leaders in some turn
    slack[:fused] = SLACK
    pairs = _Pairs.none(fused).joined(shifted, slack, np.arange(fused), iou)
    leader = np.arange(n)
    for _ in range(TURNS):
        new = pairs.best(n, iou)
        first = _first_change(leader, new)
        leader = new
        more = np.flatnonzero(np.isnan(slack) & (leader == np.arange(n)))
        slack[more] = SLACK
        if not len(more) and first.min(initial=n) == n:
            moved = _moved(boxes, weight, leader)
            more = np.flatnonzero(moved > np.nan_to_num(slack, nan=1.0))
            slack[more] = moved[more] + SLACK
            if not len(more):
                return leader
        if slack[more].max(initial=0.0) >= iou:
            return None
        if len(more):
            pairs = pairs.joined(shifted, slack, more, iou)
            first[more] = 0
        pairs.look(boxes, weight, leader, first)
    return None


class _Pairs:
    """Leaders and later boxes that may join them, with their overlaps as it stands.

    Attributes:
        fused: number of the first boxes that join none.
        one: int64 [pairs], leaders, rising.
        other: int64 [pairs], boxes, rising for a leader.
        overlap: float64 [pairs], of the box and the leader's fused box as it was before; -1 where
            the leader is none.
    """

    def __init__(self, fused: int, one: Index, other: Index, overlap: Floats) -> None:
        self.fused, self.one, self.other, self.overlap = fused, one, other, overlap
        self._by_box = _order(other)
        boxes = other[self._by_box]
        self._starts = np.flatnonzero(np.diff(boxes, prepend=-1))
        self._counts = np.diff(self._starts, append=len(boxes))
        self._boxes, self._ones = boxes[self._starts], one[self._by_box]

    @classmethod
    def none(cls, fused: int) -> _Pairs:
        return cls(fused, np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))

    def joined(self, boxes: Floats, slack: Floats, leaders: Index, iou: float) -> _Pairs:
        """These, with the pairs of some leaders found anew."""
        if not len(leaders):
            return self
        at, other, overlap = overlapping(
            boxes[leaders], boxes[self.fused :], iou - slack[leaders].max()
        )
        one, other = leaders[at], other + self.fused
        good = (one < other) & (overlap > iou - slack[one])
        one, other, overlap = one[good], other[good], overlap[good]
        if len(self.one):
            kept = ~np.isin(self.one, leaders)
            one = np.concatenate([self.one[kept], one])
            other = np.concatenate([self.other[kept], other])
            overlap = np.concatenate([self.overlap[kept], overlap])
        order = _order(other)
        order = order[_order(one[order])]
        return _Pairs(self.fused, one[order], other[order], overlap[order])

    def best(self, n: int, iou: float) -> Index:
        """Whom each of n boxes joins, itself for none; of equal ones the earlier leader."""
        leader = np.arange(n)
        if len(self.one):
            overlap = self.overlap[self._by_box]
            most = np.maximum.reduceat(overlap, self._starts)
            other = np.where(overlap < np.repeat(most, self._counts), n, self._ones)
            chosen = np.minimum.reduceat(other, self._starts)
            joins = most > iou
            leader[self._boxes[joins]] = chosen[joins]
        return leader

    def look(self, boxes: Floats, weight: Floats, leader: Index, first: Index) -> None:
        """Work the overlaps out anew.

        Args:
            boxes: float64 [n, 4].
            weight: float64 [n].
            leader: of each box.
            first: of each leader, the first box from which on its fused box has changed; n for
                none.
        """
        n = len(boxes)
        some = np.flatnonzero(self.other > first[self.one])
        one, other = self.one[some], self.other[some]
        members, sums = _sums(boxes, weight, leader)
        keys = leader[members] * n + members
        begin = np.searchsorted(keys, one * n)
        end = np.searchsorted(keys, one * n + other)
        part = sums[:, end] - sums[:, begin]
        single = end == begin + 1  # its first member, without rounding
        there = (end > begin) & (leader[one] == one)
        fused = part[:4] / np.where(there, part[4], 1.0)
        fused[:, single] = boxes[one[single]].T
        self.overlap[some] = np.where(there, iou_of(fused, boxes[other].T), -1.0)


def _first_change(old: Index, new: Index) -> Index:
    """The first box that came to, or left, each leader; the number of boxes for none."""
    first = np.full(len(old), len(old))
    changed = np.flatnonzero(old != new)
    for leader in (old, new):
        np.minimum.at(first, leader[changed], changed)
    return first


def _sums(boxes: Floats, weight: Floats, leader: Index) -> tuple[Index, Floats]:
    """Members by leader, and the sums over all before each of them, [5, n + 1]."""
    members = _order(leader)
    sums = np.zeros((5, len(boxes) + 1))
    np.cumsum(np.vstack([boxes.T * weight, weight])[:, members], axis=1, out=sums[:, 1:])
    return members, sums


def _moved(boxes: Floats, weight: Floats, leader: Index) -> Floats:
    """The most by which the fused box of each leader, at any time, lay apart from it; [n]."""
    members, sums = _sums(boxes, weight, leader)
    its = leader[members]
    starts = np.flatnonzero(np.diff(its, prepend=-1))
    part = sums[:, 1:] - np.repeat(sums[:, starts], np.diff(starts, append=len(its)), axis=1)
    apart = 1 - iou_of(part[:4] / part[4], boxes[its].T)
    moved = np.zeros(len(boxes))
    if len(its):
        moved[its[starts]] = np.maximum.reduceat(apart, starts)
    return moved


def _one_by_one(boxes: Floats, weight: Floats, kind: Index, iou: float) -> Index:
    """Leaders as the method is written down: box by box."""
    n = len(boxes)
    leader = np.arange(n)
    first: list[int] = []
    fused, sums = np.empty((n, 4)), np.empty((n, 5))
    kinds = np.empty(n, np.int64)
    for at in range(n):
        count = len(first)
        share = np.where(kinds[:count] == kind[at], iou_of(fused[:count].T, boxes[at]), -1.0)
        best = int(share.argmax()) if count else 0
        if not count or share[best] <= iou:
            best = count
            first.append(at)
            fused[best], kinds[best], sums[best] = boxes[at], kind[at], 0.0
        leader[at] = first[best]
        sums[best] += [*(boxes[at] * weight[at]), weight[at]]
        if leader[at] != at:
            fused[best] = sums[best, :4] / sums[best, 4]
    return leader


def _order(rows: Index) -> Index:
    """A stable order of rows ≥ 0; numpy sorts numbers of 16 bits by their digits, in one go."""
    few = rows.max(initial=0) < 2**16
    return np.argsort(rows.astype(np.uint16) if few else rows, kind="stable")
