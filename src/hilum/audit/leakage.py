"""Leakage: what stands in training and in testing alike."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.audit.limits import LEAK_FAILS
from hilum.audit.subject import Subject
from hilum.audit.verdict import Checked, Outcome, Table, Verdict
from hilum.datasets import leaks
from hilum.datasets.files import find_images
from hilum.domain import LabelTable
from hilum.domain.text import first_few
from hilum.evaluation import wilson

_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True)
class Copies:
    """Pictures that show the same exposure.

    Attributes:
        equal: rows of train and of test whose files are equal, byte for byte.
        near: rows of train and of test that show the same, and what differs, in words.
        between: pairs of two patients, on whichever side.
        looked: pictures that were compared.
        tested: of these, pictures of the test part.
        unread: pictures that could not be.
    """

    equal: tuple[tuple[int, int], ...]
    near: tuple[tuple[int, int, str], ...]
    between: int
    looked: int
    tested: int
    unread: int


def find_copies(
    table: LabelTable,
    folder: Path,
    parts: tuple[NDArray[np.int64], NDArray[np.int64]],
    *,
    workers: int = 1,
    progress: leaks.Progress | None = None,
) -> Copies:
    """Look for equal and near-equal pictures across training and testing.

    Args:
        table: its images are paths below ``folder``, or names of files somewhere below it.
        folder: of the images.
        parts: rows that were learnt from, and rows that are tested.
        workers: pictures at a time.
        progress: told how far it is.

    Raises:
        RunError: no such folder, or none of the images in it.
    """
    rows = np.concatenate(parts)
    in_test = np.repeat([False, True], [len(part) for part in parts])
    part = table.rows(rows)
    found = leaks.compare(part, folder, workers=workers, progress=progress)
    near: list[tuple[int, int, str]] = []
    for pair in found.pairs:
        one, other = sorted((pair.first, pair.second), key=lambda at: bool(in_test[at]))
        if not in_test[one] and in_test[other]:
            near.append((int(rows[one]), int(rows[other]), ", ".join(pair.relations)))
    paths = find_images(part, folder).paths
    return Copies(
        equal=tuple((int(rows[a]), int(rows[b])) for a, b in _equal(paths, in_test)),
        near=tuple(near),
        between=len(found.between_patients),
        looked=len(rows) - len(found.unread),
        tested=int(in_test.sum()) - sum(bool(in_test[at]) for at in found.unread),
        unread=len(found.unread),
    )


def _equal(paths: tuple[Path | None, ...], in_test: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Pairs of equal files, one of each side; only files of one size are read."""
    by_size: dict[int, list[int]] = defaultdict(list)
    for at, path in enumerate(paths):
        if path is not None:
            by_size[path.stat().st_size].append(at)
    first: dict[str, int] = {}
    later: list[tuple[str, int]] = []
    for held in by_size.values():
        if in_test[held].all() or not in_test[held].any():
            continue
        for at in held:
            path = paths[at]
            if path is not None:
                digest = _digest(path)
                if in_test[at]:
                    later.append((digest, at))
                else:
                    first.setdefault(digest, at)
    return [(first[digest], at) for digest, at in later if digest in first]


def _digest(path: Path) -> str:
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_AT_ONCE):
            sha.update(piece)
    return sha.hexdigest()


def check(subject: Subject) -> Checked:
    """Patients, equal files and near-equal pictures in training and testing alike."""
    if subject.train is None or subject.test is None:
        missing = "which images were learnt from" if subject.train is None else "what is the test"
        words = f"Nobody said {missing}: a column 'split' of the table tells (train, tune, test)."
        return Checked(
            (
                Verdict("patients-shared", _PATIENTS, "not asked", words),
                Verdict("pictures-shared", _PICTURES, "not asked", words),
            )
        )
    table, train, test = subject.table, subject.train, subject.test
    known = set(table.patients[train].tolist())
    both = [row for row in test.tolist() if table.patients[row] in known]
    people = len(set(table.patients[both].tolist()))
    share = wilson(len(both), len(test))
    line = Verdict(
        "patients-shared",
        _PATIENTS,
        "fails" if both else "passes",
        f"{people:,} patients with {len(both):,} of {len(test):,} test images stand among the "
        f"{len(train):,} training images too"
        + (f": {first_few([table.images[row] for row in both])}." if both else "."),
        "Split by patient (`hilum split`) and test again: every number here flatters."
        if both
        else "",
        share,
        "share of test images",
    )
    tables = []
    if both:
        tables.append(
            Table("shared-patients", "Test images whose patient was learnt from.", ("image",),
                  tuple((str(table.images[row]),) for row in both), private=True)
        )  # fmt: skip
    second = _pictures(subject)
    return Checked((line, *second.lines), (*tables, *second.tables))


_PATIENTS = "Do patients stand in training and testing alike?"
_PICTURES = "Do equal or near-equal pictures stand in training and testing alike?"


def _pictures(subject: Subject) -> Checked:
    copies, table = subject.copies, subject.table
    if copies is None or subject.test is None:
        words = "No pictures were given: name their folder with --data."
        return Checked((Verdict("pictures-shared", _PICTURES, "not asked", words),))
    hit = {row for _, row in copies.equal} | {row for _, row, _ in copies.near}
    if not hit and not 0 < copies.tested < copies.looked:
        words = (
            f"Pictures of both parts are needed, and {copies.tested:,} of the test part and "
            f"{copies.looked - copies.tested:,} of training could be read: is --data their folder?"
        )
        return Checked((Verdict("pictures-shared", _PICTURES, "not asked", words),))
    share = wilson(len(hit), max(copies.tested, len(hit)))
    outcome: Outcome = "passes"
    if hit:
        outcome = "fails" if (share.value or 0) >= LEAK_FAILS else "warns"
    words = (
        f"{len(copies.equal):,} test files equal a training file, {len(copies.near):,} pairs of a "
        f"training and a test picture show the same exposure; {copies.looked:,} pictures were "
        f"compared, {copies.tested:,} of them of the test part"
    )
    words += f", {copies.unread:,} could not be read" if copies.unread else ""
    words += (
        f". {copies.between:,} pairs on whichever side go by two patients' names."
        if copies.between
        else "."
    )
    advice = (
        "Leave one of each pair out, or keep both in one part; shared-pictures.csv names them."
        if hit
        else ""
    )
    line = Verdict("pictures-shared", _PICTURES, outcome, words, advice, share,
                   "share of the test pictures compared")  # fmt: skip
    listed = dict.fromkeys(copies.equal, "equal file")
    for a, b, relation in copies.near:
        listed.setdefault((a, b), relation)
    rows = tuple((str(table.images[a]), str(table.images[b]), r) for (a, b), r in listed.items())
    tables = (
        Table("shared-pictures", "Training and test pictures of one exposure.",
              ("train", "test", "relation"), rows, private=True),
    )  # fmt: skip
    return Checked((line,), tables if rows else ())
