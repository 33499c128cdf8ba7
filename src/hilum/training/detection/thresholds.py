"""From which score a box is shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hilum.bundles.card import BoxKind
from hilum.evaluation.localisation import matches
from hilum.training.detection.judged import Agreement

EDGE = 1e-6
"""A threshold lies so far within (0, 1), at least."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A kind of box with its threshold, and what is had there on the rows that chose it.

    Attributes:
        kind: for the card.
        f1: 2 true / (drawn + boxes of readers); None where nothing could be chosen by.
    """

    kind: BoxKind
    f1: float | None


def thresholds(agreement: Agreement, where: str) -> tuple[Chosen, ...]:
    """The score of each kind from which boxes agree best: the greatest F1 at an IoU of one half.

    Args:
        agreement: boxes of both sides.
        where: in words, on which rows.
    """
    return tuple(_of(agreement, key, where) for key in agreement.kinds)


def _of(agreement: Agreement, key: str, where: str) -> Chosen:
    found = matches(agreement.reference, agreement.predicted, key)
    boxes = int(found.boxes.sum())
    if not found.hit.any() or not boxes:
        rule = f"given: no box was found {where}, so that nothing could be chosen by"
        return Chosen(BoxKind(key=key, rule=rule), None)
    last = np.append(np.diff(found.score) != 0, True)
    right = np.cumsum(found.hit)[last]
    drawn = (np.arange(len(found.score)) + 1)[last]
    f1 = 2 * right / (drawn + boxes)
    best = int(f1.argmax())
    score = float(np.clip(found.score[last][best], EDGE, 1 - EDGE))
    rule = f"greatest F1 at an IoU of .5 {where}: {f1[best]:.3f}"
    return Chosen(BoxKind(key=key, threshold=score, rule=rule), float(f1[best]))
