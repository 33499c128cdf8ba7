"""Folds within folds: what candidates say of rows that choose, and of rows that are asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.errors import RunError
from hilum.evaluation.decision_intervals import formula
from hilum.studies.s4.cohort import Cohort, Floats, Fold, Rows

Scored = NDArray[np.float32]

RULES = ("loss", "macro", "micro", "weighted", "binary", "last")
"""How candidate and threshold are chosen on the inner folds.

``loss``: the candidate of least log loss, the threshold of the largest F1 of death. An average of
F1: candidate and threshold of its largest value. ``last``: nothing is chosen, the last candidate
decides by the likelier answer, as S4 did.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Nested:
    """Log-odds of death by candidates: epochs of a network, or strengths of a penalty.

    Attributes:
        inner: [folds, candidates, rows]; of rows outside a fold, by models of the other inner
            folds. NaN where nothing was asked: in the fold itself, and where fewer inner folds ran.
        outer: [candidates, rows], by models that saw nothing of the patient.
    """

    inner: Floats
    outer: Floats

    def of_patients(self, cohort: Cohort) -> Nested:
        """The same of patients: means over their images."""
        return Nested(cohort.means(self.inner), cohort.means(self.outer))


@dataclass(frozen=True, slots=True, eq=False)
class Decided:
    """What is said of every row once candidates and thresholds are chosen.

    Attributes:
        scores: log-odds of death, [rows].
        died: the decision, bool [rows].
        candidates: number of the candidate chosen for each fold.
    """

    scores: Floats
    died: NDArray[np.bool_]
    candidates: tuple[int, ...]


Ask = Callable[[Rows, Rows, int], Scored]
"""Rows to learn from, rows to ask and a number → log-odds [candidates, rows asked]."""


def nest(ask: Ask, folds: tuple[Fold, ...], rows: int, keep: Path, *, once: bool = False) -> Nested:
    """Ask candidates of every row, in inner folds and outer ones.

    Args:
        ask: learns and asks; its number is another for each call.
        folds: of the cohort.
        rows: of the cohort.
        keep: folder where each outer fold is kept, so that the same call goes on.
        once: for what takes long, one network a fold: it learns from the rows of all inner folds
            but one, that one chooses, and the same network is asked of the fold.

    Raises:
        RunError: a score is not finite.
        Stopped: ``ask`` was asked to stop.
    """
    keep.mkdir(parents=True, exist_ok=True)
    inner, outer = [], []
    for at, fold in enumerate(folds):
        file = keep / f"fold-{at}.npz"
        if not file.exists():
            _keep(file, (_once if once else _all)(ask, fold, rows, at))
        with np.load(file) as found:
            inner.append(found["inner"])
            outer.append(found["outer"])
    whole = np.full_like(outer[0], np.nan)
    for fold, part in zip(folds, outer, strict=True):
        whole[:, fold.held] = part[:, fold.held]
    if not np.isfinite(whole).all():
        raise RunError(f"{keep.name}: networks gave scores that are not finite.")
    return Nested(np.stack(inner), whole)


def _all(ask: Ask, fold: Fold, rows: int, at: int) -> dict[str, Floats]:
    held = ask(fold.rest, fold.held, 100 * at)
    outer = np.full((len(held), rows), np.nan)
    outer[:, fold.held] = held
    inner = np.full((len(held), rows), np.nan)
    for number, (learn, choose) in enumerate(fold.inner, 1):
        inner[:, choose] = ask(learn, choose, 100 * at + number)
    return {"inner": inner, "outer": outer}


def _once(ask: Ask, fold: Fold, rows: int, at: int) -> dict[str, Floats]:
    learn, choose = fold.inner[0]
    said = ask(learn, np.concatenate([choose, fold.held]), 100 * at)
    inner, outer = np.full((2, len(said), rows), np.nan)
    inner[:, choose], outer[:, fold.held] = said[:, : len(choose)], said[:, len(choose) :]
    return {"inner": inner, "outer": outer}


def _keep(file: Path, arrays: dict[str, Floats]) -> None:
    partial = file.with_name(f"partial-{file.name}")
    with partial.open("wb") as out:
        np.savez(out, allow_pickle=False, **arrays)
    partial.replace(file)


def decide(nested: Nested, died: NDArray[np.bool_], fold: Rows, rule: str = "loss") -> Decided:
    """Choose candidate and threshold of every fold on its inner rows, and decide.

    Args:
        nested: from :func:`nest`, or of patients.
        died: the reference, [rows].
        fold: number of the fold in which a row is held out, [rows].
        rule: one of :data:`RULES`.
    """
    scores = np.empty(len(died))
    said = np.empty(len(died), np.bool_)
    chosen = []
    for at, asked in enumerate(nested.inner):
        held = fold == at
        known = np.isfinite(asked).all(axis=0)
        candidate, threshold = _choose(asked[:, known], died[known], rule)
        scores[held] = nested.outer[candidate, held]
        said[held] = scores[held] > threshold
        chosen.append(candidate)
    return Decided(scores, said, tuple(chosen))


def _choose(scores: Floats, died: NDArray[np.bool_], rule: str) -> tuple[int, float]:
    """Candidate and threshold, from scores [candidates, rows]."""
    if rule == "last":
        return len(scores) - 1, 0.0
    if rule == "loss":
        signed = np.where(died, -scores, scores)
        candidate = int(np.logaddexp(0.0, signed).mean(axis=1).argmin())
        return candidate, _best(scores[candidate], died, "binary")[1]
    each = [_best(one, died, rule) for one in scores]
    candidate = int(np.argmax([value for value, _ in each]))
    return candidate, each[candidate][1]


def _best(scores: Floats, died: NDArray[np.bool_], average: str) -> tuple[float, float]:
    """The largest F1 of an average that a threshold between two scores gives, and the threshold."""
    levels = np.unique(scores)
    edges = np.concatenate([[-np.inf], (levels[:-1] + levels[1:]) / 2, [np.inf]])
    called = scores[None] > edges[:, None]
    tp, fp = (called & died).sum(1).astype(float), (called & ~died).sum(1).astype(float)
    fn, tn = died.sum() - tp, (~died).sum() - fp
    dead, alive = (
        np.nan_to_num(formula("f1", *counts)) for counts in ((tp, fp, fn, tn), (tn, fn, fp, tp))
    )
    share = died.mean()
    values = {
        "binary": dead,
        "macro": (dead + alive) / 2,
        "weighted": share * dead + (1 - share) * alive,
        "micro": formula("accuracy", tp, fp, fn, tn),
    }[average]
    best = int(values.argmax())
    # beyond the last score nothing is called, before the first everything; both stay finite
    ends = float(levels[0]) - 1.0, float(levels[-1]) + 1.0
    return float(values[best]), float(np.clip(edges[best], *ends))
