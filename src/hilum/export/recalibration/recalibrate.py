"""A bundle's calibration fitted anew on a local sample → a new version of the bundle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.bundles import Bundle, Card, save
from hilum.domain import LabelTable
from hilum.errors import EvaluationError
from hilum.evaluation.calibration import NEEDED
from hilum.export.recalibration.card import recalibrated_card
from hilum.export.recalibration.fitting import refitted
from hilum.export.recalibration.result import METHODS, Asked, Recalibrated


@dataclass(frozen=True, slots=True)
class Recalibration:
    """A bundle recalibrated, not written yet.

    Attributes:
        bundle: the old one.
        each: one a finding of its card.
        card: the new one.
        images: of the sample.
        patients: of these.
    """

    bundle: Bundle
    each: tuple[Recalibrated, ...]
    card: Card
    images: int
    patients: int

    @property
    def changed(self) -> tuple[Recalibrated, ...]:
        """Findings with a new calibration."""
        return tuple(one for one in self.each if one.calibrator is not None)

    def save(self, out: Path) -> Bundle:
        """Write the new bundle: the same files, another card.

        Args:
            out: a new folder, or a path that ends in ``.hilum``.

        Raises:
            EvaluationError: no finding has a new calibration.
            BundleError: ``out`` exists.
        """
        if not self.changed:
            raise EvaluationError("no finding has a new calibration: there is nothing to write")
        files = {name: self.bundle.read_bytes(name) for name in self.bundle.card.files}
        return save(self.card, files, out)


def recalibrate(
    bundle: Bundle, logits: NDArray[np.float64], table: LabelTable, asked: Asked | None = None
) -> Recalibration:
    """Fit a bundle's calibration anew on a local sample, which its network must not have seen.

    Each finding is fitted on the log-odds of the bundle's line, so that little has to be learnt.
    What it gains is measured by cross-fitting: each patient's images are judged by a calibration
    (and, with "auto", a choice of method) made from other patients.

    Args:
        bundle: whose calibration is fitted.
        logits: of its network, [images, findings of the card]; NaN where an image was not read.
        table: labels of the same images.
        asked: how.

    Returns:
        The recalibration, with the new card.

    Raises:
        EvaluationError: no finding has patients enough; the message says how many are needed. An
            unknown method, or shapes that do not go together.
    """
    asked = asked or Asked()
    if asked.method not in (*METHODS, "auto"):
        raise EvaluationError(
            f"Unknown method {asked.method!r}; known: {', '.join((*METHODS, 'auto'))}."
        )
    if logits.shape != (len(table), len(bundle.card.findings)):
        raise EvaluationError(
            f"logits must have shape {[len(table), len(bundle.card.findings)]}, got "
            f"{list(logits.shape)}"
        )
    targets, mask = table.targets(asked.policy)
    read = np.isfinite(logits).all(1)
    each: list[Recalibrated] = []
    for at, row in enumerate(bundle.card.findings):
        if row.key not in table.findings:
            each.append(Recalibrated(row.key, "none", 0, 0, 0, 0, "the labels do not tell of it"))
            continue
        column = table.findings.index(row.key)
        rows = np.flatnonzero(mask[:, column] & read)
        each.append(
            refitted(row, logits[rows, at], targets[rows, column] == 1, table.patients[rows], asked)
        )
    refused = [one for one in each if one.method == "none" and one.choice is None]
    if len(refused) == len(each):
        lines = "".join(f"\n  {one.finding}: {one.reason}" for one in each)
        raise EvaluationError(
            f"No finding can be recalibrated on {int(read.sum()):,} images of "
            f"{len(set(table.patients[read])):,} patients:{lines}\nA line needs "
            f"{NEEDED['platt']} patients with a finding and as many without, beta "
            f"{NEEDED['beta']}, isotonic {NEEDED['isotonic']}."
        )
    people = len(set(table.patients[read]))
    card = recalibrated_card(bundle, each, (int(read.sum()), people), asked)
    return Recalibration(bundle, tuple(each), card, int(read.sum()), people)
