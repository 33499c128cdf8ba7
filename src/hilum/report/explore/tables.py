"""The numbers of an exploration as tables; each becomes a CSV and a part of ``explore.json``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hilum.datasets.exploration import Exploration
from hilum.datasets.exploration.boxes import GRID, QUANTILES
from hilum.datasets.exploration.people import BAND_YEARS, SEXES
from hilum.datasets.exploration.readers import Readers
from hilum.datasets.exploration.together import implied
from hilum.domain import LabelTable, State, finding
from hilum.evaluation import Measure, wilson
from hilum.report.names import cell

COMBINATIONS = 1000
"""Combinations of findings that are written, the most common first."""

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of numbers; None is an undefined number, an empty cell in the CSV.

    Attributes:
        about: what it holds, in a sentence.
        header: names of the columns.
        rows: values, each text, a number or None.
    """

    about: str
    header: tuple[str, ...]
    rows: Sequence[Row]


def tables(found: Exploration) -> dict[str, Table]:
    """All tables that an exploration gives, by the name of the file without its ending."""
    made: dict[str, Table | None] = {
        "overview": _overview(found),
        "concerns": _concerns(found),
        "columns": _columns(found),
        "findings": _findings(found),
        "conditional": _conditional(found),
        "findings_an_image": _an_image(found),
        "combinations": _combinations(found),
        "images_a_patient": _tally(
            "How many patients have so many images.", ("images", "patients"), found.patients.images
        ),
        "visits_a_patient": _tally(
            "How many patients have so many visits.", ("visits", "patients"), found.patients.visits
        ),
        "days_between": _tally(
            "Days from one visit of a patient to the next.", ("days", "gaps"),
            found.patients.gaps_days,
        ),
        "age_sex": _age_sex(found),
        "strata": _strata(found),
        "known_from": _known_from(found),
        "sizes": _sizes(found),
        "boxes_an_image": _tally(
            "How many images have so many boxes, of those on which boxes were looked for.",
            ("boxes", "images"), found.boxes and found.boxes.an_image,
        ),
        "boxes_and_findings": _box_cross(found),
        "boxes": _boxes(found),
        "box_centres": _box_centres(found),
        "agreement": _agreement(found),
        "pictures": _pictures(found),
    }  # fmt: skip
    return {name: table for name, table in made.items() if table is not None}


def picture_rows(table: LabelTable, found: Exploration) -> tuple[tuple[str, ...], Iterator[Row]]:
    """Header and rows of ``picture_facts.csv``: one a file that was looked at."""
    header = ("image", "width_px", "height_px", "format", "mean_grey", "contrast", "black", "white",
              "sharpness", "detail", "flags", "refused", "reason")  # fmt: skip

    def rows() -> Iterator[Row]:
        for p in found.survey.pictures if found.survey else ():
            image = cell(str(table.images[p.row]))
            if p.facts is None:
                yield (image, *[None] * 9, "", p.refused, cell(p.reason))
                continue
            f = p.facts
            numbers = (p.mean, f.contrast, f.black, f.white, f.sharpness, f.detail)
            rounded = (float(f"{n:.5g}") for n in numbers)
            flags = " ".join(p.flags)
            yield (image, p.width_px, p.height_px, p.format, *rounded, flags, "", "")

    return header, rows()


def difference_rows(
    table: LabelTable, other: LabelTable, readers: Readers
) -> tuple[tuple[str, ...], Iterator[Row]]:
    """Header and rows of ``differences.csv``: cells on which two tables do not say the same."""

    def rows() -> Iterator[Row]:
        for told, (here, there) in zip(readers.findings, readers.columns.tolist(), strict=True):
            one = table.states[readers.rows, here]
            two = other.states[readers.other_rows, there]
            for at in (one != two).nonzero()[0].tolist():
                image = cell(str(table.images[readers.rows[at]]))
                yield image, told.finding, _state(one[at]), _state(two[at])

    return ("image", "finding", "this", "other"), rows()


def example_rows(
    table: LabelTable, examples: Mapping[str, Sequence[tuple[int, str]]]
) -> tuple[tuple[str, ...], Iterator[Row]]:
    """Header and rows of ``examples.csv``."""
    rows = (
        (key, cell(str(table.images[row])), cell(name))
        for key, pictures in examples.items()
        for row, name in pictures
    )
    return ("finding", "image", "picture"), rows


def _state(value: Any) -> str:
    return State(int(value)).name.lower()


def share(measure: Measure) -> tuple[float | None, float | None, float | None]:
    """Value and ends of the interval."""
    return measure.value, measure.low, measure.high


