"""Which figures an appraisal has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from hilum.domain import finding
from hilum.evaluation import Measure
from hilum.evaluation.appraisal.results import (
    Appraisal,
    Baseline,
    FindingResult,
    ModelComparison,
    PointResult,
    SubgroupResult,
)
from hilum.report.evaluation import curves, distributions
from hilum.report.evaluation.forests import Series, forest
from hilum.report.evaluation.kaplan_meier import Survivors, kaplan_meier
from hilum.report.evaluation.matrices import confusion_matrix
from hilum.report.evaluation.numbers import p_value, plain, point_name, share
from hilum.report.style import short

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Draw = Callable[[], "Figure"]

DRAWN = 40
"""Findings with pictures of their own: those with the most positives."""
MARKS = 4
"""Operating points that a curve shows."""


def figures(a: Appraisal) -> dict[str, Draw]:
    """What can be drawn: name of the figure, and of its files → what draws it."""
    drawn: dict[str, Draw] = {}
    if any(f.auroc.defined for f in a.findings):
        drawn["findings"] = lambda: _findings(a)
    if a.table is not None:
        drawn["confusion"] = lambda: _table(a)
    for f in with_pictures(a):
        drawn |= {f"{what}-{f.finding}": draw for what, draw in _of_finding(a, f).items()}
    for s in a.subgroups:
        if any(g.mean_gap.defined for g in s.groups):
            drawn[group_figure(s)] = lambda s=s: _subgroup(a, s)
    for at, c in enumerate(a.comparisons):
        if any(one.difference.defined for one in c.each):
            drawn[comparison_figure(at)] = lambda c=c: _comparison(a, c)
    if a.localisation is not None:
        for one in a.localisation.each:
            if one.boxes and len(one.froc.sensitivity):
                drawn[f"froc-{one.finding}"] = lambda one=one: curves.froc(
                    one.froc.false_boxes, one.froc.sensitivity,
                    title=finding(one.finding).name, rates=one.froc.rates,
                )  # fmt: skip
    if a.survival is not None and a.survival.curves:
        drawn["survival"] = lambda: _survival(a)
    return drawn


def with_pictures(a: Appraisal) -> tuple[FindingResult, ...]:
    """Findings with pictures of their own, in the appraisal's order."""
    most = sorted(a.findings, key=lambda f: -f.positives)[:DRAWN]
    kept = {f.finding for f in most}
    return tuple(f for f in a.findings if f.finding in kept)


def group_figure(s: SubgroupResult) -> str:
    """Name of the figure of an attribute: letters, digits and underscores.

    Example:
        >>> group_figure(SubgroupResult("age group", ()))
        'groups-age_group'
    """
    kept = "".join(c if c.isascii() and c.isalnum() else "_" for c in s.attribute)
    return f"groups-{kept}"


def comparison_figure(at: int) -> str:
    """Name of the figure of a comparison, by its place."""
    return f"comparison-{at + 1}"


def class_names(a: Appraisal) -> list[str]:
    """Names of the classes of the confusion table, in its order."""
    named = {f.finding: f.name for f in a.findings}
    return [named.get(key, key) for key in a.table.classes] if a.table is not None else []


def made_from(b: Baseline) -> str:
    """What a baseline sees: the beginning of its words, or its name.

    Example:
        >>> made_from(Baseline("metadata", "age, sex: logistic regression", (), Measure(0.5)))
        'age, sex'
    """
    head, colon, _ = b.words.partition(":")
    return head if colon else b.name


def axis_of(a: Appraisal, what: str) -> str:
    """Words for an axis with intervals."""
    return f"{what} (lines: {share(a.level)} intervals)"


def _findings(a: Appraisal) -> Figure:
    rows = ["macro mean", *(f.name for f in a.findings)]
    series = [Series("AUROC", [a.means.auroc.macro, *(f.auroc for f in a.findings)])]
    if a.strata_name:
        within = [a.means.auroc_within, *(f.auroc_within for f in a.findings)]
        series.append(Series(f"within {a.strata_name}", within))
    for b in a.baselines:
        if b.mean.defined and len(series) < 4 and b.name != "majority":
            series.append(Series(f"{short(made_from(b), 26)} alone", [b.mean, *b.auroc]))
    return forest(rows, series, axis=axis_of(a, "AUROC"), chance=0.5, first_apart=True)


def _table(a: Appraisal) -> Figure:
    assert a.table is not None
    return confusion_matrix(a.table.counts, class_names(a))


