"""Accidents that the outputs for the tuning rows show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.evaluation import auroc_each
from hilum.training.recipe.watch import Code
from hilum.training.watch.labels import EXCLUSIVE, Mask, Targets, Task

COLLAPSED = 1e-4
"""Standard deviation of log-odds over images, in parts of their size, below which they are one."""

SATURATED = 1e-7
"""Standard deviation of probabilities over images below which they are one."""

ONE_CLASS = 0.99
"""Share of the rows in one class from which a network is said to answer with that class only."""

COMMON = {"exclusive": 0.1, "multi-label": 0.05}
"""Least share of rows that lie elsewhere in the reference: rarer ones may well be missed."""

LIMIT = 0.85
"""Mean AUROC that chance must not reach, or there are too few rows to judge by."""

ENOUGH_ROWS = 10


@dataclass(frozen=True, slots=True)
class Accident:
    """What one check found in one epoch.

    Attributes:
        code: of the accident.
        message: a sentence with the numbers.
        size: grows as it gets worse.
        since: epoch since when, where the check knows.
    """

    code: Code
    message: str
    size: float = 1.0
    since: int | None = None


@dataclass(frozen=True, slots=True)
class Chance:
    """A mean AUROC, and how high chance alone would bring it.

    Attributes:
        auroc: mean over findings, one-vs-rest.
        limit: what scores that know nothing stay below 19 times in 20.
        findings: how many were judged.
    """

    auroc: float
    limit: float
    findings: int


def outputs_alike(log_odds: NDArray[np.float32]) -> Accident | None:
    """Whether every image is given the same.

    Args:
        log_odds: finite, [images, findings].
    """
    if len(log_odds) < 2:
        return None
    values = log_odds.astype(np.float64)
    spread, level = values.std(0), np.abs(values.mean(0))
    of_probability = float(_sigmoid(values).std(0).max())
    images = f"each of {len(values):,} tuning images"
    if (spread / np.maximum(level, 1)).max() < COLLAPSED:
        text = (
            f"The network gives the same for {images}: no finding's log-odds spread by more than "
            f"{spread.max():.1g} (standard deviation)."
        )
    elif of_probability < SATURATED:
        text = (
            f"The network gives the same probabilities for {images}, all of them near 0 or 1: none "
            f"spreads by more than {of_probability:.1g} (standard deviation)."
        )
    else:
        return None
    return Accident("outputs-alike", f"{text} It has collapsed.")


def one_class(
    task: Task, log_odds: NDArray[np.float32], targets: Targets, mask: Mask
) -> Accident | None:
    """Whether nearly every row is put into one class, though the reference has several.

    "one-of" and "ordinal" decide by the largest, "binary" at 0.5. Of a multi-label task the
    findings that are not rare must all lie on one side of 0.5 and of their own frequency as well:
    a weak network is right to keep a rare finding below 0.5 everywhere.

    Args:
        task: whose findings these are.
        log_odds: finite, [rows, findings of the task].
        targets: the same shape.
        mask: the same shape.
    """
    if task.kind == "multi-label":
        return _one_sided(log_odds, targets, mask)
    answer, reference = decisions(task, log_odds, targets, mask)
    if len(answer) < ENOUGH_ROWS:
        return None
    given = np.bincount(answer, minlength=2) / len(answer)
    there = np.bincount(reference, minlength=2) / len(reference)
    if given.max() < ONE_CLASS or there.max() > 1 - COMMON["exclusive"]:
        return None
    only = _names(task)[int(given.argmax())]
    share = float((reference == given.argmax()).mean())
    return Accident(
        "one-class",
        f"{100 * given.max():.1f} % of {len(answer):,} tuning rows are put into one class, "
        f"{only!r}; in the reference {100 * share:.1f} % are of it.",
    )


def chance_of(
    task: Task, log_odds: NDArray[np.float32], targets: Targets, mask: Mask
) -> Chance | None:
    """The mean AUROC beside what it would be by chance; None where rows are too few to judge.

    Source:
        Mann and Whitney 1947: without knowledge the AUROC of p and n rows has the mean 1/2 and the
        variance (p + n + 1) / 12 p n. Findings count as independent.
    """
    columns = slice(1, None) if task.kind in EXCLUSIVE and targets.shape[1] == 2 else slice(None)
    present = (targets[:, columns] > 0.5) & mask[:, columns]
    absent = mask[:, columns] & ~present
    judged = np.flatnonzero(present.any(0) & absent.any(0))
    if not len(judged):
        return None
    scores = log_odds[:, columns][:, judged]
    found = auroc_each(present[:, judged], scores, mask[:, columns][:, judged])
    values = [one.value for one in found if one.value is not None]
    p, n = present[:, judged].sum(0).astype(float), absent[:, judged].sum(0).astype(float)
    error = float(np.sqrt(((p + n + 1) / (12 * p * n)).sum())) / len(judged)
    limit = 0.5 + 1.645 * error
    return Chance(float(np.mean(values)), limit, len(judged)) if limit <= LIMIT else None


def no_better_than_chance(
    task: Task, log_odds: NDArray[np.float32], targets: Targets, mask: Mask
) -> Accident | None:
    """Whether the outputs tell images with a finding from those without no better than chance.

    Arguments as :func:`one_class`.
    """
    found = chance_of(task, log_odds, targets, mask)
    if found is None or found.auroc > found.limit:
        return None
    beside = ""
    if task.kind != "multi-label":
        answer, reference = decisions(task, log_odds, targets, mask)
        counts = np.bincount(reference, minlength=2)
        name = _names(task)[int(counts.argmax())]
        beside = (
            f" Accuracy {(answer == reference).mean():.3f}, always answering {name!r} "
            f"{counts.max() / len(reference):.3f}."
        )
    what = "The AUROC" if found.findings == 1 else f"The mean AUROC of {found.findings} findings"
    return Accident(
        "no-better-than-chance",
        f"{what} on {len(targets):,} tuning rows is {found.auroc:.3f}; by chance alone it reaches "
        f"{found.limit:.3f} (once in twenty).{beside}",
    )


def decisions(
    task: Task, log_odds: NDArray[np.float32], targets: Targets, mask: Mask
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Answer and reference, class numbers, of the rows whose class is known.

    "binary": 1 for yes, decided at 0.5; else the finding of the largest log-odds.
    """
    if task.kind == "binary":
        rows = mask[:, 0]
        return (log_odds[rows, 0] > 0).astype(np.int64), (targets[rows, 0] > 0.5).astype(np.int64)
    present = (targets > 0.5) & mask
    rows = present.sum(1) == 1
    return log_odds[rows].argmax(1), present[rows].argmax(1)