def _overview(found: Exploration) -> Table:
    rows = [
        ("images", found.images),
        ("patients", found.people_count),
        ("studies", found.studies),
        ("findings", len(found.findings)),
        ("images that say nothing of any finding", found.unlabelled),
        (
            "images with a finding present",
            sum(images for n, images in found.together.an_image.items() if n),
        ),
    ]
    rows += [("boxes", sum(b.boxes for b in found.boxes.findings))] if found.boxes else []
    return Table("What the table holds.", ("what", "number"), rows)


def _concerns(found: Exploration) -> Table:
    rows = [(c.code, c.message) for c in found.concerns]
    return Table("What a reviewer would ask.", ("code", "message"), rows)


def _columns(found: Exploration) -> Table:
    rows = [
        (cell(c.name), found.images - c.missing, c.missing, c.distinct,
         cell("; ".join(f"{value} {n}" for value, n in c.values.items())))
        for c in found.columns
    ]  # fmt: skip
    header = ("column", "known", "missing", "distinct", "values")
    return Table("Columns besides image, patient and findings.", header, rows)


def _findings(found: Exploration) -> Table:
    header = ("finding", "name", "name_zh", "present", "absent", "uncertain", "unmentioned",
              "prevalence", "low", "high", "patients_present", "patients_judged",
              "patient_prevalence", "patient_low", "patient_high", "reason")  # fmt: skip
    rows = []
    for c in found.findings:
        words, order = finding(c.finding), (State.PRESENT, State.ABSENT, State.UNCERTAIN,
                                            State.UNMENTIONED)  # fmt: skip
        rows.append((c.finding, words.name, words.name_zh, *(c.states[state] for state in order),
                     *share(c.by_image), c.by_patient.positives, c.by_patient.images,
                     *share(c.by_patient), c.by_image.reason))  # fmt: skip
    return Table("Counts and prevalence of each finding, by image and by patient, with Wilson's "
                 "95 % intervals.", header, rows)  # fmt: skip


def _conditional(found: Exploration) -> Table:
    t, rows = found.together, []
    over = implied(t.findings)
    for a, given in enumerate(t.findings):
        for b, of in enumerate(t.findings):
            if a == b:
                continue
            n = int(t.given[a, b])
            p = wilson(int(t.both[a, b]), n)
            reason = "" if n else "no image with the given finding says whether the other is there"
            known = "implied" if (a, b) in over else ""
            rows.append((given, of, int(t.both[a, b]), n, *share(p), known, reason))
    header = ("given", "finding", "both", "images", "probability", "low", "high", "implied",
              "reason")  # fmt: skip
    return Table("P(finding | given) by image: both present, of images with the given finding on "
                 "which the other is present or absent. “implied”: the other is the wider finding "
                 "that the given one is a kind of.", header, rows)  # fmt: skip


def _an_image(found: Exploration) -> Table:
    t = found.together
    rows: list[Row] = [(n, images, images / found.images) for n, images in t.an_image.items()]
    if t.unlabelled:
        rows.append(("unlabelled", t.unlabelled, t.unlabelled / found.images))
    return Table("Findings present on an image; wider findings that another implies do not "
                 "count. “unlabelled”: nothing is said.", ("findings", "images", "share"),
                 rows)  # fmt: skip


def _combinations(found: Exploration) -> Table:
    pairs = list(found.together.combinations.items())[:COMBINATIONS]
    rows = [(" ".join(keys) or "none", len(keys), n, n / found.images) for keys, n in pairs]
    header = ("findings", "number", "images", "share")
    return Table(f"Exactly these findings present, without wider ones that they imply; the "
                 f"{COMBINATIONS:,} most common.", header, rows)  # fmt: skip


def _tally(about: str, header: tuple[str, str], tally: Mapping[int, int] | None) -> Table | None:
    return None if tally is None else Table(about, header, list(tally.items()))


def _age_sex(found: Exploration) -> Table | None:
    if found.people is None:
        return None
    rows = []
    for band, (images, patients) in enumerate(
        zip(found.people.images.tolist(), found.people.patients.tolist(), strict=True)
    ):
        for at, sex in enumerate(SEXES):
            if images[at] or patients[at]:
                start = band * BAND_YEARS
                rows.append((start, start + BAND_YEARS, sex or "unknown", images[at], patients[at]))
    header = ("from_years", "below_years", "sex", "images", "patients")
    return Table("Ages by sex; patients at the age of their earliest image.", header, rows)


