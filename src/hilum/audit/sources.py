"""Which labels hang on which source, and which AUROC therefore says nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.audit.columns import Asked, Column, measure
from hilum.audit.limits import (
    BY_CHANCE,
    FEW,
    REFUSED,
    SAYING,
    SHUFFLES,
    TELLING,
    TELLING_LOW,
)
from hilum.audit.subject import Case, name_of
from hilum.audit.verdict import Checked, Outcome, Table, Verdict, worst
from hilum.datasets.exploration.strata import association
from hilum.domain import State
from hilum.domain.text import first_few
from hilum.evaluation import Measure, mean_of

NO_SOURCES = (
    "No column tells where the images come from: add one named 'source', or name it with --source; "
    "it needs two values at least."
)
_TITLE = "Does a label hang on where an image comes from?"
_REFUSED = "Do the classes of a finding come from different sources?"


@dataclass(frozen=True, slots=True)
class Inside:
    """A source in which a finding can be asked.

    Attributes:
        source: its name.
        number: of the source, as the case counts them.
        positives: images with the finding.
        negatives: images without.
        patients: patients with it, and others without.
        besides: findings on the images without it → images.
    """

    source: str
    number: int
    positives: int
    negatives: int
    patients: tuple[int, int]
    besides: Mapping[str, int]

    def __str__(self) -> str:
        kinds = ", ".join(f"{name_of(key)} {count:,}" for key, count in self.besides.items())
        return (
            f"{self.source} ({self.positives:,} images of {self.patients[0]:,} patients against "
            f"{self.negatives:,} of {self.patients[1]:,}{f': {kinds}' if kinds else ''})"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Hanging:
    """How a finding hangs on the sources.

    Attributes:
        finding: key.
        column: share of images with the finding in their source, as a score.
        alone: AUROC of that score, in-sample.
        cramers_v: 0 to 1; None where undefined.
        chance: AUROC that chance alone reaches for none of all findings in 95 % of audits, sources
            being dealt anew to the patients, whose images keep their labels together.
        as_absent: AUROC of the source, were unmentioned images absent; None where none is.
        positives: int64 [sources].
        negatives: int64 [sources].
        inside: sources in which both classes can be asked for.
    """

    finding: str
    column: Column
    alone: Measure
    cramers_v: float | None
    chance: float
    as_absent: float | None
    positives: NDArray[np.int64]
    negatives: NDArray[np.int64]
    inside: tuple[Inside, ...]

    @property
    def apart(self) -> bool:
        """Whether no source holds both classes."""
        return not (np.minimum(self.positives, self.negatives) > 0).any()

    @property
    def by_chance(self) -> bool:
        """Whether the source tells no more than as many sources drawn at random would."""
        return self.alone.value is None or self.alone.value <= self.chance

    @property
    def refused(self) -> bool:
        """Whether the classes come wholly or nearly from different sources, and not by chance."""
        if self.alone.value is None or self.by_chance:
            return False
        return self.apart or self.alone.value >= REFUSED

    @property
    def outcome(self) -> Outcome:
        """How strongly the finding hangs on the sources."""
        value, low = self.alone.value or 0.0, self.alone.low or 0.0
        if self.by_chance:
            return "passes"
        if value >= TELLING and low >= TELLING_LOW:
            return "fails"
        return "warns" if value >= SAYING else "passes"


def hangings(case: Case) -> dict[str, Hanging]:
    """How every finding hangs on the sources; empty without sources."""
    if case.sources is None:
        return {}
    return {key: _hanging(case, key, case.sources.number) for key in case.findings}


def _hanging(case: Case, key: str, number: NDArray[np.int32]) -> Hanging:
    assert case.sources is not None
    k = len(case.sources)
    rows, truth = case.rows(key), case.target(key)
    positives = np.bincount(number[rows[truth[rows]]], minlength=k)
    negatives = np.bincount(number[rows[~truth[rows]]], minlength=k)
    states = case.subject.table.select([key]).states[:, 0]
    silent = case.judged & (states == State.UNMENTIONED) & ~case.mask[:, case.findings.index(key)]
    told = association(
        key, positives, negatives, np.bincount(number[silent], minlength=k), case.options.rng()
    )
    share = positives / np.maximum(1, positives + negatives)
    column = Column(share[number][:, None], np.ones(len(number), np.bool_))
    alone = told.auroc
    if alone.defined:
        asked = Asked(rows, truth[rows], case.patients[rows])
        alone = measure(asked, column, rng=case.options.rng(), samples=case.options.samples,
                        level=case.options.level)  # fmt: skip
    return Hanging(
        finding=key,
        column=column,
        alone=alone,
        cramers_v=told.cramers_v,
        chance=_by_chance(case, rows, truth[rows], number[rows]),
        as_absent=told.auroc_as_absent,
        positives=positives,
        negatives=negatives,
        inside=tuple(_inside(case, key, rows, number)),
    )


def _by_chance(
    case: Case, rows: NDArray[np.int64], truth: NDArray[np.bool_], number: NDArray[np.int32]
) -> float:
    """The AUROC of the source alone that chance stays below, for all findings at once.

    What a patient has in one source is dealt out together, so that many images of few patients are
    no proof.
    """
    units, of = np.unique(
        case.patients[rows] * (int(number.max(initial=0)) + 1) + number, return_inverse=True
    )
    has = np.bincount(of[truth], minlength=len(units))
    has_not = np.bincount(of[~truth], minlength=len(units))
    held = np.zeros(len(units), np.int64)
    held[of] = number
    if not has.any() or not has_not.any():
        return 0.5
    rng = case.options.rng()
    drawn = []
    for _ in range(SHUFFLES):
        dealt = rng.permutation(held)
        drawn.append(_auroc(np.bincount(dealt, has), np.bincount(dealt, has_not)))
    return float(np.quantile(drawn, 1 - BY_CHANCE / max(1, len(case.findings))))


def _auroc(positives: NDArray[Any], negatives: NDArray[Any]) -> float:
    """AUROC of the share of positives as score, from images by source."""
    order = np.argsort(positives / np.maximum(1, positives + negatives), kind="stable")
    up, down = positives[order], negatives[order]
    return float(up @ (np.cumsum(down) - down / 2) / (up.sum() * down.sum()))


def _inside(
    case: Case, key: str, rows: NDArray[np.int64], number: NDArray[np.int32]
) -> list[Inside]:
    assert case.sources is not None
    found = []
    truth, table = case.target(key), case.subject.table
    for at, name in enumerate(case.sources.values):
        here = rows[number[rows] == at]
        up, down = here[truth[here]], here[~truth[here]]
        has = np.unique(case.patients[up])
        people = len(has), len(np.setdiff1d(case.patients[down], has))
        if min(people) < FEW:
            continue
        beside = (table.states[down] == State.PRESENT).sum(axis=0)
        order = np.argsort(-beside, kind="stable")[:3]
        besides = {table.findings[f]: int(beside[f]) for f in order.tolist() if beside[f]}
        found.append(Inside(name or "unknown", at, len(up), len(down), people, besides))
    return found


def check(case: Case, hanging: Mapping[str, Hanging]) -> Checked:
    """Source × label, and the AUROCs that are refused."""
    if case.sources is None:
        return Checked(
            (
                Verdict("source-label", _TITLE, "not asked", NO_SOURCES),
                Verdict("between-sources", _REFUSED, "not asked", NO_SOURCES),
            )
        )
    if not hanging:
        words = f"No finding has {FEW} patients with it and {FEW} others without."
        return Checked(
            (
                Verdict("source-label", _TITLE, "not asked", words),
                Verdict("between-sources", _REFUSED, "not asked", words),
            )
        )
    defined = [h for h in hanging.values() if h.alone.defined]
    silent = [
        f"{name_of(h.finding)} ({h.as_absent:.2f})"
        for h in hanging.values()
        if h.as_absent is not None and h.as_absent >= TELLING
    ]
    trap = (
        f" Only some sources say whether these are present; were they taken for absent elsewhere, "
        f"the source alone would give that AUROC: {first_few(silent, quoted=False)}."
        if silent
        else ""
    )
    tables = tuple(_tables(case, hanging))
    if not defined:
        words = "Every finding is judged in one source only, so none can hang on it." + trap
        advice = "Ask inside that source; never take silence for absence." if trap else ""
        outcome: Outcome = "warns" if trap else "passes"
        line = Verdict("source-label", _TITLE, outcome, words, advice)
        return Checked((line, _refusals([])), tables)
    return Checked((_source_label(case, defined, trap), _refusals(defined)), tables)


def _source_label(case: Case, defined: Sequence[Hanging], trap: str) -> Verdict:
    outcome = worst([h.outcome for h in defined])
    if trap and outcome == "passes":
        outcome = "warns"
    ranked = sorted(defined, key=lambda h: -(h.alone.value or 0))
    names = [
        f"{name_of(h.finding)} {h.alone.value:.2f} (V {h.cramers_v or 0:.2f})"
        for h in ranked
        if (h.alone.value or 0) >= SAYING and not h.by_chance
    ]
    chance = [
        f"{name_of(h.finding)} {h.alone.value:.2f}"
        for h in ranked
        if (h.alone.value or 0) >= SAYING and h.by_chance
    ]
    mean = mean_of([h.alone for h in defined])
    number = ranked[0].alone if len(defined) == 1 else mean_interval(case, defined, mean)
    told = (
        f"Knowing {case.subject.source!r} alone, without a look at the picture, gives an AUROC "
        f"of {SAYING} or more for {len(names)} of {len(defined)} findings: "
        f"{first_few(names, quoted=False)}."
        if names
        else f"Knowing {case.subject.source!r} alone gives no finding away; the most is an AUROC "
        f"of {ranked[0].alone.value:.2f} ({name_of(ranked[0].finding)})."
    )
    if chance:
        told += (
            f" Sources dealt to the patients at random reach as much as these, so that nothing is "
            f"said of them: {first_few(chance, quoted=False)}."
        )
    advice = (
        "Decide by the AUROC within sources, balance the labels in every source, or ask in one "
        "source alone."
        if outcome in ("warns", "fails")
        else ""
    )
    unit = "AUROC of the source alone" if len(defined) == 1 else "mean AUROC of the source alone"
    return Verdict("source-label", _TITLE, outcome, told + trap, advice, number, unit)


def mean_interval(case: Case, hanging: Sequence[Hanging], mean: Measure) -> Measure:
    """The mean AUROC of the source alone, with an interval from the same draws for all findings."""
    from hilum.evaluation import Reference, intervals

    rows = np.flatnonzero(case.judged)
    at = [case.findings.index(h.finding) for h in hanging]
    reference = Reference.of(
        case.targets[rows][:, at], case.patients[rows], mask=case.mask[rows][:, at]
    )
    scores = np.concatenate([h.column.values for h in hanging], axis=1)[rows]
    found = intervals(reference, scores, rng=case.options.rng(), samples=case.options.samples,
                      level=case.options.level).mean  # fmt: skip
    return found if found.defined else mean


def _refusals(defined: Sequence[Hanging]) -> Verdict:
    refused = [h for h in defined if h.refused]
    small = [h for h in defined if h.by_chance and h.apart]
    if not refused and small:
        words = (
            f"Sources are too small to tell: none holds images with and without these, as chance "
            f"alone would have it: {first_few([name_of(h.finding) for h in small], quoted=False)}. "
            f"Name a column of fewer values with --source."
        )
        return Verdict("between-sources", _REFUSED, "not asked", words)
    if not refused:
        ranked = sorted(defined, key=lambda h: -(h.alone.value or 0))
        return Verdict(
            "between-sources", _REFUSED, "passes",
            "Every finding that can be asked has images with and without it in one source.",
            number=ranked[0].alone if ranked else None,
            unit="highest AUROC of the source alone" if ranked else "",
        )  # fmt: skip
    refused.sort(key=lambda h: -(h.alone.value or 0))
    return Verdict(
        "between-sources",
        _REFUSED,
        "fails",
        "AUROC refused: " + " ".join(why_refused(h) for h in refused[:3])
        + (f" And {len(refused) - 3} more findings." if len(refused) > 3 else ""),
        " ".join(instead(h) for h in refused[:3]),
        refused[0].alone,
        f"AUROC of the source alone, {name_of(refused[0].finding)}",
    )  # fmt: skip


def why_refused(hanging: Hanging) -> str:
    """Why an AUROC between the classes of a finding says nothing, a sentence."""
    manner = "wholly" if hanging.apart else "nearly"
    return (
        f"{name_of(hanging.finding)}: images with and without it come {manner} from different "
        f"sources, and the source alone gives {hanging.alone.value:.3f}."
    )


def instead(hanging: Hanging) -> str:
    """What can be asked in place of a refused AUROC, a sentence."""
    name = name_of(hanging.finding)
    if hanging.inside:
        where = "; ".join(str(inside) for inside in hanging.inside[:3])
        return f"Ask for {name} inside {where}."
    return (
        f"Find images without {name} from where the images with it come from (the same hospital, "
        f"machine and years), or with it from where the others come from: no source holds {FEW} "
        f"patients of both."
    )


def _tables(case: Case, hanging: Mapping[str, Hanging]) -> list[Table]:
    assert case.sources is not None
    rows = [
        (key, value or "unknown", int(h.positives[at]), int(h.negatives[at]))
        for key, h in hanging.items()
        for at, value in enumerate(case.sources.values)
    ]
    inside = [
        (key, i.source, i.positives, i.negatives, *i.patients,
         "; ".join(f"{k} {n}" for k, n in i.besides.items()))
        for key, h in hanging.items()
        for i in h.inside
    ]  # fmt: skip
    return [
        Table("sources", "Images with and without each finding in each source.",
              ("finding", "source", "positives", "negatives"), tuple(rows)),
        Table("inside", "Sources in which a finding can be asked: both classes, enough patients.",
              ("finding", "source", "positives", "negatives", "patients_with", "patients_without",
               "on_images_without_it"), tuple(inside)),
    ]  # fmt: skip
