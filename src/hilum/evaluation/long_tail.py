"""Common and rare findings kept apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hilum.errors import EvaluationError
from hilum.evaluation.measure import Measure, mean_of

HEAD = 1000
"""A finding with more positives to train on belongs to the head."""
TAIL = 100
"""A finding with fewer positives to train on belongs to the tail."""


def head_middle_tail(
    counts: Mapping[str, int], *, head: int = HEAD, tail: int = TAIL
) -> dict[str, tuple[str, ...]]:
    """Group findings by how many images there were to train on.

    Args:
        counts: finding → images with it in the training part; not those of the test part.
        head: more than this belongs to the head.
        tail: fewer than this belongs to the tail.

    Returns:
        "head", "middle", "tail" → findings, in the order of ``counts``; a group may be empty.

    Raises:
        EvaluationError: a negative count, or a tail beyond the head.

    Source:
        Holste et al. 2022, Long-Tailed Classification of Thorax Diseases on Chest X-Ray:
        over 1,000, 100 to 1,000, under 100 images.

    Example:
        >>> head_middle_tail({"infiltration": 9192, "pneumonia": 298, "hernia": 89})
        {'head': ('infiltration',), 'middle': ('pneumonia',), 'tail': ('hernia',)}
    """
    if tail > head:
        raise EvaluationError(f"the tail ends at {tail}, beyond the head, which begins at {head}")
    negative = [name for name, count in counts.items() if count < 0]
    if negative:
        raise EvaluationError(f"counts must not be negative: {', '.join(negative[:5])}")
    return {
        "head": tuple(name for name, n in counts.items() if n > head),
        "middle": tuple(name for name, n in counts.items() if tail <= n <= head),
        "tail": tuple(name for name, n in counts.items() if n < tail),
    }


def grouped_means(
    measures: Mapping[str, Measure], groups: Mapping[str, Sequence[str]]
) -> dict[str, Measure]:
    """The mean of every group's findings, naming what is undefined in it.

    With the recalls of a :class:`hilum.evaluation.ConfusionTable` these are the balanced
    accuracies of head, middle and tail.

    Args:
        measures: finding → its number.
        groups: from :func:`head_middle_tail`.

    Returns:
        Group → mean; undefined for a group that is empty or has no defined number.

    Raises:
        EvaluationError: a finding of a group without a measure.
    """
    missing = [name for group in groups.values() for name in group if name not in measures]
    if missing:
        raise EvaluationError(f"no number of {', '.join(missing[:5])} was given")
    return {
        group: mean_of([measures[name] for name in names], names)
        if names
        else Measure(None, "the group is empty")
        for group, names in groups.items()
    }
