"""Which source is it? What features, or the border alone, tell of where an image comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hilum.audit.columns import once
from hilum.audit.limits import FEW, KNOWN_FAILS, KNOWN_WARNS
from hilum.audit.probes import Vectors, folds, which
from hilum.audit.sources import NO_SOURCES, Hanging
from hilum.audit.subject import Case
from hilum.audit.verdict import Checked, Outcome, Table, Verdict
from hilum.evaluation import Measure, Reference, bootstrap, intervals


@dataclass(frozen=True, slots=True)
class Known:
    """How well a probe knows the source.

    Attributes:
        of: what the probe looked at.
        auroc: one source against the others, the mean over sources and seeds.
        balanced_accuracy: mean share of each source's images that are named rightly, the mean over
            seeds; 1 / sources by chance.
        sources: names, those with few patients left out.
        each: AUROC of each source.
    """

    of: str
    auroc: Measure
    balanced_accuracy: Measure
    sources: tuple[str, ...]
    each: tuple[Measure, ...]


def check(
    case: Case, hanging: Mapping[str, Hanging], views: Mapping[str, Vectors | None]
) -> Checked:
    """A probe on each view: features of the whole pictures, and the border alone.

    Args:
        case: what is audited.
        hanging: labels that hang on sources make knowing the source worse.
        views: words for what is looked at ("features", "border") → vectors.
    """
    lines, rows = [], []
    hangs = any(h.outcome == "fails" for h in hanging.values())
    for view, vectors in views.items():
        code, title = f"source-in-{view}", _TITLES[view]
        missing = _missing(case, view, vectors)
        known = None if missing or vectors is None else know(case, view, vectors)
        if known is None:
            words = missing or f"Fewer than two sources have images of {FEW} patients."
            lines.append(Verdict(code, title, "not asked", words))
            continue
        lines.append(_verdict(code, title, known, hangs=hangs))
        rows += [
            (view, name, m.value, m.low, m.high, m.positives)
            for name, m in zip(known.sources, known.each, strict=True)
        ]
        m, b = known.auroc, known.balanced_accuracy
        rows.append((view, "mean", m.value, m.low, m.high, m.images))
        rows.append((view, "balanced accuracy", b.value, b.low, b.high, m.images))
    header = ("view", "source", "value", "low", "high", "images")
    about = "AUROC of a probe for each source against the others, and its balanced accuracy."
    return Checked(tuple(lines), (Table("which-source", about, header, tuple(rows)),) * bool(rows))


_TITLES = {
    "features": "Which source is it? Told by the features",
    "border": "Which source is it? Told by the border of the picture alone",
}


def _missing(case: Case, view: str, vectors: Vectors | None) -> str:
    if case.sources is None:
        return NO_SOURCES
    if vectors is None:
        if view == "border":
            return "No pictures were given: name their folder with --data."
        return "No features were given: name a bundle with --bundle and a folder with --data."
    return ""


def know(case: Case, view: str, vectors: Vectors) -> Known | None:
    """How well a probe on vectors knows the source, out of fold, patients whole.

    Returns:
        None where fewer than two sources have enough patients.
    """
    assert case.sources is not None
    number = case.sources.number[vectors.rows]
    people = [len(np.unique(case.patients[vectors.rows[number == s]]))
              for s in range(len(case.sources))]  # fmt: skip
    kept = [s for s in range(len(case.sources)) if people[s] >= FEW]
    if len(kept) < 2:
        return None
    use = np.isin(number, kept)
    vectors, kinds = vectors.of(use), np.searchsorted(kept, number[use])
    table, options = case.subject.table, case.options
    scores = np.stack(
        [
            which(vectors, folds(table, vectors.rows, options.folds, options.seed + s), kinds)
            for s in range(options.seeds)
        ],
        axis=2,
    )
    patients = case.patients[vectors.rows]
    truth = kinds[:, None] == np.arange(len(kept))
    # Two sources mirror each other: one column says it all.
    shown = [0] if len(kept) == 2 else list(range(len(kept)))
    each = [
        _mean_over_seeds(case, truth[:, at], scores[:, at], patients) for at in range(len(kept))
    ]
    flat = np.concatenate([scores[:, at] for at in shown], axis=1)
    every = np.repeat(truth[:, shown], options.seeds, axis=1)
    mean = intervals(
        Reference.of(every, patients), flat,
        rng=options.rng(), samples=options.samples, level=options.level,
    ).mean  # fmt: skip
    return Known(
        of=view,
        auroc=replace(mean, positives=int(truth[:, 0].sum()), negatives=int((~truth[:, 0]).sum())),
        balanced_accuracy=_balanced(case, kinds, scores, patients),
        sources=tuple(case.sources.values[s] or "unknown" for s in kept),
        each=tuple(each),
    )


def _mean_over_seeds(
    case: Case, truth: NDArray[np.bool_], scores: NDArray[np.float64], patients: NDArray[np.int64]
) -> Measure:
    options = case.options
    found = intervals(
        Reference.of(np.repeat(truth[:, None], scores.shape[1], axis=1), patients), scores,
        rng=options.rng(), samples=options.samples, level=options.level,
    )  # fmt: skip
    return once(found.mean, found.each[0])


def _balanced(
    case: Case,
    kinds: NDArray[np.int64],
    scores: NDArray[np.float64],
    patients: NDArray[np.int64],
) -> Measure:
    """Balanced accuracy, the mean over seeds, patients drawn with replacement."""
    count = scores.shape[1]
    right = (scores.argmax(axis=1) == kinds[:, None]).mean(axis=1)

    def statistic(weights: NDArray[np.int32]) -> float | None:
        all_of = np.bincount(kinds, weights, count)
        if (all_of == 0).any():
            return None
        return float((np.bincount(kinds, weights * right, count) / all_of).mean())

    options = case.options
    return bootstrap(statistic, patients, rng=options.rng(), samples=options.samples,
                     level=options.level)  # fmt: skip


def _verdict(code: str, title: str, known: Known, *, hangs: bool) -> Verdict:
    low = known.auroc.low if known.auroc.low is not None else known.auroc.value or 0.0
    outcome: Outcome = "passes"
    if low >= KNOWN_WARNS:
        outcome = "fails" if hangs and low >= KNOWN_FAILS else "warns"
    chance = 1 / len(known.sources)
    words = (
        f"Out of fold by patient, a probe names the right one of {len(known.sources)} sources with "
        f"a balanced accuracy of {known.balanced_accuracy} (chance {chance:.2f})."
    )
    if hangs and outcome != "passes":
        words += " Labels hang on the source, so a model can answer by it."
    advice = {
        "passes": "",
        "warns": "Whatever hangs on the source can be learnt in place of the finding: keep labels "
        "balanced in every source.",
        "fails": "State every AUROC within sources; take classes from the same sources; even out "
        "borders, crops and burned-in text before training.",
    }[outcome]
    return Verdict(code, title, outcome, words, advice, known.auroc, "AUROC")
