"""What is in a label table: numbers that :mod:`hilum.report` draws. See docs/explore.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from hilum.datasets.exploration.boxes import BoxNumbers, count_boxes
from hilum.datasets.exploration.codes import Codes, coded
from hilum.datasets.exploration.concerns import Concern, concerns
from hilum.datasets.exploration.counts import FindingCount, count_findings, unlabelled_images
from hilum.datasets.exploration.examples import choose_examples
from hilum.datasets.exploration.patients import Patients, count_patients
from hilum.datasets.exploration.people import People, count_people
from hilum.datasets.exploration.readers import Readers, compare_readers
from hilum.datasets.exploration.sizes import Sizes, count_sizes, pixels
from hilum.datasets.exploration.strata import Strata, count_strata
from hilum.datasets.exploration.survey import Picture, choose_sample, look_at
from hilum.datasets.exploration.together import Together, count_together
from hilum.datasets.files import Files, find_images
from hilum.domain import LabelTable

__all__ = [
    "Column",
    "Exploration",
    "Files",
    "Picture",
    "Survey",
    "choose_examples",
    "choose_sample",
    "coded",
    "explore",
    "find_images",
    "look_at",
]

FEW_VALUES = 20


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table besides image, patient and findings.

    Attributes:
        name: of the column.
        missing: rows in which it tells nothing.
        distinct: different values that it tells.
        values: the values → rows, the most common first, where they are text and at most
            :data:`FEW_VALUES`; else empty.
    """

    name: str
    missing: int
    distinct: int
    values: Mapping[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """What the image files are like.

    Attributes:
        looked: files that were read.
        missing: images of the table without a file.
        refused: code → files that could not be read.
        flags: code of something odd → pictures.
        pictures: one a file that was looked at.
    """

    looked: int
    missing: int
    refused: Mapping[str, int]
    flags: Mapping[str, int]
    pictures: tuple[Picture, ...]

    @classmethod
    def of(cls, pictures: Iterable[Picture], missing: int) -> Survey:
        """Sum up."""
        pictures = tuple(pictures)
        refused = Counter(p.refused for p in pictures if p.refused)
        flags = Counter(flag for p in pictures for flag in p.flags)
        return cls(
            looked=len(pictures) - refused.total(),
            missing=missing,
            refused=dict(refused.most_common()),
            flags=dict(flags.most_common()),
            pictures=pictures,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Exploration:
    """All that was counted in a table.

    Attributes:
        images: number of rows.
        people_count: number of patients.
        studies: number of studies; None where the table tells none.
        unlabelled: images of which no finding is said to be present, absent or uncertain.
        digest: of the table, without regard to the order of its rows.
        columns: one a column besides image, patient and findings.
        findings: counts, one a finding.
        together: findings that stand together.
        patients: images and visits a patient.
        people: age and sex; None where the table tells neither.
        strata: findings by source, view, sex …
        sizes: of images.
        boxes: None where the table has none.
        readers: this table against another; None without one.
        survey: what the files are like; None where they were not looked at.
        concerns: what a reviewer would ask.
    """

    images: int
    people_count: int
    studies: int | None
    unlabelled: int
    digest: str
    columns: tuple[Column, ...]
    findings: tuple[FindingCount, ...]
    together: Together
    patients: Patients
    people: People | None
    strata: tuple[Strata, ...]
    sizes: tuple[Sizes, ...]
    boxes: BoxNumbers | None
    readers: Readers | None
    survey: Survey | None
    concerns: tuple[Concern, ...] = ()


def explore(
    table: LabelTable,
    *,
    rng: np.random.Generator,
    patients: Codes | None = None,
    against: LabelTable | None = None,
    survey: Survey | None = None,
) -> Exploration:
    """Count all that is worth knowing of a table.

    Args:
        table: of labels.
        rng: shuffles labels to learn what chance gives.
        patients: ``coded(table.patients)``, where the caller has it already.
        against: the table of a second reader.
        survey: what the image files are like.

    Raises:
        LabelError: ``against`` has no image or no finding in common with the table.
    """
    patients = coded(table.patients) if patients is None else patients
    read = _sizes_read(table, survey)
    columns = tuple(_column(table, name) for name in sorted(table.columns))
    studies = next((c.distinct for c in columns if c.name == "study" and c.distinct), None)
    found = Exploration(
        images=len(table),
        people_count=len(patients),
        studies=studies,
        unlabelled=unlabelled_images(table),
        digest=table.digest(),
        columns=columns,
        findings=count_findings(table, patients),
        together=count_together(table),
        patients=count_patients(table, patients),
        people=count_people(table, patients),
        strata=count_strata(table, patients, rng),
        sizes=count_sizes(table, read),
        boxes=count_boxes(table, *_sizes_for_boxes(table, read)),
        readers=None if against is None else compare_readers(table, against),
        survey=survey,
    )
    return replace(found, concerns=concerns(table, found))


def _column(table: LabelTable, name: str) -> Column:
    values = table.columns[name]
    if values.dtype.kind == "f":
        known = values[np.isfinite(values)]
        return Column(name, len(values) - len(known), len(np.unique(known)), {})
    if values.dtype.kind == "i":
        unknown = -1 if name == "visit" else 0
        known = values[values != unknown]
        return Column(name, len(values) - len(known), len(np.unique(known)), {})
    codes = coded(values)
    counts = dict(zip(codes.values, codes.counts().tolist(), strict=True))
    missing = counts.pop("", 0)
    few = counts if len(counts) <= FEW_VALUES else {}
    return Column(name, missing, len(counts), dict(sorted(few.items(), key=lambda i: -i[1])))


def _sizes_read(table: LabelTable, survey: Survey | None) -> tuple[np.ndarray, np.ndarray] | None:
    if survey is None:
        return None
    wide, high = np.zeros(len(table), np.int32), np.zeros(len(table), np.int32)
    for picture in survey.pictures:
        wide[picture.row], high[picture.row] = picture.width_px, picture.height_px
    return wide, high


def _sizes_for_boxes(
    table: LabelTable, read: tuple[np.ndarray, np.ndarray] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Sizes by the table; as read from files where it tells none."""
    zero = np.zeros(len(table), np.int32)
    told = [pixels(table.columns.get(name, zero)) for name in ("width_px", "height_px")]
    known = (told[0] > 0) & (told[1] > 0)
    wide, high = (
        np.where(known, one, other) for one, other in zip(told, read or (zero, zero), strict=True)
    )
    return wide, high
