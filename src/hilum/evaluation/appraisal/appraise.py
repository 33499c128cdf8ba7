"""From matched rows to everything that a page says of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hilum.errors import EvaluationError
from hilum.evaluation.appraisal.baselines import baselines
from hilum.evaluation.appraisal.classes import answers, confusion_table, long_tail
from hilum.evaluation.appraisal.few import (
    NO_INTERVAL,
    too_few,
    without_intervals,
    without_points,
)
from hilum.evaluation.appraisal.findings import HARD, finding_result
from hilum.evaluation.appraisal.matched import Matched
from hilum.evaluation.appraisal.models import compare_models
from hilum.evaluation.appraisal.options import Options
from hilum.evaluation.appraisal.outcome import NO_SURVIVAL, survival
from hilum.evaluation.appraisal.points import Points, points
from hilum.evaluation.appraisal.results import (
    Appraisal,
    Baseline,
    FindingResult,
    Means,
    MetricMeans,
    SplitFacts,
    SubgroupResult,
)
from hilum.evaluation.appraisal.subgroups import groupings, subgroups
from hilum.evaluation.averages import name_undefined, pooled
from hilum.evaluation.decision_intervals import mean_intervals
from hilum.evaluation.delong import delong
from hilum.evaluation.measure import FEW_PATIENTS, Measure
from hilum.evaluation.metrics import Measures, Metric, intervals_of
from hilum.evaluation.reference import Reference

Progress = Callable[[str, int, int], None]
"""Told the step, how many are done, and of how many."""

FEW_DRAWS = 200
"""Draws below which it is told that intervals are rough."""

STEPS = ("ranking", "decisions", "findings", "groups", "comparison")


def appraise(
    matched: Matched,
    options: Options | None = None,
    *,
    days: str = "",
    tell: Progress = lambda step, done, total: None,
) -> Appraisal:
    """Measure predictions against their reference.

    Args:
        matched: rows that are tested, and rows that thresholds are fixed on.
        options: what is asked; as usual without.
        days: column of days to the event, where survival is asked for.
        tell: told how far it is: a step of :data:`STEPS`, how many are done, and of how many.

    Returns:
        The appraisal. What cannot be had is an undefined measure with its reason.

    Raises:
        EvaluationError: an operating point that needs rows, or an attribute, that are not there.
        MissingExtra: scikit-learn or scipy is not installed.
    """
    options = options or Options()
    matched, notes = _decidable(matched)
    reference = matched.reference(matched.tested)
    ranked = _ranked(matched, reference, options, tell)
    decided = points(matched, options)
    tell("decisions", 1, 1)
    findings: list[FindingResult] = []
    for f in range(len(matched.findings)):
        numbers = {name: measures[f] for name, measures in ranked.each.items()}
        findings.append(finding_result(matched, options, f, numbers, decided.each[f]))
        tell("findings", f + 1, len(matched.findings))
    table, answered = confusion_table(matched), answers(matched, options)
    groups = _groups(matched, options, decided, tell)
    compared = compare_models(matched, options)
    grounds = baselines(matched, options)
    few = reference.groups < FEW_PATIENTS
    if few:  # also in what is said of them
        grounds = without_intervals(grounds, NO_INTERVAL.format(reference.groups))
    tell("comparison", 1, 1)
    split = _split(matched, reference)
    first = next((p for p in decided.means), "")
    outcome = survival(matched, options, days)
    lost = (NO_SURVIVAL,) if matched.event is not None and outcome is None else ()
    made = Appraisal(
        title=matched.title,
        task=matched.task,
        images=int(matched.tested.sum()),
        patients=reference.groups,
        findings=tuple(findings),
        means=Means(ranked.auroc, ranked.average_precision, ranked.within, decided.means),
        split=split,
        strata_name=matched.within,
        probabilities=matched.probabilities,
        warnings=(
            *_warnings(matched, findings, split),
            *_no_better(grounds),
            *matched.warnings,
        ),
        notes=(*decided.notes, *notes, *_few_draws(options), *lost, *matched.notes),
        subgroups=groups,
        baselines=grounds,
        comparisons=compared,
        table=table,
        answers=answered,
        tail=long_tail(matched, findings, answered, first),
        survival=outcome,
        samples=options.samples,
        level=options.level,
        seed=options.seed,
        inputs=matched.inputs,
    )
    made = without_points(made)
    if few:
        made = without_intervals(made, NO_INTERVAL.format(reference.groups))
    return made


@dataclass(frozen=True, slots=True)
class _Ranked:
    """Numbers of discrimination, one a finding, and their means."""

    each: dict[str, list[Measure]]
    auroc: MetricMeans
    average_precision: MetricMeans
    within: Measure | None


def _ranked(matched: Matched, reference: Reference, options: Options, tell: Progress) -> _Ranked:
    scores = matched.scores[matched.tested]
    asked: tuple[Metric, ...] = ("auroc", "average precision")
    steps = 3 if matched.within else 2

    def measure(
        against: Reference, values: NDArray[np.float64], metrics: tuple[Metric, ...]
    ) -> Mapping[Metric, Measures]:
        return intervals_of(
            against,
            values,
            metrics,
            rng=np.random.default_rng([options.seed, 1]),
            samples=options.samples,
            level=options.level,
        )

    tell("ranking", 0, steps)
    found = measure(reference, scores, asked)
    tell("ranking", 1, steps)
    pot = measure(*pooled(reference, scores), asked)
    tell("ranking", 2, steps)
    each = {
        "auroc": list(found["auroc"].each),
        "average_precision": list(found["average precision"].each),
        "prevalence": mean_intervals(
            reference,
            reference.targets.astype(np.float64),
            rng=np.random.default_rng([options.seed, 2]),
            samples=options.samples,
            level=options.level,
        ),
    }
    means = {
        metric: MetricMeans(
            found[metric].mean,
            found[metric].weighted,
            name_undefined(pot[metric].each[0], reference),
        )
        for metric in asked
    }
    within: Measure | None = None
    if matched.within:
        strata = matched.reference(matched.tested, strata=True)
        stratified = measure(strata, scores, ("auroc within strata",))["auroc within strata"]
        each["auroc_within"], within = list(stratified.each), stratified.mean
        tell("ranking", 3, steps)
    if reference.groups == len(scores):
        each["auroc_delong"] = delong(
            reference.targets, scores, mask=reference.mask, level=options.level
        )
    few = too_few(reference)
    for name in each.keys() - {"prevalence"}:
        each[name] = [without_intervals(m, w) if w else m for m, w in zip(each[name], few,
                      strict=True)]  # fmt: skip
    return _Ranked(each, means["auroc"], means["average precision"], within)


def _decidable(matched: Matched) -> tuple[Matched, tuple[str, ...]]:
    """Findings of which no tested cell is known are left out, saying so."""
    counts = (matched.mask & matched.tested[:, None]).sum(axis=0)
    keep = np.flatnonzero(counts).tolist()
    if len(keep) == len(matched.findings):
        return matched, ()
    if not keep:
        raise EvaluationError("no tested image has a known label and a score of any finding")
    lost = [name for f, name in enumerate(matched.names) if f not in keep]
    made = replace(
        matched,
        findings=tuple(matched.findings[f] for f in keep),
        names=tuple(matched.names[f] for f in keep),
        targets=matched.targets[:, keep],
        mask=matched.mask[:, keep],
        scores=matched.scores[:, keep],
        other=None if matched.other is None else matched.other[:, keep],
        training={k: v for k, v in matched.training.items()
                  if k in {matched.findings[f] for f in keep}},
    )  # fmt: skip
    return made, (f"No tested image has a known label of {', '.join(lost)}: left out.",)


def _groups(
    matched: Matched, options: Options, decided: Points, tell: Progress
) -> tuple[SubgroupResult, ...]:
    total = sum(1 for _ in groupings(matched, options.subgroups))
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        tell("groups", done, total)

    return subgroups(matched, options, decided.thresholds, decided.first, advance)


def _split(matched: Matched, reference: Reference) -> SplitFacts:
    test = set(matched.patients[matched.tested].tolist())
    tune = set(matched.patients[matched.tuned].tolist())
    return SplitFacts(
        how=matched.how,
        test_images=int(matched.tested.sum()),
        test_patients=len(test),
        tune_images=int(matched.tuned.sum()),
        tune_patients=len(tune),
        shared_patients=len(test & tune),
        most_images=int(np.bincount(reference.patients).max()),
    )


def _warnings(
    matched: Matched, findings: list[FindingResult], split: SplitFacts
) -> tuple[str, ...]:
    found: list[str] = []
    alone = [one.name for one in findings if one.confounded and "share no" in one.confounded]
    some = [one.name for one in findings if one.confounded and "share no" not in one.confounded]
    if alone:
        found.append(
            f"CONFOUNDED: positives and negatives of {', '.join(alone)} come wholly from different "
            f"sources. Their AUROC tells the source as well as the finding, and must not be quoted "
            f"as that of the finding."
        )
    if some:
        found.append(
            f"Positives and negatives of {', '.join(some)} come mostly from different sources: "
            f"read the AUROC within sources."
        )
    if split.shared_patients:
        found.append(
            f"{split.shared_patients:,} patients stand in the tested rows and in those that "
            f"thresholds were fixed on: decisions flatter."
        )
    if split.test_patients < FEW_PATIENTS:
        people = "1 patient" if split.test_patients == 1 else f"{split.test_patients} patients"
        found.append(
            f"{people} in all: too few for any number here to be believed; no interval is stated."
        )
    hard = [one.name for one in findings if HARD in one.notes]
    if hard:
        found.append(
            f"All scores of {', '.join(hard)} are 0 or 1: decisions, or the labels themselves, in "
            f"place of probabilities. What is said of ranking and calibration says little."
        )
    turned = [one.name for one in findings if one.auroc.high is not None and one.auroc.high < 0.5]
    if turned:
        found.append(
            f"Images with {', '.join(turned)} get LOWER scores than those without: columns or "
            f"labels may be turned round, or of another finding."
        )
    flat = [one.name for one in findings if any("same score" in note for note in one.notes)]
    if flat:
        found.append(f"The model gives all images the same score, or nearly, of {', '.join(flat)}.")
    single = [one.name for one in findings if not one.auroc.defined]
    if single:
        found.append(
            f"Undefined, with one class alone among the tested images: {', '.join(single)}. They "
            f"are in no mean."
        )
    return tuple(found)


def _few_draws(options: Options) -> Iterator[str]:
    if options.samples < FEW_DRAWS:
        yield (
            f"{options.samples:,} bootstrap draws are few, and ends of intervals rough: take "
            f"2,000 for numbers that are quoted."
        )


def _no_better(grounds: tuple[Baseline, ...]) -> Iterator[str]:
    """Baselines that see no picture and do as well as the model."""
    for one in grounds:
        gain = None if one.mean_gain is None else one.mean_gain.difference
        if gain is not None and gain.low is not None and gain.low <= 0:
            yield (
                f"The baseline {one.name!r}, which sees no picture, reaches a mean AUROC of "
                f"{one.mean}: that the model knows more was not shown."
            )
