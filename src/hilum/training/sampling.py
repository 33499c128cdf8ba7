"""Which training rows an epoch shows, and in which order: a function of labels, seed and epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.subset import balanced, classes, proportional
from hilum.domain import LabelTable, State
from hilum.domain.text import Text, first_few
from hilum.errors import LabelError, RecipeError
from hilum.registry import unknown
from hilum.training.recipe.sampling import (
    Balanced,
    InverseFrequency,
    Proportional,
    Sampling,
    SquareRoot,
)

ONCE = 2**32 - 1
"""Stands for the epoch where something is drawn once a run: no run gets that far."""


@dataclass(frozen=True)
class Labels:
    """What is known of the training rows.

    A target counts as what it is nearer to; one of exactly 0.5 is uncertain.

    Attributes:
        findings: keys.
        targets: float32 [rows, findings], 0 to 1.
        mask: bool [rows, findings], which targets count.
        patients: one a row.
    """

    findings: tuple[str, ...]
    targets: NDArray[np.float32]
    mask: NDArray[np.bool_]
    patients: Text

    def __len__(self) -> int:
        return len(self.targets)

    @cached_property
    def rows(self) -> dict[str, NDArray[np.int64]]:
        """Positions by class; see :func:`hilum.datasets.subset.classes`."""
        return classes(self.table)

    @cached_property
    def table(self) -> LabelTable:
        """The rows as a label table; images are named by their positions."""
        states = np.full(self.targets.shape, State.UNMENTIONED, np.uint8)
        states[self.mask & (self.targets > 0.5)] = State.PRESENT
        states[self.mask & (self.targets < 0.5)] = State.ABSENT
        states[self.mask & (self.targets == 0.5)] = State.UNCERTAIN
        names = np.arange(len(self)).astype(str).astype(object)
        return LabelTable(names, self.findings, states, self.patients)


def order(part: Sampling, labels: Labels, *, seed: int, epoch: int) -> NDArray[np.int64]:
    """The rows that an epoch shows, in their order.

    Nothing but the arguments decides them, so that a run that goes on after a stop sees what one
    sees that never stopped.

    Args:
        part: of the recipe.
        labels: of the training rows.
        seed: of the run.
        epoch: from 0.

    Returns:
        Positions among the training rows, int64. For "all" they are
        ``np.random.default_rng([seed, epoch]).permutation(rows)``.

    Raises:
        RecipeError, LabelError: what :func:`check` would have found.
    """
    rng = np.random.default_rng([seed, epoch])
    match part:
        case Proportional():
            found = rng.permutation(proportional(labels.table, part.shares, part.number, rng))
        case Balanced():
            once = np.random.default_rng([seed, ONCE])
            drawing = once if part.draw == "once" else rng
            found = rng.permutation(balanced(labels.table, drawing, cap=part.cap or None))
        case InverseFrequency() | SquareRoot():
            share = row_weights(part, labels)
            found = rng.choice(len(labels), part.number or len(labels), p=share)
        case _:
            found = rng.permutation(len(labels))
    return _spread(found, _present(labels, part.spread), rng) if part.spread else found


def row_weights(part: InverseFrequency | SquareRoot, labels: Labels) -> NDArray[np.float64]:
    """How probable each row is in one draw: [rows], sum 1.

    A class (a finding, or "no_finding") of n rows has the weight n⁻¹ or n^(−1/2). A row has that
    of its rarest class, or the mean of its classes; one that belongs to no class, for its labels
    are unknown, has that of the commonest class.

    Source:
        Kang et al. 2020 (ICLR), eq. 1: classes in proportion to n^q, with q = 0 and 1/2. The rule
        for rows of several classes is that of repeat factor sampling: the largest of a row's
        classes (Gupta et al. 2019, LVIS, section 5).
    """
    power = -1.0 if isinstance(part, InverseFrequency) else -0.5
    met = [rows for rows in labels.rows.values() if len(rows)]
    if not met:
        raise RecipeError("sampling: no training row belongs to any class; nothing can be weighed.")
    total, number = np.zeros(len(labels)), np.zeros(len(labels), np.int64)
    for rows in met:
        weight = len(rows) ** power
        if part.rule == "rarest":
            total[rows], number[rows] = np.maximum(total[rows], weight), 1
        else:
            total[rows] += weight
            number[rows] += 1
    least = max(len(rows) for rows in met) ** power
    weights = np.where(number > 0, total / np.maximum(number, 1), least)
    return weights / weights.sum()


def check(part: Sampling, labels: Labels, *, seed: int, epochs: int) -> None:
    """Refuse, before training starts, what cannot be drawn from these rows in every epoch.

    Raises:
        RecipeError: an unknown class, too few rows of one, or shares that findings which come
            together make impossible; the message says what is possible.
    """
    if part.spread:
        _present(labels, part.spread)
    trials = 0
    if isinstance(part, Balanced):
        trials = 1  # what fails, fails in every epoch
    elif isinstance(part, Proportional):
        _check_shares(part, labels)
        wished = sum(round(share * part.number) for share in part.shares.values())
        trials = epochs if wished > part.number else 0  # chance decides how many come together
    for epoch in range(trials):
        try:
            order(part, labels, seed=seed, epoch=epoch)
        except LabelError as error:
            raise RecipeError(f"sampling, epoch {epoch}: {str(error).rstrip('.')}.") from error


def lengths(part: Sampling, labels: Labels, *, seed: int, epochs: int) -> NDArray[np.int64]:
    """Rows that each epoch shows: int64 [epochs]; equal unless "balanced" draws each epoch."""
    varying = isinstance(part, Balanced) and part.draw == "each-epoch"
    drawn = range(epochs) if varying else range(min(epochs, 1))
    found = [len(order(part, labels, seed=seed, epoch=epoch)) for epoch in drawn]
    return np.array(found if varying else found * epochs, np.int64)


def batches(length: int, batch: int) -> int:
    """Steps of an epoch: whole batches only, or the one batch there is."""
    return max(length // batch, 1) if length else 0


def slices(
    order: NDArray[np.int64], batch: int, *, ranks: int = 1, rank: int = 0
) -> list[NDArray[np.int64]]:
    """What one of several processes takes of every batch.

    The slices of all ranks, one after the other, are the batch: no row twice, none left out. They
    differ by one row at most. The last batch is dropped where it is incomplete, unless it is the
    only one.

    Args:
        order: rows of the epoch, as :func:`order` gives them.
        batch: rows a step of the optimiser, over all ranks.
        ranks: processes.
        rank: which of them, from 0.

    Returns:
        An array a step.

    Raises:
        RecipeError: a batch has fewer rows than there are processes.
    """
    whole = [order[at * batch : (at + 1) * batch] for at in range(batches(len(order), batch))]
    least = min((len(rows) for rows in whole), default=ranks)
    if least < ranks:
        raise RecipeError(
            f"A batch of {least} rows cannot be shared by {ranks} processes; raise fit.batch, or "
            "start fewer."
        )
    return [rows[rank * len(rows) // ranks : (rank + 1) * len(rows) // ranks] for rows in whole]


def _check_shares(part: Proportional, labels: Labels) -> None:
    have = {key: len(rows) for key, rows in labels.rows.items()}
    faults = [unknown("class", key, have) for key in part.shares if key not in have]
    if part.number > len(labels):
        faults.append(f"number is {part.number:,}, there are {len(labels):,} training rows")
    wished = {k: round(s * part.number) for k, s in part.shares.items() if k in have}
    short = {key: number for key, number in wished.items() if number > have[key]}
    if short:
        listed = [f"{key}: {number:,} of {have[key]:,}" for key, number in short.items()]
        faults.append(
            f"more rows are wished than there are ({first_few(listed, quoted=False)}); "
            f"{_possible(part, have, list(short))}"
        )
    if faults:
        raise RecipeError("sampling: " + "; ".join(faults))


def _possible(part: Proportional, have: Mapping[str, int], short: list[str]) -> str:
    number = min(int(have[key] / part.shares[key]) for key in short)
    shares = [f"{key} {np.floor(1000 * have[key] / part.number) / 1000:g}" for key in short]
    with_number = f"possible are these shares with number = {number}, or " if number else ""
    return (
        f"{with_number or 'possible are '}at most the shares {first_few(shares, quoted=False)} "
        f"with number = {part.number}"
    )


def _present(labels: Labels, key: str) -> NDArray[np.bool_]:
    if key not in labels.rows:
        raise RecipeError(f"sampling.spread: {unknown('class', key, labels.rows)}")
    present = np.zeros(len(labels), np.bool_)
    present[labels.rows[key]] = True
    if present.all() or not present.any():
        which = "every" if present.any() else "no"
        raise RecipeError(f"sampling.spread: {which} training row is of class {key!r}.")
    return present


def _spread(
    found: NDArray[np.int64], present: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Both kinds at even distances, each from a random start; their own order stays."""
    place = np.empty(len(found))
    for kind in (True, False):
        of_kind = np.flatnonzero(present[found] == kind)
        place[of_kind] = (np.arange(len(of_kind)) + rng.random()) / max(len(of_kind), 1)
    return found[np.argsort(place, kind="stable")]
