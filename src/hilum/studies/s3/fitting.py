"""What a regression on features says of images whose patients, or publishers, it did not see."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hilum.audit.columns import Asked, Column, difference, measure
from hilum.audit.probes import folds, logistic, reduced
from hilum.domain.text import coded
from hilum.evaluation import Measure, Reference, compare, intervals
from hilum.studies.s3.cohort import Cohort

FOLDS = 5
SAMPLES = 2000
DIRECTIONS = 4
"""Directions that a source-adversarial regression may not look along."""

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Learner:
    """From what a regression learns to tell COVID-19.

    Attributes:
        features: float32 [images, width].
        learnt: images that it may learn from, [images].
        told: images without COVID-19 of the collection that has it; from those of the training
            folds, and from images of other collections, a source-adversarial regression knows the
            collections, and looks only along directions in which they are alike. None for a plain
            one.
    """

    features: NDArray[np.float32]
    learnt: Bools
    told: Bools | None = None


def scores(learner: Learner, fold: NDArray[np.int64], covid: Bools, use: Bools) -> Column:
    """Log-odds of every image in use by a regression that saw nothing of its fold.

    Args:
        learner: what is learnt from.
        fold: of each image, [images]; whatever shares one is never on both sides.
        covid: [images].
        use: images that are scored, [images].
    """
    values = np.zeros((len(covid), 1))
    for number in np.unique(fold[use]).tolist():
        test, rest = use & (fold == number), use & (fold != number)
        inside, outside = reduced(learner.features[rest], learner.features[test])
        if learner.told is not None:
            told, others = learner.told[rest], ~covid[rest] & ~learner.told[rest]
            inside, outside = _alike(inside, outside, told, others)
        learnt = learner.learnt[rest]
        values[test, 0] = logistic(inside[learnt], covid[rest][learnt], outside)
    return Column(values, use)


def _alike(inside: Floats, outside: Floats, told: Bools, others: Bools) -> tuple[Floats, Floats]:
    """Both without the directions that tell two groups of images apart, one after the other.

    **Source**: iterative null-space projection, Ravfogel et al. 2020, Null It Out.
    """
    both = told | others
    width = inside.shape[1]
    ends = np.vstack([np.zeros((1, width)), np.eye(width)])
    for _ in range(DIRECTIONS):
        ends_said = logistic(inside[both], told[both], ends)
        step = ends_said[1:] - ends_said[0]  # the regression's coefficients
        length = np.linalg.norm(step)
        if length < 1e-9:
            break
        along = step / length
        inside, outside = (part - np.outer(part @ along, along) for part in (inside, outside))
    return inside, outside


def by_patient(cohort: Cohort, use: Bools, seed: int, k: int = FOLDS) -> NDArray[np.int64]:
    """Folds by patient, [images]; −1 outside of what is used."""
    rows = np.flatnonzero(use)
    out = np.full(len(use), -1)
    out[rows] = folds(cohort.table, rows, k, seed)
    return out


def by_publisher(cohort: Cohort, use: Bools, seed: int) -> NDArray[np.int64]:
    """Folds that no publisher and no patient of the collection is in twice; others by patient."""
    out = by_patient(cohort, use, seed)
    ours = np.flatnonzero(use & cohort.inside)
    group = _together(cohort.publisher[ours], coded(cohort.table.patients[ours])[1])
    number = np.bincount(group)
    order = np.random.default_rng(seed).permutation(len(number))
    filled = np.zeros(FOLDS)
    home = np.zeros(len(number), np.int64)
    for one in order[np.argsort(-number[order], kind="stable")].tolist():
        home[one] = int(filled.argmin())
        filled[home[one]] += number[one]
    out[ours] = home[group]
    return out


def _together(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    """Groups of rows that share a value of either, directly or by way of others."""
    group = np.arange(len(one))
    while True:
        before = group
        for values in (one, other):
            least = np.full(int(values.max()) + 1, len(one))
            np.minimum.at(least, values, group)
            group = least[values]
        if (group == before).all():
            return np.unique(group, return_inverse=True)[1]


def joined(columns: list[Column]) -> Column:
    """Scores of several seeds side by side."""
    return Column(np.concatenate([c.values for c in columns], 1), columns[0].has)


def auroc_of(
    cohort: Cohort, column: Column, positive: Bools, negative: Bools, *, within: bool = False
) -> dict[str, float | int | None]:
    """AUROC with its interval by patient, the mean over seeds, as JSON holds it.

    Args:
        cohort: says who is a patient.
        column: scores.
        positive: images that should score high.
        negative: images that should score low.
        within: whether only pairs of one publisher are compared.
    """
    found = measure(
        _asked(cohort, column, positive, negative, within=within), column,
        rng=np.random.default_rng(0), samples=SAMPLES,
        metric="auroc within strata" if within else "auroc",
    )  # fmt: skip
    return plain(found)


def gain_of(
    cohort: Cohort, a: Column, b: Column, positive: Bools, negative: Bools
) -> dict[str, float | int | None]:
    """AUROC of a − AUROC of b, paired by patient."""
    asked = _asked(cohort, a, positive, negative)
    return plain(difference(asked, a, b, rng=np.random.default_rng(0), samples=SAMPLES))


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Pairs of an image that should score high and one that should score low, of one fold.

    Regressions of two folds need not agree on a base rate: where folds hold unlike shares of the
    classes, as publishers do, pairs across folds rank the regressions and not the images.

    Attributes:
        asked: images with their targets.
        folds: of each image of the cohort, once a seed, [seeds, images]; a pair is of one seed.
    """

    asked: Asked
    folds: NDArray[np.int64]

    @classmethod
    def of(
        cls, cohort: Cohort, folds: NDArray[np.int64], positive: Bools, negative: Bools
    ) -> Pairs:
        """Pairs of a cohort's images."""
        rows = np.flatnonzero(positive | negative)
        patients = coded(cohort.table.patients)[1].astype(np.int64)[rows]
        return cls(Asked(rows, positive[rows], patients), folds)

    def auroc(self, column: Column) -> dict[str, float | int | None]:
        """AUROC over the pairs of all seeds, with its interval by patient, as JSON holds it."""
        return self._plain(
            intervals(
                self._reference(), self._scores(column), rng=np.random.default_rng(0),
                metric="auroc within strata", samples=SAMPLES,
            ).each[0]
        )  # fmt: skip

    def gain(self, a: Column, b: Column) -> dict[str, float | int | None]:
        """AUROC of a − AUROC of b over the same pairs, paired by patient."""
        return self._plain(
            compare(
                self._reference(), self._scores(a), self._scores(b), rng=np.random.default_rng(0),
                metric="auroc within strata", samples=SAMPLES,
            ).each[0].difference
        )  # fmt: skip

    def _reference(self) -> Reference:
        """The images once a seed, so that a patient is drawn with all of them."""
        seeds, most = len(self.folds), int(self.folds.max()) + 1
        strata = self.folds[:, self.asked.rows] + most * np.arange(seeds)[:, None]
        return Reference.of(
            np.tile(self.asked.targets, seeds),
            np.tile(self.asked.patients, seeds),
            strata=strata.ravel(),
        )

    def _scores(self, column: Column) -> Floats:
        return column.values[self.asked.rows].T.ravel()

    def _plain(self, m: Measure) -> dict[str, float | int | None]:
        up = int(self.asked.targets.sum())
        return plain(replace(m, positives=up, negatives=len(self.asked.rows) - up))


def _asked(
    cohort: Cohort, column: Column, positive: Bools, negative: Bools, *, within: bool = False
) -> Asked:
    rows = np.flatnonzero((positive | negative) & column.has)
    patients = coded(cohort.table.patients)[1].astype(np.int64)[rows]
    return Asked(rows, positive[rows], patients, cohort.publisher[rows] if within else None)


def plain(m: Measure) -> dict[str, float | int | None]:
    """A number with its interval, as JSON holds it."""
    return {"value": m.value, "low": m.low, "high": m.high, "positives": m.positives,
            "negatives": m.negatives}  # fmt: skip


def told(m: dict[str, float | None] | None, *, signed: bool = False) -> str:
    """A number with its interval, as a table shows it.

    Example:
        >>> told({"value": 0.6123, "low": 0.5, "high": 0.7})
        '0.612 (0.500 to 0.700)'
    """
    if m is None or m["value"] is None:
        return "–"
    form = "{:+.3f}" if signed else "{:.3f}"
    if m["low"] is None or m["high"] is None:
        return form.format(m["value"])
    return f"{form} ({form} to {form})".format(m["value"], m["low"], m["high"])
