"""The audit log: a page and a table, for administrators."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response, StreamingResponse
from sqlalchemy import Select, select

from hilum.service.process import Here
from hilum.service.store.tables import Seen
from hilum.service.web.audit import record
from hilum.service.web.people import Person, needs
from hilum.service.web.templating import page

router = APIRouter(include_in_schema=False)

By = Annotated[str, Query(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]
OfStudy = Annotated[str, Query(pattern="^([0-9a-f]{32})?$")]
Admin = Annotated[Person, Depends(needs("admin"))]
PAGE_ROWS = 100
COLUMNS = ("at", "by", "role", "address", "action", "study", "outcome")
_AT_ONCE = 1000


@router.get("/audit")
def show(
    request: Request,
    person: Admin,
    by: By = "",
    study: OfStudy = "",
    before: Annotated[int, Query(ge=0, le=2**62)] = 0,
) -> Response:
    """Lines, the newest first; of one person, of one study."""
    here: Here = request.app.state.here
    wanted = _wanted(by, study).order_by(Seen.id.desc()).limit(PAGE_ROWS + 1)
    if before:
        wanted = wanted.where(Seen.id < before)
    with here.store.reading() as session:
        rows = session.scalars(wanted).all()
    older = rows[PAGE_ROWS - 1].id if len(rows) > PAGE_ROWS else None
    return page(
        request, "audit.html.j2", rows=[(row, at(row)[:19]) for row in rows[:PAGE_ROWS]],
        older=older, by=by, study=study, section="audit",
    )  # fmt: skip


@router.get("/audit.csv")
def table(
    request: Request,
    person: Admin,
    by: By = "",
    study: OfStudy = "",
) -> Response:
    """All lines, the oldest first, as CSV; this is a line of it too."""
    here: Here = request.app.state.here
    with here.store.writing() as session:
        record(session, person, "download audit log", study)
    name = 'attachment; filename="hilum-audit.csv"'
    return StreamingResponse(
        _csv(here, _wanted(by, study)), media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": name},
    )  # fmt: skip


def at(row: Seen) -> str:
    """When, in UTC."""
    return datetime.fromtimestamp(row.at, UTC).isoformat(" ", "seconds")


def _wanted(by: str, study: str) -> Select[Any]:
    wanted = select(Seen)
    if by:
        wanted = wanted.where(Seen.by == by)
    return wanted.where(Seen.study_id == study) if study else wanted


def _csv(here: Here, wanted: Select[Any]) -> Iterator[str]:
    """Some rows at a time, so that no reader of the log holds the database for long."""
    yield ",".join(COLUMNS) + "\r\n"
    last = 0
    while True:
        with here.store.reading() as session:
            rows = session.scalars(
                wanted.where(Seen.id > last).order_by(Seen.id).limit(_AT_ONCE)
            ).all()
        if not rows:
            return
        last = rows[-1].id
        out = io.StringIO()
        csv.writer(out).writerows(
            [at(row), _plain(row.by), row.role, row.address, row.action, row.study_id, row.outcome]
            for row in rows
        )
        yield out.getvalue()


def _plain(text: str) -> str:
    """A name that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
