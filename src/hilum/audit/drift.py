"""Drift: which decisions change between two versions of a model on the same images."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.audit.columns import Asked, difference
from hilum.audit.limits import DRIFT_FAILS, DRIFT_WARNS
from hilum.audit.subject import Case, name_of
from hilum.audit.verdict import Checked, Outcome, Table, Verdict
from hilum.domain.text import first_few
from hilum.evaluation import Measure, bootstrap

_TITLE = "Do two versions decide alike?"


def check(case: Case) -> Checked:
    """Decisions that change at the earlier version's thresholds, and how far scores move."""
    new, old = case.subject.scores, case.subject.earlier
    if new is None or old is None:
        words = "There is one version only: name the earlier one with --earlier."
        return Checked((Verdict("drift", _TITLE, "not asked", words),))
    common = [key for key in old.findings if key in new.findings]
    both = np.flatnonzero(case.judged & new.scored & old.scored)
    if not common or not len(both):
        words = "The two versions have no finding, or no image, in common."
        return Checked((Verdict("drift", _TITLE, "not asked", words),))
    if new.probabilities != old.probabilities:
        words = (
            f"{new.name} and {old.name} speak on two scales, probabilities and scores of another "
            f"kind: give both on one."
        )
        return Checked((Verdict("drift", _TITLE, "not asked", words),))
    rows, changes = [], []
    for key in common:
        a, b = old.column(key), new.column(key)
        both = np.flatnonzero(case.judged & a.has & b.has)
        if not len(both):
            continue
        before, after = a.values[both, 0], b.values[both, 0]
        moved = np.abs(after - before)
        threshold = old.thresholds.get(key)
        change = up = down = None
        if threshold is not None:
            was, now = before >= threshold, after >= threshold
            up, down = int((now & ~was).sum()), int((was & ~now).sum())
            change = _share(case, was != now, case.patients[both])
            changes.append((key, change, up, down))
        better = _better(case, key)
        rows.append(
            (key, len(both), threshold, *_three(change), up, down, float(moved.mean()),
             float(moved.max()), float((after - before).mean()), *_three(better))
        )  # fmt: skip
    header = ("finding", "images", "old_threshold", "changed", "changed_low", "changed_high",
              "to_present", "to_absent", "mean_move", "largest_move", "mean_shift",
              "auroc_change", "auroc_change_low", "auroc_change_high")  # fmt: skip
    table = Table("drift", "Two versions on the same images, at the old thresholds.", header,
                  tuple(rows))  # fmt: skip
    return Checked((_verdict(old.name, new.name, changes, rows),), (table,))


def _share(case: Case, changed: NDArray[np.bool_], patients: NDArray[np.int64]) -> Measure:
    def statistic(weights: NDArray[np.int32]) -> float:
        return float(weights @ changed / weights.sum())

    return bootstrap(statistic, patients, rng=case.options.rng(), samples=case.options.samples,
                     level=case.options.level)  # fmt: skip


def _better(case: Case, key: str) -> Measure | None:
    """How much higher the new version's AUROC is, where labels are known."""
    new, old = case.subject.scores, case.subject.earlier
    if key not in case.findings or new is None or old is None:
        return None
    a, b = new.column(key), old.column(key)
    rows = case.rows(key, a, b)
    asked = Asked(rows, case.target(key)[rows], case.patients[rows])
    return difference(asked, a, b, rng=case.options.rng(), samples=case.options.samples,
                      level=case.options.level)  # fmt: skip


def _three(m: Measure | None) -> tuple[float | None, ...]:
    return (None, None, None) if m is None else (m.value, m.low, m.high)


def _verdict(
    old: str, new: str, changes: list[tuple[str, Measure, int, int]], rows: list[tuple[Any, ...]]
) -> Verdict:
    if not changes:
        words = f"{old} has no thresholds, so it decides nothing; drift.csv says how scores move."
        return Verdict("drift", _TITLE, "not asked", words)
    key, share, up, down = max(changes, key=lambda c: (c[1].low or 0.0, c[1].value or 0.0))
    outcome: Outcome = "passes"
    if any((m.value or 0.0) > DRIFT_WARNS for _, m, _, _ in changes):
        outcome = "fails" if (share.low or 0.0) > DRIFT_FAILS else "warns"
    told = [f"{name_of(k)} {m.value:.1%}" for k, m, *_ in changes if (m.value or 0) > DRIFT_WARNS]
    words = (
        f"{old} → {new} on {max(row[1] for row in rows):,} images: most decisions change on "
        f"{name_of(key)}, {up:,} to present and {down:,} to absent."
    )
    words += f" More than {DRIFT_WARNS:.0%}: {first_few(told, quoted=False)}." if told else ""
    advice = (
        "" if outcome == "passes"
        else "Fix the thresholds anew for the new version, and tell its users."
    )  # fmt: skip
    return Verdict("drift", _TITLE, outcome, words, advice, share,
                   f"share of decisions changed, {name_of(key)}")  # fmt: skip
