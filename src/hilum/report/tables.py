"""Files for other programs, streamed from the journal: three CSV tables, ``readings.json``."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from hilum.report.journal import Journal
from hilum.report.names import cell

Row = tuple[str, ...]


def readings_csv(journal: Journal) -> Iterator[Row]:
    """One row an image that was read: the labels of present findings, separated by a space."""
    yield ("Image Index", "Predict label")
    for entry in journal.entries("reading"):
        record = entry["record"]
        labels = (p["label"] for p in record["predictions"] if p["decision"] == "present")
        yield cell(record["image"]), " ".join(labels)


def refused_csv(journal: Journal) -> Iterator[Row]:
    """One row an image that was not read; several codes are separated by a space."""
    yield ("image", "stage", "code", "reason")
    for entry in journal.entries("refusal"):
        record = entry["record"]
        codes = " ".join(note["code"] for note in record["reasons"])
        reason = " ".join(note["message"] for note in record["reasons"])
        yield cell(record["image"]), record["stage"], codes, cell(reason)


def findings_csv(journal: Journal) -> Iterator[Row]:
    """One row an image and finding."""
    yield ("image", "finding", "probability", "operating_point", "decision", "calibrated")
    for entry in journal.entries("reading"):
        image = cell(entry["record"]["image"])
        for p in entry["record"]["predictions"]:
            yield (
                image,
                p["finding"],
                f"{p['probability']:.9g}",
                f"{p['operating_point']:.9g}",
                p["decision"],
                "yes" if p["calibrated"] else "no",
            )


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
