"""The worklist's rows: studies that match, in order, with what was said of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import (
    JSON,
    ColumnElement,
    String,
    and_,
    case,
    cast,
    column,
    exists,
    func,
    or_,
    select,
)  # fmt: skip
from sqlalchemy.orm import Session, selectinload

from hilum.service.store.tables import Instance, Reading, Study
from hilum.service.urgency import URGENT, is_whole, margin, tier

ROWS = 50
"""Studies on a page."""

State = Literal["", "waiting", "read", "refused", "failed"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody looks for.

    Attributes:
        text: words; each stands in the patient's name or ID, or the accession number.
        state: with a radiograph in that state; "waiting" is being read, too.
        finding: called present on a radiograph; "any" for any.
        reviewed: "no", "yes" or "" for both.
        since: when something last came of it, at least; None for ever.
        order: by urgency with open ones first, by arrival, or by name.
        page: from 1.
    """

    text: str = ""
    state: State = ""
    finding: str = ""
    reviewed: Literal["", "no", "yes"] = ""
    since: float | None = None
    order: Literal["urgency", "newest", "name"] = "urgency"
    page: int = 1


@dataclass(frozen=True, slots=True)
class Row:
    """A study in the list.

    Attributes:
        states: state → radiographs.
        thumbnail: id of the reading whose picture stands for the study; None for none.
        present: prediction records called present, one a finding: the urgent before others, then
            the surest first.
        boxed: findings with a box that are not called present.
        whole: of what was read everything was told, and decided.
        whys: reasons of what was refused or laid aside, each once.
        open: not reviewed since something last arrived.
    """

    study: Study
    states: dict[str, int]
    tier: int
    thumbnail: str | None
    present: tuple[dict[str, Any], ...]
    boxed: tuple[str, ...]
    whole: bool
    whys: tuple[str, ...]
    open: bool


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of studies.

    Attributes:
        total: studies that match.
        pages: at least one.
    """

    rows: tuple[Row, ...]
    total: int
    page: int
    pages: int


def listing(session: Session, wanted: Wanted) -> Listing:
    """The studies that match, a page of them."""
    chosen = select(Study.id).where(*_where(session, wanted))
    ordered = chosen.order_by(*_order(wanted))
    if wanted.finding:  # looks into every record: once, not once more to count
        all_ids = session.scalars(ordered).all()
        total = len(all_ids)
    else:
        all_ids = None
        total = session.scalar(select(func.count()).select_from(chosen.subquery())) or 0
    pages = max(1, -(-total // ROWS))
    page = min(max(1, wanted.page), pages)
    start = (page - 1) * ROWS
    if all_ids is None:
        on_page = session.scalars(ordered.limit(ROWS).offset(start)).all()
    else:
        on_page = all_ids[start : start + ROWS]
    rows = session.scalars(
        select(Study).where(Study.id.in_(on_page)).options(selectinload(Study.instances))
    )
    by_id = {study.id: study for study in rows}
    found = [by_id[one] for one in on_page if one in by_id]
    ids = [instance.id for study in found for instance in study.instances]
    said = latest(session, ids)
    return Listing(tuple(_row(study, said) for study in found), total, page, pages)


def counts(session: Session) -> dict[str, int]:
    """Radiographs in each state, and under "open" the studies that nobody has reviewed."""
    rows = session.execute(select(Instance.state, func.count()).group_by(Instance.state))
    found = {str(state): int(number) for state, number in rows}
    open_ = session.scalar(select(func.count()).select_from(Study).where(is_open()))
    return {
        "waiting": found.get("waiting", 0) + found.get("reading", 0),
        "read": found.get("read", 0),
        "refused": found.get("refused", 0),
        "failed": found.get("failed", 0),
        "open": open_ or 0,
    }


def following(session: Session, study: Study) -> str | None:
    """The study that stands next in the worklist among open ones, after one; None for none."""
    behind = or_(
        Study.urgency < study.urgency,
        and_(Study.urgency == study.urgency, Study.last_at < study.last_at),
        and_(Study.urgency == study.urgency, Study.last_at == study.last_at, Study.id > study.id),
    )
    order = (Study.urgency.desc(), Study.last_at.desc(), Study.id)
    open_ones = select(Study.id).where(is_open(), Study.id != study.id).order_by(*order).limit(1)
    return session.scalar(open_ones.where(behind)) or session.scalar(open_ones)


def latest(session: Session, instances: Sequence[str]) -> dict[str, Reading]:
    """The latest reading of each radiograph: id of the instance → reading."""
    if not instances:
        return {}
    rows = session.scalars(
        select(Reading).where(Reading.instance_id.in_(instances)).order_by(Reading.made_at)
    )
    return {row.instance_id: row for row in rows}


def is_open() -> ColumnElement[bool]:
    """Whether nobody has reviewed a study since something last arrived of it."""
    return or_(Study.reviewed_at.is_(None), Study.reviewed_at < Study.last_at)


def _where(session: Session, wanted: Wanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    for word in wanted.text.split()[:8]:
        columns = (Study.patient_name, Study.patient_id, Study.accession)
        # SQLite knows the cases of ASCII alone
        spelt = {word, word.casefold(), word.upper(), word.title()}
        found.append(
            or_(*(one.ilike(_like(text), escape="\\") for one in columns for text in spelt))
        )
    if wanted.state:
        states = ("waiting", "reading") if wanted.state == "waiting" else (wanted.state,)
        found.append(_has(Instance.state.in_(states)))
    if wanted.finding:
        found.append(_has(_says(session, wanted.finding)))
    if wanted.reviewed:
        found.append(is_open() if wanted.reviewed == "no" else ~is_open())
    if wanted.since is not None:
        found.append(Study.last_at >= wanted.since)
    return found


def _like(text: str) -> str:
    return "%" + "".join(f"\\{c}" if c in "\\%_" else c for c in text) + "%"


def _has(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(Instance.study_id == Study.id, condition)


def _says(session: Session, finding: str) -> ColumnElement[bool]:
    """A reading of an instance calls a finding present; "any" for any of them."""
    if session.get_bind().dialect.name == "sqlite":
        rows = func.json_each(Reading.record, "$.predictions").table_valued(column("value", String))
        key = func.json_extract(rows.c.value, "$.finding")
        decision = func.json_extract(rows.c.value, "$.decision")
    else:
        # a refusal has no predictions: NULL has no elements
        rows = func.json_array_elements(Reading.record["predictions"]).table_valued(
            column("value", JSON)
        )
        key, decision = rows.c.value["finding"].as_string(), rows.c.value["decision"].as_string()
    said = [decision == "present", *([] if finding == "any" else [key == finding])]
    inner = select(1).select_from(rows).where(*said).correlate(Reading).exists()
    return exists().where(Reading.instance_id == Instance.id, inner).correlate(Instance)


def _order(wanted: Wanted) -> tuple[ColumnElement[Any], ...]:
    if wanted.order == "newest":
        return Study.last_at.desc(), cast(Study.id, String)
    if wanted.order == "name":
        return func.lower(Study.patient_name), Study.last_at.desc(), cast(Study.id, String)
    reviewed = case((is_open(), 0), else_=1)
    return reviewed, Study.urgency.desc(), Study.last_at.desc(), cast(Study.id, String)


def _row(study: Study, said: dict[str, Reading]) -> Row:
    states: dict[str, int] = {}
    for instance in study.instances:
        name = "waiting" if instance.state == "reading" else instance.state
        states[name] = states.get(name, 0) + 1
    readings = [said[one.id] for one in study.instances if one.id in said]
    readings.sort(key=lambda one: -one.urgency)
    best: dict[str, dict[str, Any]] = {}
    for reading in readings:
        for p in reading.record.get("predictions", ()):
            kept = best.get(p["finding"])
            if p["decision"] == "present" and (kept is None or margin(p) > margin(kept)):
                best[p["finding"]] = p
    records = [reading.record for reading in readings if reading.kind == "reading"]
    boxed = dict.fromkeys(box["finding"] for one in records for box in one.get("boxes", ()))
    open_ = any(p["decision"] == "abstained" for one in records for p in one["predictions"])
    whys = dict.fromkeys(
        one.why for one in study.instances if one.state in {"refused", "failed"} and one.why
    )
    return Row(
        study=study, states=states, tier=tier(study.urgency),
        thumbnail=readings[0].id if readings else None,
        present=tuple(
            sorted(best.values(), key=lambda p: (p["finding"] in URGENT, margin(p)), reverse=True)
        ),
        boxed=tuple(key for key in boxed if key not in best),
        whole=not open_ and all(is_whole(one) and one["predictions"] for one in records),
        whys=tuple(whys),
        open=study.reviewed_at is None or study.reviewed_at < study.last_at,
    )  # fmt: skip
