"""Numbers of decisions and means of images, with intervals that draw patients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.errors import EvaluationError
from hilum.evaluation import inputs
from hilum.evaluation.averages import Averages, mean_of_draws, weighted_mean_of
from hilum.evaluation.decisions import Confusion, npv_at, ppv_at
from hilum.evaluation.discrimination import measured, undefined
from hilum.evaluation.measure import Measure, mean_of, with_interval
from hilum.evaluation.reference import Reference
from hilum.evaluation.resampling import check, draws

Floats = NDArray[np.float64]

DECISION_NUMBERS = (
    "sensitivity", "specificity", "ppv", "npv", "f1", "accuracy", "balanced_accuracy", "mcc",
    "lr_positive", "lr_negative",
)  # fmt: skip
"""What decisions are measured by: properties of :class:`hilum.evaluation.Confusion`."""


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """Counts of every finding, as they are and in every draw.

    Attributes:
        whole: one a finding.
        drawn: tp, fp, fn, tn, [4, findings, draws].
    """

    whole: list[Confusion]
    drawn: Floats


def decision_intervals(
    reference: Reference,
    decisions: ArrayLike,
    *,
    rng: np.random.Generator,
    samples: int = 2000,
    level: float = 0.95,
    prevalences: Sequence[float | None] = (),
) -> dict[str, list[Measure]]:
    """Every number of :data:`DECISION_NUMBERS` of every finding, with intervals by patient.

    Thresholds are taken as they are: they must come from other patients.

    Args:
        reference: what the decisions are measured against.
        decisions: 0 or 1 where a cell counts, [images, findings].
        rng: the source of chance.
        samples: number of draws of patients.
        level: confidence level, in (0, 1).
        prevalences: one a finding, in (0, 1) or None; PPV and NPV are restated for it under
            "ppv_restated" and "npv_restated".

    Returns:
        Name → one measure a finding. A number that is 0 / 0 in more than 5 % of the draws has no
        interval and says so.

    Raises:
        EvaluationError: shapes that differ, a decision other than 0 and 1, or a prevalence out of
            range.
    """
    counted = count_draws(reference, decisions, samples, level, rng)
    found: dict[str, list[Measure]] = {}
    for name in DECISION_NUMBERS:
        values = formula(name, *counted.drawn)
        points: list[Measure] = [getattr(one, name) for one in counted.whole]
        found[name] = with_ends(points, values, reference, level)
    if prevalences:
        if len(prevalences) != len(reference.findings):
            raise EvaluationError(
                f"{len(prevalences)} prevalences were given for {len(reference.findings)} findings"
            )
        for name in ("ppv", "npv"):
            found[f"{name}_restated"] = _restated(counted, name, prevalences, reference, level)
    return found


def decision_means(
    reference: Reference,
    decisions: ArrayLike,
    *,
    rng: np.random.Generator,
    samples: int = 2000,
    level: float = 0.95,
) -> dict[str, Averages]:
    """Macro, weighted and micro means of the numbers of decisions, with intervals by patient.

    Arguments and errors as :func:`decision_intervals`.

    Returns:
        Name → its means over the findings; each names what it leaves out. Micro is the number of
        all counts together.
    """
    counted = count_draws(reference, decisions, samples, level, rng)
    names = reference.findings
    pot = sum(counted.whole, start=Confusion(0, 0, 0, 0))
    positives = [one.tp + one.fn for one in counted.whole]
    found: dict[str, Averages] = {}
    for name in DECISION_NUMBERS:
        points: list[Measure] = [getattr(one, name) for one in counted.whole]
        values = formula(name, *counted.drawn)
        means = [mean_of(points, names), weighted_mean_of(points, positives, names)]
        drawn = [mean_of_draws(points, values), mean_of_draws(points, values, positives)]
        means.append(getattr(pot, name))
        drawn.append(formula(name, *counted.drawn.sum(axis=1)))
        found[name] = Averages(*with_ends(means, np.array(drawn), reference, level))
    return found


def mean_intervals(
    reference: Reference,
    values: ArrayLike,
    *,
    rng: np.random.Generator,
    samples: int = 2000,
    level: float = 0.95,
) -> list[Measure]:
    """The mean of any value an image, such as its squared error, with intervals by patient.

    The mean of the targets is the prevalence, that of (probability − target)² the Brier score.

    Args:
        reference: which cells count, and who each image is of.
        values: finite where a cell counts, [images, findings].
        rng: the source of chance.
        samples: number of draws of patients.
        level: confidence level, in (0, 1).

    Returns:
        One measure a finding; undefined without images.
    """
    check(samples, level)
    each = np.where(reference.mask, reference.scores(values, "values"), 0.0)
    sums = _by_patient(reference, [each, reference.mask.astype(np.float64)])
    drawn = _draw(sums, reference, samples, rng)
    points: list[Measure] = []
    for f in range(len(reference.findings)):
        rows = reference.mask[:, f]
        truth = reference.targets[rows, f]
        mean = float(each[rows, f].mean()) if rows.any() else np.nan
        points.append(measured(truth, mean, undefined(truth)))
    return with_ends(points, _over(drawn[0], drawn[1]), reference, level)


def count_draws(
    reference: Reference,
    decisions: ArrayLike,
    samples: int,
    level: float,
    rng: np.random.Generator,
) -> Counted:
    """Count decisions of every finding, as they are and in every draw of patients.

    Raises:
        EvaluationError: as :func:`decision_intervals`.
    """
    check(samples, level)
    shape = (reference.targets.shape[0], reference.targets.shape[1])
    said = inputs.zero_one(inputs.table(decisions, "decisions", shape), "decisions", reference.mask)
    truth, known = reference.targets, reference.mask
    cells = [truth & said, ~truth & said, truth & ~said, ~truth & ~said]
    sums = _by_patient(reference, [(cell & known).astype(np.float64) for cell in cells])
    whole = sums.sum(axis=2)
    return Counted(
        [Confusion(*(int(n) for n in whole[:, f])) for f in range(shape[1])],
        _draw(sums, reference, samples, rng),
    )


def _by_patient(reference: Reference, tables: Sequence[Floats]) -> Floats:
    """Sums of every patient's images, [tables, findings, patients]."""
    return np.array(
        [
            [np.bincount(reference.patients, column, reference.groups) for column in table.T]
            for table in tables
        ],
        np.float64,
    )


