"""All tasks of a network side by side: their outputs, log-odds, evidence and targets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hilum.errors import RecipeError
from hilum.models.heads import Head
from hilum.models.tasks import EXCLUSIVE, Task

LINEARISED = (
    "; where findings exclude each other, of the log-odds linearised at each radiograph "
    "(Grad-CAM without ReLU, Selvaraju et al. 2017)"
)
"""Said of maps that are not exact for every finding."""


class Settled(NamedTuple):
    """Targets that every task can learn from.

    Attributes:
        targets: float32 [rows, findings].
        mask: bool [rows, findings]; False over rows that an exclusive task cannot learn from.
        none: a task: rows on which every finding is known and none is present.
        several: a task: rows with more than one finding present.
        unsure: a task: rows with none present, and at least one, but not every, cell unknown.
    """

    targets: NDArray[np.float32]
    mask: NDArray[np.bool_]
    none: tuple[int, ...]
    several: tuple[int, ...]
    unsure: tuple[int, ...]


def settle(tasks: Sequence[Task], targets: NDArray[np.float32], mask: NDArray[np.bool_]) -> Settled:
    """Leave out rows that a task cannot learn from, and count why.

    Args:
        tasks: their findings stand side by side in the columns.
        targets: [rows, findings].
        mask: [rows, findings].
    """
    targets, mask = targets.copy(), mask.copy()
    counts: list[tuple[int, int, int]] = []
    for task, (_, columns) in zip(tasks, spans(tasks), strict=True):
        if task.kind not in EXCLUSIVE:
            counts.append((0, 0, 0))
            continue
        counted = mask[:, columns]
        present = ((targets[:, columns] > 0.5) & counted).sum(1)
        none = present == 0
        whole, some = counted.all(1), counted.any(1)
        unsure = none & some & ~whole
        counts.append((int((none & whole).sum()), int((present > 1).sum()), int(unsure.sum())))
        rows = task.known(targets[:, columns], counted)
        targets[:, columns] *= counted  # what is unknown beside the one present is absent
        mask[:, columns] = rows[:, None]
    none, several, unsure = zip(*counts, strict=True)
    return Settled(targets, mask, none, several, unsure)


def findings_of(tasks: Sequence[Task]) -> tuple[str, ...]:
    """The findings of all tasks side by side.

    Raises:
        RecipeError: there is no task, or two tasks share a finding.
    """
    keys = tuple(key for task in tasks for key in task.findings)
    twice = [key for key, n in Counter(keys).items() if n > 1]
    if not keys:
        raise RecipeError("A network needs at least one task.")
    if twice:
        raise RecipeError(
            f"{len(twice)} findings stand in two tasks ({', '.join(twice[:3])}); a bundle gives "
            f"each once."
        )
    return keys


def spans(tasks: Sequence[Task]) -> Iterator[tuple[slice, slice]]:
    """Where each task stands: its columns of the raw outputs, and of the targets."""
    outputs = accumulate((task.outputs for task in tasks), initial=0)
    columns = accumulate((len(task.findings) for task in tasks), initial=0)
    return zip(
        (slice(*ends) for ends in pairwise(outputs)),
        (slice(*ends) for ends in pairwise(columns)),
        strict=True,
    )


def arranged(tasks: Sequence[Task], free: Tensor) -> Tensor:
    """Raw outputs [batch, outputs] from the free numbers of a head."""
    return torch.cat(
        [task.arranged(free[:, at]) for task, (at, _) in zip(tasks, spans(tasks), strict=True)], 1
    )


def log_odds(tasks: Sequence[Task], raw: Tensor) -> Tensor:
    """Log-odds [batch, findings] from raw outputs [batch, outputs]."""
    return torch.cat(
        [task.log_odds(raw[:, at]) for task, (at, _) in zip(tasks, spans(tasks), strict=True)], 1
    )


def log_odds_of_free(tasks: Sequence[Task], free: Tensor) -> Tensor:
    """Log-odds [batch, findings] from the free numbers of a head [batch, outputs]."""
    return torch.cat(
        [
            task.log_odds_of_free(free[:, at])
            for task, (at, _) in zip(tasks, spans(tasks), strict=True)
        ],
        1,
    )


def cams(tasks: Sequence[Task], free: Tensor, evidence: Tensor) -> Tensor:
    """Contributions to the log-odds [batch, findings, h, w] from those to the free numbers.

    Exact for tasks whose log-odds are sums of outputs; for the others log-odds are linearised at
    each radiograph: Grad-CAM of the log-odds, without its ReLU.

    Args:
        tasks: side by side.
        free: [batch, outputs].
        evidence: [batch, outputs, h, w].

    Source:
        Selvaraju et al. 2017, Grad-CAM, eq. 1 and 2.
    """
    found: list[Tensor] = []
    for task, (at, _) in zip(tasks, spans(tasks), strict=True):
        part = evidence[:, at]
        if task.kind in EXCLUSIVE:
            part = torch.einsum("bko,bohw->bkhw", task.slopes(free[:, at]), part)
        found.append(part)
    return torch.cat(found, 1)


def heatmaps(tasks: Sequence[Task], head: Head) -> str:
    """What a network's maps are, in words for the card; "" where it has none."""
    if not head.maps or all(task.is_linear for task in tasks):
        return head.maps
    return head.maps + LINEARISED


def start(tasks: Sequence[Task], targets: NDArray[np.float32], mask: NDArray[np.bool_]) -> Tensor:
    """Free numbers [outputs] that stand for the frequencies of rows (:meth:`Task.start`)."""
    return torch.cat(
        [
            task.start(targets[:, at], mask[:, at])
            for task, (_, at) in zip(tasks, spans(tasks), strict=True)
        ]
    )
