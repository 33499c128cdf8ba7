"""Table E.1-1 of PS3.15 as data: what the basic profile does with each attribute."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

ACTIONS = ("D", "Z", "X", "U", "Z/D", "X/Z", "X/D", "X/Z/D", "X/Z/U*")
"""D: a dummy value. Z: no value, or a dummy. X: the element goes. U: a UID of our own, the same one
wherever the old one stood. Several: the choice hangs on whether the attribute may be missing."""

OPTIONS = frozenset(
    {"content", "dates", "descriptors", "device", "graphics", "institution", "patient", "uids"}
)
"""Columns of the table in which the attribute is kept or cleaned instead."""


@dataclass(frozen=True, slots=True)
class Row:
    """One attribute.

    Attributes:
        tag: of the element.
        attribute: its keyword.
        action: one of :data:`ACTIONS`.
        options: some of :data:`OPTIONS`.
    """

    tag: int
    attribute: str
    action: str
    options: frozenset[str]


@cache
def profile() -> MappingProxyType[int, Row]:
    """The table: tag → row. Curves (50xx), overlays (60xx) and private elements are not in it.

    Source:
        PS3.15 2026c, Table E.1-1; options of rows added since 2020 by the kind of the attribute:
        dates and times, UIDs, names of devices, descriptions.
    """
    text = (files("hilum.deidentify") / "profile.csv").read_text("utf-8")
    rows: dict[int, Row] = {}
    for line in csv.DictReader(text.splitlines()):
        tag = int(line["tag"], 16)
        options = frozenset(line["options"].split())
        rows[tag] = Row(tag, line["attribute"], line["action"], options)
    return MappingProxyType(rows)
