"""Question: how much hangs on who is tested."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hilum.evaluation import auroc, auroc_within, confusion
from hilum.studies.questions import Numbers, Question, Shown, Table
from hilum.studies.running import Bench
from hilum.studies.s4 import figures
from hilum.studies.s4.arms import AGE, ARMS, scored
from hilum.studies.s4.cohort import divide, fold_of, read_cohort
from hilum.studies.s4.nested import decide

DIVISIONS = 8
NAMES = ("squeezenet1_0-line", "chest14-line", AGE.name)


def measure(bench: Bench, seeds: Sequence[int]) -> Numbers:
    """What chance has no part in, on one division of the patients after the other."""
    del seeds
    cohort = read_cohort(bench.data)
    found: dict[str, dict[str, Any]] = {}
    for name in NAMES:
        whole, splits, f1 = [], [], []
        for number in range(DIVISIONS):
            folds = divide(cohort, number)
            fold = fold_of(folds, len(cohort.died))
            nested = scored(ARMS[name], 0, cohort, folds, bench, number)
            said = decide(nested, cohort.died, fold)
            whole.append(auroc_within(cohort.died, said.scores, fold).value)
            for one in folds:
                truth, scores = cohort.died[one.held], said.scores[one.held]
                splits.append(auroc(truth, scores).value)
                f1.append(confusion(truth, said.died[one.held]).f1.value)
        found[name] = {"divisions": whole, "splits": splits, "f1": f1}
    return {"arms": found, "divisions": DIVISIONS, "patients": cohort.count}


def show(found: Numbers) -> Shown:
    """Ranges, and all of them as marks."""
    arms = found["arms"]
    rows = tuple(
        (ARMS[name].title, *(_range(one[part]) for part in ("divisions", "splits", "f1")))
        for name, one in arms.items()
    )
    head = ("what learns", "AUROC, whole divisions", "AUROC, single splits", "F1, single splits")
    count = len(next(iter(arms.values()))["splits"])
    caption = (
        f"{found['divisions']} divisions of {found['patients']} patients into five folds, "
        f"{count} splits of four fifths to one fifth; least, mean and most. Nothing here has a "
        "seed: only who is tested differs."
    )
    drawn = [
        {"title": ARMS[name].title, "splits": [x for x in one["splits"] if x is not None],
         "divisions": one["divisions"]}
        for name, one in arms.items()
    ]  # fmt: skip
    return Shown(
        (Table(head, rows, caption),),
        {"spread": lambda: figures.spread(drawn)},
        (
            (
                "S4 tested on one split. One split of these data says whatever chance made of a "
                "handful of patients; S4's was larger, and its patients are not told."
            ),
        ),
    )


def _range(values: Sequence[float | None]) -> str:
    known = np.array([value for value in values if value is not None])
    return f"{known.min():.2f}, {known.mean():.2f}, {known.max():.2f}"


QUESTION = Question(
    "divisions",
    "How much hangs on who is tested",
    "S4 had one split; here patients are divided anew, again and again.",
    measure,
    show,
    2,
)
