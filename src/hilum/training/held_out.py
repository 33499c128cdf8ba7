"""Folds of a run: who learns from what, and what is kept of the rows that were held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.split import folds
from hilum.domain import LabelTable, Split
from hilum.training.metrics import UNCHOSEN
from hilum.training.recipe import Recipe

Rows = NDArray[np.int64]

INNER = 8
"""In a fold, one part in so many of the rows that are not held out chooses the checkpoint."""

HELD_OUT = "held-out.npz"
"""What a fold's network says of the rows that it saw nothing of."""


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """Rows of the table that one network learns from, and those it sees nothing of.

    Attributes:
        name: of the network's folder in the run's.
        held: held out.
        train: to learn from.
        tune: to choose the checkpoint by; those held out, which are then merely watched, where
            none is chosen.
    """

    name: str
    held: Rows
    train: Rows
    tune: Rows

    def file(self, out: Path) -> Path:
        """Where the run's folder keeps what the network says of the rows held out."""
        return out / self.name / HELD_OUT


@dataclass(frozen=True, slots=True, eq=False)
class Division:
    """How the folds of a cross-validation divide rows, beyond what the recipe says.

    Attributes:
        among: table whose findings the folds spread evenly, where it is not the run's: runs of
            single findings then have the folds of the run of all.
        inner: one part in so many of the rows that are not held out chooses the checkpoint, where
            one is chosen.
    """

    among: LabelTable | None = None
    inner: int = INNER


def outer_folds(recipe: Recipe, table: LabelTable, rows: Rows) -> Split:
    """Which rows each fold holds out; ``data.split_seed`` decides."""
    return folds(table, rows, recipe.folds, np.random.default_rng(recipe.data.split_seed))


def folds_of(
    recipe: Recipe, table: LabelTable, rows: Rows, *, inner: int = INNER
) -> tuple[Sequence[Fold], str]:
    """Folds by patient of the rows of a run, and their digest; none, and "", where it has none.

    Args:
        recipe: of the run.
        table: of all its rows.
        rows: of train and tune.
        inner: as in :class:`Division`.
    """
    if not recipe.folds:
        return (), ""
    outer = outer_folds(recipe, table, rows)
    found: list[Fold] = []
    for at, (_, held) in enumerate(sorted(outer.parts.items())):
        rest = np.setdiff1d(rows, held)
        if recipe.fit.best == UNCHOSEN:
            found.append(Fold(f"fold-{at}", held, rest, held))
            continue
        rng = np.random.default_rng([recipe.data.split_seed, at])
        tune = folds(table, rest, inner, rng).parts["fold 0"]
        found.append(Fold(f"fold-{at}", held, np.setdiff1d(rest, tune), tune))
    return found, outer.digest


def shipped_rows(recipe: Recipe, split: Split) -> tuple[Rows, Rows]:
    """Rows that the network that ships learns from, and those that choose its checkpoint.

    Where none is chosen it learns from all, and is watched on the tuning rows.
    """
    train, tune = split.parts["train"], split.parts["tune"]
    return (np.union1d(train, tune) if recipe.fit.best == UNCHOSEN else train), tune


def keep_held_out(file: Path, found: Mapping[str, NDArray[Any]]) -> None:
    """Write what a fold's network says; the file is whole, or not there."""
    partial = file.with_name(f"partial-{file.name}")
    np.savez(partial, allow_pickle=False, **found)
    partial.replace(file)
