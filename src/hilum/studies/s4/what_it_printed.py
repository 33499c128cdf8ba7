"""Question: what S4's own matrices say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from hilum.evaluation import Reference, decision_intervals
from hilum.studies.questions import Numbers, Question, Shown, Table
from hilum.studies.running import Bench
from hilum.studies.s4 import figures
from hilum.studies.s4.matrices import RUNS, SAME, Run, f1_of, table_of
from hilum.studies.s4.measuring import DRAWS, told


def measure(bench: Bench, seeds: Sequence[int]) -> Numbers:
    """Every number from the counts; no data are needed."""
    del bench, seeds
    died, survived = (sum(RUNS[0].counts[at : at + 2]) for at in (0, 2))
    return {
        "runs": [_of(run) for run in RUNS],
        "always": f1_of(table_of((died, 0, survived, 0))),
        "never": f1_of(table_of((0, died, 0, survived))),
        "died": died,
        "survived": survived,
    }


def _of(run: Run) -> dict[str, Any]:
    tp, fn, fp, tn = run.counts
    truth = np.repeat([1, 1, 0, 0], [tp, fn, fp, tn])
    said = np.repeat([1, 0, 1, 0], [tp, fn, fp, tn])
    # no patients are stated: every image counts as another's, so the interval is too short
    reference = Reference.of(truth, np.arange(len(truth)))
    rng = np.random.default_rng(0)
    found = decision_intervals(reference, said[:, None], rng=rng, samples=DRAWS)
    exact = f1_of(run.table)["binary"] or 0.0
    return {
        "lever": run.lever,
        "name": run.name,
        "counts": list(run.counts),
        "printed": run.printed,
        "as_printed": _printed(exact, run.printed),
        "same": run.same,
        "f1": f1_of(run.table),
        "f1_binary": told(found["f1"][0]),
        "sensitivity": told(found["sensitivity"][0]),
        "specificity": told(found["specificity"][0]),
    }


def _printed(exact: float, printed: str) -> str:
    rounded, cut = f".{round(100 * exact):02d}", f".{math.floor(100 * exact):02d}"
    if rounded == cut == printed:
        return "either"
    return {rounded: "rounded", cut: "cut"}.get(printed, "neither")


def show(found: Numbers) -> Shown:
    """The table, and the runs of one network beside each other."""
    runs = found["runs"]
    same = [run for run in runs if run["same"] == SAME]
    different = {tuple(run["counts"]) for run in same}
    values = sorted(run["f1"]["binary"] for run in same)
    other = [run for run in runs if run["same"] != SAME]
    outside = [r for r in other if not values[0] <= r["f1"]["binary"] <= values[-1]]
    below = [r for r in runs if r["f1"]["binary"] < found["always"]["binary"]]
    how = [run["as_printed"] for run in runs]
    images = found["died"] + found["survived"]
    rows = [
        (run["lever"], run["name"], figures.matrix(run["counts"]), run["printed"],
         figures.interval(run["f1_binary"]),
         *(figures.number(run["f1"][name]) for name in AVERAGES),
         figures.number(run["sensitivity"]["value"]), figures.number(run["specificity"]["value"]))
        for run in runs
    ]  # fmt: skip
    rows += [
        ("—", words, "", "", figures.number(one["binary"]),
         *(figures.number(one[name]) for name in AVERAGES), sensitivity, specificity)
        for words, one, sensitivity, specificity in (
            ("always: died", found["always"], "1.00", "0.00"),
            ("always: survived", found["never"], "0.00", "1.00"),
        )
    ]  # fmt: skip
    head = ("lever", "run", "TP/FN/FP/TN", "F1 printed", "F1 of death (95 %)", "macro", "micro",
            "weighted", "sensitivity", "specificity")  # fmt: skip
    caption = (
        f"S4's matrices, recomputed: {images} images it tested on, {found['died']} of patients who "
        "died. It does not say how many patients these are; intervals take every image for "
        "another's, and are too short for it."
    )
    words = (
        (
            f"**One network, {len(different)} results.** {len(same)} of the {len(runs)} lines are "
            f"one and the same network on the same data ({', '.join(_named(r) for r in same)}); "
            f"with {len(different)} different matrices, their F1 runs from {values[0]:.2f} to "
            f"{values[-1]:.2f}. Of the {len(other)} other lines {len(other) - len(outside)} lie "
            f"within that range. Those whose whole interval lies below it: "
            f"{_ends([r for r in outside if (r['f1_binary']['high'] or 1) < values[0]])}."
        ),
        (
            f"**Below doing nothing.** To call every image *died* gives an F1 of "
            f"{found['always']['binary']:.3f}; {', '.join(_named(r) for r in below) or 'no run'} "
            f"{'lies' if len(below) == 1 else 'lie'} below that. To call every image *survived* "
            f"gives a micro F1, which is accuracy, of {found['never']['micro']:.2f}; the best "
            f"run has {max(run['f1']['micro'] for run in runs):.2f}."
        ),
        (
            f"Of the F1 that S4 printed, {how.count('either')} are both rounded and cut off, "
            f"{how.count('rounded')} only rounded, {how.count('cut')} only cut off, "
            f"{how.count('neither')} neither."
        ),
    )
    return Shown((Table(head, tuple(rows), caption),), {}, words)


AVERAGES = ("macro", "micro", "weighted")


def _named(run: dict[str, Any]) -> str:
    return run["name"] if run["lever"] == "network" else f"{run['lever']} {run['name']}"


def _ends(runs: list[dict[str, Any]]) -> str:
    return ", ".join(_named(run) for run in runs) or "there is none"


QUESTION = Question(
    "matrices",
    "What S4's own matrices say",
    "S4 compared networks and settings by one run each; its matrices show what chance alone does.",
    measure,
    show,
    0.1,
)
