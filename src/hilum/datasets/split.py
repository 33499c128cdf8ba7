"""Parts of a table that share no patient."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hilum.domain import LabelTable, Split
from hilum.errors import LabelError


def by_column(table: LabelTable, column: str, parts: dict[str, str]) -> Split:
    """The split that a column gives.

    Args:
        table: what to split.
        column: one of the table's kept columns.
        parts: part → the value that stands for it in the column; other rows are left out.

    Raises:
        LabelError: no such column, or a part without rows.
        LeakError: a patient stands in two parts.
    """
    if column not in table.columns:
        raise LabelError(f"The table keeps no column {column!r}; it has {sorted(table.columns)}.")
    values = np.asarray(table.columns[column])
    index = {part: np.flatnonzero(values == value) for part, value in parts.items()}
    empty = [part for part, rows in index.items() if not len(rows)]
    if empty:
        raise LabelError(f"No row of column {column!r} stands for {empty}.")
    return Split.of(table, index)


def folds(table: LabelTable, rows: NDArray[np.int64], k: int, rng: np.random.Generator) -> Split:
    """Divide rows into ``k`` folds by patient, findings spread evenly.

    Patients are dealt out one by one, those with the rarest findings first, each to the fold that
    has the fewest images with that finding (after Sechidis et al. 2011, iterative stratification).

    Args:
        table: what to split.
        rows: the rows to divide.
        k: number of folds, at least 2.
        rng: breaks ties.

    Returns:
        Parts "fold 0" … "fold k−1".

    Raises:
        LabelError: fewer patients than folds.
    """
    patients = np.asarray(table.patients)[rows]
    names = np.unique(patients)
    if len(names) < k:
        raise LabelError(f"{len(names)} patients cannot be divided into {k} folds.")
    targets, mask = table.targets()
    positive = (targets * mask)[rows]
    # One more column, so that patients without any finding are spread too.
    positive = np.column_stack([positive, 1.0 - positive.max(1, initial=0.0)])
    counts = np.stack([positive[patients == p].sum(0) for p in names])
    images = np.array([(patients == p).sum() for p in names])
    have = np.zeros((k, positive.shape[1]))
    size = np.zeros(k)
    home = np.full(len(names), -1)
    for finding in np.argsort(positive.sum(0)):
        waiting = np.flatnonzero((home < 0) & (counts[:, finding] > 0))
        rng.shuffle(waiting)
        for at in waiting[np.argsort(-counts[waiting, finding], kind="stable")]:
            fold = int(np.lexsort((rng.random(k), size, have[:, finding]))[0])
            home[at] = fold
            have[fold] += counts[at]
            size[fold] += images[at]
    fold_of = dict(zip(names.tolist(), home.tolist(), strict=True))
    belongs = np.array([fold_of[p] for p in patients.tolist()])
    return Split.of(table, {f"fold {i}": rows[belongs == i] for i in range(k)})
