"""What an audit says: verdicts, a line each, and the tables behind them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from hilum.evaluation import Measure

Outcome = Literal["passes", "warns", "fails", "not asked"]

WORST: tuple[Outcome, ...] = ("fails", "warns", "passes", "not asked")
"""Outcomes, the gravest first."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One question and its answer.

    Attributes:
        code: stable, lower case with hyphens.
        title: the question.
        outcome: how it ended; "not asked" where something is missing.
        words: what was seen; where it was not asked, what is missing.
        advice: what to do; "" where there is nothing to do.
        number: the number that decided, with its interval; None where there is none.
        unit: what that number is.
    """

    code: str
    title: str
    outcome: Outcome
    words: str
    advice: str = ""
    number: Measure | None = None
    unit: str = ""

    def __str__(self) -> str:
        told = "" if self.number is None else f" · {self.unit} {self.number}"
        return f"{self.outcome.upper():9} {self.title}{told}"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows behind a verdict; a file of its own.

    Attributes:
        name: of the file, without its ending.
        about: what it holds, a sentence.
        header: names of the columns.
        rows: cells; None where there is no number.
        private: whether rows name images or patients.
    """

    name: str
    about: str
    header: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    private: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """What one check found."""

    lines: tuple[Verdict, ...]
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """Every number of one finding, beside each other.

    Attributes:
        finding: key.
        model: AUROC of the model; undefined, with the reason, where it is refused.
        refused: why the AUROC between its classes says nothing; "" where it may be asked.
        within: AUROC of pairs of one source; None without sources.
        source: AUROC of the source alone; None without sources.
        metadata: AUROC of age, sex and view alone; None without such columns.
        border: AUROC of the outer frame of the picture alone; None without pictures.
        hidden: AUROC of a probe on the pictures with the lungs hidden; None without them.
        whole: AUROC of the same probe on the whole pictures; undefined where it is refused.
        own_hidden: AUROC of the model's own scores on the pictures with the lungs hidden.
        majority: accuracy of always saying what is more common, 0.5 to 1.
        accuracy: accuracy of the model at its threshold; None without one.
        positives: images on which it is present.
        negatives: images on which it is absent.
        patients: patients with it, and others without.
        cramers_v: of finding and source, 0 to 1.
    """

    finding: str
    model: Measure | None
    refused: str
    within: Measure | None
    source: Measure | None
    metadata: Measure | None
    border: Measure | None
    hidden: Measure | None
    whole: Measure | None
    own_hidden: Measure | None
    majority: float
    accuracy: Measure | None
    positives: int
    negatives: int
    patients: tuple[int, int]
    cramers_v: float | None


@dataclass(frozen=True, slots=True)
class Audit:
    """All verdicts on one subject.

    Attributes:
        title: what was audited.
        model: where the scores come from; "" without scores.
        images: images that were judged.
        patients: theirs.
        source: name of the column that tells sources; "" without one.
        sources: source → images judged.
        lines: verdicts.
        standings: one a finding.
        tables: by name.
        notes: what was left out, with counts.
        facts: of the run: words → value.
    """

    title: str
    model: str
    images: int
    patients: int
    source: str
    sources: Mapping[str, int]
    lines: tuple[Verdict, ...]
    standings: tuple[Standing, ...]
    tables: Mapping[str, Table]
    notes: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def counts(self) -> Mapping[Outcome, int]:
        """Verdicts by outcome, the gravest first."""
        counted = Counter(line.outcome for line in self.lines)
        return {outcome: counted[outcome] for outcome in WORST}

    def line(self, code: str) -> Verdict:
        """The verdict of that code.

        Raises:
            KeyError: there is none.
        """
        for line in self.lines:
            if line.code == code:
                return line
        raise KeyError(code)


def worst(outcomes: list[Outcome]) -> Outcome:
    """The gravest of some outcomes.

    Example:
        >>> worst(["passes", "fails", "warns"])
        'fails'
    """
    for outcome in WORST:
        if outcome in outcomes:
            return outcome
    return "not asked"