def _of_finding(a: Appraisal, f: FindingResult) -> dict[str, Draw]:
    points = [p for p in f.points if p.threshold is not None][:MARKS]
    drawn: dict[str, Draw] = {}
    if f.roc is not None:
        roc = f.roc
        marks = [
            (point_name(p.name), 1 - s, r)
            for p in points
            if (r := _value(p, "sensitivity")) is not None
            and (s := _value(p, "specificity")) is not None
        ]
        drawn["roc"] = lambda: curves.roc(
            roc.x, roc.y, title=f"AUROC {plain(f.auroc)}", marks=marks
        )
    if f.precision_recall is not None and f.prevalence.value is not None:
        pr, prevalence = f.precision_recall, f.prevalence.value
        at = [
            (point_name(p.name), r, v)
            for p in points
            if (r := _value(p, "sensitivity")) is not None and (v := _value(p, "ppv")) is not None
        ]
        drawn["precision-recall"] = lambda: curves.precision_recall(
            pr.x, pr.y, prevalence=prevalence, marks=at,
            title=f"Average precision {plain(f.average_precision)}",
        )  # fmt: skip
    if f.histogram is not None:
        h = f.histogram
        drawn["scores"] = lambda: distributions.histogram(
            h.edges, h.positives, h.negatives, title="Scores by class",
            of="probability" if a.probabilities else "score",
            thresholds=[(point_name(p.name), p.threshold or 0.0) for p in points],
        )  # fmt: skip
    if f.reliability is not None:
        seen = f.reliability
        drawn["reliability"] = lambda: distributions.reliability(
            seen.predicted, seen.observed, seen.counts, title=f"Reliability: ECE {plain(f.ece)}"
        )
    if f.decision_curve is not None and not f.decision_curve.reason:
        d = f.decision_curve
        drawn["decision-curve"] = lambda: curves.decision_curve(
            d.thresholds, d.net_benefit, everyone=d.all, title="Net benefit"
        )
    if f.risk_coverage is not None and len(f.risk_coverage.coverage):
        c = f.risk_coverage
        drawn["risk-coverage"] = lambda: curves.risk_coverage(
            c.coverage, c.risk, title="Risk and coverage"
        )
    first = next((p for p in points if p.confusion is not None), None)
    if first is not None and first.confusion is not None and a.task != "one-of":
        n = first.confusion
        drawn["decisions"] = lambda: confusion_matrix(
            [[n.tp, n.fn], [n.fp, n.tn]], ["present", "absent"],
            decided=["called present", "called absent"], title=f"At {point_name(first.name)}",
        )  # fmt: skip
    return drawn


def _subgroup(a: Appraisal, s: SubgroupResult) -> Figure:
    rows = [f"{g.name} ({g.images:,})" for g in s.groups]
    gaps: list[Measure | None] = [g.mean_gap for g in s.groups]
    right = [_with_p(g.mean_gap, g.p_holm) for g in s.groups]
    what = "mean AUROC: group − rest"
    return forest(rows, [Series("gap", gaps)], axis=axis_of(a, what), chance=0.0, right=right)


def _comparison(a: Appraisal, c: ModelComparison) -> Figure:
    rows = ["mean", *(finding(key).name for key in c.findings)]
    each: list[Measure | None] = [c.mean.difference, *(one.difference for one in c.each)]
    holm: Sequence[float | None] = [None, *c.p_holm]
    right = [_with_p(m, p) for m, p in zip(each, holm, strict=True)]
    return forest(
        rows, [Series("difference", each)], chance=0.0, right=right, first_apart=True,
        axis=axis_of(a, f"{c.metric}: this model − {c.other}"),
    )  # fmt: skip


def _survival(a: Appraisal) -> Figure:
    s = a.survival
    assert s is not None
    groups = [
        Survivors(name, k.days, k.survival, k.low, k.high, k.died, k.censored)
        for name, k in zip(s.groups, s.curves, strict=True)
    ]
    words = "" if s.logrank is None else f"log-rank p {p_value(s.logrank)}"
    return kaplan_meier(groups, words=words)


def _value(p: PointResult, share: str) -> float | None:
    measure = p.shares.get(share)
    return None if measure is None else measure.value


def _with_p(measure: Measure | None, p: float | None) -> str:
    return plain(measure) + (f"   p {p_value(p)}" if p is not None else "")
