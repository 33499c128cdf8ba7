"""Pairs of pictures worth aligning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hilum.similarity.features import Features
from hilum.similarity.neighbours import Index, search
from hilum.similarity.turning import Turning
from hilum.similarity.voting import NONE, Candidates, vote

BLOCK = 2048
"""Pictures searched for at a time: what memory holds of matches grows with it."""

PER_PICTURE = 16
"""Candidates aligned for a picture, those with the most votes; a pair counts when either of its
pictures has it among them."""


@dataclass(slots=True)
class Found:
    """Candidates from the first of two sets of pictures to the second, block by block."""

    parts: list[Candidates] = field(default_factory=list[Candidates])
    same_set: bool = False

    def add(self, candidates: Candidates, turning: Turning, *, swapped: bool) -> None:
        """Take candidates whose asked pictures were turned first, or belong to the second set."""
        affines = np.concatenate(
            [candidates.affines[:, :, :2] @ turning.matrix, candidates.affines[:, :, 2:]], axis=2
        )
        first, second = candidates.first, candidates.second
        if swapped:
            first, second, affines = second, first, _inverses(affines)
        self.parts.append(Candidates(first, second, candidates.votes, affines))

    def ordered(self) -> None:
        """Let the smaller number stand first: both sets are the same."""
        self.same_set = True
        for number, part in enumerate(self.parts):
            back = part.first > part.second
            affines = part.affines.copy()
            affines[back] = _inverses(affines[back])
            first, second = np.sort([part.first, part.second], axis=0)
            self.parts[number] = Candidates(first, second, part.votes, affines)

    def best(self) -> Candidates:
        """Each pair once, as most votes have it; few a picture; by number."""
        first, second, votes, affines = (
            np.concatenate([getattr(part, name) for part in self.parts or [NONE]])
            for name in ("first", "second", "votes", "affines")
        )
        order = np.lexsort((-votes, second, first))
        pair = np.stack([first, second])[:, order]
        fresh = np.ones(len(order), np.bool_)
        fresh[1:] = (pair[:, 1:] != pair[:, :-1]).any(0)
        order = order[fresh]
        apart = 0 if self.same_set else int(first.max(initial=0)) + 1
        pictures = np.concatenate([first[order], second[order] + apart])
        place = _places(pictures, np.tile(votes[order], 2)).reshape(2, -1).min(0)
        order = order[place < PER_PICTURE]
        return Candidates(first[order], second[order], votes[order], affines[order])


def candidates(
    index: Index,
    asked: Features,
    turnings: Sequence[Turning],
    into: Found,
    *,
    swapped: bool | None,
    threads: int,
    step: Callable[[int], None],
) -> None:
    """Search the pictures of an index for other pictures.

    Args:
        index: of one set of pictures.
        asked: features of the other set, or the same.
        turnings: how the asked ones may be turned.
        into: takes what is found.
        swapped: the asked ones are the second set; None when both are the same set.
        threads: how many work at a time.
        step: told how many pictures more are done.
    """
    for start in range(0, len(asked), BLOCK):
        block = slice(start, min(start + BLOCK, len(asked)))
        for turning in turnings:
            within = swapped is None
            matches = search(index, asked, block, turning, within=within, threads=threads)
            found = vote(matches, asked, index.features, turning, within=within)
            into.add(found, turning, swapped=bool(swapped))
        step(block.stop - block.start)


def _places(picture: NDArray[np.int32], votes: NDArray[np.int32]) -> NDArray[np.int64]:
    """How many candidates of the same picture have more votes."""
    order = np.lexsort((-votes, picture))
    _, starts, counts = np.unique(picture[order], return_index=True, return_counts=True)
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order)) - np.repeat(starts, counts)
    return places


def _inverses(affines: NDArray[np.float64]) -> NDArray[np.float64]:
    square = np.zeros((len(affines), 3, 3))
    square[:, :2], square[:, 2, 2] = affines, 1
    return np.linalg.inv(square)[:, :2].astype(np.float64)
