"""Paediatric pneumonia (Kermany et al. 2018): folders normal and pneumonia, names say the rest."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hilum.datasets import counts
from hilum.datasets.collection import Collection, Count, Variant
from hilum.domain import LabelTable, State
from hilum.domain.text import first_few, text
from hilum.errors import LabelError

ROOTS = ("", "chest_xray")
"""Where the parts lie. The archive that people have holds everything twice, the second time in
chest_xray/chest_xray, and a folder __MACOSX: neither is read."""

PARTS = {"train": "train", "val": "tune", "test": "test"}

LABELS = {
    "NORMAL": "normal",
    "PNEUMONIA": "pneumonia",
    "bacteria": "bacterial_pneumonia",
    "virus": "viral_pneumonia",
}

FINDINGS = tuple(LABELS.values())

_NAMES = (
    # person1_bacteria_2.jpeg: the number is of a child, counted apart for bacteria and viruses
    (re.compile(r"(?P<who>person\d+_(?P<kind>bacteria|virus))_\d+"), "{who}"),
    # IM-0115-0001.jpeg, NORMAL2-IM-0329-0001.jpeg, IM-0500-0001-0002.jpeg
    (re.compile(r"(?P<who>(?:NORMAL2-)?IM-\d+)(?:-\d+)+"), "{who}"),
    # BACTERIA-1008087-0001.jpeg, VIRUS-…, NORMAL-…: version 2 and later of the publisher
    (re.compile(r"(?P<kind>BACTERIA|VIRUS|NORMAL)-(?P<who>\d+)-\d+"), "child{who}"),
)
_KINDS = {"bacteria": "bacteria", "BACTERIA": "bacteria", "virus": "virus", "VIRUS": "virus"}


def _read(folder: Path) -> LabelTable:
    root = next((r for r in ROOTS if (folder / r / "train").is_dir()), None)
    if root is None:
        raise LabelError(f"No folder train in {folder}, nor in chest_xray below it.")
    images, patients, parts, odd = [], [], [], []
    states: list[list[State]] = []
    for path in _files(folder / root):
        place, label, _ = path.relative_to(folder / root).parts
        named = _named(path.stem)
        relative = path.relative_to(folder).as_posix()
        if named is None or (label == "NORMAL") != (named[1] is None):
            odd.append(relative)
            continue
        patient, kind = named
        present = {LABELS[label], *((LABELS[kind],) if kind else ())}
        images.append(relative)
        patients.append(patient)
        parts.append(PARTS[place])
        states.append([State.PRESENT if f in present else State.ABSENT for f in FINDINGS])
    if odd:
        raise LabelError(
            f"{len(odd)} file names tell no child, or another class than their folder: "
            f"{first_few(odd)}; expected names such as person1_bacteria_2.jpeg in PNEUMONIA and "
            f"IM-0115-0001.jpeg in NORMAL."
        )
    absent = [label for label in ("NORMAL", "PNEUMONIA") if not _has(states, LABELS[label])]
    if absent:
        raise LabelError(f"No image in the folders {absent} of {folder / root}.")
    return LabelTable(
        images=text(images),
        findings=FINDINGS,
        states=np.array(states, np.uint8),
        patients=text(patients),
        columns={"split": text(parts)},
        notes=_notes(patients, parts),
    )


def _files(root: Path) -> list[Path]:
    return [
        path
        for part in PARTS
        for label in ("NORMAL", "PNEUMONIA")
        for path in sorted((root / part / label).glob("*.jpeg"))
    ]


def _named(stem: str) -> tuple[str, str | None] | None:
    for pattern, who in _NAMES:
        if match := pattern.fullmatch(stem):
            found = match.groupdict()
            return who.format(who=found["who"]), _KINDS.get(found.get("kind") or "")
    return None


def _has(states: list[list[State]], key: str) -> bool:
    at = FINDINGS.index(key)
    return any(row[at] == State.PRESENT for row in states)


def _notes(patients: list[str], parts: list[str]) -> tuple[str, ...]:
    homes: dict[str, set[str]] = {}
    for patient, part in zip(patients, parts, strict=True):
        homes.setdefault(patient, set()).add(part)
    shared = sorted(patient for patient, found in homes.items() if len(found) > 1)
    notes = ["Children are told from the file names, which is all that the publisher gives."]
    if shared:
        notes.append(
            f"{len(shared):,} children stand in two of the publisher's parts: its split leaks; "
            "split anew by patient."
        )
    if parts.count("tune") == 16:
        notes.append("The folder val holds 16 images: too few to choose a model by.")
    return tuple(notes)


def _together(key: str, part: str) -> Callable[[LabelTable], int]:
    def found(table: LabelTable) -> int:
        present = table.states[:, table.findings.index(key)] == State.PRESENT
        within = table.column("split") == "test"
        return int((present & (within if part == "test" else ~within)).sum())

    return found


# Kermany et al. 2018, Cell 172:1122, and the page of the data (version 2).
_PARTS = tuple(
    Count(f"{key}, {'test' if part == 'test' else 'train and val'}", number, _together(key, part))
    for part, numbers in {
        "train": {"normal": 1_349, "bacterial_pneumonia": 2_538, "viral_pneumonia": 1_345},
        "test": {"normal": 234, "bacterial_pneumonia": 242, "viral_pneumonia": 148},
    }.items()
    for key, number in numbers.items()
)

COLLECTION = Collection(
    name="paediatric-pneumonia",
    title="Labeled Chest X-Ray Images of Children with Pneumonia (Kermany)",
    about="Frontal radiographs of children of one to five years, Guangzhou: normal, bacterial and "
    "viral pneumonia; JPEG of many sizes. Children make a picture easy to tell from adults'.",
    citation="Kermany DS, Goldbaum M, Cai W, et al. Identifying Medical Diagnoses and Treatable "
    "Diseases by Image-Based Deep Learning. Cell 2018;172:1122–1131. Data: doi:10.17632/rscbjbr9sj",
    licence="CC BY 4.0",
    home="https://data.mendeley.com/datasets/rscbjbr9sj",
    layout="""\
train/NORMAL/IM-0115-0001.jpeg, NORMAL2-IM-0329-0001.jpeg …
train/PNEUMONIA/person1_bacteria_1.jpeg, person100_virus_184.jpeg …
test/NORMAL, test/PNEUMONIA
val/NORMAL, val/PNEUMONIA      16 images taken from train, in the re-distribution
(all below chest_xray/ as the archive unpacks)""",
    files=tuple(
        f"{root}{'/' if root else ''}{part}/{label}/*.jpeg"
        for root in ROOTS
        for part in PARTS
        for label in ("NORMAL", "PNEUMONIA")
    ),
    variants={
        "folders": Variant(
            about="Class and cause from folder and file name, the publisher's parts.",
            read=_read,
            counts=(
                counts.images(5_856),
                counts.part(5_232, "train", "tune"),
                counts.part(624, "test"),
                *_PARTS,
            ),
        )
    },
    labels=LABELS,
    same_images_as=("covid19-radiography",),
)
