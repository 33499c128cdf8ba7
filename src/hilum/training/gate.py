"""How often a bundle's gate would refuse radiographs of a source that it never saw."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from hilum.bundles.card import Result
from hilum.evaluation import wilson
from hilum.imaging import checks
from hilum.reading.gate import Statistics, likeness, limit

NOTHING = frozenset({"blank", "noise-only"})
"""Flags of a picture for which the gate refuses it without asking the network."""


def refused(
    statistics: Statistics, features: NDArray[np.float32], images: Iterable[NDArray[np.uint8]]
) -> NDArray[np.bool_]:
    """Which radiographs the gate would refuse for their picture or their features.

    Args:
        statistics: of the gate.
        features: of the network that ships, [radiographs, width].
        images: the radiographs, uint8 [rows, columns] each.
    """
    far = statistics.distance(features)
    found: list[bool] = []
    for image, distance in zip(images, far.tolist(), strict=True):
        facts = checks.measure(image.astype(np.float32) / np.float32(255))
        nothing = any(note.code in NOTHING for note in checks.flags(facts))
        found.append(nothing or not distance <= limit(*likeness(facts)))
    return np.array(found)


def share_refused(found: NDArray[np.bool_], source: str) -> Result:
    """The share of a source's radiographs that were refused, as a row of the card."""
    share = wilson(int(found.sum()), len(found))
    return Result(
        metric="refused by the gate",
        split=f"{source}, no part of the training",
        value=share.value,
        low=share.low,
        high=share.high,
        images=len(found),
        note="frontal chest radiographs, by likeness and features; those of an unusual shape are "
        "refused as well and not counted here, nor are headers; Wilson's interval takes images as "
        "independent; the gate's limits were set with these sources known",
    )
