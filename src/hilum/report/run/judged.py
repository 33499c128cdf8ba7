"""What the out-of-fold predictions got right and wrong: matrices, and the images to look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.bundles.card import Card
from hilum.evaluation import Confusion, Measure, confusion, wilson
from hilum.report.run.folder import OutOfFold

EACH = 3
"""Images of a finding that are shown of each kind."""

KINDS = ("found", "missed", "false-alarm", "cleared")
"""Present and called so; present and not; absent and called present; absent and not."""


@dataclass(frozen=True, slots=True)
class TwoByTwo:
    """Decisions on one finding at its operating point.

    Attributes:
        finding: key.
        threshold: calibrated probability from which it is called present.
        counted: images by reference and decision.
        sensitivity: with Wilson's interval.
        specificity: likewise.
        ppv: likewise.
    """

    finding: str
    threshold: float
    counted: Confusion
    sensitivity: Measure
    specificity: Measure
    ppv: Measure


@dataclass(frozen=True, slots=True, eq=False)
class Square:
    """Decisions of a task whose findings shut each other out.

    Attributes:
        kind: "one-of" or "ordinal".
        findings: keys.
        counts: int64 [reference, decision].
        left_out: images without exactly one finding in the reference.
    """

    kind: str
    findings: tuple[str, ...]
    counts: NDArray[np.int64]
    left_out: int

    @property
    def accuracy(self) -> Measure:
        """Images decided rightly, with Wilson's interval."""
        return wilson(int(np.trace(self.counts)), int(self.counts.sum()))


@dataclass(frozen=True, slots=True)
class Shown:
    """An image to look at.

    Attributes:
        row: place among the out-of-fold predictions.
        probability: calibrated.
    """

    row: int
    probability: float


def probabilities(card: Card, held: OutOfFold) -> NDArray[np.float64]:
    """Calibrated probabilities [images, findings]."""
    slopes = np.array([f.calibration.slope for f in card.findings])
    shifts = np.array([f.calibration.intercept for f in card.findings])
    odds = held.logits.astype(np.float64) * slopes + shifts
    return 0.5 * (1 + np.tanh(0.5 * odds))  # the logistic function, without overflow


def two_by_two(card: Card, held: OutOfFold, recipe: Mapping[str, Any]) -> list[TwoByTwo]:
    """A matrix a finding that is decided on its own."""
    exclusive = {key for _, keys in _exclusive(card, recipe) for key in keys}
    found = probabilities(card, held)
    rows: list[TwoByTwo] = []
    for at, said in enumerate(card.findings):
        counts = held.mask[:, at]
        if said.key in exclusive or not counts.any():
            continue
        threshold = said.operating_point.threshold
        c = confusion(held.targets[counts, at], found[counts, at] >= threshold)
        rows.append(
            TwoByTwo(
                finding=said.key,
                threshold=threshold,
                counted=c,
                sensitivity=wilson(c.tp, c.tp + c.fn),
                specificity=wilson(c.tn, c.tn + c.fp),
                ppv=wilson(c.tp, c.tp + c.fp),
            )
        )
    return rows


def squares(card: Card, held: OutOfFold, recipe: Mapping[str, Any]) -> list[Square]:
    """A matrix a task of which one finding holds: the one with the highest output is decided."""
    found: list[Square] = []
    for kind, keys in _exclusive(card, recipe):
        at = [card.keys.index(key) for key in keys]
        targets, mask = held.targets[:, at], held.mask[:, at]
        counted = mask.all(1) & (targets.sum(1) == 1)
        counts = np.zeros((len(keys), len(keys)), np.int64)
        decided = held.logits[:, at].argmax(1)
        np.add.at(counts, (targets[counted].argmax(1), decided[counted]), 1)
        found.append(Square(kind, keys, counts, int((mask.any(1) & ~counted).sum())))
    return found


def to_look_at(card: Card, held: OutOfFold) -> dict[str, dict[str, list[Shown]]]:
    """The surest right and the surest wrong decisions: finding → kind → images, surest first."""
    found = probabilities(card, held)
    shown: dict[str, dict[str, list[Shown]]] = {}
    for at, said in enumerate(card.findings):
        p = found[:, at]
        present, called = held.targets[:, at] > 0.5, p >= said.operating_point.threshold
        cells = {
            "found": present & called,
            "missed": present & ~called,
            "false-alarm": ~present & called,
            "cleared": ~present & ~called,
        }
        shown[said.key] = {}
        for kind in KINDS:
            rows = np.flatnonzero(cells[kind] & held.mask[:, at])
            surest = p[rows] if kind in ("found", "false-alarm") else 1 - p[rows]
            order = rows[np.argsort(-surest, kind="stable")][:EACH]
            shown[said.key][kind] = [Shown(int(row), float(p[row])) for row in order]
    return shown


def _exclusive(card: Card, recipe: Mapping[str, Any]) -> list[tuple[str, tuple[str, ...]]]:
    tasks = recipe.get("task") or ()
    return [
        (task["kind"], tuple(task.get("findings") or card.keys))
        for task in tasks
        if task.get("kind") in ("one-of", "ordinal")
    ]
