"""Question: what tells the outcome without a lung."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum import audit
from hilum.bundles import load
from hilum.domain.text import coded
from hilum.evaluation import Reference, intervals
from hilum.reading.lungs import LungReader
from hilum.reading.scoring import LungBoxes, Scorer
from hilum.studies.questions import Numbers, Question, Shown, Table
from hilum.studies.running import Bench
from hilum.studies.s4 import figures
from hilum.studies.s4.arms import ARMS, LEAKS, scored
from hilum.studies.s4.cohort import FEWEST, Cohort, Fold, divide, fold_of, read_cohort
from hilum.studies.s4.measuring import DRAWS, Judge, judged, numbers, told

LOOKED = "chest14"
INSIDE = ("squeezenet1_0", "chest14-line", "age")
LARGEST = 3


def measure(bench: Bench, seeds: Sequence[int]) -> Numbers:
    """Baselines without a picture, scores within a source, and the audit of a probe."""
    cohort = read_cohort(bench.data)
    folds = divide(cohort)
    judge = Judge.of(cohort, folds)
    alone = {}
    for arm in LEAKS:
        found = judged(judge, {0: scored(arm, 0, cohort, folds, bench)}, "loss")
        alone[arm.name] = numbers(judge, found)
    inside = {}
    strata = _one_source_and_fold(cohort, folds)
    reference = Reference.of(cohort.died, cohort.patients, strata=strata)
    pairs = _pairs(cohort, strata)
    for name in INSIDE if _enough(pairs) else ():
        arm = ARMS[name]
        nested = {s: scored(arm, s, cohort, folds, bench) for s in (seeds if arm.seeds else [0])}
        found = judged(judge, nested, "loss")
        scores = np.mean([one.scores for one in found.images.values()], axis=0)
        rng = np.random.default_rng(0)
        metric = "auroc within strata"
        inside[name] = told(
            intervals(reference, scores, rng=rng, metric=metric, samples=DRAWS).each[0]
        )
    return {
        "images": len(cohort.died),
        "patients": cohort.count,
        "alone": alone,
        "inside": inside,
        "pairs": pairs,
        "sources": _sources(cohort),
        "audit": _audit(cohort, bench),
    }


def _one_source_and_fold(cohort: Cohort, folds: tuple[Fold, ...]) -> NDArray[np.int64]:
    """Number of an image's source and outer fold together, [images].

    Networks of two folds need not agree on a base rate; within a source they surely do not, for
    where the one who died is held out, the source's others were learnt as survivors.
    """
    source = coded(cohort.source)[1].astype(np.int64)
    return source * len(folds) + fold_of(folds, len(source))


def _pairs(cohort: Cohort, strata: NDArray[np.int64]) -> dict[str, int]:
    """Pairs of one stratum of an image of a patient who died and one of a survivor; patients."""
    some = np.flatnonzero(np.isin(strata, np.intersect1d(strata[cohort.died],
                                                         strata[~cohort.died])))  # fmt: skip
    died = cohort.died[some]
    same = strata[some][died][:, None] == strata[some][~died]
    return {
        "images": int(same.sum()),
        "died": len(np.unique(cohort.patients[some][died])),
        "survived": len(np.unique(cohort.patients[some][~died])),
    }


def _enough(pairs: dict[str, int]) -> bool:
    """Whether anything is stated of pairs."""
    return min(pairs["died"], pairs["survived"]) >= FEWEST


def _sources(cohort: Cohort) -> list[dict[str, Any]]:
    """Images and patients of each source, the largest first."""
    found = []
    for name in np.unique(cohort.source.astype(str)).tolist():
        mine = cohort.source == name
        found.append({
            "name": name,
            "images": [int((mine & cohort.died).sum()), int((mine & ~cohort.died).sum())],
            "patients": [len(np.unique(cohort.patients[mine & side]))
                         for side in (cohort.died, ~cohort.died)],
        })  # fmt: skip
    return sorted(found, key=lambda one: -sum(one["images"]))


def _audit(cohort: Cohort, bench: Bench) -> dict[str, Any]:
    """The audit of a probe on ``chest14``'s features: whole, lungs hidden, border alone."""
    bundle = load(LOOKED)
    eyes = audit.Eyes(Scorer.of(bundle), LOOKED, bundle.card.keys, LungBoxes(LungReader.of()))
    columns = {**cohort.table.columns, "source": cohort.source}
    table = replace(cohort.table, columns=columns)
    looks = audit.look(table, bench.data, np.arange(len(table)), eyes)
    subject = audit.Subject(title="s4", table=table, findings=("death",), looks=looks)
    found = audit.audit(subject, audit.Options(samples=DRAWS))
    standing = found.standings[0]
    parts = ("whole", "hidden", "border", "metadata", "source", "within")
    return {
        "standing": {
            name: told(value)
            for name in parts
            if (value := getattr(standing, name)) is not None
        },
        "lungs_found": int(looks.lungs.sum()),
        "verdicts": [
            {"code": one.code, "title": one.title, "outcome": one.outcome, "words": one.words}
            for one in found.lines
        ],
    }  # fmt: skip


