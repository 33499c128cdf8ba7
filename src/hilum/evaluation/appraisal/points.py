"""Thresholds, fixed on rows that are not tested, and what they decide on those that are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hilum.errors import EvaluationError
from hilum.evaluation.appraisal.matched import Matched
from hilum.evaluation.appraisal.options import WITH_TUNE, Options, PointRule
from hilum.evaluation.appraisal.results import MetricMeans, PointResult
from hilum.evaluation.decision_intervals import decision_intervals, decision_means
from hilum.evaluation.decisions import confusion, shares
from hilum.evaluation.measure import Measure
from hilum.evaluation.operating import (
    OperatingPoint,
    at_cost,
    at_sensitivity,
    at_specificity,
    youden,
)
from hilum.evaluation.proportions import wilson
from hilum.evaluation.reference import Reference

_SEED = 11
NO_POINT = (
    "No threshold was fixed on other rows than those tested, where it would flatter, so there are "
    "no decisions: name tune rows (--tune, --tune-on) or give a threshold (--point threshold=0.5)."
)


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """All operating points of an appraisal.

    Attributes:
        each: one tuple a finding, a point a rule.
        means: name of a point → name of a number → its means over the findings.
        first: name of the first point; "" without.
        thresholds: of the first point, one a finding, NaN where there is none; [findings].
        notes: why there are none, or fewer.
    """

    each: tuple[tuple[PointResult, ...], ...]
    means: dict[str, dict[str, MetricMeans]]
    first: str
    thresholds: NDArray[np.float64]
    notes: tuple[str, ...]


def rules_of(matched: Matched, options: Options) -> tuple[tuple[PointRule, ...], tuple[str, ...]]:
    """Rules to follow, and why there are none or fewer.

    Raises:
        EvaluationError: a rule needs tune rows, or a bundle's card, and there are none.
    """
    if not matched.probabilities:
        if options.points:
            raise EvaluationError(
                "Operating points need probabilities in [0, 1]; these are scores of another kind."
            )
        return (), ("The scores are no probabilities: no operating point, no calibration.",)
    tune = bool(matched.tuned.any())
    if options.points is None:
        rules = [PointRule.parse(rule) for rule in WITH_TUNE] if tune else []
        rules += [PointRule("card")] if matched.thresholds else []
        if rules:
            return tuple(rules), ()
        return (), (NO_POINT,) if matched.task == "multi-label" else ()
    for rule in options.points:
        if rule.needs_tune and not tune:
            raise EvaluationError(
                f"The point {rule.name} has to be fixed on rows that are not tested; name them "
                f"with --tune PART or --tune-on FILE, or give a threshold (threshold=0.5)."
            )
        if rule.rule == "card" and not matched.thresholds:
            raise EvaluationError(
                "No bundle's card tells an operating point for these predictions; leave out the "
                "point card."
            )
    return tuple(dict.fromkeys(options.points)), ()


def points(matched: Matched, options: Options) -> Points:
    """Every rule's thresholds and decisions.

    Args:
        matched: rows that are tested, and rows that are tuned on.
        options: which rules.
    """
    rules, notes = rules_of(matched, options)
    each: list[list[PointResult]] = [[] for _ in matched.findings]
    means: dict[str, dict[str, MetricMeans]] = {}
    first = np.full(len(matched.findings), np.nan)
    for number, rule in enumerate(rules):
        found = [_threshold(matched, rule, f) for f in range(len(matched.findings))]
        cuts = np.array([np.nan if p.threshold is None else p.threshold for p in found])
        if number == 0:
            first = cuts
        decided = _decided(matched, rule, found, cuts, options)
        for f, point in enumerate(decided):
            each[f].append(point)
        if np.isfinite(cuts).any():
            means[rule.name] = _means(matched, cuts, options)
    return Points(
        tuple(tuple(some) for some in each),
        means,
        rules[0].name if rules else "",
        first,
        notes,
    )


def _threshold(matched: Matched, rule: PointRule, f: int) -> OperatingPoint:
    if rule.rule == "threshold":
        return OperatingPoint(rule.value, rule.name)
    if rule.rule == "card":
        value = matched.thresholds.get(matched.findings[f])
        why = "" if value is not None else "the bundle's card tells none"
        return OperatingPoint(value, rule.name, reason=why)
    rows = matched.tuned & matched.mask[:, f]
    truth, scores = matched.targets[rows, f], matched.scores[rows, f]
    if not len(truth):
        return OperatingPoint(None, rule.name, reason="no tune row with a known label")
    if rule.rule == "youden":
        return youden(truth, scores)
    if rule.rule == "cost":
        return at_cost(truth, scores, rule.cost_fp, rule.cost_fn)
    find = at_sensitivity if rule.rule == "sensitivity" else at_specificity
    return find(truth, scores, rule.value)


def _decided(
    matched: Matched,
    rule: PointRule,
    found: list[OperatingPoint],
    cuts: NDArray[np.float64],
    options: Options,
) -> list[PointResult]:
    """One rule's decisions on the tested rows."""
    tested = matched.tested
    reference = matched.reference(tested)
    known = reference.mask & np.isfinite(cuts)
    reference = replace(reference, mask=known)
    said = np.where(known, matched.scores[tested] >= np.where(np.isfinite(cuts), cuts, 2.0), 0)
    asked = [options.prevalences.get(key, ()) for key in matched.findings]
    restated: list[list[tuple[float, Measure, Measure]]] = [[] for _ in matched.findings]

    def measure(prevalences: list[float | None]) -> dict[str, list[Measure]]:
        return decision_intervals(
            reference,
            said,
            rng=np.random.default_rng([options.seed, _SEED]),
            samples=options.samples,
            level=options.level,
            prevalences=prevalences,
        )

    numbers = measure([])
    for at in range(max((len(some) for some in asked), default=0)):
        wanted = [some[at] if at < len(some) else None for some in asked]
        again = measure(wanted)
        for f, prevalence in enumerate(wanted):
            if prevalence is not None:
                pair = (again["ppv_restated"][f], again["npv_restated"][f])
                restated[f].append((prevalence, *pair))
    single = reference.groups == len(reference.targets)
    results: list[PointResult] = []
    for f, point in enumerate(found):
        fixed_on = _fixed_on(rule)
        if point.threshold is None:
            results.append(PointResult(rule.name, None, fixed_on, reason=point.reason))
            continue
        counts = confusion(reference.targets[known[:, f], f], said[known[:, f], f])
        exact = shares(counts, level=options.level) if single else {}
        exact.pop("accuracy", None)
        results.append(
            PointResult(
                name=rule.name,
                threshold=point.threshold,
                fixed_on=fixed_on,
                confusion=counts,
                shares=_sure({name: each[f] for name, each in numbers.items()}, reference, said, f),
                exact=exact,
                ppv_at=tuple(sorted(restated[f], key=lambda row: row[0])),
            )
        )
    return results


