"""Outputs that are all but the same for every image, or all on one side of the threshold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hilum.audit.limits import CONSTANT_RANGE, FEW, ONE_CLASS, SAME_VALUE
from hilum.audit.subject import Case, Scores, name_of
from hilum.audit.verdict import Checked, Table, Verdict
from hilum.domain.text import first_few
from hilum.evaluation import Measure, wilson

_CONSTANT = "Do outputs differ between images?"
_ONE_CLASS = "Are decisions in more than one class?"


def check(case: Case) -> Checked:
    """Spread of every output, and the share of images called present."""
    scores = case.subject.scores
    if scores is None:
        words = "There are no scores of a model: give predictions, or a bundle that reads."
        return Checked(
            (
                Verdict("near-constant", _CONSTANT, "not asked", words),
                Verdict("one-class", _ONE_CLASS, "not asked", words),
            )
        )
    rows = np.flatnonzero(case.judged & scores.scored)
    spread = []
    for f, key in enumerate(scores.findings):
        values = scores.values[rows, f]
        values = values[~np.isnan(values)]
        if not len(values):
            continue
        low, high = np.quantile(values, [0.05, 0.95])
        _, counts = np.unique(values, return_counts=True)
        same = float(counts.max() / len(values))
        spread.append((key, len(values), float(low), float(high), same))
    table = Table(
        "outputs", "Where the middle 90 % of scores lie, and the share of the commonest score.",
        ("finding", "images", "quantile_5", "quantile_95", "commonest_share", "threshold",
         "called_present"),
        tuple(
            (key, images, low, high, same, scores.thresholds.get(key),
             _called(scores, key, rows))
            for key, images, low, high, same in spread
        ),
    )  # fmt: skip
    return Checked((_constant(scores, spread), _one_class(case, scores)), (table,))


def _called(scores: Scores, key: str, rows: NDArray[np.int64]) -> float | None:
    """Share of scored images that are called present; None without a threshold."""
    if key not in scores.thresholds:
        return None
    column = scores.column(key)
    return float((column.values[rows[column.has[rows]], 0] >= scores.thresholds[key]).mean())


def _constant(scores: Scores, spread: list[tuple[str, int, float, float, float]]) -> Verdict:
    if not spread:
        return Verdict("near-constant", _CONSTANT, "not asked", "The model has no output.")
    # Scores that are no probabilities have no scale of their own: only equal ones are counted.
    wide = {key: _wide(low, high, scores) for key, _, low, high, _ in spread}
    flat = [
        key
        for key, _, _, _, same in spread
        if same >= SAME_VALUE or (scores.probabilities and wide[key] < CONSTANT_RANGE)
    ]
    key, _, low, high, _ = min(spread, key=lambda s: wide[s[0]])
    words = (
        f"All but the same for every image: {first_few([name_of(k) for k in flat], quoted=False)}."
        if flat
        else f"The middle 90 % of scores of the narrowest output, {name_of(key)}, lie from "
        f"{low:.3g} to {high:.3g}."
    )
    advice = (
        "Look for dead units, a learning rate that was too high, or pictures on another grey scale "
        "than the network learnt from; a rare finding that was never learnt looks like that too."
        if flat
        else ""
    )
    unit = "narrowest range" + (" of log-odds" if scores.probabilities else "")
    return Verdict("near-constant", _CONSTANT, "fails" if flat else "passes", words, advice,
                   Measure(wide[key]), unit)  # fmt: skip


def _wide(low: float, high: float, scores: Scores) -> float:
    """How far two scores lie apart, probabilities as log-odds."""
    if not scores.probabilities:
        return high - low
    ends = np.clip([low, high], 1e-7, 1 - 1e-7)
    return float(np.diff(np.log(ends / (1 - ends)))[0])


def _one_class(case: Case, scores: Scores) -> Verdict:
    if not scores.thresholds:
        words = "No thresholds are known; they come with a bundle, or with what `hilum read` wrote."
        return Verdict("one-class", _ONE_CLASS, "not asked", words)
    odd, narrowest = [], None
    for key in case.findings:
        if key not in scores.thresholds:
            continue
        column = scores.column(key)
        rows = case.rows(key, column)
        truth = case.target(key)[rows]
        if min(int(truth.sum()), int((~truth).sum())) < FEW:
            continue
        called = column.values[rows, 0] >= scores.thresholds[key]
        most = wilson(int(max(called.sum(), (~called).sum())), len(called))
        if narrowest is None or (most.value or 0) > (narrowest[1].value or 0):
            narrowest = (key, most)
        if (most.value or 0) >= ONE_CLASS:
            odd.append(f"{name_of(key)} ({'present' if called.mean() > 0.5 else 'absent'}, while "
                       f"{truth.mean():.0%} of the reference is present)")  # fmt: skip
    if narrowest is None:
        words = f"No finding with a threshold has {FEW} images of both classes."
        return Verdict("one-class", _ONE_CLASS, "not asked", words)
    key, share = narrowest
    words = (
        f"All decisions are the same: {first_few(odd, quoted=False)}."
        if odd
        else f"The most one-sided decisions are those on {name_of(key)}."
    )
    advice = "Fix the threshold on the tuning split; .5 is no operating point." if odd else ""
    return Verdict("one-class", _ONE_CLASS, "fails" if odd else "passes", words, advice, share,
                   f"share of equal decisions, {name_of(key)}")  # fmt: skip