WORDS = {
    "whole": "chest14, whole picture (audit)",
    "hidden": "chest14, lungs hidden (audit)",
    "border": "border of the picture alone (audit)",
    "metadata": "age, sex, view alone (audit)",
    "source": "source alone (audit)",
}


def show(found: Numbers) -> Shown:
    """What each leak reaches, what is left within a source, verdicts."""
    rows = [
        (ARMS[name].title, figures.interval(one["auroc"]), figures.interval(one["auroc_patients"]),
         figures.matrix(one["counts"][0]), figures.number(one["f1"][0]["binary"]))
        for name, one in found["alone"].items()
    ]  # fmt: skip
    standing = found["audit"]["standing"]
    rows += [
        (words, figures.interval(standing[name]), "", "", "")
        for name, words in WORDS.items()
        if name in standing
    ]
    head = ("what is known", "AUROC by image (95 %)", "AUROC by patient (95 %)", "TP/FN/FP/TN",
            "F1")  # fmt: skip
    caption = (
        f"Logistic regressions in the same folds as the networks, {found['images']} images of "
        f"{found['patients']} patients; rows of the audit are its own probes, in its own folds, "
        "and compare pairs of all folds."
    )
    largest = found["sources"][:LARGEST]
    sources = Table(
        ("source", "images: died", "survived", "patients: died", "survived"),
        tuple((one["name"], *map(str, (*one["images"], *one["patients"]))) for one in largest),
        f"The {len(largest)} largest of {len(found['sources'])} sources: the web site where the "
        "table tells it, else the licence.",
    )
    verdicts = Table(
        ("the audit asks", "outcome", "what was seen"),
        tuple(
            (one["title"], one["outcome"], one["words"])
            for one in found["audit"]["verdicts"]
            if one["outcome"] != "not asked"
        ),
        f"The audit of a probe on {LOOKED}'s features; lungs were found on "
        f"{found['audit']['lungs_found']} images.",
    )
    inside = "; ".join(
        f"{ARMS[name].title} {figures.interval(one)}" for name, one in found["inside"].items()
    )
    pairs = found["pairs"]
    every = [sum(one["images"][side] for one in found["sources"]) for side in (0, 1)]
    source = found["alone"]["source"]["auroc"]
    words = (
        (
            f"**Within a source** {f'(by image): {inside}' if inside else 'nothing is stated'}. "
            f"Of one source and one outer fold are {pairs['images']:,} of "
            f"{every[0] * every[1]:,} pairs of images, of {pairs['died']} patients who died and "
            f"{pairs['survived']} who did not; {FEWEST} of each are asked for. Pairs of two folds "
            f"say nothing here: where the one who died is held out, the source's others were "
            f"learnt as survivors."
        ),
        (
            f"**Source alone** comes out at {figures.interval(source)} in our folds: most sources "
            "are one or two patients, and where the one who died is held out, the others make the "
            "source look safe. It differs from .5 by that, not by a rule that holds elsewhere."
        ),
    )
    return Shown((Table(head, tuple(rows), caption), sources, verdicts), {}, words)


QUESTION = Question(
    "leaks",
    "What tells the outcome without a lung",
    "Case reports choose their patients: the source, the file or a missing age may tell who died.",
    measure,
    show,
    3,
)
