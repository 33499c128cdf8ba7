"""Reporting checklists, filled as far as an evaluation knows; the rest is named as a person's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from hilum.evaluation.appraisal.results import Appraisal
from hilum.report.evaluation import statements as say

Standing = Literal["filled", "in part", "for a person to fill"]


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a checklist.

    Attributes:
        number: as the checklist has it.
        part: the section of a paper that it belongs to.
        asked: what it asks for, in Hilum's words.
        fill: what the run says of it; "" where it says nothing. None where no run can.
        where: the section of the page that shows it, where the page has it.
        left: what a person must still add where the run filled a part; "" for nothing.
    """

    number: str
    part: str
    asked: str
    fill: Callable[[Appraisal], str] | None = None
    where: str = ""
    left: str = ""


@dataclass(frozen=True, slots=True)
class Checklist:
    """A published checklist.

    Attributes:
        key: "claim-2024", "tripod-ai".
        name: for a heading.
        source: where it was published; its own wording is there.
        items: in its order.
    """

    key: str
    name: str
    source: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Filled:
    """An item after a run.

    Attributes:
        item: which.
        standing: who fills it.
        said: what the run says; "" where it says nothing.
        where: the section of the page that shows it; "" where it says nothing.
    """

    item: Item
    standing: Standing
    said: str
    where: str = ""


def fill(checklist: Checklist, appraisal: Appraisal) -> tuple[Filled, ...]:
    """Fill a checklist from an appraisal, with what is true of it alone."""
    return tuple(_filled(item, appraisal) for item in checklist.items)


def _filled(item: Item, appraisal: Appraisal) -> Filled:
    said = item.fill(appraisal) if item.fill else ""
    if not said:
        return Filled(item, "for a person to fill", "")
    where = item.where if item.where in sections(appraisal) else "findings"
    return Filled(item, "in part" if item.left else "filled", said, where)


def sections(a: Appraisal) -> frozenset[str]:
    """Sections that the page of an appraisal has."""
    there = {
        "summary": True,
        "findings": True,
        "confusion": a.table is not None,
        "points": bool(say.point_names(a)),
        "subgroups": bool(a.subgroups),
        "localisation": a.localisation is not None,
        "methods": True,
        "inputs": bool(a.inputs),
    }
    return frozenset(name for name, is_there in there.items() if is_there)


def rows(
    checklists: Iterable[tuple[Checklist, tuple[Filled, ...]]],
) -> Iterable[tuple[str, ...]]:
    """Rows of ``checklist.csv``."""
    for checklist, filled in checklists:
        for f in filled:
            i = f.item
            yield (
                checklist.name, i.number, i.part, i.asked, f.standing, f.said,
                f"index.html#{f.where}" if f.said else "",
                i.left if f.said else "",
            )  # fmt: skip


HEADER = (
    "checklist", "item", "part", "asked (in Hilum's words)", "standing", "said", "where", "left",
)  # fmt: skip
