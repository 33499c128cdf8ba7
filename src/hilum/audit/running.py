"""All checks, one after the other, on one subject."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hilum.audit import (
    baselines,
    drift,
    hidden,
    leakage,
    left_out,
    noise,
    outputs,
    sources,
    which_source,
)
from hilum.audit.columns import Asked, Column, measure
from hilum.audit.limits import FEW
from hilum.audit.looking import Floats, Looks
from hilum.audit.probes import Vectors, probe
from hilum.audit.sources import Hanging
from hilum.audit.subject import Case, Options, Subject, name_of
from hilum.audit.verdict import Audit, Checked, Standing, Table
from hilum.datasets.exploration.codes import Codes, coded
from hilum.domain.text import first_few
from hilum.errors import EvaluationError
from hilum.evaluation import Measure, wilson

Tell = Callable[[str, int, int], None]


def audit(
    subject: Subject, options: Options | None = None, *, progress: Tell | None = None
) -> Audit:
    """Ask everything that can be asked of a subject; what cannot says what is missing.

    Args:
        subject: labels, and scores, pictures, parts, an earlier version as far as there are any.
        options: how it is done.
        progress: told the step, how many are done, and of how many.

    Raises:
        EvaluationError: no image is left to judge.
        MissingExtra: a probe is needed and scikit-learn is not installed.
    """
    options, tell = options or Options(), progress or (lambda step, done, total: None)
    case, notes = _case(subject, options)
    probes = ("whole pictures", "lungs hidden", "border", "age, sex and view")
    views = _views(subject.looks)
    made: dict[str, dict[str, Column]] = {}
    for done, (name, vectors) in enumerate(views.items(), 1):
        made[name] = _probed(case, vectors)
        tell("probe", done, len(probes))
    case = replace(case, whole=made["features"], hidden=made["hidden"], border=made["border"])
    if not case.model and case.whole:
        looks = subject.looks
        name = f"a probe on the features of {looks.network if looks else ''}, out of fold"
        case = replace(case, model=case.whole, model_name=name)
    known = baselines.by_metadata(case)
    tell("probe", len(probes), len(probes))
    hanging = sources.hangings(case)
    own = _own(case)
    steps: list[Callable[[], Checked]] = [
        lambda: leakage.check(subject),
        lambda: sources.check(case, hanging),
        lambda: which_source.check(
            case, hanging, {"features": views["features"], "border": views["border"]}
        ),
        lambda: hidden.check(case, own),
        lambda: left_out.check(case, hanging, views["features"]),
        lambda: baselines.check(case, hanging, known),
        lambda: outputs.check(case),
        lambda: noise.check(case, hanging),
        lambda: drift.check(case),
    ]
    checked = []
    for done, step in enumerate(steps, 1):
        checked.append(step())
        tell("ask", done, len(steps))
    standings = tuple(_standing(case, key, hanging.get(key), known, own) for key in case.findings)
    tables = {"verdicts": _verdicts(checked), "results": _results(standings)}
    tables |= {table.name: table for one in checked for table in one.tables}
    judged = np.flatnonzero(case.judged)
    return Audit(
        title=subject.title,
        model=case.model_name,
        images=len(judged),
        patients=len(np.unique(case.patients[judged])),
        source=subject.source if case.sources is not None else "",
        sources=_counted(case.sources, judged),
        lines=tuple(line for one in checked for line in one.lines),
        standings=standings,
        tables=tables,
        notes=tuple(notes),
        facts={
            "Intervals": f"{options.level:.0%}, {options.samples:,} draws of patients",
            "Probes": f"{options.folds} folds by patient, {options.seeds} "
            f"{'seed' if options.seeds == 1 else 'seeds'}",
            "Seed": str(options.seed),
            "Labels, SHA-256": subject.table.digest(),
        },
    )


def _case(subject: Subject, options: Options) -> tuple[Case, list[str]]:
    table = subject.table
    judged, notes = _judged(subject)
    targets, mask = table.targets(subject.policy)
    odd = mask & (targets != 0) & (targets != 1)
    if odd.any():
        raise EvaluationError("an audit needs targets of 0 and 1: choose another policy.")
    everything = Case(
        subject=subject,
        options=options,
        judged=judged,
        patients=coded(table.patients).number.astype(np.int64),
        sources=_sources(subject, judged),
        findings=table.findings,
        targets=targets == 1,
        mask=mask,
    )
    kept, few = [], []
    for key in dict.fromkeys(subject.findings) or table.findings:
        present, absent = everything.patients_of(key)
        if min(present, absent) >= FEW:
            kept.append(key)
        elif present or absent or subject.findings:
            few.append(f"{name_of(key)} ({present:,} with, {absent:,} without)")
    if few:
        notes.append(
            f"Findings with fewer than {FEW} patients of a class are not asked: "
            f"{first_few(few, quoted=False)}."
        )
    at = [table.findings.index(key) for key in kept]
    case = replace(
        everything,
        findings=tuple(kept),
        targets=everything.targets[:, at],
        mask=everything.mask[:, at],
    )
    if subject.scores is None:
        return case, notes
    both = [key for key in kept if key in subject.scores.findings]
    model = {key: subject.scores.column(key) for key in both}
    if kept and not both:
        notes.append("The model has no output for any finding of the table that can be asked.")
    return replace(case, model=model, model_name=subject.scores.name if both else ""), notes


def _judged(subject: Subject) -> tuple[NDArray[np.bool_], list[str]]:
    """Rows that results are stated on, and what was left out."""
    n, notes = len(subject.table), list(subject.notes)
    judged = np.zeros(n, np.bool_)
    judged[subject.judged if subject.judged is not None else np.arange(n)] = True
    if subject.scores is not None:
        silent = int((judged & ~subject.scores.scored).sum())
        judged &= subject.scores.scored
        if silent:
            notes.append(f"{silent:,} images have no score and are not judged.")
    elif subject.looks is not None:
        seen = np.zeros(n, np.bool_)
        seen[subject.looks.rows] = True
        beside = int((judged & ~seen).sum())
        judged &= seen
        if beside:
            notes.append(f"{beside:,} images were not looked at and are not judged.")
    if subject.scores is not None and subject.train is not None:
        learnt = int(judged[subject.train].sum())
        if learnt:
            notes.insert(
                0,
                f"{learnt:,} of {int(judged.sum()):,} judged images stand in the training part: if "
                f"the model learnt from them, its numbers flatter. Judge the test part alone.",
            )
    if subject.looks is not None and subject.looks.unread:
        notes.append(f"{len(subject.looks.unread):,} pictures could not be seen.")
    if not judged.any():
        raise EvaluationError("No image is left to judge: none is tested, labelled and scored.")
    return judged, notes


def _sources(subject: Subject, judged: NDArray[np.bool_]) -> Codes | None:
    """Sources as numbers; None where judged images are of one only."""
    if subject.source not in subject.table.columns:
        return None
    column = subject.table.columns[subject.source]
    codes = coded(column if column.dtype == object else column.astype(str).astype(object))
    order = sorted(range(len(codes)), key=lambda at: (codes.values[at] == "", codes.values[at]))
    place = np.empty(len(codes), np.int32)
    place[order] = np.arange(len(order))
    codes = Codes(place[codes.number], tuple(codes.values[at] for at in order))
    return codes if len(np.unique(codes.number[judged])) > 1 else None


def _counted(sources: Codes | None, judged: NDArray[np.int64]) -> dict[str, int]:
    if sources is None:
        return {}
    counts = np.bincount(sources.number[judged], minlength=len(sources))
    return {name or "unknown": int(n) for name, n in zip(sources.values, counts, strict=True) if n}


def _views(looks: Looks | None) -> dict[str, Vectors | None]:
    """What probes look at: features of whole pictures, with the lungs hidden, the border."""
    if looks is None:
        return {"features": None, "hidden": None, "border": None}

    def some(values: Floats | None, where: NDArray[np.bool_] | None = None) -> Vectors | None:
        if values is None:
            return None
        vectors = Vectors(looks.rows, values)
        return vectors if where is None else vectors.of(where)

    return {
        "features": some(looks.features),
        "hidden": some(looks.hidden_features, looks.lungs),
        "border": some(looks.border),
    }


def _probed(case: Case, vectors: Vectors | None) -> dict[str, Column]:
    if vectors is None or not case.findings or len(np.unique(case.patients[vectors.rows])) < FEW:
        return {}
    options = case.options
    columns = probe(
        case.subject.table,
        vectors,
        case.targets,
        case.mask,
        seeds=range(options.seed, options.seed + options.seeds),
        k=options.folds,
    )
    return dict(zip(case.findings, columns, strict=True))


def _own(case: Case) -> dict[str, tuple[Column, Column]]:
    """The network's own scores of the findings that it has, whole and with the lungs hidden."""
    looks = case.subject.looks
    if looks is None or looks.scores is None or looks.hidden_scores is None:
        return {}
    n, found = len(case.judged), {}
    for f, key in enumerate(looks.findings):
        if key in case.findings:
            pair = []
            for held in (looks.scores, looks.hidden_scores):
                values, has = np.zeros((n, 1)), np.zeros(n, np.bool_)
                values[looks.rows, 0] = held[:, f]
                has[looks.rows] = looks.lungs
                pair.append(Column(values, has))
            found[key] = (pair[0], pair[1])
    return found


