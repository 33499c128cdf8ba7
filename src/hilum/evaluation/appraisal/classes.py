"""One answer of several, and common and rare findings kept apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hilum.evaluation.appraisal.matched import Matched
from hilum.evaluation.appraisal.options import Options
from hilum.evaluation.appraisal.results import FindingResult, TailGroup, TailResult
from hilum.evaluation.confusion_table import ConfusionTable
from hilum.evaluation.long_tail import HEAD, TAIL, grouped_means, head_middle_tail
from hilum.evaluation.measure import Measure
from hilum.evaluation.table_intervals import TableIntervals, table_intervals

_SEED = 67


def confusion_table(matched: Matched) -> ConfusionTable | None:
    """Answers of a one-of task on the tested rows, the likeliest class being the answer."""
    if matched.task != "one-of":
        return None
    rows = matched.tested
    return ConfusionTable.of(
        matched.targets[rows].argmax(1), matched.scores[rows].argmax(1), matched.names
    )


def answers(matched: Matched, options: Options) -> TableIntervals | None:
    """Numbers of the confusion table with intervals by patient; None without one."""
    if matched.task != "one-of":
        return None
    rows = matched.tested
    groups = head_middle_tail(matched.training) if matched.training else {}
    named = dict(zip(matched.findings, matched.names, strict=True))
    return table_intervals(
        matched.reference(rows),
        matched.scores[rows].argmax(1),
        rng=np.random.default_rng([options.seed, _SEED]),
        groups={name: [named[key] for key in keys] for name, keys in groups.items()},
        samples=options.samples,
        level=options.level,
    )


def long_tail(
    matched: Matched,
    findings: Sequence[FindingResult],
    answered: TableIntervals | None,
    point: str,
) -> TailResult | None:
    """Head, middle and tail by the images to train on.

    Args:
        matched: with counts of the training part; None comes back without.
        findings: results, one a finding.
        answered: numbers of the table of a one-of task.
        point: name of the operating point behind the balanced accuracy of a multi-label task.
    """
    if not matched.training:
        return None
    groups = head_middle_tail(matched.training)
    if answered is not None:
        decided = answered.groups
    else:
        each = {one.finding: _balanced(one, point) for one in findings}
        decided = _means(each, groups, matched)
    auroc = _means({one.finding: one.auroc for one in findings}, groups, matched)
    precision = {one.finding: one.average_precision for one in findings}
    precision = _means(precision, groups, matched)
    return TailResult(
        groups=tuple(
            TailGroup(name, keys, decided[name], auroc[name], precision[name])
            for name, keys in groups.items()
        ),
        words=(
            f"Head: over {HEAD:,} images of the part train with the finding; middle: {TAIL:,} to "
            f"{HEAD:,}; tail: under {TAIL:,} (Holste et al. 2022)."
        ),
        point="" if answered is not None else point,
    )


def _balanced(one: FindingResult, point: str) -> Measure:
    for found in one.points:
        if found.name == point and found.shares:
            return found.shares["balanced_accuracy"]
    return Measure(None, "no operating point")


def _means(
    measures: Mapping[str, Measure], groups: Mapping[str, Sequence[str]], matched: Matched
) -> dict[str, Measure]:
    named = dict(zip(matched.findings, matched.names, strict=True))
    return grouped_means(
        {named[key]: measure for key, measure in measures.items()},
        {group: [named[key] for key in keys] for group, keys in groups.items()},
    )
