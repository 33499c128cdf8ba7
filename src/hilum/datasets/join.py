"""Tables of several sources as one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hilum.domain import LabelTable, State
from hilum.domain.boxes import Boxes
from hilum.domain.findings import finding, wider
from hilum.domain.labels import COLUMNS
from hilum.domain.text import text
from hilum.errors import LabelError


def join(tables: Mapping[str, LabelTable]) -> LabelTable:
    """Tables one below the other.

    Args:
        tables: name → table. Patients and images get the name in front ("padchest/17"), because
            patient 17 of one hospital is not patient 17 of another; images so are paths relative
            to a folder that holds the collections' folders under these names.

    Returns:
        All findings and columns of all tables. A finding that a table does not have is UNMENTIONED
        on its images; the column ``source`` holds the name where a table has none of its own.

    Raises:
        LabelError: no table.
    """
    if not tables:
        raise LabelError("there is no table to join")
    findings = tuple(dict.fromkeys(key for t in tables.values() for key in t.findings))
    names = dict.fromkeys(name for t in tables.values() for name in t.columns)
    columns = {name: [] for name in (*names, "source")}
    for name, table in tables.items():
        for column, parts in columns.items():
            blank = text([name if column == "source" else ""] * len(table))
            if column in COLUMNS and COLUMNS[column][0].kind != "T":
                blank = np.full(len(table), _UNKNOWN.get(column, np.nan), COLUMNS[column][0])
            parts.append(table.columns.get(column, blank))
    return LabelTable(
        images=np.concatenate([f"{name}/" + t.images for name, t in tables.items()]),
        findings=findings,
        states=np.concatenate([_widen(table, findings) for table in tables.values()]),
        patients=np.concatenate([f"{name}/" + t.patients for name, t in tables.items()]),
        columns={name: np.concatenate(parts) for name, parts in columns.items()},
        boxes=_join_boxes(list(tables.values())),
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
        table says of it; else UNCERTAIN where a kind of it is uncertain; else UNMENTIONED, for the
        absence of some kinds is no absence of all.

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
    return table.with_states(findings, states)