def _draw(sums: Floats, reference: Reference, samples: int, rng: np.random.Generator) -> Floats:
    """The same sums in every draw, [tables, findings, draws]."""
    flat = sums.reshape(-1, sums.shape[2])
    drawn = np.empty((len(flat), samples))
    at = 0
    for weights in draws(reference.groups, 0, samples, rng):
        # Not through BLAS: on a busy machine its threads wait for each other far longer than this.
        drawn[:, at : at + len(weights)] = np.einsum("cp,dp->cd", flat, weights.astype(np.float64))
        at += len(weights)
    return drawn.reshape(*sums.shape[:2], samples)


def _restated(
    counted: Counted,
    name: str,
    prevalences: Sequence[float | None],
    reference: Reference,
    level: float,
) -> list[Measure]:
    restate = ppv_at if name == "ppv" else npv_at
    points = [
        Measure(None, "no prevalence was given") if p is None else restate(one, p)
        for one, p in zip(counted.whole, prevalences, strict=True)
    ]
    sensitivity, specificity = (
        formula(side, *counted.drawn) for side in ("sensitivity", "specificity")
    )
    share = np.array([0.5 if p is None else p for p in prevalences])[:, None]
    if name == "ppv":
        right, wrong = sensitivity * share, (1 - specificity) * (1 - share)
    else:
        right, wrong = specificity * (1 - share), (1 - sensitivity) * share
    return with_ends(points, _over(right, right + wrong), reference, level)


def with_ends(
    points: Sequence[Measure], drawn: Floats, reference: Reference, level: float
) -> list[Measure]:
    """Points [numbers] with the intervals of their draws [numbers, draws]."""
    return [
        with_interval(point, values, groups=reference.groups, level=level)
        for point, values in zip(points, drawn, strict=True)
    ]


def formula(name: str, tp: Floats, fp: Floats, fn: Floats, tn: Floats) -> Floats:
    """A number of :data:`DECISION_NUMBERS` of many counts at once, NaN where it is undefined."""
    positive, negative, called, left = tp + fn, fp + tn, tp + fp, fn + tn
    sensitivity, specificity = _over(tp, positive), _over(tn, negative)
    formulas: dict[str, Callable[[], Floats]] = {
        "sensitivity": lambda: sensitivity,
        "specificity": lambda: specificity,
        "ppv": lambda: _over(tp, called),
        "npv": lambda: _over(tn, left),
        "f1": lambda: _over(2 * tp, called + positive),
        "accuracy": lambda: _over(tp + tn, positive + negative),
        "balanced_accuracy": lambda: (sensitivity + specificity) / 2,
        "mcc": lambda: _over(
            tp * tn - fp * fn, np.sqrt(positive * negative) * np.sqrt(called * left)
        ),
        "lr_positive": lambda: _over(sensitivity, _over(fp, negative)),
        "lr_negative": lambda: _over(_over(fn, positive), specificity),
    }
    return formulas[name]()


def _over(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