def _one_sided(log_odds: NDArray[np.float32], targets: Targets, mask: Mask) -> Accident | None:
    counted = mask.sum(0)
    share = (targets * mask).sum(0) / np.maximum(counted, 1)
    least = COMMON["multi-label"]
    judged = np.flatnonzero((counted >= ENOUGH_ROWS) & (share >= least) & (share <= 1 - least))
    if not len(judged):
        return None
    probability = _sigmoid(log_odds[:, judged].astype(np.float64))
    above = (probability > np.maximum(share[judged], 0.5)).mean(0)
    below = (probability < np.minimum(share[judged], 0.5)).mean(0)
    if np.maximum(above, below).min() < ONE_CLASS:
        return None
    how = "present" if (above > below).all() else "absent" if (below > above).all() else "one thing"
    return Accident(
        "one-class",
        f"All {len(judged)} findings that are not rare are called {how} on at least "
        f"{100 * ONE_CLASS:.0f} % of {len(targets):,} tuning rows; in the reference they are "
        f"present on {100 * share[judged].min():.1f} to {100 * share[judged].max():.1f} %.",
    )


def _names(task: Task) -> tuple[str, ...]:
    return (f"no {task.findings[0]}", task.findings[0]) if task.kind == "binary" else task.findings


def _sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return 0.5 * (1 + np.tanh(values / 2))  # without overflow
