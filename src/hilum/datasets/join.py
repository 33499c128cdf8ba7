"""Tables of several sources as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hilum.domain import LabelTable, State
from hilum.domain.boxes import Boxes
from hilum.domain.findings import all_findings, finding, wider
from hilum.domain.labels import COLUMNS
from hilum.domain.text import FEW, text
from hilum.errors import LabelError


def join(
    tables: Mapping[str, LabelTable],
    *,
    same_patients: Sequence[str] = (),
    different_images: bool = False,
) -> LabelTable:
    """Tables one below the other.

    Args:
        tables: name → table. Patients and images get the name in front ("padchest/17"), because
            patient 17 of one hospital is not patient 17 of another; images so are paths relative
            to a folder that holds the collections' folders under these names.
        same_patients: names of tables that number the same patients alike, such as two sets of
            labels of the same pictures: their patients get the first of these names in front, so
            that no split parts them.
        different_images: equal file names in two tables are different pictures ("1.png").

    Returns:
        All findings and columns of all tables. A finding that a table does not have is UNMENTIONED
        on its images; the column ``source`` holds the name where a table has none of its own. The
        notes of each table, with its name in front.

    Raises:
        LabelError: no table, a name in ``same_patients`` that is none, tables that hold images of
            the same names (unless ``different_images``), or by ``same_patients`` the same image
            under two patients.
    """
    if not tables:
        raise LabelError("there is no table to join")
    foreign = [name for name in same_patients if name not in tables]
    if foreign or len(set(same_patients)) == 1:
        raise LabelError(
            f"same_patients takes two or more of the tables {list(tables)}, got "
            f"{list(same_patients)}."
        )
    people = {name: same_patients[0] if name in same_patients else name for name in tables}
    _check_pictures(tables, people, different_images)
    findings = tuple(dict.fromkeys(key for t in tables.values() for key in t.findings))
    names = dict.fromkeys(name for t in tables.values() for name in t.columns)
    columns = {name: [] for name in (*names, "source")}
    for name, table in tables.items():
        for column, parts in columns.items():
            blank = text([name if column == "source" else ""] * len(table))
            if column in COLUMNS and COLUMNS[column][0].kind != "O":
                blank = np.full(len(table), _UNKNOWN.get(column, np.nan), COLUMNS[column][0])
            parts.append(table.columns.get(column, blank))
    return LabelTable(
        images=np.concatenate([f"{name}/" + t.images for name, t in tables.items()]),
        findings=findings,
        states=np.concatenate([_widen(table, findings) for table in tables.values()]),
        patients=np.concatenate([f"{people[name]}/" + t.patients for name, t in tables.items()]),
        columns={name: np.concatenate(parts) for name, parts in columns.items()},
        boxes=_join_boxes(list(tables.values())),
        notes=tuple(f"{name}: {note}" for name, table in tables.items() for note in table.notes),
    )


def _check_pictures(
    tables: Mapping[str, LabelTable], people: Mapping[str, str], different_images: bool
) -> None:
    """See that no picture comes in by two tables under two patients."""
    seen: dict[str, tuple[str, str, str]] = {}
    twice: list[str] = []
    unlike = False
    for name, table in tables.items():
        own: dict[str, tuple[str, str, str]] = {}
        for image, patient in zip(table.images.tolist(), table.patients.tolist(), strict=True):
            # With different images, names are compared among tables of the same patients alone.
            file = (people[name] + "/" if different_images else "") + image.rpartition("/")[2]
            own.setdefault(file, (f"{people[name]}/{patient}", name, image))
            if file in seen and seen[file][0] != f"{people[name]}/{patient}":
                twice.append(f"{seen[file][1]}/{seen[file][2]} and {name}/{image}")
                unlike |= people[name] == people[seen[file][1]]
        seen = own | seen
    if not twice:
        return
    more = f" and {len(twice) - FEW:,} more" if len(twice) > FEW else ""
    what = f"{len(twice):,} images of two tables have the same file name"
    if unlike:
        raise LabelError(
            f"{what}, but two patients: {', '.join(twice[:FEW])}{more}. Tables that name patients "
            f"differently cannot be joined by same_patients (--same-patients); leave one out."
        )
    raise LabelError(
        f"{what}: {', '.join(twice[:FEW])}{more}. The same picture under two patients would leak "
        f"between parts of a split. Leave one table out; or, if both number patients alike, name "
        f"them in same_patients (--same-patients A,B); or, if these are different pictures, say "
        f"different_images (--different-images)."
    )


_UNKNOWN = {"visit": -1, "width_px": 0, "height_px": 0}


def _widen(table: LabelTable, findings: tuple[str, ...]) -> NDArray[np.uint8]:
    states = np.full((len(table), len(findings)), State.UNMENTIONED, np.uint8)
    for at, key in enumerate(table.findings):
        states[:, findings.index(key)] = table.states[:, at]
    return states


def _join_boxes(tables: list[LabelTable]) -> Boxes | None:
    if all(table.boxes is None for table in tables):
        return None
    starts = np.cumsum([0, *(len(table) for table in tables)])
    every = [t.boxes or Boxes.none(np.zeros(len(t), np.bool_)) for t in tables]
    return Boxes(
        np.concatenate([boxes.row + start for boxes, start in zip(every, starts, strict=False)]),
        np.concatenate([boxes.finding for boxes in every]),
        np.concatenate([boxes.xywh for boxes in every]),
        np.concatenate([boxes.annotated for boxes in every]),
    )


def roll_up(table: LabelTable, findings: tuple[str, ...]) -> LabelTable:
    """The table with wider findings, told from their kinds: a mass is a lung lesion.

    Args:
        table: with finer findings.
        findings: keys that become columns.

    Returns:
        For each finding: PRESENT where it, or a kind of it at any depth, is present; else what the
        table says of it; else UNCERTAIN where a kind of it is uncertain; else ABSENT where every
        finding that the vocabulary has directly below it is ABSENT (nodule and mass for
        nodule_or_mass); else UNMENTIONED, for the absence of some kinds is no absence of all.

    Raises:
        UnknownName: a key outside the vocabulary.
    """
    states = np.full((len(table), len(findings)), State.UNMENTIONED, np.uint8)
    for at, key in enumerate(findings):
        finding(key)
        if key in table.findings:
            states[:, at] = table.states[:, table.findings.index(key)]
        kinds = [i for i, k in enumerate(table.findings) if k != key and key in wider(k)]
        below = table.states[:, kinds]
        unsure = (below == State.UNCERTAIN).any(1) & (states[:, at] == State.UNMENTIONED)
        states[unsure, at] = State.UNCERTAIN
        states[(below == State.PRESENT).any(1), at] = State.PRESENT
        nearest = [row.key for row in all_findings() if key in row.parents]
        if nearest and set(nearest) <= set(table.findings):
            parts = table.states[:, [table.findings.index(k) for k in nearest]]
            none = (parts == State.ABSENT).all(1) & (states[:, at] == State.UNMENTIONED)
            states[none, at] = State.ABSENT
    return table.with_states(findings, states)