def _standing(
    case: Case,
    key: str,
    hanging: Hanging | None,
    known: Mapping[str, Column],
    own: Mapping[str, tuple[Column, Column]],
) -> Standing:
    rows, truth = case.rows(key), case.target(key)
    positives = int(truth[rows].sum())
    refused = sources.why_refused(hanging) if hanging is not None and hanging.refused else ""

    def stated(column: Column | None, *, within: bool = False) -> Measure | None:
        if column is None:
            return None
        at = case.rows(key, column)
        strata = case.sources.number[at] if within and case.sources is not None else None
        asked = Asked(at, truth[at], case.patients[at],
                      None if strata is None else strata.astype(np.int64))  # fmt: skip
        options = case.options
        return measure(
            asked, column, rng=options.rng(), samples=options.samples, level=options.level,
            metric="auroc within strata" if within else "auroc",
        )  # fmt: skip

    model, whole = (
        Measure(None, f"refused: {refused}", positives=m.positives, negatives=m.negatives)
        if refused and m is not None
        else m
        for m in (stated(case.model.get(key)), stated(case.whole.get(key)))
    )
    scores = case.subject.scores
    accuracy = None
    if scores is not None and key in case.model and key in scores.thresholds:
        at = case.rows(key, case.model[key])
        called = case.model[key].values[at, 0] >= scores.thresholds[key]
        accuracy = wilson(int((called == truth[at]).sum()), len(at))
    share = positives / max(1, len(rows))
    return Standing(
        finding=key,
        model=model,
        refused=refused,
        within=None if case.sources is None else stated(case.model.get(key), within=True),
        source=None if hanging is None else hanging.alone,
        metadata=stated(known.get(key)),
        border=stated(case.border.get(key)),
        hidden=stated(case.hidden.get(key)),
        whole=whole,
        own_hidden=stated(own[key][1]) if key in own else None,
        majority=max(share, 1 - share),
        accuracy=accuracy,
        positives=positives,
        negatives=len(rows) - positives,
        patients=case.patients_of(key),
        cramers_v=None if hanging is None else hanging.cramers_v,
    )


