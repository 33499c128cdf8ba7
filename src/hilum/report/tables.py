"""Files for other programs, streamed from the journal: CSV tables, ``readings.json``."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from hilum.report.cascade import untold
from hilum.report.journal import Journal
from hilum.report.names import cell
from hilum.report.rows import (
    BOX_COLUMNS,
    ROUND_COLUMNS,
    Row,
    box_rows,
    finding_row,
    labels,
    left_out,
    reasons_cells,
    round_rows,
)


def readings_csv(journal: Journal) -> Iterator[Row]:
    """One row an image that was read: the labels of present findings, separated by a space.

    An image of which no such list can be made stands in ``refused.csv``
    (:func:`hilum.report.rows.left_out`): an empty list must not stand for what nobody knows.
    """
    yield ("Image Index", "Predict label")
    for entry in journal.entries("reading"):
        record = entry["record"]
        if left_out(record) is None:
            yield cell(record["image"]), labels(record["predictions"])


def refused_csv(journal: Journal) -> Iterator[Row]:
    """One row an image that has none in ``readings.csv``; codes are separated by a space."""
    yield ("image", "stage", "code", "reason")
    for entry in journal.entries("reading", "refusal"):
        record = entry["record"]
        if entry["kind"] == "refusal":
            yield cell(record["image"]), record["stage"], *reasons_cells(record["reasons"])
        elif (why := left_out(record)) is not None:
            yield cell(record["image"]), *why


def findings_csv(journal: Journal, cascade: dict[str, Any] | None = None) -> Iterator[Row]:
    """One row an image and finding; of a cascade also those that nobody was asked for.

    Args:
        journal: of the run.
        cascade: its entry in the facts of the run; None for a run of one bundle.
    """
    header = ("image", "finding", "probability", "operating_point", "decision", "calibrated")
    yield header if cascade is None else (*header, "stage")
    for entry in journal.entries("reading"):
        record = entry["record"]
        image = cell(record["image"])
        for p in record["predictions"]:
            row = finding_row(image, p)
            yield row if cascade is None else (*row, p["stage"])
        if cascade is not None:
            yield from untold(record, cascade)


def rounds_csv(journal: Journal) -> Iterator[Row]:
    """One row an image, finding and round; none for images that were read once."""
    yield ROUND_COLUMNS
    for entry in journal.entries("reading"):
        record = entry["record"]
        yield from round_rows(cell(record["image"]), record)


def boxes_csv(journal: Journal) -> Iterator[Row]:
    """One row a box, in pixels of the image file; none for images on which none was found."""
    yield BOX_COLUMNS
    for entry in journal.entries("reading"):
        record = entry["record"]
        yield from box_rows(cell(record["image"]), record)


def write_csv(rows: Iterable[Row], file: TextIO) -> None:
    """Write rows as CSV (RFC 4180, lines ended by a line feed)."""
    csv.writer(file, lineterminator="\n").writerows(rows)


def write_json(facts: dict[str, Any], journal: Journal, file: TextIO) -> None:
    """Write ``readings.json``: the facts of the run, then every reading and every refusal."""
    file.write(json.dumps(facts, ensure_ascii=False, allow_nan=False, indent=1)[:-2])
    for name, kind in (("readings", "reading"), ("refusals", "refusal")):
        file.write(f',\n "{name}": [')
        for number, entry in enumerate(journal.entries(kind)):
            text = json.dumps(entry["record"], ensure_ascii=False, allow_nan=False)
            file.write((",\n  " if number else "\n  ") + text)
        file.write("\n ]")
    file.write("\n}\n")
