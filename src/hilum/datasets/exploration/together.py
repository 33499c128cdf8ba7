"""Findings that stand together on an image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.exploration.verdicts import NEGATIVE
from hilum.domain import LabelTable, State
from hilum.domain.findings import known_finding, wider
from hilum.evaluation import Measure, wilson

_PIECE = 1 << 17
"""Rows counted at a time; below 2²⁴, up to which float32 counts exactly."""


@dataclass(frozen=True, slots=True, eq=False)
class Together:
    """What stands together.

    Attributes:
        findings: keys, without those of :data:`NEGATIVE`.
        both: int64 [A, B]: images on which A and B are PRESENT; the diagonal holds those of A.
        given: int64 [A, B]: images on which A is PRESENT and B is PRESENT or ABSENT.
        unlabelled: images on which every finding is UNMENTIONED; left out of the next two.
        an_image: number of findings PRESENT → images. Wider findings that are there because
            their kind is (pneumonia beside viral pneumonia) are not counted.
        combinations: exactly these findings PRESENT, such wider ones left out → images, the most
            common first.
    """

    findings: tuple[str, ...]
    both: NDArray[np.int64]
    given: NDArray[np.int64]
    unlabelled: int
    an_image: Mapping[int, int]
    combinations: Mapping[tuple[str, ...], int]

    def probability(self, of: str, given: str) -> Measure:
        """P(of | given) among images, with Wilson's interval; undefined without such images."""
        a, b = self.findings.index(given), self.findings.index(of)
        if not self.given[a, b]:
            return Measure(None, f"no image with {given} says whether {of} is there")
        return wilson(int(self.both[a, b]), int(self.given[a, b]))


def count_together(table: LabelTable) -> Together:
    """Count pairs, numbers and combinations of findings."""
    columns = [at for at, key in enumerate(table.findings) if key not in NEGATIVE]
    keys = tuple(table.findings[at] for at in columns)
    both = np.zeros((len(keys), len(keys)), np.int64)
    given = np.zeros_like(both)
    over = implied(keys)
    unlabelled = 0
    an_image: Counter[int] = Counter()
    packed: Counter[bytes] = Counter()
    for start in range(0, len(table), _PIECE):
        states = table.states[start : start + _PIECE, columns]
        here = states == State.PRESENT
        kinds = here.copy() if over else here
        present = here.astype(np.float32)
        said = (here | (states == State.ABSENT)).astype(np.float32)
        both += (present.T @ present).astype(np.int64)
        given += (present.T @ said).astype(np.int64)
        told = (table.states[start : start + _PIECE] != State.UNMENTIONED).any(axis=1)
        unlabelled += int((~told).sum())
        for a, b in over:
            here[:, b] &= ~kinds[:, a]
        here = here[told]
        numbers = np.bincount(here.sum(axis=1, dtype=np.int64))
        an_image.update({n: int(images) for n, images in enumerate(numbers) if images})
        packed.update(_packed(here))
    common = sorted(packed.items(), key=lambda item: (-item[1], item[0]))
    return Together(
        findings=keys,
        both=both,
        given=given,
        unlabelled=unlabelled,
        an_image=dict(sorted(an_image.items())),
        combinations={_named(bits, keys): images for bits, images in common},
    )


def implied(keys: Sequence[str]) -> frozenset[tuple[int, int]]:
    """Pairs of a finding and a wider one that it is a kind of, as places among ``keys``."""
    place = {key: at for at, key in enumerate(keys)}
    return frozenset(
        (at, place[parent])
        for key, at in place.items()
        if known_finding(key)
        for parent in wider(key)
        if parent in place
    )


def _packed(here: NDArray[np.bool_]) -> dict[bytes, int]:
    """Combination of findings as bits → images."""
    bits = np.packbits(here, axis=1)
    if bits.shape[1] <= 8:  # as one number, which sorts quickly
        wide = np.zeros((len(bits), 8), np.uint8)
        wide[:, : bits.shape[1]] = bits
        values, counts = np.unique(wide.view(np.uint64).ravel(), return_counts=True)
        rows = values.view(np.uint8).reshape(-1, 8)
    else:
        rows, counts = np.unique(bits, axis=0, return_counts=True)
    return {row.tobytes(): n for row, n in zip(rows, counts.tolist(), strict=True)}


def _named(bits: bytes, keys: tuple[str, ...]) -> tuple[str, ...]:
    flags = np.unpackbits(np.frombuffer(bits, np.uint8))[: len(keys)]
    return tuple(key for key, flag in zip(keys, flags.tolist(), strict=False) if flag)
