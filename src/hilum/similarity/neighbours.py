"""The features most like each feature, without comparing every two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.similarity.features import DIMENSIONS, Features
from hilum.similarity.threads import mapped
from hilum.similarity.turning import MIRRORED, UPRIGHT, Turning

PER_CELL = 1500
"""Features that a cell of the index holds on average."""

PROBES = 2
"""Cells that are searched for a feature."""

NEAREST = 4
"""Neighbours that are taken of each cell."""

FARTHEST = 51.0
"""Distance of codes beyond which neighbours are chance: copies keep nearly all of their matches,
other pictures lose more than half of theirs."""

FAVOUR = 150.0
"""Copies of a picture lie about so far (squared) from each other, other features 20 times as far.

Up to that much is added to a picture's distances, by its number: of a thousand copies all features
then choose the same few, whose votes add up, and not each another few.
"""

_SAMPLE = 120_000
_ROUNDS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """Features sorted into cells of alike ones.

    Attributes:
        features: what is indexed.
        centres: float32 [cells, 32]; for each its mirror image is there, at the other end.
        order: int32 [features], the features cell by cell.
        starts: int64 [cells + 1].
        bias: float32 [features], added to squared distances: see :data:`FAVOUR`.
        homes: int32 [features, probes], the nearest cells of each, nearest first.
    """

    features: Features
    centres: NDArray[np.float32]
    order: NDArray[np.int32]
    starts: NDArray[np.int64]
    bias: NDArray[np.float32]
    homes: NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Pairs of alike features.

    Attributes:
        asked: int32 [n], features that were searched for.
        found: int32 [n], features of the index.
    """

    asked: NDArray[np.int32]
    found: NDArray[np.int32]


def build(features: Features, *, threads: int) -> Index:
    """Sort features into cells around centres found by Lloyd's algorithm on an even sample."""
    codes = features.codes
    cells = max(1, len(codes) // PER_CELL // 2)
    sample = codes[:: max(1, len(codes) // _SAMPLE)]
    # Half of the centres are found, on what lies on the left side as on its mirror image.
    sample = np.concatenate([sample[::2], MIRRORED.codes(sample[1::2])])
    centres = np.zeros((1, DIMENSIONS), np.float32)
    if len(sample):
        centres = sample[:: max(1, len(sample) // cells)][:cells].astype(np.float32)
    for _ in range(_ROUNDS if cells > 1 else 0):
        home = _homes(sample, _mirrored(centres), 1, threads)[:, 0]
        turned = home >= len(centres)
        same_side = np.where(turned[:, None], MIRRORED.codes(sample), sample)
        home = np.where(turned, 2 * len(centres) - 1 - home, home)
        order = np.argsort(home, kind="stable")
        filled, first = np.unique(home[order], return_index=True)
        sums = np.add.reduceat(same_side[order], first, axis=0, dtype=np.float64)
        sizes = np.diff([*first, len(order)])[:, None]
        centres[filled] = (sums / sizes).astype(np.float32)
    centres = _mirrored(centres)
    homes = _homes(codes, centres, min(PROBES, len(centres)), threads)
    order = np.argsort(homes[:, 0], kind="stable").astype(np.int32)
    starts = np.searchsorted(homes[order, 0], np.arange(len(centres) + 1)).astype(np.int64)
    favour = (np.arange(len(features)) * 0.6180339887498949 % 1).astype(np.float32)
    bias = FAVOUR * np.repeat(favour, np.diff(features.starts))
    return Index(features, centres, order, starts, bias, homes)


def _mirrored(centres: NDArray[np.float32]) -> NDArray[np.float32]:
    """Centres and, in reverse order, their mirror images: number i's is number −1 − i."""
    return np.concatenate([centres, MIRRORED.codes(centres[::-1])])


def search(
    index: Index,
    features: Features,
    pictures: slice,
    turning: Turning,
    *,
    within: bool,
    threads: int,
) -> Matches:
    """The nearest features of the index to those of some pictures.

    Args:
        index: where to search.
        features: what to search for.
        pictures: whose features.
        turning: how the pictures are turned first.
        within: ``features`` are those of the index: a picture does not match itself.
        threads: cells searched at a time.
    """
    first, last = int(features.starts[pictures.start]), int(features.starts[pictures.stop])
    codes = turning.codes(features.codes[first:last])
    if turning in (UPRIGHT, MIRRORED) and within:
        homes = index.homes[first:last]
        homes = homes if turning == UPRIGHT else len(index.centres) - 1 - homes
    else:
        homes = _homes(codes, index.centres, min(PROBES, len(index.centres)), threads)
    probes, flat = homes.shape[1], homes.ravel()
    order = np.argsort(flat, kind="stable")
    starts = np.searchsorted(flat[order], np.arange(len(index.centres) + 1))

    def of_cell(cell: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        asked = order[starts[cell] : starts[cell + 1]] // probes
        held = index.order[index.starts[cell] : index.starts[cell + 1]]
        near, apart = _nearest(
            codes[asked], index.features.codes[held], NEAREST + within, index.bias[held]
        )
        rows, ranks = np.nonzero(apart <= FARTHEST**2)
        return (asked[rows] + first).astype(np.int32), held[near[rows, ranks]]

    cells = [
        cell
        for cell in range(len(index.centres))
        if starts[cell] < starts[cell + 1] and index.starts[cell] < index.starts[cell + 1]
    ]
    parts = list(mapped(of_cell, cells, threads=threads))
    asked = np.concatenate([np.zeros(0, np.int32), *(part[0] for part in parts)])
    found = np.concatenate([np.zeros(0, np.int32), *(part[1] for part in parts)])
    return Matches(asked, found)


def _homes(
    codes: NDArray[np.int8] | NDArray[np.float32],
    centres: NDArray[np.float32],
    probes: int,
    threads: int,
) -> NDArray[np.int32]:
    """The nearest centres to each code, [n, probes]."""
    blocks = [slice(i, i + 4096) for i in range(0, len(codes), 4096)]
    near = mapped(
        lambda block: _nearest(codes[block], centres, probes)[0], blocks, threads=threads, chunk=1
    )
    return np.concatenate([np.zeros((0, probes), np.int32), *near])


def _nearest(
    asked: NDArray[np.int8] | NDArray[np.float32],
    held: NDArray[np.int8] | NDArray[np.float32],
    count: int,
    bias: NDArray[np.float32] | float = 0.0,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """For each asked code the nearest held ones, [n, count], with squared distances, nearest first.

    OpenCV multiplies: inside threads, BLAS would start more of its own.
    """
    here, there = asked.astype(np.float32), held.astype(np.float32)
    gemm: Any = cv2.gemm  # its types know no missing matrix
    closeness = gemm(here, there, 1, None, 0, flags=cv2.GEMM_2_T)
    closeness -= 0.5 * (np.einsum("ij,ij->i", there, there) + bias)
    count = min(count, len(held))
    rows = np.arange(len(asked))
    near = np.empty((len(asked), count), np.int32)
    closest = np.empty((len(asked), count), np.float32)
    for rank in range(count):  # a few quick passes: np.argpartition takes ten times as long
        near[:, rank] = closeness.argmax(1)
        closest[:, rank] = closeness[rows, near[:, rank]]
        closeness[rows, near[:, rank]] = -np.inf
    return near, np.einsum("ij,ij->i", here, here)[:, None] - 2 * closest
