"""Accidents that labels alone show, before anything is trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hilum.domain.text import first_few
from hilum.training.recipe.watch import Watch as Part
from hilum.training.watch.concern import Concern, concern

EXCLUSIVE = frozenset({"one-of", "ordinal"})
MAJORITY = 0.75
"""Share of the commonest class of the tuning rows from which accuracy says little."""

Targets = NDArray[np.float32]
Mask = NDArray[np.bool_]


class Task(Protocol):
    """What is read of a task; :class:`hilum.models.tasks.Task` is one."""

    @property
    def kind(self) -> str:
        """One of "multi-label", "binary", "one-of" and "ordinal"."""
        ...

    @property
    def findings(self) -> tuple[str, ...]:
        """Keys, one a column of the targets."""
        ...


def before(
    part: Part,
    tasks: Sequence[Task],
    *,
    targets: Targets,
    mask: Mask,
    train: NDArray[np.int64],
    tune: NDArray[np.int64],
    where: str = "",
) -> list[Concern]:
    """What the labels of a split let go wrong.

    Args:
        part: of the recipe.
        tasks: their findings stand side by side in the columns.
        targets: 0 to 1, [rows, findings], as the table has them: rows that an exclusive task
            cannot learn from not yet left out.
        mask: which targets count, [rows, findings].
        train: rows that are learnt from.
        tune: rows that choose the checkpoint.
        where: which network this is, such as "fold 2"; "" for the only one.

    Returns:
        Concerns, those that the recipe calls quiet left out; :func:`stopping` says which of them
        forbid to begin.
    """
    place = f" of {where}" if where else ""
    found: list[Concern] = []
    for task, columns in zip(tasks, spans(tasks), strict=True):
        learnt = targets[train][:, columns], mask[train][:, columns]
        measured = targets[tune][:, columns], mask[tune][:, columns]
        found += _train(task, *learnt, place)
        found += _tune(task, *measured, place)
        found += _majority(task, *measured, place)
    return [one for one in found if one.code not in part.quiet]


def spans(tasks: Sequence[Task]) -> list[slice]:
    """Which columns each task's findings stand in."""
    ends = np.cumsum([0, *(len(task.findings) for task in tasks)]).tolist()
    return [slice(start, end) for start, end in pairwise(ends)]


def chance_loss(task: Task, targets: Targets, mask: Mask) -> float:
    """Cross-entropy of a network that gives every image the frequencies of these rows, in nats.

    ln K for K classes that are equally frequent.

    Args:
        task: one-of and ordinal: a row counts once, if it has one class; else every cell counts.
        targets: [rows, findings] of the task.
        mask: the same shape.

    Returns:
        ≥ 0; NaN where nothing counts.
    """
    if not mask.any():
        return float("nan")
    if task.kind in EXCLUSIVE:
        share = _settled(targets, mask).mean(0)
        return float(-(share[share > 0] * np.log(share[share > 0])).sum())
    counted = mask.sum(0)
    share = (targets * mask).sum(0, dtype=np.float64) / np.maximum(counted, 1)
    inside = np.clip(share, 1e-12, 1 - 1e-12)
    each = -(share * np.log(inside) + (1 - share) * np.log1p(-inside))
    return float((each * counted).sum() / counted.sum())


def _train(task: Task, targets: Targets, mask: Mask, place: str) -> Iterator[Concern]:
    rows = f"the {len(targets):,} training rows{place}"
    present, absent = _sides(targets, mask)
    keys = np.array(task.findings, object)
    if task.kind in EXCLUSIVE:
        lacking = keys[present == 0].tolist()
        if lacking:
            yield concern(
                "class-absent",
                f"{len(lacking)} of {len(keys)} classes have no example among {rows}: "
                f"{first_few(lacking)}.",
            )
        yield from _not_one(targets, mask, rows)
        return
    unknown = keys[(present == 0) & (absent == 0)].tolist()
    zero = keys[(present == 0) & (absent > 0)].tolist()
    one = keys[(present > 0) & (absent == 0)].tolist()
    if unknown:
        yield concern("class-absent", f"{first_few(unknown)}: none of {rows} says anything of it.")
    if zero:
        yield concern(
            "always-zero", f"{first_few(zero)}: present on none of {rows} where it is known."
        )
    if one:
        yield concern(
            "always-one", f"{first_few(one)}: present on all of {rows} where it is known."
        )


def _tune(task: Task, targets: Targets, mask: Mask, place: str) -> Iterator[Concern]:
    present, absent = _sides(targets, mask)
    lacking = np.array(task.findings, object)[(present == 0) | (absent == 0)].tolist()
    if lacking:
        yield concern(
            "untested",
            f"{first_few(lacking)}: the {len(targets):,} tuning rows{place} do not hold both "
            f"images with and without {'it' if len(lacking) == 1 else 'them'}, so that nothing is "
            "measured there.",
        )


def _not_one(targets: Targets, mask: Mask, rows: str) -> Iterator[Concern]:
    number = ((targets > 0.5) & mask).sum(1)
    none = int(((number == 0) & mask.any(1)).sum())
    several = int((number > 1).sum())
    share = 100 / max(len(targets), 1)
    if none:
        yield concern(
            "no-class",
            f"{none:,} of {rows} ({none * share:.0f} %) have none of the classes; softmax gives "
            "probabilities that sum to one and cannot fit them.",
        )
    if several:
        yield concern(
            "several-classes",
            f"{several:,} of {rows} ({several * share:.0f} %) have several of the classes; softmax "
            "gives probabilities that sum to one and cannot fit them.",
        )


def _majority(task: Task, targets: Targets, mask: Mask, place: str) -> Iterator[Concern]:
    if task.kind == "multi-label" or not mask.any():
        return
    if task.kind == "binary":
        share = float((targets[mask[:, 0], 0] > 0.5).mean())
        most, name = max((share, "yes"), (1 - share, "no"))
    else:
        shares = _settled(targets, mask).mean(0)
        most, name = float(shares.max()), task.findings[int(shares.argmax())]
    if MAJORITY <= most < 1:
        what = task.findings[0] if task.kind == "binary" else "the classes"
        yield concern(
            "accuracy-misleads",
            f"Always answering {name!r} for {what} is right on {100 * most:.1f} % of the tuning "
            f"rows{place}: an accuracy says nothing unless that stands beside it.",
        )


def _sides(targets: Targets, mask: Mask) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    present = ((targets > 0.5) & mask).sum(0)
    return present, ((targets <= 0.5) & mask).sum(0)


def _settled(targets: Targets, mask: Mask) -> NDArray[np.float64]:
    """The rows of exactly one class, [rows, classes]; one row of zeros where there is none."""
    present = (targets > 0.5) & mask
    kept = present[present.sum(1) == 1].astype(np.float64)
    return kept if len(kept) else np.zeros((1, targets.shape[1]))
