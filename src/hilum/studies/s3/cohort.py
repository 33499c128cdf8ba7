"""Radiographs that the questions of S3 are asked of, and what is known of each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.column_map import load_map, read_mapped
from hilum.domain import LabelTable, State
from hilum.domain.text import coded, first_few
from hilum.errors import LabelError
from hilum.recipes import SHIPPED

COVID = "covid_19"
OURS = "ieee8023"
"""The collection with COVID-19: images of published case reports."""
OTHERS = {"nih14": 400, "paediatric": 150}
"""Images of collections without COVID-19, drawn by whole patients."""
FEWEST = 5
"""Patients with COVID-19, and with another pneumonia, that anything is asked of."""
_HOST = re.compile(r"https?://(?:www\.)?([^/]+)")

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """Rows of the label table, and what they are.

    Attributes:
        table: of these images alone.
        covid: COVID-19 is present, [images].
        pneumonia: of the same collection, with another pneumonia and without COVID-19, [images].
        source: collection of each, text [images].
        publisher: number of where an image of the collection was published, int64 [images].
        publishers: their names.
    """

    table: LabelTable
    covid: Bools
    pneumonia: Bools
    source: NDArray[np.str_]
    publisher: NDArray[np.int64]
    publishers: tuple[str, ...]

    @property
    def inside(self) -> Bools:
        """Of the collection with COVID-19, and known."""
        return self.covid | self.pneumonia

    def of(self, source: str) -> Bools:
        """Images of a collection, [images]."""
        return np.asarray(self.source == source)

    def counted(self, rows: Bools) -> str:
        """How many images of how many patients."""
        patients = len(set(self.table.patients[rows].tolist()))
        return f"{int(rows.sum()):,} images of {patients:,} patients"


def load_cohort(data: Path) -> Cohort:
    """Read the manifest, and draw what is asked of.

    Args:
        data: folder with manifest.csv.

    Raises:
        LabelError: it is not there, lacks a column or a collection, or hardly any patient has
            COVID-19 or another pneumonia.
    """
    table = read_mapped(data, load_map(SHIPPED / "columns" / "radiographs.toml"))
    source = table.column("source").astype(str)
    lacking = [name for name in (OURS, *OTHERS) if not (source == name).any()]
    if lacking:
        raise LabelError(f"The table has no image of {first_few(lacking)}: S3 asks across sources.")
    covid, pneumonia = _known(table, np.asarray(source == OURS))
    rng = np.random.default_rng(0)
    drawn = [_some(table, source == name, most, rng) for name, most in OTHERS.items()]
    kept = np.sort(np.concatenate([np.flatnonzero(covid | pneumonia), *drawn]))
    for words, rows in (("COVID-19", covid), ("another pneumonia", pneumonia)):
        patients = len(set(table.patients[rows].tolist()))
        if patients < FEWEST:
            raise LabelError(
                f"{patients} patients of {OURS} have {words}; at least {FEWEST} are needed."
            )
    names, publisher = coded(_publishers(table.column("licence").astype(str)[kept]))
    return Cohort(
        table.rows(kept), covid[kept], pneumonia[kept], source[kept],
        publisher.astype(np.int64), tuple(names.tolist()),
    )  # fmt: skip


def _known(table: LabelTable, ours: Bools) -> tuple[Bools, Bools]:
    states = table.select([COVID]).states[:, 0]
    kinds = [k for k in table.findings if k.endswith("pneumonia") or k in ("sars", "ards")]
    other = (table.select(kinds).states == State.PRESENT).any(1)
    return ours & (states == State.PRESENT), ours & (states == State.ABSENT) & other


def _some(table: LabelTable, rows: Bools, most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows of whole patients, at most so many."""
    at = np.flatnonzero(rows)
    kinds, patient = coded(table.patients[at])
    order = rng.permutation(len(kinds))
    total = np.cumsum(np.bincount(patient)[order])
    return at[np.isin(patient, order[: max(1, int(np.searchsorted(total, most, "right")))])]


def _publishers(licences: NDArray[np.str_]) -> NDArray[np.str_]:
    """The site that a licence names, or the licence itself, which then stands for one."""
    found = [(_HOST.search(said), said) for said in licences.tolist()]
    return np.array([said if site is None else site[1] for site, said in found])
