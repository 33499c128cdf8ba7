"""A folder a class, perhaps below train, val and test → a label table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.columns import SPELLINGS
from hilum.datasets.kinds import with_kinds
from hilum.datasets.persons import person
from hilum.domain import LabelTable, State, all_findings, from_label
from hilum.domain.findings import finding
from hilum.domain.text import first_few, text
from hilum.errors import LabelError, UnknownName

ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".dcm", ".dicom"})
"""Files that are taken for images."""


def read_folders(
    folder: Path,
    *,
    classes: Mapping[str, str | None] | None = None,
    patient_pattern: str = "",
) -> LabelTable:
    """Read a folder a class: ``NORMAL/1.png``, or ``train/PNEUMONIA/person1_virus_6.jpeg``.

    Args:
        folder: holds the class folders, or folders train, val, test that hold them; images may lie
            deeper.
        classes: folder's name → key of a finding, or None for a class that is left out; others
            are looked up in the vocabulary. "no_finding" is a class without any finding.
        patient_pattern: regular expression that is searched in the file's name; its first group,
            or all of it where it has none, is the patient.

    Returns:
        A finding a class, present on the class's images and absent on the others; its wider
        findings too, where another class is called so. Images without a patient are patients of
        their own, and a note says so.

    Raises:
        LabelError: no such folder, no images, images outside class folders, classes outside the
            vocabulary, no regular expression.
        UnknownName: ``classes`` names no finding.
    """
    if not folder.is_dir():
        raise LabelError(f"No folder {folder}.")
    pattern = _compiled(patient_pattern)
    files = sorted(_files(folder), key=lambda path: path.as_posix())
    if not files:
        raise LabelError(f"No image in {folder}: a file in one of {sorted(ENDINGS)} is one.")
    parted = _has_parts(files)
    depth = 1 if parted else 0
    loose = [path.as_posix() for path in files if len(path.parts) < depth + 2]
    if loose:
        above = " Give the folder above." if len(loose) == len(files) else ""
        raise LabelError(f"{len(loose)} images lie in no class folder: {first_few(loose)}.{above}")
    keys = _keys([path.parts[depth] for path in files], classes or {})
    kept = [path for path in files if keys[path.parts[depth]] is not None]
    notes = []
    if len(kept) < len(files):
        notes.append(f"{_many(len(files) - len(kept), 'image')} of classes that are left out.")
    if not kept:
        raise LabelError(f"{folder}: all classes are left out.")
    found = [keys[path.parts[depth]] for path in kept]
    told = set(keys.values()) - {"no_finding"}
    findings = tuple(row.key for row in all_findings() if row.key in told)
    states = _states(found, findings)
    patients, unknown = _patients(kept, pattern)
    if unknown:
        notes.append(
            f"PATIENTS ARE NOT KNOWN of {_many(unknown, 'image')}: each counts as a patient of its "
            "own, and a split may put pictures of one person on both sides. If file names tell the "
            r"person, give --patient-pattern, such as '(person\d+)_' (in a recipe: "
            "data.patient_pattern)."
        )
    columns = {"class": text([path.parts[depth] for path in kept])}
    if parted:
        columns["split"] = text([SPELLINGS["split"][p.parts[0].casefold()] for p in kept])
        notes += _leaks(patients, columns["split"].tolist())
    return LabelTable(
        images=text([path.as_posix() for path in kept]),
        findings=findings,
        states=states,
        patients=text(patients),
        columns=columns,
        notes=tuple(notes),
    )


def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern) if pattern else None
    except re.error as error:
        raise LabelError(f"{pattern!r} is no regular expression: {error}.") from error


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        relative = path.relative_to(folder)
        hidden = any(part.startswith((".", "__MACOSX")) for part in relative.parts)
        if path.suffix.casefold() in ENDINGS and not hidden and path.is_file():
            yield relative


def _has_parts(files: list[Path]) -> bool:
    return all(
        len(path.parts) > 2 and path.parts[0].casefold() in SPELLINGS["split"] for path in files
    )


def _keys(names: list[str], classes: Mapping[str, str | None]) -> dict[str, str | None]:
    keys: dict[str, str | None] = {}
    unknown = []
    for name in sorted(set(names)):
        if name in classes:
            meant = classes[name]
            keys[name] = None if meant is None else finding(meant).key
            continue
        try:
            keys[name] = from_label(name).key
        except UnknownName:
            unknown.append(name)
    if unknown:
        raise LabelError(
            f"{len(unknown)} class folders are named for no finding: {first_few(unknown)}. Say "
            "what they mean with --class NAME=FINDING, such as --class non=no_finding, or leave "
            "one out with --class NAME= (in a recipe: data.classes)."
        )
    idle = sorted(set(classes) - set(names))
    if idle:
        there = first_few(sorted(set(names)))
        raise LabelError(f"No class folder is called {first_few(idle)}; there are {there}.")
    return keys


def _states(found: list[str | None], findings: tuple[str, ...]) -> NDArray[np.uint8]:
    of = np.array(found, object)
    states = [np.where(of == key, State.PRESENT, State.ABSENT) for key in findings]
    if not states:
        return np.zeros((len(found), 0), np.uint8)
    return with_kinds(findings, np.column_stack(states).astype(np.uint8))


def _patients(files: list[Path], pattern: re.Pattern[str] | None) -> tuple[list[str], int]:
    patients, unknown = [], 0
    for path in files:
        match = pattern.search(path.name) if pattern else None
        patient = person(match[1 if match.re.groups else 0] or "") if match else ""
        unknown += not patient
        patients.append(patient or path.as_posix())
    return patients, unknown


def _leaks(patients: list[str], parts: list[str]) -> list[str]:
    part_of: dict[str, set[str]] = {}
    for patient, part in zip(patients, parts, strict=True):
        part_of.setdefault(patient, set()).add(part)
    both = sum(len(several) > 1 for several in part_of.values())
    if not both:
        return []
    stand = "patient stands" if both == 1 else "patients stand"
    return [f"{both:,} {stand} in two parts of the publisher's split: make another."]


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
