"""Smaller tables out of larger ones, for studies with few or unbalanced labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.split import divide
from hilum.domain import LabelTable, State
from hilum.domain.text import first_few
from hilum.errors import LabelError

NO_FINDING = "no_finding"
"""The class of images on which no finding of the table is present; see :func:`classes`."""


def classes(table: LabelTable) -> dict[str, NDArray[np.int64]]:
    """Rows by class: each finding, and images without any.

    Returns:
        Key → rows on which it is PRESENT; "no_finding" → rows on which no finding is PRESENT or
        UNCERTAIN and at least one is ABSENT, unless the table has that finding itself; left out
        where there is no such row. Another class may be empty.
    """
    present = table.states == State.PRESENT
    found = {key: np.flatnonzero(present[:, at]) for at, key in enumerate(table.findings)}
    if NO_FINDING not in found and table.findings:
        maybe = ((table.states == State.PRESENT) | (table.states == State.UNCERTAIN)).any(1)
        healthy = np.flatnonzero(~maybe & (table.states == State.ABSENT).any(1))
        found |= {NO_FINDING: healthy} if len(healthy) else {}
    return found


def balanced(
    table: LabelTable, rng: np.random.Generator, *, cap: int | None = None
) -> NDArray[np.int64]:
    """As many images of each class as the rarest has.

    Classes are filled from the rarest on; an image with several findings counts for each of them,
    so common findings that come along with rare ones may exceed the number.

    Args:
        table: to choose from.
        rng: chooses.
        cap: images a class at most.

    Returns:
        Rows, rising.

    Raises:
        LabelError: no findings, or a finding that is present on no image.
    """
    rows = classes(table)
    if not rows:
        raise LabelError("The table has no findings: there are no classes to balance.")
    empty = [key for key, found in rows.items() if not len(found)]
    if empty:
        raise LabelError(
            f"{first_few(empty)} {'is' if len(empty) == 1 else 'are'} present on no image; leave "
            f"out rare findings first (at_least)."
        )
    number = min(len(found) for found in rows.values())
    return _fill(table, rows, dict.fromkeys(rows, min(number, cap or number)), rng)


def proportional(
    table: LabelTable, shares: Mapping[str, float], number: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """A number of images with a designed share of each finding, none taken twice.

    Args:
        table: to choose from.
        shares: key of a finding, or "no_finding" → wished share of the images, in [0, 1].
        number: of images.
        rng: chooses; another one each epoch gives another draw.

    Returns:
        ``number`` rows, rising. Images with several findings count for each; where the shares
        leave room, it is filled from images of no named class, and then from any.

    Raises:
        LabelError: no share, or one that is no share, a class that is not there or too small, more
            images wished than there are, or findings that come together so that the shares cannot
            be had.
    """
    if not shares or number < 1:
        raise LabelError(f"wanted are shares of classes and images; got {dict(shares)}, {number}")
    odd = {key: share for key, share in shares.items() if not 0.0 <= share <= 1.0}
    if odd:
        raise LabelError(f"shares must lie in [0, 1], got {odd}")
    if number > len(table):
        raise LabelError(f"{number} images are wished, the table has {len(table)}")
    have = classes(table)
    absent = sorted(set(shares) - set(have))
    if absent:
        raise LabelError(f"no image is of class {absent}; there are {sorted(have)}")
    wished = {key: round(share * number) for key, share in shares.items()}
    short = [f"{k}: {n} of {len(have[k])}" for k, n in wished.items() if n > len(have[k])]
    if short:
        raise LabelError(f"more images are wished than there are: {first_few(short, quoted=False)}")
    chosen = _fill(table, {key: have[key] for key in shares}, wished, rng)
    if len(chosen) > number:
        raise LabelError(
            f"these shares take {len(chosen)} images, not {number}: their sum is too large for "
            f"how seldom the findings come together"
        )
    named = np.concatenate([have[key] for key in shares])
    rest = np.setdiff1d(np.arange(len(table)), chosen)
    other = np.setdiff1d(rest, named)
    order = np.concatenate([rng.permutation(other), rng.permutation(np.setdiff1d(rest, other))])
    return np.sort(np.concatenate([chosen, order[: number - len(chosen)]])).astype(np.int64)


def few_labels(table: LabelTable, share: float, rng: np.random.Generator) -> LabelTable:
    """The table with the labels of a share of its patients; the rest becomes unlabelled.

    Args:
        table: with labels.
        share: of the images that keep their labels, in (0, 1); whole patients, findings spread
            evenly.
        rng: chooses.

    Returns:
        All rows; every state of the others is UNMENTIONED, and the column ``labelled`` says
        "yes" or "no".

    Raises:
        LabelError: a share outside (0, 1), or fewer than two patients.
    """
    if not 0.0 < share < 1.0:
        raise LabelError(f"the share that keeps its labels must lie in (0, 1), got {share!r}")
    keep = divide(table, {"keep": share, "rest": 1.0 - share}, rng).parts["keep"]
    states = np.full_like(table.states, State.UNMENTIONED)
    states[keep] = table.states[keep]
    labelled = np.isin(np.arange(len(table)), keep)
    return replace(
        table,
        states=states,
        columns={**table.columns, "labelled": np.where(labelled, "yes", "no")},
        boxes=None if table.boxes is None else table.boxes.only(labelled),
    )


def at_least(table: LabelTable, number: int) -> LabelTable:
    """The table without findings that are present on fewer than ``number`` images.

    Raises:
        LabelError: no finding is left, or there was none.
    """
    if not table.findings:
        raise LabelError("The table has no findings, so none is present on enough images.")
    counts = (table.states == State.PRESENT).sum(0).tolist()
    kept = tuple(k for k, count in zip(table.findings, counts, strict=True) if count >= number)
    if not kept:
        raise LabelError(f"no finding is present on {number} images; the most are {max(counts)}")
    return table.select(kept)


def _fill(
    table: LabelTable,
    rows: Mapping[str, NDArray[np.int64]],
    wished: Mapping[str, int],
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    chosen = np.zeros(len(table), np.bool_)
    for key in sorted(rows, key=lambda key: (len(rows[key]), key)):
        lacking = wished[key] - int(chosen[rows[key]].sum())
        if lacking > 0:
            chosen[rng.choice(rows[key][~chosen[rows[key]]], lacking, replace=False)] = True
    return np.flatnonzero(chosen)
