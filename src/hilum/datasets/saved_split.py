"""Splits as folders: who is where, how it came about, and a digest that proves it."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hilum.datasets.source import read_columns
from hilum.datasets.split import parts_of
from hilum.domain import LabelTable, Split, State
from hilum.domain.text import first_few
from hilum.errors import LabelError

TABLE, FACTS = "split.csv", "split.json"


@dataclass(frozen=True, slots=True)
class How:
    """How a split came about.

    Attributes:
        method: in words: "shares", "column official_split".
        options: all that decides it: shares, seed, what is spread.
        duplicates: how near-duplicate pictures were treated: "not searched", "none between parts",
            "kept together".
        compared: images whose pictures were compared.
    """

    method: str
    options: Mapping[str, Any]
    duplicates: str
    compared: int = 0


def check_free(folder: Path) -> None:
    """See that no split would be overwritten.

    Raises:
        LabelError: the folder holds a split already, or is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise LabelError(f"{folder} is a file; choose a folder for the split.")
    if any(folder.glob(f"**/{FACTS}")):
        raise LabelError(f"{folder} holds a split already; choose another folder.")


def folder_names(values: Iterable[str]) -> dict[str, str]:
    """Value → a name for its folder: letters, digits, "-", "_" and "." alone, no two alike.

    Example:
        >>> folder_names(["ward 1", "ward/1", "../x"])
        {'ward 1': 'ward_1', 'ward/1': 'ward_1-2', '../x': '_x'}
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for value in values:
        name = plain = re.sub(r"[^\w.-]+", "_", value).lstrip(".")[:60] or "_"
        number = 1
        while name.casefold() in taken:  # some file systems do not tell "A" from "a"
            number += 1
            name = f"{plain}-{number}"
        taken.add(name.casefold())
        names[value] = name
    return names


def save_split(split: Split, table: LabelTable, how: How, folder: Path) -> None:
    """Write a split.

    ``split.csv`` has a row an image in a part: image, patient, part. ``split.json`` tells the
    digest, the method, and images, patients and positives in each part.

    Args:
        split: of ``table``.
        table: its digest is kept, so that the split is not taken for one of other labels.
        how: told in ``split.json``.
        folder: made if absent.

    Raises:
        LabelError: the folder holds a split already.
    """
    check_free(folder)
    folder.mkdir(parents=True, exist_ok=True)
    parts = parts_of(table, split)
    written = io.StringIO()
    rows = csv.writer(written, lineterminator="\n")
    rows.writerow(["image", "patient", "part"])
    for part in split.parts:
        at = np.flatnonzero(parts == part)
        cells = (table.images[at], table.patients[at], parts[at])
        rows.writerows(zip(*(values.tolist() for values in cells), strict=True))
    facts = {
        "digest": split.digest,
        "table_digest": table.digest(),
        "method": how.method,
        "options": dict(how.options),
        "duplicates": {
            "treated": how.duplicates,
            "compared": how.compared,
            "not_compared": len(table) - how.compared,
        },
        "parts": {part: summary(table, rows) for part, rows in split.parts.items()},
        "left_out": int((parts == "").sum()),
    }
    for name, content in (
        (TABLE, written.getvalue()),
        (FACTS, json.dumps(facts, indent=2, ensure_ascii=False) + "\n"),
    ):
        partial = folder / f".{name}.partial"
        partial.write_text(content, encoding="utf-8")
        partial.replace(folder / name)


def summary(table: LabelTable, rows: np.ndarray) -> dict[str, Any]:
    """Images, patients and positives of each finding in some rows."""
    positive = (table.states[rows] == State.PRESENT).sum(0).tolist()
    return {
        "images": len(rows),
        "patients": len(np.unique(table.patients[rows])),
        "positives": dict(zip(table.findings, positive, strict=True)),
    }


def load_split(folder: Path, table: LabelTable) -> Split:
    """Read a split back, exactly.

    Args:
        folder: as :func:`save_split` wrote it.
        table: its images are those of the split; labels may have changed since.

    Raises:
        LabelError: no split, another digest than stated, or images that the table has not.
        LeakError: a patient stands in two parts by this table.
    """
    if not (folder / FACTS).is_file():
        raise LabelError(f"No split in {folder.name}: {FACTS} is missing.")
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        said, parts = facts["digest"], list(facts["parts"])
    except (ValueError, KeyError, TypeError) as error:
        raise LabelError(f"{FACTS} in {folder.name} is damaged.") from error
    cells = read_columns(folder / TABLE, ["image", "part"])
    place = {image: row for row, image in enumerate(table.images.tolist())}
    foreign = [image for image in cells["image"].tolist() if image not in place]
    if foreign:
        raise LabelError(
            f"{len(foreign)} images of the split are not in the table: {first_few(foreign)}."
        )
    found = np.array([place[image] for image in cells["image"].tolist()], np.int64)
    split = Split.of(table, {part: np.sort(found[cells["part"] == part]) for part in parts})
    if split.digest != said:
        raise LabelError(
            f"The split in {folder.name} was changed: its digest is {split.digest[:12]}…, "
            f"{FACTS} says {said[:12]}…."
        )
    return split
