"""Probes: logistic regression on vectors that nobody trained for the question.

What a probe finds out is in the vectors; what it does not find out may be there nevertheless.
Source: Alain and Bengio 2016, Understanding intermediate layers using linear classifier probes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.audit.columns import Column
from hilum.datasets.split import folds as divided
from hilum.domain import LabelTable
from hilum.errors import LabelError, MissingExtra

COMPONENTS = 64
"""Principal components that a probe looks at, so that few images suffice."""
C = 0.1
"""Inverse strength of the penalty on standardised components."""

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """Vectors of some rows of a table.

    Attributes:
        rows: int64 [vectors].
        values: float32 [vectors, width].
    """

    rows: NDArray[np.int64]
    values: Matrix

    def of(self, kept: NDArray[np.bool_]) -> Vectors:
        """Those where ``kept`` is True, [vectors]."""
        return Vectors(self.rows[kept], self.values[kept])


def folds(table: LabelTable, rows: NDArray[np.int64], k: int, seed: int) -> NDArray[np.int64]:
    """The fold of every row, patients whole and findings spread evenly.

    Args:
        table: whose rows are meant.
        rows: int64 [rows].
        k: number of folds; fewer where there are fewer patients.
        seed: deals.

    Returns:
        int64 [rows], 0 to k − 1.

    Raises:
        LabelError: all rows are of one patient.
    """
    patients = len(set(table.patients[rows].tolist()))
    if patients < 2:
        raise LabelError("a probe needs images of at least two patients")
    split = divided(table, rows, min(k, patients), np.random.default_rng(seed))
    home = np.full(len(table), -1)
    for number, part in enumerate(split.parts.values()):
        home[part] = number
    return home[rows]


def out_of_fold(
    vectors: Vectors,
    fold: NDArray[np.int64],
    targets: NDArray[np.bool_],
    mask: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Log-odds of each finding by a probe that saw nothing of the patient.

    Args:
        vectors: what to learn from.
        fold: of each vector, [vectors].
        targets: bool [vectors, findings].
        mask: bool [vectors, findings]; others are scored but not learnt from.

    Returns:
        float64 [vectors, findings], and where there is a score: not where the other folds hold one
        class only.
    """
    scores = np.zeros(targets.shape)
    has = np.zeros(targets.shape, np.bool_)
    for number in np.unique(fold).tolist():
        test = fold == number
        inside, outside = reduced(vectors.values[~test], vectors.values[test])
        for f in range(targets.shape[1]):
            use = mask[~test, f]
            truth = targets[~test, f][use]
            if truth.all() or not truth.any():
                continue
            scores[test, f] = logistic(inside[use], truth, outside)
            has[test, f] = True
    return scores, has


def probe(
    table: LabelTable,
    vectors: Vectors,
    targets: NDArray[np.bool_],
    mask: NDArray[np.bool_],
    *,
    seeds: Sequence[int],
    k: int = 5,
) -> list[Column]:
    """Out-of-fold scores of every finding, once a seed.

    Args:
        table: whose rows the vectors are of.
        vectors: what to learn from.
        targets: of the whole table, bool [images, findings].
        mask: likewise.
        seeds: one a dealing of patients into folds.
        k: folds.

    Returns:
        One column a finding, in the table's rows.
    """
    n, count = targets.shape
    values = np.zeros((count, n, len(seeds)))
    has = np.zeros((count, n), np.bool_)
    has[:, vectors.rows] = True
    for at, seed in enumerate(seeds):
        fold = folds(table, vectors.rows, k, seed)
        scores, told = out_of_fold(vectors, fold, targets[vectors.rows], mask[vectors.rows])
        values[:, vectors.rows, at] = scores.T
        has[:, vectors.rows] &= told.T
    return [Column(values[f], has[f]) for f in range(count)]


def leaving_out(
    vectors: Vectors,
    source: NDArray[np.int64],
    targets: NDArray[np.bool_],
    mask: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Log-odds of one finding in each source by a probe that saw nothing of that source.

    Args:
        vectors: what to learn from.
        source: of each vector, [vectors].
        targets: bool [vectors].
        mask: bool [vectors].

    Returns:
        float64 [vectors], and where there is a score: not where the other sources hold one class
        only.
    """
    return tuple(end[:, 0] for end in out_of_fold(vectors, source, targets[:, None], mask[:, None]))  # type: ignore[return-value]


def which(
    vectors: Vectors, fold: NDArray[np.int64], kinds: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Probability of each kind, out of fold.

    Args:
        vectors: what to learn from.
        fold: of each vector.
        kinds: 0 to kinds − 1, [vectors].

    Returns:
        float64 [vectors, kinds].
    """
    found = np.zeros((len(kinds), int(kinds.max()) + 1))
    for number in np.unique(fold).tolist():
        test = fold == number
        inside, outside = reduced(vectors.values[~test], vectors.values[test])
        model = _regression(balanced=True).fit(inside, kinds[~test])
        found[np.ix_(test, model.classes_)] = model.predict_proba(outside)
    return found


def reduced(train: Matrix, test: Matrix) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both standardised and turned onto the principal components of ``train``, of spread 1."""
    centre, spread = train.mean(axis=0, dtype=np.float64), train.std(axis=0, dtype=np.float64)
    scale = np.where(spread > 1e-6, spread, 1.0)
    inside, outside = (train - centre) / scale, (test - centre) / scale
    if train.shape[1] <= COMPONENTS:
        return inside, outside
    from sklearn.utils.extmath import randomized_svd

    most = min(COMPONENTS, len(train) - 1)
    _, spreads, axes = randomized_svd(inside.astype(np.float32), most, random_state=0)
    kept = spreads > 1e-3 * spreads[0]
    turn = (axes[kept] / spreads[kept, None]).T * len(train) ** 0.5
    return inside @ turn, outside @ turn


def logistic(
    inside: NDArray[np.float64], truth: NDArray[np.bool_], outside: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Log-odds on ``outside`` of a regression fitted on ``inside``."""
    return np.asarray(_regression().fit(inside, truth).decision_function(outside))


def _regression(*, balanced: bool = False) -> Any:
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise MissingExtra("Probes need scikit-learn: pip install 'hilum[analyse]'") from error
    return LogisticRegression(C=C, max_iter=5000, class_weight="balanced" if balanced else None)
