"""Question: what the radiograph adds to age, sex and day offset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hilum.evaluation import Reference, auroc_with_covariates, intervals
from hilum.studies.questions import Numbers, Question, Shown, Table
from hilum.studies.running import Bench
from hilum.studies.s4 import figures
from hilum.studies.s4.arms import ARMS, columns_of, scored
from hilum.studies.s4.cohort import divide, fold_of, read_cohort
from hilum.studies.s4.measuring import DRAWS, told
from hilum.studies.s4.nested import decide

SETS = {
    "age": ("age",),
    "age and sex": ("age", "male"),
    "age, sex, day offset": ("age", "male", "days"),
    "intubation, ICU, oxygen": ("care",),
}
SCORES = ("squeezenet1_0", "chest14-line")


def measure(bench: Bench, seeds: Sequence[int]) -> Numbers:
    """The gain of scores out of fold over covariates; of all patients, and of COVID-19 alone."""
    cohort = read_cohort(bench.data)
    folds = divide(cohort)
    fold = fold_of(folds, len(cohort.died))
    found: list[dict[str, Any]] = []
    for name in SCORES:
        arm = ARMS[name]
        each = [
            decide(scored(arm, seed, cohort, folds, bench), cohort.died, fold).scores
            for seed in (seeds if arm.seeds else seeds[:1])
        ]
        score = np.mean(each, axis=0)
        for who, rows in (("all", cohort.died >= 0), ("COVID-19", cohort.covid)):
            alone = intervals(
                Reference.of(cohort.died[rows], cohort.patients[rows], strata=fold[rows]),
                score[rows],
                rng=np.random.default_rng(0),
                metric="auroc within strata",
                samples=DRAWS,
            ).each[0]
            for words, names in SETS.items():
                told_by = auroc_with_covariates(
                    cohort.died[rows],
                    score[rows],
                    columns_of(cohort, names)[rows],
                    patients=cohort.patients[rows],
                    rng=np.random.default_rng(0),
                    samples=DRAWS,
                )
                found.append({
                    "score": arm.title, "who": who, "covariates": words,
                    "images": int(rows.sum()),
                    "patients": len(np.unique(cohort.patients[rows])),
                    "patients_died": len(np.unique(cohort.patients[rows & cohort.died])),
                    "alone": told(alone), "known": told(told_by.covariates),
                    "together": told(told_by.together),
                    "gain": told(told_by.gain.difference),
                })  # fmt: skip
    known = {
        "age": int(np.isfinite(cohort.age).sum()),
        "sex": int(np.isfinite(cohort.male).sum()),
        "day offset": int(np.isfinite(cohort.days).sum()),
    }
    return {"rows": found, "known": known, "images": len(cohort.died)}


def show(found: Numbers) -> Shown:
    """One table; what is known of how many images."""
    rows = tuple(
        (one["score"], one["who"], one["covariates"], figures.interval(one["alone"]),
         figures.interval(one["known"]), figures.interval(one["together"]),
         figures.interval(one["gain"], sign=True))
        for one in found["rows"]
    )  # fmt: skip
    groups = {
        one["who"]: f"{one['who']}: {one['images']} images of {one['patients']} patients, "
        f"{one['patients_died']} who died"
        for one in found["rows"]
    }
    known = ", ".join(f"{name} of {number}" for name, number in found["known"].items())
    caption = (
        f"{'; '.join(groups.values())}. Known of {found['images']} images: {known}. AUROC by "
        "image, pairs of one fold, intervals from draws of patients. The score is out of fold, the "
        "mean over seeds, and its pairs are of the study's folds; covariates and both together "
        "are logistic regressions in folds of their own (`evaluation.auroc_with_covariates`), so "
        "that *score alone* compares other pairs than the columns after it."
    )
    surely = [
        f"{one['score']} over {one['covariates']}, {one['who']}"
        for one in found["rows"]
        if (one["gain"]["low"] or 0) > 0
    ]
    words = (
        (
            f"**What the radiograph adds.** Gains whose interval lies above zero: "
            f"{'; '.join(surely) or 'none'} (of {len(rows)} comparisons, not corrected). "
            "Intubation and intensive care happen on the way to the outcome: they are no baseline "
            "for a prediction, but show how much is decided by then."
        ),
    )
    head = (
        "score",
        "patients",
        "covariates",
        "score alone",
        "covariates alone",
        "together",
        "gain",
    )
    return Shown((Table(head, rows, caption),), {}, words)


QUESTION = Question(
    "covariates",
    "With and without age, sex, day offset",
    "S4 read the radiograph alone; what does it tell that a form does not?",
    measure,
    show,
    1,
)
