"""Question: S4's networks and settings, learnt again in folds within folds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hilum.evaluation import cases_for_auroc
from hilum.studies.questions import Numbers, Question, Shown, Table
from hilum.studies.running import Bench
from hilum.studies.s4 import figures
from hilum.studies.s4.arms import AGE, ARMS, COVARIATES, SCRATCH, SCRATCH_SIDE, scored
from hilum.studies.s4.cohort import divide, read_cohort
from hilum.studies.s4.matrices import RUNS, SAME, Run, f1_of, table_of
from hilum.studies.s4.measuring import Judge, Judged, apart, judged, numbers
from hilum.studies.s4.nested import Decided

SIDE = "squeezenet1_0"
"""The arm that S4 chose."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table.

    Attributes:
        title: for people.
        arm: name of ours; "" for none.
        rule: how candidate and threshold are chosen.
        run: S4's; None for none.
        seed: place of the one seed that is meant; None for all.
    """

    title: str
    arm: str
    rule: str = "loss"
    run: Run | None = None
    seed: int | None = None


def _arm_of(run: Run) -> tuple[str, str]:
    """Arm and rule that stand beside a run of S4."""
    if run.lever == "network":
        name = run.name.lower().replace(" ", "").replace(".", "_")
        return (f"{name}-scratch" if name.startswith("resnet") else name), "loss"
    if run.lever == "F1 watched":
        return SIDE, run.name
    if run.lever == "normalised" and run.name == "no":
        return f"{SIDE}-raw", "loss"
    return (SIDE if run.same == SAME or run.lever == "normalised" else f"{SIDE}-classifier"), "loss"


def lines() -> Iterator[Line]:
    """S4's runs with ours beside them, then what only we have."""
    cuts = 0
    for run in RUNS:
        arm, rule = _arm_of(run)
        title = run.name if run.lever == "network" else f"{run.lever}: {run.name}"
        title += ", from scratch" if arm.endswith("-scratch") else ""
        seed = None
        if run.lever == "cut" and run.same == SAME:
            seed, cuts = cuts, cuts + 1
        yield Line(title, arm, rule, run, seed)
    yield Line("SqueezeNet 1.0, nothing chosen", SIDE, "last")
    for name in ("mobilenet", "chest14", "squeezenet1_0-line", "mobilenet_edgetpu_100-line",
                 "chest14-line", *(arm.name for arm in COVARIATES)):  # fmt: skip
        yield Line(ARMS[name].title, name)


def measure(bench: Bench, seeds: Sequence[int]) -> Numbers:
    """Every arm with every seed; networks from scratch with the first alone."""
    cohort = read_cohort(bench.data)
    folds = divide(cohort)
    judge = Judge.of(cohort, folds)
    found: dict[str, dict[str, Any]] = {}
    kept: dict[str, Judged] = {}
    for arm, rule in dict.fromkeys((line.arm, line.rule) for line in _by_cost()):
        one = ARMS[arm]
        some = seeds[:1] if one in SCRATCH or not one.seeds else seeds
        nested = {seed: scored(one, seed, cohort, folds, bench) for seed in some}
        kept[f"{arm}/{rule}"] = judged(judge, nested, rule)
        found[f"{arm}/{rule}"] = numbers(judge, kept[f"{arm}/{rule}"])
        bench.tell(f"{arm}, {rule}: AUROC {found[f'{arm}/{rule}']['auroc']['value']:.3f}")
    age = kept[f"{AGE.name}/loss"]
    for name, one in kept.items():
        found[name]["above_age"] = apart(judge, one, age)
    dead, images = int(cohort.died.sum()), len(cohort.died)
    return {
        "images": images,
        "patients": cohort.count,
        "images_died": dead,
        "patients_died": int(cohort.patients_died.sum()),
        "permissive": int((cohort.table.columns["permissive"] == "True").sum()),
        "arms": found,
        "always": f1_of(table_of((dead, 0, images - dead, 0))),
        "side_px": SCRATCH_SIDE,
        "curves": [
            {"title": ARMS[arm].title} | _curve(cohort.died, _first(kept[f"{arm}/loss"]))
            for arm in (SIDE, "chest14-line", AGE.name)
        ],
        "histogram": _histogram(cohort.died, _first(kept[f"{SIDE}/loss"])),
        "needed": _needed(found[f"{SIDE}/loss"], float(cohort.patients_died.mean())),
    }


