"""Writes what was found in a label table: CSV, JSON, figures, and the page ``explore.html``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

import hilum
from hilum.datasets.exploration import Exploration
from hilum.datasets.exploration.concerns import tells_much
from hilum.datasets.exploration.together import implied
from hilum.domain import LabelTable, State, finding
from hilum.report.drawing import Drawn, keep_figures
from hilum.report.explore import tables
from hilum.report.explore.figures import figure_name, figures
from hilum.report.results_folder import ResultsFolder
from hilum.report.templating import asset, environment

SCHEMA = "hilum.explore/1"
MATRIX_AT_MOST = 25
"""Findings up to which the page holds the whole matrix of P(B | A)."""
NEIGHBOURS = 3
DIFFERENCES = 20
"""Images on which readers differ that the page names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What was explored.

    Attributes:
        name: of the table's file.
        table: the labels.
        against: name of the table of a second reader; "" without one.
        other: its labels.
        examples: key of a finding → rows and names of pictures.
        facts: of the run, for the page and ``explore.json``: words → value.
    """

    name: str
    table: LabelTable
    against: str = ""
    other: LabelTable | None = None
    examples: Mapping[str, Sequence[tuple[int, str]]] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)


def write(folder: ResultsFolder, source: Source, found: Exploration) -> None:
    """Write everything into the folder; :meth:`ResultsFolder.finish` shows it.

    Raises:
        MissingExtra: matplotlib is not installed.
        RunError: the disk refuses.
    """
    made = tables.tables(found)
    listed = {name: table.about for name, table in made.items()}
    for name, table in made.items():
        folder.write_csv(f"{name}.csv", table.header, table.rows)
    listed |= _long_tables(folder, source, found)
    pictures = keep_figures(figures(found), folder, "Exploring")
    folder.write_text("explore.json", _json(source, found, made))
    folder.write_text("explore.html", _page(source, found, pictures, listed))


def _long_tables(folder: ResultsFolder, source: Source, found: Exploration) -> dict[str, str]:
    """Tables with a row an image; not in ``explore.json``."""
    written = {}
    if found.survey is not None:
        folder.write_csv("picture_facts.csv", *tables.picture_rows(source.table, found))
        written["picture_facts"] = "What each image file is like, or why it could not be read."
    if found.readers is not None and source.other is not None:
        rows = tables.difference_rows(source.table, source.other, found.readers)
        folder.write_csv("differences.csv", *rows)
        written["differences"] = "Images on which the two tables do not say the same."
    if source.examples:
        header, rows = tables.example_rows(source.table, source.examples)
        folder.write_csv("examples.csv", header, rows)
        written["examples"] = "Which image each example is."
    return written


def _json(source: Source, found: Exploration, made: Mapping[str, tables.Table]) -> str:
    value = {
        "schema": SCHEMA,
        "hilum": hilum.__version__,
        "table": source.name,
        "against": source.against or None,
        "digest": found.digest,
        "facts": dict(source.facts),
        "tables": {
            name: [dict(zip(table.header, row, strict=True)) for row in table.rows]
            for name, table in made.items()
        },
    }
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def _page(
    source: Source, found: Exploration, pictures: Mapping[str, Drawn], listed: Mapping[str, str]
) -> str:
    return (
        environment()
        .get_template("explore.html.j2")
        .render(
            source=source,
            found=found,
            pictures=pictures,
            listed=listed,
            finding=finding,
            figure_name=figure_name,
            states=State,
            much=tells_much,
            implied=implied(found.together.findings),
            neighbours=_neighbours(found),
            matrix=len(found.together.findings) <= MATRIX_AT_MOST,
            differing=_differing(source, found),
            version=hilum.__version__,
            style=Markup(asset("style.css") + asset("explore.css")),  # noqa: S704  our own files
        )
    )


def _neighbours(found: Exploration) -> list[tuple[str, int, list[tuple[str, int, int]]]]:
    """Each finding with its images and the findings that most often stand beside it."""
    t = found.together
    over = implied(t.findings)
    rows = []
    for a, key in enumerate(t.findings):
        others = [
            (other, int(t.both[a, b]), int(t.given[a, b]))
            for b, other in enumerate(t.findings)
            if a != b and t.given[a, b] and (a, b) not in over
        ]
        others.sort(key=lambda o: -o[1] / o[2])
        rows.append((key, int(t.both[a, a]), [o for o in others[:NEIGHBOURS] if o[1]]))
    return sorted(rows, key=lambda row: -row[1])


def _differing(source: Source, found: Exploration) -> tuple[list[Any], int]:
    """The first cells on which two readers differ, and how many there are."""
    if found.readers is None or source.other is None:
        return [], 0
    _, rows = tables.difference_rows(source.table, source.other, found.readers)
    first: list[Any] = []
    count = 0
    for row in rows:
        count += 1
        if len(first) < DIFFERENCES:
            first.append(row)
    return first, count
