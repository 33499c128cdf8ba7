"""One answer of several: what was said against what is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.errors import EvaluationError
from hilum.evaluation.averages import Averages, f1_averages
from hilum.evaluation.decisions import Confusion
from hilum.evaluation.measure import Measure, mean_of


@dataclass(frozen=True, eq=False)
class ConfusionTable:
    """Answers of a one-of-K task, counted; made by :meth:`of` or from counts.

    Attributes:
        counts: images by class (rows) and answer (columns), int64 [K, K].
        classes: names, in the order of both axes.

    Example:
        >>> table = ConfusionTable(np.array([[8, 2], [1, 9]]), ("absent", "present"))
        >>> print(table.accuracy, table.f1("present"), table.f1_averages.macro)
        0.850 0.857 0.850
    """

    counts: NDArray[np.int64]
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        counts = np.asarray(self.counts)
        k = len(self.classes)
        if counts.shape != (k, k) or counts.dtype.kind not in "iu" or (counts < 0).any():
            raise EvaluationError(
                f"counts must be whole numbers, not negative, [{k}, {k}] for {k} classes; got "
                f"{counts.dtype} {list(counts.shape)}"
            )
        if len(set(self.classes)) != k:
            raise EvaluationError(f"classes must be named apart, got {', '.join(self.classes)}")
        object.__setattr__(self, "counts", counts.astype(np.int64))

    @classmethod
    def of(cls, reference: ArrayLike, answers: ArrayLike, classes: Sequence[str]) -> ConfusionTable:
        """Count answers.

        Args:
            reference: number of the class in ``classes``, [n].
            answers: likewise; of scores [n, K] the ``argmax``.
            classes: names.

        Raises:
            EvaluationError: lengths that differ, or numbers that are no class's.
        """
        sides: list[NDArray[np.int64]] = []
        for name, values in (("reference", reference), ("answers", answers)):
            array = np.asarray(values)
            if array.ndim != 1 or array.dtype.kind not in "iub":
                raise EvaluationError(f"{name} must be whole numbers [n], got {array.dtype}")
            if len(array) and not (array.min() >= 0 and array.max() < len(classes)):
                raise EvaluationError(f"{name} must lie in 0 to {len(classes) - 1}")
            sides.append(array.astype(np.int64))
        if len(sides[0]) != len(sides[1]):
            raise EvaluationError(f"reference has {len(sides[0])} values, answers {len(sides[1])}")
        k = len(classes)
        counts = np.bincount(sides[0] * k + sides[1], minlength=k * k).reshape(k, k)
        return cls(counts, tuple(classes))

    @cached_property
    def each(self) -> tuple[Confusion, ...]:
        """Every class against all others."""
        total, hits = int(self.counts.sum()), np.diag(self.counts)
        there, said = self.counts.sum(axis=1), self.counts.sum(axis=0)
        return tuple(
            Confusion(tp=int(t), fp=int(s - t), fn=int(n - t), tn=int(total - n - s + t))
            for t, n, s in zip(hits, there, said, strict=True)
        )

    @property
    def accuracy(self) -> Measure:
        """The share of right answers; compare it with always saying the commonest class."""
        total, right = int(self.counts.sum()), int(np.trace(self.counts))
        return Measure(
            right / total if total else None,
            "" if total else "no image",
            positives=right,
            negatives=total - right,
        )

    @property
    def majority(self) -> Measure:
        """The accuracy of always saying the commonest class."""
        total, most = int(self.counts.sum()), int(self.counts.sum(axis=1).max(initial=0))
        return Measure(
            most / total if total else None,
            "" if total else "no image",
            positives=most,
            negatives=total - most,
        )

    @property
    def recalls(self) -> tuple[Measure, ...]:
        """The share of every class that was recognised, undefined for one without images."""
        return tuple(one.sensitivity for one in self.each)

    @property
    def balanced_accuracy(self) -> Measure:
        """Mean of :attr:`recalls`, naming the classes without images, which it leaves out."""
        return mean_of(self.recalls, self.classes)

    @property
    def f1_averages(self) -> Averages:
        """F1 of the classes, macro, weighted and micro, naming the undefined ones."""
        return f1_averages(self.each, self.classes)

    def f1(self, of: str) -> Measure:
        """F1 of one class against the others ("binary").

        Raises:
            EvaluationError: no class of that name.
        """
        return self.confusion(of).f1

    def confusion(self, of: str) -> Confusion:
        """One class against the others.

        Raises:
            EvaluationError: no class of that name.
        """
        if of not in self.classes:
            raise EvaluationError(f"no class {of!r}; there are {', '.join(self.classes)}")
        return self.each[self.classes.index(of)]

    @property
    def unpredicted(self) -> tuple[str, ...]:
        """Classes that were never said."""
        said = self.counts.sum(axis=0)
        return tuple(name for name, n in zip(self.classes, said, strict=True) if not n)
