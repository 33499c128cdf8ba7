"""What a reviewer would ask of a label table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hilum.datasets.exploration.patients import FEW_PATIENTS
from hilum.datasets.exploration.people import OLDEST_YEARS
from hilum.datasets.exploration.strata import Association, Strata
from hilum.datasets.exploration.verdicts import NEGATIVE, NOTHING
from hilum.domain import LabelTable, State, finding
from hilum.domain.text import first_few

if TYPE_CHECKING:
    from hilum.datasets.exploration import Exploration

FEW = 10
"""Positives below which a finding can hardly be learnt or measured."""
TELLING = 0.7
"""AUROC from which a column alone is said to tell a finding."""
MUCH = 0.1
"""Share of images from which the hundredth of patients with the most images hold too many."""
NAMESAKES = 4
"""Rows a file name, in the mean, from which names ("frontal.jpg") do not tell pictures apart."""
MISSING = 0.01
"""Share of images without a view, sex or age from which that is said."""


@dataclass(frozen=True, slots=True)
class Concern:
    """Something that a reviewer would ask about.

    Attributes:
        code: stable, lower case with hyphens.
        message: one or two sentences.
    """

    code: str
    message: str


def concerns(table: LabelTable, found: Exploration) -> tuple[Concern, ...]:
    """All that is doubtful in a table, the gravest first.

    Args:
        table: of labels.
        found: what was counted in it.
    """
    parts = (_split, _shortcuts, _findings, _images, _people, _boxes, _pictures)
    return tuple(concern for part in parts for concern in part(table, found))


def tells_much(told: Association) -> bool:
    """Whether a column tells a finding so well that it should be said, and not by chance."""
    value = told.auroc.value
    if value is None or value < TELLING or min(told.patients_present, told.patients_absent) < FEW:
        return False
    return told.chance is None or value > told.chance


def _split(table: LabelTable, found: Exploration) -> Iterator[Concern]:
    for strata in (s for s in found.strata if s.column == "split"):
        if strata.shared_patients:
            yield Concern(
                "split-leak",
                f"{_number(strata.shared_patients, 'patient stands', 'patients stand')} in two "
                f"parts of the column 'split': "
                f"what is measured on one part was learnt from in another.",
            )
        named = np.array([value != "" for value in strata.values])
        counted = strata.positives[named].sum(axis=0) > 0
        for at in np.flatnonzero(named).tolist():
            without = np.flatnonzero((strata.positives[at] == 0) & counted).tolist()
            if without:
                names = [finding(table.findings[f]).name for f in without]
                yield Concern(
                    "split-without",
                    f"The part {strata.values[at]!r} of the split has no image with {_few(names)}.",
                )


def _shortcuts(table: LabelTable, found: Exploration) -> Iterator[Concern]:
    for strata in found.strata:
        if strata.column == "source":
            yield from _sources(strata)
            yield from _one_sided(strata)
        telling = sorted((t for t in strata.tells if tells_much(t)), key=lambda t: -_value(t))
        if telling:
            names = [f"{finding(t.finding).name} ({_value(t):.2f})" for t in telling]
            over = "patients" if strata.by_patient else "images"
            shuffled = any(t.chance is not None for t in telling)
            beyond = f"; 95 % of shuffles of the labels over {over} give less" if shuffled else ""
            yield Concern(
                "shortcut",
                f"Knowing the column {strata.column!r} alone, without a look at the picture, "
                f"gives an AUROC of {TELLING} or more (in-sample): {_few(names)}{beyond}.",
            )


def _value(told: Association) -> float:
    return told.auroc.value or 0.0


def _sources(strata: Strata) -> Iterator[Concern]:
    alone, unasked = [], []
    for at, told in enumerate(strata.tells):
        has = np.flatnonzero(strata.positives[:, at])
        if len(has) != 1:
            continue
        words = f"{finding(told.finding).name} ({strata.values[int(has[0])] or 'unknown'}"
        if np.delete(strata.negatives[:, at], has[0]).any():
            alone.append(f"{words})")
        elif told.auroc_as_absent is not None:
            unasked.append(f"{words}, AUROC {told.auroc_as_absent:.2f})")
    if alone:
        yield Concern(
            "one-source",
            f"All positives come from one source, negatives from others too: {_few(alone)}. A "
            f"model can tell the source instead.",
        )
    if unasked:
        yield Concern(
            "one-source-judged",
            f"Only one source says whether these are present: {_few(unasked)}. Were they taken "
            f"for absent elsewhere, the source alone would give that AUROC.",
        )


def _one_sided(strata: Strata) -> Iterator[Concern]:
    """Sources in which a finding is on every judged image, or unexpectedly on none."""
    always, never = [], []
    for at, told in enumerate(strata.tells):
        p, n = strata.positives[:, at], strata.negatives[:, at]
        if np.count_nonzero(p + n) < 2:
            continue
        expected = (p + n) * p.sum() / max(1, p.sum() + n.sum())
        name = finding(told.finding).name
        for k, value in enumerate(strata.values):
            if p[k] >= FEW and not n[k]:
                always.append(f"{name} ({value or 'unknown'}, {p[k]:,})")
            elif not p[k] and expected[k] >= FEW and np.count_nonzero(p) > 1:
                never.append(f"{name} ({value or 'unknown'}, {n[k]:,})")
    words = [f"never absent: {_few(always)}"] if always else []
    words += [f"never present: {_few(never)}"] if never else []
    if words:
        yield Concern(
            "one-sided",
            f"Findings that one source always labels the same, with its images: "
            f"{'; '.join(words)}. There the source is the label.",
        )


def _findings(table: LabelTable, found: Exploration) -> Iterator[Concern]:
    if not table.findings:
        yield Concern("no-findings", "The table has no column of a finding.")
    counts = [(finding(c.finding).name, c) for c in found.findings]
    none = [name for name, c in counts if not c.present]
    if none:
        yield Concern("empty-class", f"No image shows {_few(none)}.")
    few = [f"{name} ({c.present})" for name, c in counts if 0 < c.present < FEW]
    if few:
        yield Concern("rare", f"Fewer than {FEW} images show {_few(few)}.")
    always = [name for name, c in counts if c.present and not c.absent]
    if always:
        yield Concern(
            "never-absent",
            f"No image says that it is absent: {_few(always)}. Without a policy for what is not "
            f"mentioned there is nothing to compare with.",
        )
    odd = [*_without_parent(table), *_beside_nothing(table)]
    if odd:
        yield Concern("contradiction", f"Labels contradict each other: {_few(odd)}.")


def _without_parent(table: LabelTable) -> Iterator[str]:
    for at, key in enumerate(table.findings):
        for parent in finding(key).parents:
            if parent in table.findings:
                wider = table.states[:, table.findings.index(parent)]
                n = int(((table.states[:, at] == State.PRESENT) & (wider == State.ABSENT)).sum())
                if n:
                    yield f"{finding(key).name} without {finding(parent).name} ({n:,})"


def _beside_nothing(table: LabelTable) -> Iterator[str]:
    for verdict in NOTHING:
        if verdict not in table.findings:
            continue
        nothing = table.states[:, table.findings.index(verdict)] == State.PRESENT
        for at, key in enumerate(table.findings):
            n = int((nothing & (table.states[:, at] == State.PRESENT)).sum())
            if key not in NEGATIVE and n:
                yield f"{finding(key).name} with {finding(verdict).name} ({n:,})"


def _images(table: LabelTable, found: Exploration) -> Iterator[Concern]:
    if found.unlabelled and table.findings:
        yield Concern(
            "unlabelled",
            f"{_share(found.unlabelled, len(table))} "
            f"{'says' if found.unlabelled == 1 else 'say'} nothing of any finding.",
        )
    if found.patients.alike:
        pairs = [
            f"{table.images[one]!r} and {table.images[other]!r}"
            for one, other in found.patients.alike
        ]
        yield Concern(
            "patients-alike",
            f"{_number(len(pairs), 'patient has', 'patients have')} the identifier of another but "
            f"for spaces, case or leading zeros; their images: {_few(pairs)}. If they are one, a "
            f"split by patient parts them.",
        )
    yield from _same_names(table)
    held, images = found.patients.held_by_few, found.patients.images
    if held >= MUCH and len(images) > 1:
        yield Concern(
            "few-patients",
            f"The {FEW_PATIENTS:.0%} of patients with the most images hold {held:.0%} of all "
            f"images (one of them {max(images):,}): intervals that take images as independent are "
            f"too narrow.",
        )


def _same_names(table: LabelTable) -> Iterator[Concern]:
    """Names that stand in several rows, where names tell pictures apart at all."""
    images: list[str] = table.images.tolist()
    counts = Counter(
        [name.replace("\\", "/").rpartition("/")[2] for name in images]
        if any("/" in name or "\\" in name for name in images)
        else images
    )
    if len(counts) < len(images) <= NAMESAKES * len(counts):
        names = [name for name, count in counts.items() if count > 1]
        yield Concern(
            "same-name",
            f"{_number(len(names), 'file name stands', 'file names stand')} in several rows: "
            f"{first_few(names)}. Were two label sets of the same pictures joined?",
        )


def _people(table: LabelTable, found: Exploration) -> Iterator[Concern]:
    people = found.people
    if people is not None:
        if people.impossible:
            yield Concern(
                "age-impossible",
                f"{_share(people.impossible, len(table))} "
                f"{'has' if people.impossible == 1 else 'have'} an age below 0 or above "
                f"{OLDEST_YEARS} years.",
            )
        if people.two_sexes:
            who = _number(people.two_sexes, "patient has", "patients have")
            yield Concern("two-sexes", f"{who} images of both sexes.")
        if people.younger_later:
            who = _number(people.younger_later, "patient is", "patients are")
            yield Concern("younger-later", f"{who} more than a year younger at a later visit.")
    for name, what in (("view", "view"), ("sex", "sex"), ("age_years", "age")):
        known = next((c for c in found.columns if c.name == name), None)
        if known is not None and known.missing >= MISSING * len(table):
            has = "has" if known.missing == 1 else "have"
            missing = _share(known.missing, len(table))
            yield Concern(f"{what}-missing", f"{missing} {has} no {what}.")


def _boxes(table: LabelTable, found: Exploration) -> Iterator[Concern]:
    boxes = found.boxes.findings if found.boxes else ()
    odd = [f"{finding(b.finding).name} ({b.not_present:,})" for b in boxes if b.not_present]
    if odd:
        yield Concern(
            "box-without-label",
            f"Images have a box of a finding that their labels do not call present: {_few(odd)}.",
        )


def _pictures(table: LabelTable, found: Exploration) -> Iterator[Concern]:
    survey = found.survey
    if survey is None:
        return
    if survey.missing:
        missing = _share(survey.missing, len(table))
        has = "has" if survey.missing == 1 else "have"
        yield Concern("file-missing", f"{missing} {has} no file in the folder.")
    differ = sum(sizes.differ for sizes in found.sizes)
    if differ:
        yield Concern(
            "size-differs",
            f"{_number(differ, 'image file has', 'image files have')} another size than the "
            f"table tells: boxes measured in pixels of one lie elsewhere in the other.",
        )
    if survey.refused:
        reasons = ", ".join(f"{n:,} {code}" for code, n in survey.refused.items())
        total = sum(survey.refused.values())
        yield Concern(
            "unreadable",
            f"{_number(total, 'image file', 'image files')} cannot be read: {reasons}.",
        )
    if survey.flags:
        flags = ", ".join(f"{n:,} {code}" for code, n in survey.flags.items())
        yield Concern("picture", f"Of {survey.looked:,} pictures some are odd: {flags}.")


def _share(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,} {'image' if whole == 1 else 'images'} ({part / whole:.1%})"


def _number(count: int, one: str, more: str) -> str:
    return f"{count:,} {one if count == 1 else more}"


def _few(names: Sequence[str]) -> str:
    return first_few(names, quoted=False)