def _by_cost() -> list[Line]:
    """Lines, those whose networks learn from the first step last."""
    return sorted(lines(), key=lambda line: line.arm.endswith("-scratch"))


def _first(found: Judged) -> Decided:
    return next(iter(found.images.values()))


def _curve(died: np.ndarray, decided: Decided) -> dict[str, Any]:
    """Corners of both curves over all folds; ties are one corner."""
    order = np.argsort(-decided.scores, kind="stable")
    truth, scores = died[order], decided.scores[order]
    ends = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)
    tp, fp = np.cumsum(truth)[ends], np.cumsum(~truth)[ends]
    return {
        "fpr": np.round(fp / (~died).sum(), 5).tolist(),
        "tpr": np.round(tp / died.sum(), 5).tolist(),
        "precision": np.round(tp / (tp + fp), 5).tolist(),
    }


def _histogram(died: np.ndarray, decided: Decided) -> dict[str, Any]:
    probability = 1 / (1 + np.exp(-decided.scores))
    edges = np.linspace(0, max(0.05, float(np.ceil(20 * probability.max()) / 20)), 21)
    return {
        "edges": np.round(edges, 5).tolist(),
        "died": np.histogram(probability[died], edges)[0].tolist(),
        "survived": np.histogram(probability[~died], edges)[0].tolist(),
    }


def _needed(found: Mapping[str, Any], prevalence: float) -> dict[str, Any]:
    """Patients that an interval of .1 would need, at the AUROC found and at this prevalence."""
    value = min(0.95, max(0.55, found["auroc_patients"]["value"]))
    cases = cases_for_auroc(value, 0.1, prevalence)
    return {"died": cases.positives, "survived": cases.negatives}


def show(found: Numbers) -> Shown:
    """S4's numbers and ours in one table, F1 in four averages, figures."""
    from hilum.report.evaluation.distributions import histogram

    every = list(lines())
    rows = [_row(line, found) for line in every]
    always = found["always"]["binary"]
    rows.append(("always: died", "", "", (f"{found['images_died']}/0/"
                 f"{found['images'] - found['images_died']}/0"), figures.number(always),
                 "0.50", "0.50", ""))  # fmt: skip
    head = ("run", "S4: TP/FN/FP/TN", "S4: F1", "ours: TP/FN/FP/TN", "ours: F1",
            "AUROC by image (95 %)", "AUROC by patient (95 %)",
            "above age alone, by patient")  # fmt: skip
    caption = (
        f"S4's runs and ours: {found['images']} images of {found['patients']} patients, "
        f"{found['images_died']} images of {found['patients_died']} patients who died. Matrix: the "
        "first seed's. F1 of death: mean over seeds, in brackets the least and the most. AUROC: "
        "pairs of one outer fold, mean over seeds, intervals from draws of patients. Networks from "
        f"scratch at {found['side_px']} px with one seed. Cuts −1, 1 and none: one seed each, "
        "first to third."
    )
    f1 = Table(
        ("run", "S4: macro, micro, weighted, binary", "ours, by image", "ours, by patient"),
        tuple(_f1_row(line, found) for line in every),
        "F1 in four averages, the first seed's; *binary* is that of death.",
    )
    drawn = [_dots(line, found) for line in every]
    s4 = f1_of(table_of((sum(RUNS[0].counts[:2]), 0, sum(RUNS[0].counts[2:]), 0)))["binary"]
    bars = found["histogram"]
    prevalence = found["images_died"] / found["images"]
    return Shown(
        (Table(head, tuple(rows), caption), f1),
        {
            "noise": lambda: figures.noise(drawn, {"S4": s4 or 0.0, "ours": always}),
            "curves": lambda: figures.curves(found["curves"], prevalence),
            "scores": lambda: histogram(
                bars["edges"], bars["died"], bars["survived"],
                title="SqueezeNet 1.0, S4's head", of="probability of death, out of fold",
            ),
        },
        _words(found),
    )  # fmt: skip