_MEASURES = ("model", "within", "source", "metadata", "border", "hidden", "whole", "own_hidden")


def _results(standings: tuple[Standing, ...]) -> Table:
    header = ["finding", "positives", "negatives", "patients_with", "patients_without", "refused"]
    for name in _MEASURES:
        header += [name, f"{name}_low", f"{name}_high"]
    header += ["majority_accuracy", "accuracy", "accuracy_low", "accuracy_high", "cramers_v"]
    rows = []
    for s in standings:
        row: list[object] = [s.finding, s.positives, s.negatives, *s.patients, s.refused]
        for name in _MEASURES:
            row += _three(getattr(s, name))
        row += [s.majority, *_three(s.accuracy), s.cramers_v]
        rows.append(tuple(row))
    about = "AUROC of the model and of every baseline beside it, a row a finding."
    return Table("results", about, tuple(header), tuple(rows))


def _three(m: Measure | None) -> tuple[float | None, ...]:
    return (None, None, None) if m is None else (m.value, m.low, m.high)


def _verdicts(checked: list[Checked]) -> Table:
    rows = tuple(
        (v.code, v.title, v.outcome, v.unit, *_three(v.number), v.words, v.advice)
        for one in checked
        for v in one.lines
    )
    header = (
        "code",
        "question",
        "outcome",
        "number_is",
        "number",
        "low",
        "high",
        "words",
        "advice",
    )
    return Table("verdicts", "Every question and its answer.", header, rows)
