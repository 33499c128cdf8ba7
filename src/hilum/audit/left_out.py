"""Each source by itself, and a probe that never saw the source it is asked in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from hilum.audit.columns import Asked, Column, difference, for_all, measure
from hilum.audit.limits import FEW, GAP_FAILS, GAP_WARNS
from hilum.audit.probes import Vectors, leaving_out
from hilum.audit.sources import NO_SOURCES, Hanging
from hilum.audit.subject import Case, name_of
from hilum.audit.verdict import Checked, Outcome, Table, Verdict
from hilum.domain.text import first_few
from hilum.evaluation import Measure

_INSIDE = "Is the model as good in every source?"
_LEFT_OUT = "Does what is learnt in some sources hold in one that was left out?"


@dataclass(frozen=True, slots=True)
class Place:
    """One finding in one source.

    Attributes:
        finding: key.
        source: its name.
        auroc: inside the source.
        other: None for the model; else AUROC of the probe that never saw the source.
        loss: ``auroc`` − ``other``, paired; None for the model.
    """

    finding: str
    source: str
    auroc: Measure
    other: Measure | None = None
    loss: Measure | None = None


def check(case: Case, hanging: Mapping[str, Hanging], vectors: Vectors | None) -> Checked:
    """The model in each source, and a probe on the vectors with each source left out."""
    if case.sources is None:
        return Checked(
            (
                Verdict("inside-each-source", _INSIDE, "not asked", NO_SOURCES),
                Verdict("source-left-out", _LEFT_OUT, "not asked", NO_SOURCES),
            )
        )
    inside = [place for key in case.findings if key in case.model
              for place in _places(case, hanging[key], case.model[key])]  # fmt: skip
    left = [] if vectors is None else [
        place for key in case.findings if key in case.whole
        for place in _left_out(case, hanging[key], vectors)
    ]  # fmt: skip
    rows = [
        (kind, p.finding, p.source, p.auroc.positives, p.auroc.negatives,
         p.auroc.value, p.auroc.low, p.auroc.high, *_three(p.other), *_three(p.loss))
        for kind, places in (("model", inside), ("probe", left))
        for p in places
    ]  # fmt: skip
    ends = [f"{x}{end}" for x in ("auroc", "left_out", "loss") for end in ("", "_low", "_high")]
    header = ("by", "finding", "source", "positives", "negatives", *ends)
    about = "AUROC inside each source; of the probe also where it never saw that source."
    lines = (_inside_verdict(case, inside), _left_verdict(left, vectors))
    return Checked(lines, (Table("each-source", about, header, tuple(rows)),) * bool(rows))


def _three(m: Measure | None) -> tuple[float | None, ...]:
    return (None, None, None) if m is None else (m.value, m.low, m.high)


def _asked(case: Case, key: str, source: int, *columns: Column) -> Asked:
    assert case.sources is not None
    rows = case.rows(key, *columns)
    rows = rows[case.sources.number[rows] == source]
    return Asked(rows, case.target(key)[rows], case.patients[rows])


def _places(case: Case, hanging: Hanging, column: Column) -> list[Place]:
    options = case.options
    found = []
    for inside in hanging.inside:
        asked = _asked(case, hanging.finding, inside.number, column)
        number = measure(asked, column, rng=options.rng(), samples=options.samples,
                         level=options.level)  # fmt: skip
        found.append(Place(hanging.finding, inside.source, number))
    return found


def _left_out(case: Case, hanging: Hanging, vectors: Vectors) -> list[Place]:
    """The probe inside each source, having seen it (out of fold) and not having seen it."""
    assert case.sources is not None
    key, options = hanging.finding, case.options
    truth, use = case.target(key), case.mask[:, case.findings.index(key)]
    scores, told = leaving_out(
        vectors,
        case.sources.number[vectors.rows].astype(np.int64),
        truth[vectors.rows],
        use[vectors.rows],
    )
    n = len(truth)
    values, has = np.zeros((n, 1)), np.zeros(n, np.bool_)
    values[vectors.rows, 0], has[vectors.rows] = scores, told
    unseen, seen = Column(values, has), case.whole[key]
    found = []
    for inside in hanging.inside:
        asked = _asked(case, key, inside.number, unseen, seen)
        if min(int(asked.targets.sum()), int((~asked.targets).sum())) < FEW:
            continue
        how = {"samples": options.samples, "level": options.level}
        found.append(
            Place(
                key, inside.source,
                measure(asked, seen, rng=options.rng(), **how),
                measure(asked, unseen, rng=options.rng(), **how),
                difference(asked, seen, unseen, rng=options.rng(), **how),
            )
        )  # fmt: skip
    return found


def _inside_verdict(case: Case, places: list[Place]) -> Verdict:
    code = "inside-each-source"
    if not case.model:
        return Verdict(code, _INSIDE, "not asked", "There are no scores of a model.")
    gaps = []
    for key in case.findings:
        here = [p for p in places if p.finding == key and p.auroc.defined]
        for one, other in combinations(here, 2):
            best, least = sorted((one, other), key=lambda p: -(p.auroc.value or 0.0))
            gaps.append((key, best, least, _gap(best.auroc, least.auroc)))
    if not gaps:
        told = [f"{name_of(p.finding)} {p.source} {p.auroc}" for p in places]
        words = (
            f"No finding has {FEW} patients with it and {FEW} without in two sources."
            + (f" Inside one: {first_few(told, quoted=False)}." if told else "")
        )  # fmt: skip
        return Verdict(code, _INSIDE, "not asked", words)
    gaps = [(key, best, least, for_all(gap, len(gaps))) for key, best, least, gap in gaps]
    key, best, least, gap = max(gaps, key=lambda g: -1.0 if g[3].low is None else g[3].low)
    value, low = gap.value or 0.0, gap.low if gap.low is not None else 0.0
    outcome: Outcome = "passes"
    if low > 0 and value >= GAP_WARNS:
        outcome = "fails" if low >= GAP_FAILS else "warns"
    return Verdict(
        code, _INSIDE, outcome,
        f"The surest gap{_of(len(gaps))}: {name_of(key)}, {best.auroc.value:.3f} in "
        f"{best.source} and {least.auroc.value:.3f} in {least.source}.",
        "" if outcome == "passes" else "State the AUROC of each source, not one over all.",
        gap, "AUROC between sources",
    )  # fmt: skip


def _of(count: int) -> str:
    return f" of {count:,}, with an interval that holds for all at once" if count > 1 else ""


def _gap(best: Measure, least: Measure) -> Measure:
    """Best − least, from different patients: the spreads add as squares."""
    value = (best.value or 0.0) - (least.value or 0.0)
    if None in (best.low, best.high, least.low, least.high):
        return Measure(value, "no interval: one of the two has none")
    down = ((best.value - best.low) ** 2 + (least.high - least.value) ** 2) ** 0.5  # type: ignore[operator]
    up = ((best.high - best.value) ** 2 + (least.value - least.low) ** 2) ** 0.5  # type: ignore[operator]
    return Measure(value, low=value - down, high=value + up, level=best.level,
                   positives=best.positives + least.positives,
                   negatives=best.negatives + least.negatives)  # fmt: skip


def _left_verdict(places: list[Place], vectors: Vectors | None) -> Verdict:
    code = "source-left-out"
    if vectors is None:
        words = "No features were given: name a bundle with --bundle and a folder with --data."
        return Verdict(code, _LEFT_OUT, "not asked", words)
    told = [p for p in places if p.loss is not None and p.loss.defined]
    if not told:
        words = f"No finding has {FEW} patients with it and {FEW} without in two sources."
        return Verdict(code, _LEFT_OUT, "not asked", words)
    worst = max(told, key=lambda p: p.loss.low if p.loss and p.loss.low is not None else -1.0)
    loss, other = worst.loss and for_all(worst.loss, len(told)), worst.other
    assert loss is not None
    assert other is not None
    low = loss.low if loss.low is not None else 0.0
    outcome: Outcome = "passes"
    if low > 0 and (loss.value or 0.0) >= GAP_WARNS:
        outcome = "fails" if low >= GAP_FAILS else "warns"
    return Verdict(
        code, _LEFT_OUT, outcome,
        f"The surest loss{_of(len(told))}: {name_of(worst.finding)} in {worst.source}, a probe on "
        f"the features has "
        f"{worst.auroc.value:.3f} having seen that source, {other.value:.3f} without.",
        "" if outcome == "passes"
        else "Expect as much less in a hospital that was not learnt from; train on more sources.",
        loss, "AUROC lost",
    )  # fmt: skip
