"""How long intervals by patient take over ChestX-ray14, against a loop over scikit-learn."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import CORES, watched
from benchmarks.measure import Ratio, Times, Worker, interleave, ratio, worker
from benchmarks.options import Options, shared
from benchmarks.results import Mark, Section, Table

ROUNDS, DRAWS = 5, 2000
LOOPED = 3
"""Draws that the loop over scikit-learn is timed with in a round."""
LIMIT_S, LIMIT_MB, LIMIT_RATIO, LIMIT_DELONG_S = 60.0, 1000, 30, 1.0
EVERY_S = 0.02
TITLE = "Intervals of 112,120 images × 14 findings"
OTHERS = {
    "auroc": "AUROC alone",
    "decisions": "ten numbers at an operating point, with their means",
    "micro": "AUROC and average precision of all cells in one pot (micro)",
}

Study = tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.float64]]
"""Targets [images, findings], patients [images], scores [images, findings]."""


def run(options: Options) -> Section:
    """Measure."""
    labels = shared() / "labels"
    if not (labels / "Data_Entry_2017_v2020.csv.gz").is_file():
        return Section("bootstrap", TITLE, skipped=f"no label tables at {labels.name}/.")
    path = options.folder / "bootstrap.npz"
    _save(labels, path)
    rounds = options.rounds(ROUNDS)
    with (
        worker("benchmarks.bootstrap:hilum_side", str(path)) as ours,
        worker("benchmarks.bootstrap:scikit_learn_side", str(path)) as theirs,
    ):
        apart = _apart(ours, theirs)
        pid = int(ours("pid")[1])
        with watched(pid, EVERY_S) as peak:
            sides = {
                "hilum": ours.side("both"),
                "scikit-learn": lambda: theirs(LOOPED)[0] * DRAWS / LOOPED,
                "delong": ours.side("delong"),
            }
            times = interleave(sides, repeat=rounds)
        others = interleave({name: ours.side(name) for name in OTHERS}, repeat=1, warm_up=0)
    return _section(times, others, peak[0] / 1e6, apart)


def hilum_side(path: str) -> Callable[[str], float | int | list[float]]:
    """What the process with Hilum does when it is called."""
    from hilum.evaluation import (
        Reference,
        decision_intervals,
        decision_means,
        delong,
        intervals,
        intervals_of,
        pooled,
    )

    targets, patients, scores = _load(path)
    reference = Reference.of(targets, patients)

    def numbers() -> list[float]:
        found = intervals_of(reference, scores, rng=np.random.default_rng(0), samples=1)
        return [one.value or 0.0 for measures in found.values() for one in measures.each]

    def decide() -> None:
        for function in (decision_intervals, decision_means):
            function(reference, scores > 1, rng=np.random.default_rng(0), samples=DRAWS)

    def pot() -> None:
        whole, values = pooled(reference, scores)
        intervals_of(whole, values, rng=np.random.default_rng(0), samples=DRAWS)

    works: dict[str, Callable[[], Any]] = {
        "pid": os.getpid,
        "numbers": numbers,
        "both": lambda: intervals_of(
            reference, scores, rng=np.random.default_rng(0), samples=DRAWS
        ),
        "auroc": lambda: intervals(reference, scores, rng=np.random.default_rng(0), samples=DRAWS),
        "delong": lambda: delong(targets, scores),
        "decisions": decide,
        "micro": pot,
    }

    def work(name: str) -> float | int | list[float]:
        found = works[name]()
        return found if name in ("pid", "numbers") else 0

    return work


def scikit_learn_side(path: str) -> Callable[[int], list[float]]:
    """The loop as it is commonly written: patients drawn, their images taken, both scores asked."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    targets, patients, scores = _load(path)
    order = np.argsort(patients, kind="stable")
    begins = np.searchsorted(patients[order], np.arange(patients.max() + 2))
    images = [order[begins[p] : begins[p + 1]] for p in range(len(begins) - 1)]
    rng = np.random.default_rng(0)

    def work(draws: int) -> list[float]:
        values: list[float] = []
        for _ in range(max(draws, 1)):
            rows = np.arange(len(targets))
            if draws:
                drawn = rng.integers(0, len(images), len(images))
                rows = np.concatenate([images[p] for p in drawn])
            y, s = targets[rows], scores[rows]
            values = [
                float(ask(y[:, f], s[:, f]))
                for ask in (roc_auc_score, average_precision_score)
                for f in range(y.shape[1])
            ]
        return values

    return work


