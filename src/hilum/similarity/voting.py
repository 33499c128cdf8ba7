"""Which pictures have matches that agree on where one lies in the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.similarity.features import Features
from hilum.similarity.neighbours import Matches
from hilum.similarity.turning import Turning

LEAST_VOTES = 5
LARGEST_ZOOM = 2.5
"""One picture shows the other's content at most so many times as large."""

_ZOOM_STEP = 0.5  # of the natural logarithm
_PLACE_STEP = 0.12  # of the picture's side
_PRIOR = 0.02  # of the zoom that the points' sizes tell, against sums of squared places


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Pairs of pictures that may be the same, and how one lies in the other.

    Attributes:
        first: int32 [n].
        second: int32 [n].
        votes: int32 [n], matches that agree.
        affines: float64 [n, 2, 3], from the (turned) first to the second, as shares of the sides
            measured from the centre.
    """

    first: NDArray[np.int32]
    second: NDArray[np.int32]
    votes: NDArray[np.int32]
    affines: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.first)


NONE = Candidates(
    np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros((0, 2, 3))
)


def vote(
    matches: Matches, asked: Features, held: Features, turning: Turning, *, within: bool
) -> Candidates:
    """Count the matches of each two pictures that agree in zoom and place.

    A match of two points with their sizes says how one picture lies in the other, up to a small
    rotation. Votes fall into overlapping bins; the fullest bin of each pair counts.

    Args:
        matches: from :func:`hilum.similarity.neighbours.search`.
        asked: features that were searched for.
        held: features of the index.
        turning: of the pictures searched for.
        within: both are the same pictures.
    """
    mine = (np.searchsorted(asked.starts, matches.asked, side="right") - 1).astype(np.int64)
    theirs = (np.searchsorted(held.starts, matches.found, side="right") - 1).astype(np.int64)
    pair = mine * len(held) + theirs
    if within:
        pair[mine == theirs] = -1
    order = np.argsort(pair, kind="stable")
    order = order[np.searchsorted(pair[order], 0) :]
    order = order[_in_runs(pair[order], LEAST_VOTES)]
    pair = pair[order]
    here = turning.places(asked.points[matches.asked[order]])
    there = held.points[matches.found[order]]
    zoom = np.log(there[:, 2] / here[:, 2])
    near = np.abs(zoom) <= np.log(LARGEST_ZOOM)
    return _fullest(pair[near], zoom[near], here[near, :2] - 0.5, there[near, :2] - 0.5, len(held))


def _in_runs(values: NDArray[np.int64], least: int) -> NDArray[np.bool_]:
    """Which of sorted values stand in a run of at least so many equal ones."""
    _, counts = np.unique(values, return_counts=True)
    return np.repeat(counts >= least, counts)


def _fullest(
    pair: NDArray[np.int64],
    zoom: NDArray[np.float32],
    here: NDArray[np.float32],
    there: NDArray[np.float32],
    held: int,
) -> Candidates:
    centre = there - np.exp(zoom)[:, None] * here
    places = np.column_stack([zoom / _ZOOM_STEP, centre / _PLACE_STEP])
    run = np.cumsum(np.diff(pair, prepend=pair[:1]) != 0)  # small enough to share 64 bits
    of, votes, members = list[NDArray[np.int64]](), list[NDArray[np.int64]](), []
    for shift in np.ndindex(2, 2, 2):
        bins = (np.floor(places + np.array(shift) / 2).astype(np.int64) + 64) & 127
        key = ((run << 7 | bins[:, 0]) << 7 | bins[:, 1]) << 7 | bins[:, 2]
        _, first, member, counts = np.unique(
            key, return_index=True, return_inverse=True, return_counts=True
        )
        members.append(member + sum(map(len, of)))
        of.append(pair[first])
        votes.append(counts)
    every_of, every_votes = np.concatenate(of), np.concatenate(votes)
    order = np.lexsort((-every_votes, every_of))
    _, top = np.unique(every_of[order], return_index=True)
    top = order[top]
    top = top[every_votes[top] >= LEAST_VOTES]
    row = np.full(len(every_of), -1)
    row[top] = np.arange(len(top))
    row_of = np.stack([row[member] for member in members]).max(0, initial=-1)
    kept = row_of >= 0
    return Candidates(
        (every_of[top] // held).astype(np.int32),
        (every_of[top] % held).astype(np.int32),
        every_votes[top].astype(np.int32),
        _fitted(row_of[kept], len(top), zoom[kept], here[kept], there[kept]),
    )


def _fitted(
    row: NDArray[np.int64],
    rows: int,
    zoom: NDArray[np.float32],
    here: NDArray[np.float32],
    there: NDArray[np.float32],
) -> NDArray[np.float64]:
    """Affine maps [rows, 2, 3] by least squares, drawn to the mean zoom where points are few."""
    square, cross = np.zeros((rows, 3, 3)), np.zeros((rows, 2, 3))
    points = np.column_stack([here, np.ones(len(here))])
    np.add.at(square, row, points[:, :, None] * points[:, None])
    np.add.at(cross, row, there[:, :, None] * points[:, None])
    usual = np.exp(np.bincount(row, zoom, rows) / np.bincount(row, minlength=rows))
    square += _PRIOR * np.diag([1, 1, 0])
    cross[:, [0, 1], [0, 1]] += _PRIOR * usual[:, None]
    solved = np.linalg.solve(square, np.swapaxes(cross, 1, 2))
    return np.swapaxes(solved, 1, 2).astype(np.float64)