def _ours(line: Line, found: Numbers) -> tuple[Mapping[str, Any], list[int]]:
    """Numbers of a line's arm, and the places of the seeds that are meant."""
    one = found["arms"][f"{line.arm}/{line.rule}"]
    if line.seed is None:
        return one, list(range(len(one["seeds"])))
    return one, [line.seed] if line.seed < len(one["seeds"]) else []


def _row(line: Line, found: Numbers) -> tuple[str, ...]:
    one, at = _ours(line, found)
    s4 = ("", "")
    if line.run is not None:
        s4 = (figures.matrix(line.run.counts), figures.number(f1_of(line.run.table)["binary"]))
    if not at:
        return (line.title, *s4, "no such seed", "", "", "", "")
    values = [one["f1"][k]["binary"] for k in at]
    f1 = figures.number(float(np.mean(values)))
    f1 += f" ({min(values):.2f} to {max(values):.2f})" if len(values) > 1 else ""
    counts = figures.matrix(one["counts"][at[0]])
    if line.seed is not None:
        each = [figures.number(one[name]["each"][line.seed]) for name in AUROCS]
        return (line.title, *s4, counts, f1, *each, "")
    above = one["above_age"]["auroc_patients"]
    return (line.title, *s4, counts, f1, *(figures.interval(one[name]) for name in AUROCS),
            "" if line.arm == AGE.name else figures.interval(above, sign=True))  # fmt: skip


AUROCS = ("auroc", "auroc_patients")
F1 = ("macro", "micro", "weighted", "binary")


def _f1_row(line: Line, found: Numbers) -> tuple[str, ...]:
    one, at = _ours(line, found)
    cells = ["" if line.run is None else _four(f1_of(line.run.table))]
    cells += [_four(one[name][at[0]]) if at else "" for name in ("f1", "f1_patients")]
    return (line.title, *cells)


def _four(f1: Mapping[str, float | None]) -> str:
    return ", ".join(figures.number(f1[name]) for name in F1)


def _dots(line: Line, found: Numbers) -> dict[str, Any]:
    one, at = _ours(line, found)
    return {
        "title": line.title,
        "s4": None if line.run is None else f1_of(line.run.table)["binary"],
        "ours": [one["f1"][k]["binary"] for k in at],
    }


def _words(found: Numbers) -> tuple[str, ...]:
    arms = found["arms"]
    side, age = arms[f"{SIDE}/loss"], arms[f"{AGE.name}/loss"]
    each = [one["binary"] for one in side["f1"]]
    surely = [
        f"{name} ({figures.interval(one['above_age']['auroc_patients'], sign=True)})"
        for name, one in arms.items()
        if (one["above_age"]["auroc_patients"]["low"] or 0) > 0
    ]
    needed = found["needed"]
    width = side["auroc_patients"]["high"] - side["auroc_patients"]["low"]
    return (
        (
            f"**Noise between seeds.** One SqueezeNet 1.0, the same folds, {len(each)} seeds: F1 "
            f"{', '.join(f'{value:.2f}' for value in each)}; AUROC by image "
            f"{', '.join(f'{value:.2f}' for value in side['auroc']['each'])}."
        ),
        (
            f"**Against age alone.** Age alone reaches {figures.interval(age['auroc_patients'])} "
            f"by patient, SqueezeNet 1.0 {figures.interval(side['auroc_patients'])}. Arms whose "
            f"paired interval lies above age alone: {', '.join(surely) or 'none'} "
            f"(of {len(arms) - 1} comparisons, not corrected)."
        ),
        (
            f"**How wide.** SqueezeNet 1.0's interval by patient spans {width:.2f}. One of .10 "
            f"would need about {needed['died']} patients who died and {needed['survived']} who did "
            f"not; "
            f"here there are {found['patients_died']} and "
            f"{found['patients'] - found['patients_died']}."
        ),
        (
            f"{found['permissive']} of the {found['images']} images may be used to train what is "
            "shipped. Nothing that was learnt here is kept but scores."
        ),
    )


QUESTION = Question(
    "networks",
    "Networks, settings, age alone",
    "S4's levers moved again on the same folds, everything chosen inside them.",
    measure,
    show,
    12,
)