def _apart(ours: Worker, theirs: Worker) -> float:
    """The largest difference between both sides' numbers on the images as they are."""
    return float(np.abs(np.subtract(ours("numbers")[1], theirs(0)[1])).max())


def _save(labels: Path, path: Path) -> None:
    """Real targets and patients, and scores that tell them about as well as networks do."""
    from hilum.datasets.collections import COLLECTIONS
    from hilum.domain import State

    table = next(iter(COLLECTIONS.resolve("chestxray14").variants.values())).read(labels)
    targets = table.states == State.PRESENT
    patients = np.unique(np.asarray(table.patients[:]), return_inverse=True)[1]
    scores = np.random.default_rng(0).normal(size=targets.shape) + 1.3 * targets
    np.savez(path, targets=targets, patients=patients, scores=scores)


def _load(path: str) -> Study:
    with np.load(path) as held:
        return held["targets"], held["patients"], held["scores"]


def _section(
    times: dict[str, Times], others: dict[str, Times], peak: float, apart: float
) -> Section:
    both, delong = times["hilum"], times["delong"]
    won: Ratio = ratio(times["scikit-learn"], both)
    busy = "see the table; a busy machine makes it longer."
    what = f"AUROC and average precision with {DRAWS:,} draws of patients"
    return Section(
        "bootstrap",
        TITLE,
        marks=(
            Mark(f"{what} ≤ {LIMIT_S:g} s on {CORES} cores", f"{both.median:.1f} s",
                 both.median <= LIMIT_S, busy),
            Mark(f"≥ {LIMIT_RATIO} × as fast as a loop over scikit-learn", str(won),
                 won.of_medians >= LIMIT_RATIO, "see the table."),
            Mark(f"peak memory ≤ {LIMIT_MB:,} MB", f"{peak:.0f} MB", peak <= LIMIT_MB,
                 "see the notes."),
            Mark(f"DeLong's intervals ≤ {LIMIT_DELONG_S:g} s", f"{delong.median:.2f} s",
                 delong.median <= LIMIT_DELONG_S, busy),
        ),
        tables=(
            Table(
                f"{len(both.seconds)} rounds in turns, after one to warm up; the last rows once:",
                ("", "ms"),
                [
                    [f"Hilum, {what}", str(both)],
                    ["a loop over scikit-learn, the same (scaled)", str(times["scikit-learn"])],
                    ["Hilum, DeLong, which draws nothing", str(delong)],
                    *([f"Hilum, {OTHERS[name]}", str(one)] for name, one in others.items()),
                ],
            ),
        ),
        notes=_notes(apart),
    )  # fmt: skip


def _notes(apart: float) -> tuple[str, ...]:
    what = (
        "Labels and patients of ChestX-ray14 (30,805 patients, 112,120 images); the scores are "
        "drawn: normal, positives 1.3 higher."
    )
    loop = (
        f"The loop draws patients, takes their images and calls roc_auc_score and "
        f"average_precision_score for each finding, in one process. It was timed on {LOOPED} "
        f"draws a round and scaled to {DRAWS:,}: it was not run to the end."
    )
    same = f"On the images as they are both sides' 28 numbers differ by {apart:.1g} at most."
    how = (
        f"Hilum weighs findings on as many threads as there are cores ({CORES} here). Memory is "
        f"that of its whole process, scores and labels included; MB of 10⁶ bytes."
    )
    return what, loop, same, how