def _sure(
    found: dict[str, Measure], reference: Reference, said: NDArray[np.bool_], f: int
) -> dict[str, Measure]:
    """With Wilson's interval over patients for shares of 0 and 1, of which draws tell nothing.

    A patient counts as one, all of whose images went alike.
    """
    known = reference.mask[:, f]
    truth, decided = reference.targets[:, f], said[:, f] == 1
    of = {"sensitivity": truth, "specificity": ~truth, "ppv": decided, "npv": ~decided,
          "accuracy": known}  # fmt: skip
    for name, rows in of.items():
        share = found[name]
        if share.value not in (0.0, 1.0):
            continue
        people = len(np.unique(reference.patients[rows & known]))
        ends = wilson(people if share.value else 0, people, level=share.level)
        reason = f"Wilson's interval over {people} {'patient' if people == 1 else 'patients'}"
        found[name] = replace(share, low=ends.low, high=ends.high, samples=0, reason=reason)
    return found


def _fixed_on(rule: PointRule) -> Literal["tune", "bundle card", "given"]:
    if rule.rule == "card":
        return "bundle card"
    return "tune" if rule.needs_tune else "given"


def _means(matched: Matched, cuts: NDArray[np.float64], options: Options) -> dict[str, MetricMeans]:
    keep = np.isfinite(cuts)
    reference = matched.reference(matched.tested)
    reference = replace(
        reference,
        targets=reference.targets[:, keep],
        mask=reference.mask[:, keep],
        findings=tuple(n for n, k in zip(reference.findings, keep, strict=True) if k),
    )
    said = matched.scores[matched.tested][:, keep] >= cuts[keep]
    return decision_means(
        reference,
        said,
        rng=np.random.default_rng([options.seed, _SEED]),
        samples=options.samples,
        level=options.level,
    )
