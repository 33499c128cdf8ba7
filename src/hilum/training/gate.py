"""Statistics of a bundle's gate, and how often it would refuse radiographs of a new source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.bundles.card import Result
from hilum.evaluation import wilson
from hilum.imaging import checks
from hilum.reading.gate import Statistics, likeness, limit


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Radiographs of one source.

    Attributes:
        features: of the network that ships, float32 [radiographs, width].
        limits: the distance at which each would be refused.
        fitted: whether the statistics are fitted on it; otherwise it is only measured.
    """

    features: NDArray[np.float32]
    limits: NDArray[np.float64]
    fitted: bool


def limits_of(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The distance at which the gate would refuse each picture [radiographs, rows, columns]."""
    found: list[float] = []
    for image in images:
        facts = checks.measure(image.astype(np.float32) / np.float32(255))
        found.append(limit(*likeness(facts)))
    return np.array(found)


def fit_gate(groups: Mapping[str, Group], *, seed: int) -> tuple[Statistics, list[Result]]:
    """Fit the gate on the groups that may ship, and measure each source while it is left out.

    Args:
        groups: by the name of the source.
        seed: of the division inside the fit.

    Returns:
        The statistics, and for each group the share refused by statistics that were fitted on the
        other groups, with Wilson's interval.
    """
    results: list[Result] = []
    for name, group in groups.items():
        others = [g.features for n, g in groups.items() if g.fitted and n != name]
        if not others:
            continue
        without = Statistics.fit(np.concatenate(others), np.random.default_rng(seed))
        refused = without.distance(group.features) > group.limits
        share = wilson(int(refused.sum()), len(refused))
        results.append(
            Result(
                metric="refused by the gate's features",
                split=f"{name}, left out of the gate's statistics",
                value=share.value,
                low=share.low,
                high=share.high,
                images=len(refused),
                note="all of them are frontal chest radiographs; Wilson's interval",
            )
        )
    fitted = np.concatenate([g.features for g in groups.values() if g.fitted])
    return Statistics.fit(fitted, np.random.default_rng(seed)), results
