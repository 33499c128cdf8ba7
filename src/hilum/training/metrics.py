"""By what the tuning rows choose a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hilum.errors import RecipeError, RunError
from hilum.evaluation import auroc_each, average_precision_each
from hilum.registry import unknown

Each = list[float | None]


class AnyJudged(Protocol):
    """What a network says of the tuning rows: :class:`Judged`, or masks."""

    @property
    def findings(self) -> tuple[str, ...]:
        """Names of what is judged, one by one."""
        ...

    @property
    def odds(self) -> NDArray[np.float32]:
        """Numbers that tell whether all rows are given the same, [rows, numbers]."""
        ...

    @property
    def targets(self) -> NDArray[np.float32]:
        """Of the reference, [rows, findings]."""
        ...

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Which of them count, [rows, findings]."""
        ...

    @property
    def loss(self) -> float:
        """Of the tuning rows."""
        ...

    def each(self, metric: str) -> Each:
        """A metric, one by one; None where it is undefined."""
        ...

    def numbers(self) -> dict[str, dict[str, float | None]]:
        """What the journal tells of an epoch."""
        ...


@dataclass(frozen=True, slots=True)
class Judged:
    """What a network says of the tuning rows.

    Attributes:
        findings: keys, one a column.
        odds: log-odds, float32 [rows, findings].
        targets: 0 or 1, [rows, findings].
        mask: bool [rows, findings].
        loss: of the tuning rows.
        exclusive: columns of which exactly one is present, a task each.
        strata: int64 [rows]; None where the recipe names none.
    """

    findings: tuple[str, ...]
    odds: NDArray[np.float32]
    targets: NDArray[np.float32]
    mask: NDArray[np.bool_]
    loss: float
    exclusive: tuple[slice, ...] = ()
    strata: NDArray[np.int64] | None = None

    @property
    def said(self) -> NDArray[np.bool_]:
        """What is called present: more likely than not, or the likeliest of a task one-of."""
        said = self.odds > 0
        for columns in self.exclusive:
            likeliest = self.odds[:, columns].argmax(1)
            said[:, columns] = np.arange(said[:, columns].shape[1]) == likeliest[:, None]
        return said

    def each(self, metric: str) -> Each:
        """A metric in :data:`METRICS` of each finding; None where it is undefined."""
        return METRICS[metric](self)

    def numbers(self) -> dict[str, dict[str, float | None]]:
        """As :func:`journal_numbers`."""
        return journal_numbers(self)


def _auroc(judged: Judged) -> Each:
    return [one.value for one in auroc_each(judged.targets, judged.odds, judged.mask)]


def _auroc_within(judged: Judged) -> Each:
    if judged.strata is None:
        raise RecipeError("fit.best: auroc-within needs strata; name a column with data.stratum.")
    found = auroc_each(judged.targets, judged.odds, judged.mask, strata=judged.strata)
    return [one.value for one in found]


def _average_precision(judged: Judged) -> Each:
    return [one.value for one in average_precision_each(judged.targets, judged.odds, judged.mask)]


def _counts(judged: Judged) -> NDArray[np.float64]:
    """True positives, false positives, false negatives, true negatives: [4, findings]."""
    said, truth, counted = judged.said, judged.targets > 0.5, judged.mask
    pairs = [(said & truth), (said & ~truth), (~said & truth), (~said & ~truth)]
    return np.array([(cell & counted).sum(0) for cell in pairs], np.float64)


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> Each:
    return [a / b if b else None for a, b in zip(above.tolist(), below.tolist(), strict=True)]


def _accuracy(judged: Judged) -> Each:
    tp, fp, fn, tn = _counts(judged)
    return _ratio(tp + tn, tp + fp + fn + tn)


def _balanced_accuracy(judged: Judged) -> Each:
    tp, fp, fn, tn = _counts(judged)
    both = zip(_ratio(tp, tp + fn), _ratio(tn, tn + fp), strict=True)
    return [None if a is None or b is None else (a + b) / 2 for a, b in both]


def _sensitivity(judged: Judged) -> Each:
    tp, _, fn, _ = _counts(judged)
    return _ratio(tp, tp + fn)


def _f1(judged: Judged) -> Each:
    tp, fp, fn, _ = _counts(judged)
    return _ratio(2 * tp, 2 * tp + fp + fn)


METRICS: dict[str, Callable[[Judged], Each]] = {
    "auroc": _auroc,
    "auroc-within": _auroc_within,
    "average-precision": _average_precision,
    "accuracy": _accuracy,
    "balanced-accuracy": _balanced_accuracy,
    "sensitivity": _sensitivity,
    "f1": _f1,
}
"""What is highest at the best checkpoint; "loss" is lowest there. At .5, or at the likeliest of a
task one-of, except for AUROC and average precision, which need no threshold."""


UNCHOSEN = "last"
"""In place of a metric: nothing chooses, the last epoch's network is kept."""


@dataclass(frozen=True, slots=True)
class Best:
    """What chooses the checkpoint.

    Attributes:
        metric: a name in :data:`METRICS`, or of those of masks, or "loss", or "last".
        finding: key; "" for the mean of those for which it is defined.
    """

    metric: str
    finding: str = ""

    @classmethod
    def of(cls, said: str, findings: Sequence[str], metrics: Iterable[str] = ()) -> Best:
        """From a recipe: "auroc", or "auroc:pneumonia".

        Args:
            said: in the recipe.
            findings: names that may stand behind the colon.
            metrics: names that may stand before it; those of findings when empty.

        Raises:
            RecipeError: no such metric or finding.
        """
        metric, _, finding = said.partition(":")
        known = [*(metrics or METRICS), "loss", UNCHOSEN]
        if metric not in known:
            raise RecipeError(f"fit.best: {unknown('metric', metric, known)}")
        if finding and (metric in ("loss", UNCHOSEN) or finding not in findings):
            raise RecipeError(f"fit.best: {unknown('finding', finding, findings)}")
        return cls(metric, finding)

    def __str__(self) -> str:
        return f"{self.metric}:{self.finding}" if self.finding else self.metric

    def value(self, judged: AnyJudged) -> float:
        """How good the network is; higher is better.

        Raises:
            RunError: it is undefined on the tuning rows.
        """
        if self.metric in ("loss", UNCHOSEN):
            return -judged.loss
        each = judged.each(self.metric)
        if self.finding:
            each = [each[judged.findings.index(self.finding)]]
        defined = [value for value in each if value is not None]
        if not defined:
            raise RunError(
                f"The tuning rows give no {self}: they hold one class alone. Choose the checkpoint "
                "by something else (fit.best), or divide anew."
            )
        return float(np.mean(defined))


def journal_numbers(judged: Judged) -> dict[str, dict[str, float | None]]:
    """AUROC and average precision, mean and a finding, as the journal of a network holds them."""
    told: dict[str, dict[str, float | None]] = {}
    names = {"auroc": "auroc", "average_precision": "average-precision"}
    if judged.strata is not None:
        names["auroc_within"] = "auroc-within"
    if judged.exclusive:
        names["balanced_accuracy"] = "sensitivity"
    for name, metric in names.items():
        each = METRICS[metric](judged)
        if name == "balanced_accuracy":  # of a task one-of: the mean of the classes' sensitivities
            kept = {i for part in judged.exclusive for i in range(*part.indices(len(each)))}
            each = [value if at in kept else None for at, value in enumerate(each)]
        defined = [value for value in each if value is not None]
        mean = float(np.mean(defined)) if defined else None
        told[name] = {"mean": mean, **dict(zip(judged.findings, each, strict=True))}
    return told
