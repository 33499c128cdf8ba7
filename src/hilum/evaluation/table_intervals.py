"""Numbers of one answer of several, with intervals that draw patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.errors import EvaluationError
from hilum.evaluation.averages import Averages, mean_of_draws
from hilum.evaluation.confusion_table import ConfusionTable
from hilum.evaluation.decision_intervals import count_draws, formula, with_ends
from hilum.evaluation.long_tail import grouped_means
from hilum.evaluation.measure import Measure
from hilum.evaluation.reference import Reference


@dataclass(frozen=True, slots=True)
class TableIntervals:
    """What a confusion table gives, with intervals by patient.

    Attributes:
        accuracy: the share of right answers.
        balanced_accuracy: mean of the recalls; names the classes without images.
        recalls: one a class.
        f1: one a class, against all others ("binary").
        f1_averages: macro, weighted, micro.
        groups: name → balanced accuracy of the group's classes; empty without groups.
    """

    accuracy: Measure
    balanced_accuracy: Measure
    recalls: tuple[Measure, ...]
    f1: tuple[Measure, ...]
    f1_averages: Averages
    groups: Mapping[str, Measure]


def table_intervals(
    reference: Reference,
    answers: ArrayLike,
    *,
    rng: np.random.Generator,
    groups: Mapping[str, Sequence[str]] | None = None,
    samples: int = 2000,
    level: float = 0.95,
) -> TableIntervals:
    """Accuracy, recalls and F1 of a one-of-K task, with percentile intervals by patient.

    Args:
        reference: one class of each image present and all others absent, [images, K]; its
            findings are the classes.
        answers: number of the class that was said, [images]; of scores [images, K] the ``argmax``.
        rng: the source of chance.
        groups: name → classes, such as those of :func:`hilum.evaluation.head_middle_tail`.
        samples: number of draws of patients.
        level: confidence level, in (0, 1).

    Returns:
        The numbers of :class:`hilum.evaluation.ConfusionTable`. A mean holds the classes that are
        defined on the images as they are; where one of them is missing from more than 5 % of the
        draws, it has no interval and says so.

    Raises:
        EvaluationError: an image of no class or of several, or answers that are no class's.
    """
    if not reference.mask.all() or (reference.targets.sum(axis=1) != 1).any():
        raise EvaluationError("each image must be of one class, the others known to be absent")
    classes = reference.findings
    table = ConfusionTable.of(reference.targets.argmax(axis=1), answers, classes)
    said = np.arange(len(classes)) == np.asarray(answers)[:, None]
    counted = count_draws(reference, said, samples, level, rng)
    recalls, f1 = (formula(name, *counted.drawn) for name in ("sensitivity", "f1"))
    each_f1 = [one.f1 for one in table.each]
    positives = [one.tp + one.fn for one in table.each]
    averages = table.f1_averages
    right, wrong = counted.drawn[0].sum(axis=0), counted.drawn[2].sum(axis=0)
    accuracy = right / (right + wrong)

    def ends(points: Sequence[Measure], draws: Sequence[NDArray[np.float64]]) -> list[Measure]:
        return with_ends(points, np.array(draws).reshape(-1, samples), reference, level)

    groups = groups or {}
    means = grouped_means(dict(zip(classes, table.recalls, strict=True)), groups)
    grouped: list[NDArray[np.float64]] = []
    for names in groups.values():
        rows = [classes.index(name) for name in names]
        grouped.append(mean_of_draws([table.recalls[k] for k in rows], recalls[rows]))
    return TableIntervals(
        *ends(
            [table.accuracy, table.balanced_accuracy],
            [accuracy, mean_of_draws(table.recalls, recalls)],
        ),
        recalls=tuple(with_ends(table.recalls, recalls, reference, level)),
        f1=tuple(with_ends(each_f1, f1, reference, level)),
        f1_averages=Averages(
            *ends(
                [averages.macro, averages.weighted, averages.micro],
                [mean_of_draws(each_f1, f1), mean_of_draws(each_f1, f1, positives), accuracy],
            )
        ),
        groups=dict(zip(means, ends(list(means.values()), grouped), strict=True)),
    )
