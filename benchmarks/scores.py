"""Scores of several methods on the same images, kept as a small table."""

from __future__ import annotations

import csv
import gzip
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DIGITS = 6
"""Significant digits that are kept."""


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """What several methods say of the same images.

    Attributes:
        images: as the label table names them.
        parts: the fold or part of each.
        methods: names; the network first.
        findings: one a column.
        values: float64 [methods, images, findings].
    """

    images: tuple[str, ...]
    parts: tuple[str, ...]
    methods: tuple[str, ...]
    findings: tuple[str, ...]
    values: NDArray[np.float64]

    def of(self, method: str) -> NDArray[np.float64]:
        """Scores [images, findings] of one method."""
        return self.values[self.methods.index(method)]


def save_scores(path: Path, scores: Scores) -> None:
    """Write a gzipped CSV: image, part, then a column a method and finding."""
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    names = [f"{method}: {key}" for method in scores.methods for key in scores.findings]
    out.writerow(["image", "part", *names])
    for at, image in enumerate(scores.images):
        row = scores.values[:, at].reshape(-1)
        out.writerow([image, scores.parts[at], *(f"{value:.{DIGITS}g}" for value in row)])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))


def load_scores(path: Path) -> Scores:
    """Read what :func:`save_scores` wrote."""
    rows = list(csv.reader(io.StringIO(gzip.decompress(path.read_bytes()).decode())))
    columns = [name.split(": ") for name in rows[0][2:]]
    methods = tuple(dict.fromkeys(method for method, _ in columns))
    findings = tuple(dict.fromkeys(key for _, key in columns))
    values = np.array([row[2:] for row in rows[1:]], np.float64)
    shaped = values.reshape(len(values), len(methods), len(findings)).transpose(1, 0, 2)
    images, parts = (tuple(row[i] for row in rows[1:]) for i in (0, 1))
    return Scores(images, parts, methods, findings, shaped)
