"""The trap: a network that tells COVID-19 of one collection from images of another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hilum.studies.questions import Numbers, Question, Shown, Table
from hilum.studies.s3.cohort import OTHERS, load_cohort
from hilum.studies.s3.fitting import Learner, auroc_of, by_patient, joined, scores, told
from hilum.studies.s3.printed import BEST, TRAPPED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hilum.studies.running import Bench

INSIDE = "other pneumonias"
"""Inside the collection with COVID-19."""
ASKED = (*OTHERS, INSIDE)


def measure(bench: Bench, seeds: Sequence[int]) -> Numbers:
    """Learnt against each collection, and asked against every other; out of fold by patient.

    Raises:
        LabelError, RecipeError: the data or weights are not what is needed.
        Stopped: it was asked to; the same call goes on.
    """
    from hilum.studies.s3.looking import look

    cohort = load_cohort(bench.data)
    looked = look(bench, cohort)
    use = looked.seen
    negatives = {name: cohort.of(name) & use for name in OTHERS}
    negatives[INSIDE] = cohort.pneumonia & use
    several = np.logical_or.reduce([negatives[name] for name in OTHERS])
    learnt = {**negatives, "all three": several | negatives[INSIDE]}
    learners = {name: (name, "whole") for name in learnt}
    learners |= {f"{name}, lungs hidden": (name, "hidden") for name in OTHERS}
    found: dict[str, Any] = {}
    for name, (against, sight) in learners.items():
        learner = Learner(looked.features["chest14", sight], cohort.covid | learnt[against])
        columns = [
            scores(learner, by_patient(cohort, use, seed), cohort.covid, use) for seed in seeds
        ]
        asked = joined(columns)
        found[name] = {
            other: auroc_of(cohort, asked, cohort.covid, rows) for other, rows in negatives.items()
        }
    return {
        "covid": cohort.counted(cohort.covid & use),
        "negatives": {name: cohort.counted(rows) for name, rows in negatives.items()},
        "without_lungs": int((~use).sum()),
        "learnt": found,
    }


def show(numbers: Numbers) -> Shown:
    """A row a model, a column a question; what it learnt from stands in the row's name."""
    found: dict[str, Any] = numbers["learnt"]
    counted = ", ".join(f"{rows} ({name})" for name, rows in numbers["negatives"].items())
    caption = (
        f"AUROC for COVID-19, {numbers['covid']}, against {counted}. Logistic regression on the "
        f"frozen features of `chest14`, which has seen images of `nih14`; 95 % intervals by "
        f"patient. {numbers['without_lungs']} images without plausible lungs are left out."
    )
    rows = tuple((name, *(told(found[name][other]) for other in ASKED)) for name in found)
    head = ("learnt against", *(f"asked against {other}" for other in ASKED))
    theirs = Table(
        ("S3: COVID-19 network", "printed"),
        (("its own negatives", BEST), ("ChestX-ray14 added to the negatives", TRAPPED)),
    )
    own, across = _ends(found)
    words = (
        f"On the collection that a model learnt against its AUROC is {_range(own)}; on another "
        f"one, {_range(across)}."
    )
    return Shown((theirs, Table(head, rows, caption)), {"trap": lambda: _figure(found)}, (words,))


def _ends(found: dict[str, Any]) -> tuple[list[float], list[float]]:
    own = [found[name][name]["value"] for name in OTHERS]
    across = [found[a][b]["value"] for a in OTHERS for b in ASKED if a != b]
    return own, across


def _range(values: list[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:.3f}" if low == high else f"{low:.3f} to {high:.3f}"


def _figure(found: dict[str, Any]) -> Figure:
    from hilum.report.style import BLUE, GREEN, ORANGE, sheet

    figure, ax = sheet(0.42 * len(found) + 1.1, left=2.0, top=0.35)
    for number, (other, colour) in enumerate(zip(ASKED, (BLUE, GREEN, ORANGE), strict=True)):
        for at, name in enumerate(found):
            m = found[name][other]
            place = at + (number - 1) * 0.2
            if m["low"] is not None:
                ax.plot([m["low"], m["high"]], [place, place], color=colour, linewidth=1.5)
            ax.plot([m["value"]], [place], "o", color=colour, markersize=4,
                    label=f"asked against {other}" if at == 0 else None)  # fmt: skip
    ax.axvline(0.5, color="black", linewidth=0.8)
    ax.set_yticks(range(len(found)), list(found))
    ax.invert_yaxis()
    ax.grid(axis="x")
    ax.set_xlabel("AUROC for COVID-19 (lines: 95 % intervals, drawn by patient)")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
    return figure


QUESTION = Question(
    "trap",
    "The trap",
    "S3's best network scored .9875, and .4214 once ChestX-ray14 images were among the negatives.",
    measure,
    show,
    5.0,
)
