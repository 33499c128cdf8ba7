"""What mends the trap, asked inside the collection with COVID-19, whole publishers left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hilum.audit.columns import Column
from hilum.domain import State
from hilum.studies.questions import Numbers, Question, Shown, Table
from hilum.studies.s3.cohort import Cohort, load_cohort
from hilum.studies.s3.fitting import (
    Learner,
    Pairs,
    auroc_of,
    by_patient,
    by_publisher,
    joined,
    scores,
    told,
)
from hilum.studies.s3.sights import SIGHTS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hilum.studies.running import Bench

ACROSS = "nih14"
ALIKE = ("pneumonia", "infiltration", "consolidation", "edema")
"""Findings of the other collection that look like pneumonia."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to learn.

    Attributes:
        words: for the table.
        sight: what of a radiograph is seen.
        across: which images of the other collection are negatives: "all", "alike" or "none".
        inside: whether other pneumonias of the same collection are negatives.
        adversarial: whether directions that tell collections are taken away.
    """

    words: str
    sight: str = "whole"
    across: str = "all"
    inside: bool = False
    adversarial: bool = False


WAYS = {
    "plain": Way("as it is"),
    "alike": Way("negatives that look like pneumonia alone", across="alike"),
    "cut": Way("border removed: " + SIGHTS["cut"], "cut"),
    "equalised": Way("border removed, histogram equalised", "equalised"),
    "crop": Way(SIGHTS["crop"], "crop"),
    "masked": Way(SIGHTS["masked"], "masked"),
    "adversarial": Way("source-adversarial", adversarial=True),
    "masked-adversarial": Way("lungs alone, source-adversarial", "masked", adversarial=True),
    "same": Way("negatives of the same collection as well", inside=True),
    "masked-same": Way("lungs alone, negatives of the same collection as well", "masked",
                       inside=True),
    "inside": Way("negatives of the same collection alone", across="none", inside=True),
    "masked-inside": Way("lungs alone, negatives of the same collection alone", "masked", "none",
                         inside=True),
    "hidden": Way("lungs hidden: no way to read, a bound", "hidden"),
}  # fmt: skip


def measure(bench: Bench, seeds: Sequence[int]) -> Numbers:
    """Every way out of fold, by patient and by publisher.

    Raises:
        LabelError, RecipeError: the data or weights are not what is needed.
        Stopped: it was asked to; the same call goes on.
    """
    from hilum.studies.s3.looking import look

    cohort = load_cohort(bench.data)
    looked = look(bench, cohort)
    use = looked.seen & (cohort.inside | cohort.of(ACROSS))
    covid, other, across = cohort.covid & use, cohort.pneumonia & use, cohort.of(ACROSS) & use
    deals = {
        deal: np.stack([deal(cohort, use, seed) for seed in seeds])
        for deal in (by_patient, by_publisher)
    }
    pairs = Pairs.of(cohort, deals[by_publisher], covid, other)
    found: dict[str, Any] = {}
    columns: dict[str, Column] = {}
    for name, way in WAYS.items():
        if why := bench.stop():
            from hilum.errors import Stopped

            raise Stopped(f"{why} What is remembered is kept: the same command goes on.")
        learner = _learner(way, cohort, looked.features["chest14", way.sight], across, other)
        patients, publishers = (
            joined([scores(learner, fold, cohort.covid, use) for fold in deals[deal]])
            for deal in (by_patient, by_publisher)
        )
        columns[name] = publishers
        found[name] = {
            "across": auroc_of(cohort, patients, covid, across),
            "source": auroc_of(cohort, patients, other, across),
            "patients": auroc_of(cohort, patients, covid, other),
            "publishers": pairs.auroc(publishers),
            "within": auroc_of(cohort, publishers, covid, other, within=True),
            "gain": pairs.gain(publishers, columns["plain"]),
        }
    known = _without_picture(cohort)
    told_by = joined([_known(known, cohort, use, seed) for seed in seeds])
    return {
        "covid": cohort.counted(covid),
        "other": cohort.counted(other),
        "across": cohort.counted(across),
        "publishers": len(np.unique(cohort.publisher[covid | other])),
        "ways": found,
        "without_picture": auroc_of(cohort, told_by, covid, other),
    }


def _learner(
    way: Way,
    cohort: Cohort,
    features: NDArray[np.float32],
    across: NDArray[np.bool_],
    other: NDArray[np.bool_],
) -> Learner:
    named = [key for key in ALIKE if key in cohort.table.findings]
    alike = (cohort.table.select(named).states == State.PRESENT).any(1)
    learnt = cohort.covid.copy()
    if way.across != "none":
        learnt |= across & (alike if way.across == "alike" else True)
    if way.inside:
        learnt |= other
    return Learner(features, learnt, other if way.adversarial else None)


def _without_picture(cohort: Cohort) -> NDArray[np.float32]:
    """Age, sex and view as numbers, and which of them are known."""
    age = cohort.table.column("age_years").astype(np.float64)
    known = np.isfinite(age)
    parts = [np.where(known, age, age[known].mean() if known.any() else 0.0), known]
    for name in ("sex", "view"):
        cells = cohort.table.column(name).astype(str)
        parts += [cells == value for value in np.unique(cells).tolist()]
    return np.stack([np.asarray(part, np.float32) for part in parts], 1)


def _known(
    values: NDArray[np.float32], cohort: Cohort, use: NDArray[np.bool_], seed: int
) -> Column:
    learner = Learner(values, cohort.inside)
    return scores(learner, by_patient(cohort, use, seed), cohort.covid, use)


def show(numbers: Numbers) -> Shown:
    """A row a way."""
    ways: dict[str, Any] = numbers["ways"]
    caption = (
        f"AUROC for COVID-19, {numbers['covid']}, against {numbers['across']} of `{ACROSS}`, and "
        f"against other pneumonias inside `ieee8023`, {numbers['other']}; both kinds come from "
        f"{numbers['publishers']} publishers. 95 % intervals by patient. *Told apart* is how well "
        f"the same scores tell other pneumonias of the one collection from images of the other: .5 "
        f"means not at all. Where publishers are left out, nobody published on both sides, and "
        f"pairs of one fold alone are compared, since folds of publishers hold unlike shares of "
        f"COVID-19; the gain is of this column."
    )
    rows = [
        (WAYS[name].words, told(w["across"]), told(w["source"]), told(w["patients"]),
         told(w["publishers"]), told(w["within"]),
         told(None if name == "plain" else w["gain"], signed=True))
        for name, w in ways.items()
    ]  # fmt: skip
    rows.append(("age, sex and view, no picture", "–", "–", told(numbers["without_picture"]), "–",
                 "–", "–"))  # fmt: skip
    head = (
        f"way to learn, against {ACROSS}",
        f"against {ACROSS}",
        "told apart",
        "inside",
        "publishers left out",
        "… pairs of one publisher",
        "gain on *as it is*",
    )
    others = [name for name in ways if name != "plain"]
    better = [
        f"{WAYS[name].words}, {told(ways[name]['gain'], signed=True)}"
        for name in others
        if (ways[name]["gain"]["low"] or 0) > 0
    ]
    words = (
        f"Of {len(others)} comparisons with *as it is*, publishers left out and not corrected for "
        f"their number, intervals above zero: {'; '.join(better) or 'none'}."
    )
    return Shown((Table(head, tuple(rows), caption),), {"ways": lambda: _figure(ways)}, (words,))


def _figure(ways: dict[str, Any]) -> Figure:
    from hilum.report.style import BLUE, GREY, ORANGE, room_for, sheet

    labels = [WAYS[name].words for name in ways]
    figure, ax = sheet(0.34 * len(ways) + 1.1, left=room_for(labels) + 0.15, top=0.35)
    series = (("across", f"against {ACROSS}", GREY), ("source", "collections told apart", ORANGE),
              ("publishers", "inside, publishers left out", BLUE))  # fmt: skip
    for number, (key, words, colour) in enumerate(series):
        for at, name in enumerate(ways):
            m, place = ways[name][key], at + (number - 1) * 0.22
            if m["low"] is not None:
                ax.plot([m["low"], m["high"]], [place, place], color=colour, linewidth=1.5)
            ax.plot([m["value"]], [place], "o", color=colour, markersize=4,
                    label=words if at == 0 else None)  # fmt: skip
    ax.axvline(0.5, color="black", linewidth=0.8)
    ax.set_yticks(range(len(labels)), labels)
    ax.invert_yaxis()
    ax.grid(axis="x")
    ax.set_xlabel("AUROC (lines: 95 % intervals, drawn by patient)")
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3)
    return figure


QUESTION = Question(
    "mending",
    "What mends it",
    "S3 added ChestX-ray14 images to the negatives. What helps inside the collection itself?",
    measure,
    show,
    6.0,
)