def _strata(found: Exploration) -> Table | None:
    rows = []
    for s in found.strata:
        for k, value in enumerate(s.values):
            for f, told in enumerate(s.tells):
                present, absent = int(s.positives[k, f]), int(s.negatives[k, f])
                rows.append((cell(s.column), cell(value or "unknown"), int(s.images[k]),
                             int(s.patients[k]), told.finding, present, absent,
                             int(s.unmentioned[k, f]),
                             *share(wilson(present, present + absent))))  # fmt: skip
    header = ("column", "value", "images", "patients", "finding", "present", "absent",
              "unmentioned", "prevalence", "low", "high")  # fmt: skip
    return Table("Each finding in each value of a column.", header, rows) if rows else None


def _known_from(found: Exploration) -> Table | None:
    rows = [
        (cell(s.column), told.finding, told.auroc.value, told.chance, told.auroc_as_absent,
         told.cramers_v, told.information_bits, told.information_share,
         told.auroc.positives, told.auroc.negatives,
         told.auroc.reason)
        for s in found.strata
        for told in s.tells
    ]  # fmt: skip
    header = ("column", "finding", "auroc", "chance", "auroc_as_absent", "cramers_v",
              "information_bits", "information_share", "present", "absent", "reason")  # fmt: skip
    return (
        Table("What a column alone tells of a finding, in-sample.", header, rows) if rows else None
    )


def _sizes(found: Exploration) -> Table | None:
    rows = [(s.of, wide, high, n) for s in found.sizes for (wide, high), n in s.images.items()]
    header = ("of", "width_px", "height_px", "images")
    return Table("Sizes of images, the most common first.", header, rows) if rows else None


def _box_cross(found: Exploration) -> Table | None:
    if found.boxes is None:
        return None
    rows = [(c.kind, c.without, c.not_annotated, c.with_boxes) for c in found.boxes.cross]
    header = ("images", "without_box", "of_those_not_annotated", "with_box")
    return Table("Boxes × findings: images with each finding, by whether they have boxes. "
                 "“negative”: no finding is present or "
                 "uncertain, and something is absent; “unlabelled”: nothing is said; “others”: all "
                 "other images.", header, rows)  # fmt: skip


def _boxes(found: Exploration) -> Table | None:
    if found.boxes is None:
        return None
    names = [f"{what}_p{100 * q:02.0f}" for what in ("width_px", "height_px", "area_share")
             for q in QUANTILES]  # fmt: skip
    rows = []
    for b in found.boxes.findings:
        area = b.area_share or (None,) * len(QUANTILES)
        rows.append((b.finding, b.boxes, b.images, b.not_present, *b.width_px, *b.height_px, *area))
    header = ("finding", "boxes", "images", "images_not_labelled_present", *names)
    return Table("Boxes of each finding, with percentiles of their sizes.", header, rows)


def _box_centres(found: Exploration) -> Table | None:
    rows = [
        (b.finding, x, y, int(n))
        for b in (found.boxes.findings if found.boxes else ())
        if b.centres is not None
        for y, line in enumerate(b.centres.tolist())
        for x, n in enumerate(line)
        if n
    ]
    about = f"Centres of boxes on a grid of {GRID} × {GRID} places, from the top left."
    return Table(about, ("finding", "column", "row", "boxes"), rows) if rows else None


def _agreement(found: Exploration) -> Table | None:
    if found.readers is None:
        return None
    rows = [
        (a.finding, a.both_present, a.only_this, a.only_other, a.both_absent, a.undecided,
         *share(a.kappa), *share(a.agreement), a.kappa.reason)
        for a in found.readers.findings
    ]  # fmt: skip
    header = ("finding", "both_present", "only_this", "only_other", "both_absent", "undecided",
              "kappa", "kappa_low", "kappa_high", "agreement", "agreement_low", "agreement_high",
              "reason")  # fmt: skip
    return Table("Two readers on the images that both tables hold.", header, rows)


def _pictures(found: Exploration) -> Table | None:
    import numpy as np

    if found.survey is None:
        return None
    seen = [p for p in found.survey.pictures if p.facts is not None]
    at = (0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1)
    measures = {
        "mean_grey": [p.mean for p in seen],
        **{name: [getattr(p.facts, name) for p in seen]
           for name in ("contrast", "black", "white", "sharpness", "detail")},
    }  # fmt: skip
    rows = [
        (name, *np.quantile(values, at).tolist()) for name, values in measures.items() if values
    ]
    header = ("measure", *(f"p{100 * q:02.0f}" for q in at))
    return Table(f"Measures of {len(seen):,} pictures, by percentile.", header, rows)
