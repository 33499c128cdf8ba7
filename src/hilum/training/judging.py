"""What a network says of rows that it is judged on, and what mere frequencies would say."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hilum.errors import RunError
from hilum.training.metrics import AnyJudged, Judged
from hilum.training.plan import Plan
from hilum.training.rows import Served
from hilum.training.sampling import Labels


def judged_on(
    tune: Served, raw: NDArray[np.float32], failed: Collection[int], plan: Plan, epoch: int
) -> AnyJudged:
    """A network's outputs beside what rows hold; the loss is of what it learns, beyond strata.

    Args:
        tune: the rows.
        raw: what was kept of the outputs for them, [rows, numbers].
        failed: rows of the table that could not be read.
        plan: how the network learns.
        epoch: from 0.

    Raises:
        RunError: most rows could not be read.
    """
    good = ~np.isin(tune.rows, sorted(failed))
    rows = tune.rows[good]
    if not 2 * len(rows) >= len(good):
        raise unreadable(int((~good).sum()), len(good), "of the tuning rows")
    targets, mask = tune.targets[rows], tune.mask[rows]
    strata = None if tune.strata is None else tune.strata[rows]
    judged = plan.objective.judge(raw[good], targets, mask, epoch=epoch, strata=strata)
    if plan.prior is None:
        return judged
    assert isinstance(judged, Judged)  # what has strata has findings
    beyond = raw[good] + plan.prior.beyond[rows]
    return replace(judged, loss=plan.objective.judge(beyond, targets, mask, epoch=epoch).loss)


def chance_of(
    plan: Plan, labels: Labels, rows: NDArray[np.int64], shown: NDArray[np.int64]
) -> float:
    """The loss of always giving the frequencies, by stratum where they are adjusted for.

    Args:
        plan: how the network learns.
        labels: of the rows that it learns from.
        rows: of the table, as many.
        shown: places among them that an epoch shows.
    """
    targets, mask = labels.targets[shown], labels.mask[shown]
    if plan.prior is None:
        return plan.objective.chance(targets, mask)
    odds = plan.prior.overall + plan.prior.beyond[rows[shown]]
    return plan.objective.judge(odds, targets, mask, epoch=0).loss


def unreadable(lost: int, shown: int, where: str) -> RunError:
    """That most pictures cannot be read any more, and what to do."""
    return RunError(
        f"{lost:,} of the first {shown:,} pictures {where} cannot be read any more. See that the "
        "disk is there, and that the pack is whole (`hilum pack PACK --verify`); then the same "
        "command goes on."
    )
