"""Scores of one finding, once or once a seed, and what is measured of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from hilum.evaluation import Measure, Metric, Reference, compare, intervals


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """Scores of a table's images, higher for more suspicion.

    Attributes:
        values: float64 [images, seeds]; of no meaning where ``has`` is False.
        has: bool [images].
    """

    values: NDArray[np.float64]
    has: NDArray[np.bool_]

    @property
    def seeds(self) -> int:
        """How often the images were scored."""
        return self.values.shape[1]

    def mean(self) -> NDArray[np.float64]:
        """Mean over the seeds, [images]."""
        return self.values.mean(axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """Images of one finding that a number is stated on.

    Attributes:
        rows: of the table.
        targets: bool [rows].
        patients: int64 [rows].
        strata: the source of each, int64 [rows]; None without.
    """

    rows: NDArray[np.int64]
    targets: NDArray[np.bool_]
    patients: NDArray[np.int64]
    strata: NDArray[np.int64] | None = None

    def reference(self, seeds: int) -> Reference:
        """The same finding, once a seed, so that one set of draws serves all."""
        return Reference.of(
            np.repeat(self.targets[:, None], seeds, axis=1),
            self.patients,
            strata=self.strata,
            findings=[f"seed {i}" for i in range(seeds)],
        )


def measure(
    asked: Asked,
    column: Column,
    *,
    rng: np.random.Generator,
    samples: int,
    level: float = 0.95,
    metric: Metric = "auroc",
) -> Measure:
    """AUROC of a column, the mean over its seeds, with an interval by patient.

    Args:
        asked: images with their targets.
        column: scores of the whole table.
        rng: the source of chance.
        samples: draws of patients.
        level: confidence level.
        metric: as :func:`hilum.evaluation.intervals` takes it.
    """
    found = intervals(
        asked.reference(column.seeds),
        column.values[asked.rows],
        rng=rng,
        metric=metric,
        samples=samples,
        level=level,
    )
    return once(found.mean, found.each[0])


def difference(
    asked: Asked,
    a: Column,
    b: Column,
    *,
    rng: np.random.Generator,
    samples: int,
    level: float = 0.95,
) -> Measure:
    """AUROC of a − AUROC of b on the same images, paired, means over seeds.

    A column of one seed is compared with every seed of the other.
    """
    seeds = max(a.seeds, b.seeds)
    found = compare(
        asked.reference(seeds),
        _seeds(a.values[asked.rows], seeds),
        _seeds(b.values[asked.rows], seeds),
        rng=rng,
        samples=samples,
        level=level,
    )
    return once(found.mean.difference, found.each[0].a)


def once(mean: Measure, one: Measure) -> Measure:
    """The mean over seeds with the counts of one, since all seeds judge the same images."""
    reason = mean.reason if mean.value is not None else one.reason or mean.reason
    return replace(mean, positives=one.positives, negatives=one.negatives, reason=reason)


def for_all(m: Measure, asked: int) -> Measure:
    """The measure with an interval that holds for all of several numbers at once.

    Each end moves away as the quantile of the normal distribution for 1 / ``asked`` of the error
    does (Bonferroni), so that the most striking of many is no more often chance than a single one.

    Args:
        m: one of the numbers; without an interval it stays as it is.
        asked: how many numbers were looked at.
    """
    if m.value is None or m.low is None or m.high is None or asked < 2:
        return m
    normal, beyond = NormalDist(), (1 - m.level) / 2
    wider = normal.inv_cdf(beyond / asked) / normal.inv_cdf(beyond)
    return replace(
        m, low=m.value - wider * (m.value - m.low), high=m.value + wider * (m.high - m.value)
    )


def _seeds(values: NDArray[np.float64], seeds: int) -> NDArray[np.float64]:
    return values if values.shape[1] == seeds else np.repeat(values[:, :1], seeds, axis=1)
