"""What readers say: accept, correct, reject; the table of it."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import func, select

from hilum.domain.findings import all_findings
from hilum.service.corrections import COMMENT, WITHDRAWN, Told, say, told
from hilum.service.process import Here
from hilum.service.store.tables import Instance, Reading, Verdict
from hilum.service.web.audit import record
from hilum.service.web.people import Person, needs
from hilum.service.web.templating import finding_name, language_of, page

router = APIRouter()

Viewer = Annotated[Person, Depends(needs("view"))]
Reader = Annotated[Person, Depends(needs("read"))]

ROWS = 100
"""Latest verdicts on the page."""


@router.get("/readings/{reading_id}/verdicts", include_in_schema=False)
def verdicts(reading_id: str, request: Request, person: Viewer) -> HTMLResponse:
    """What readers said of a reading, with buttons for those who may say something."""
    return _part(request, reading_id, person)


@router.post("/readings/{reading_id}/verdicts", include_in_schema=False)
def add_verdict(
    reading_id: str,
    request: Request,
    person: Reader,
    said: Annotated[str, Form(max_length=10)] = "",
    finding: Annotated[str, Form(max_length=60)] = "",
    comment: Annotated[str, Form(max_length=COMMENT)] = "",
) -> HTMLResponse:
    """Say something of a reading or of one finding; answers with all that is said now."""
    here: Here = request.app.state.here
    reading, study = _found(here, reading_id)
    if not finding and not said and comment.strip():  # a comment alone keeps what was said
        with here.store.reading() as session:
            whole = told(session, [reading.id])[reading.id].whole
        said = whole.said if whole else WITHDRAWN
    with here.store.writing() as session:
        say(session, reading.id, said, by=person.name, key=finding, comment=comment)
        record(session, person, "verdict", study)
    return _part(request, reading_id, person, saved=True)


@router.get("/corrections", include_in_schema=False)
def corrections_page(request: Request, person: Viewer) -> HTMLResponse:
    """What was said lately, how often readers differed from the network, and the label table."""
    here: Here = request.app.state.here
    with here.store.reading() as session:
        last = session.execute(
            select(Verdict, Instance.study_id)
            .join(Reading, Reading.id == Verdict.reading_id)
            .join(Instance, Instance.id == Reading.instance_id)
            .order_by(Verdict.id.desc())
            .limit(ROWS)
        ).all()
        by = session.execute(
            select(Verdict.by, func.count(), func.max(Verdict.at)).group_by(Verdict.by)
        ).all()
        counts = _counts(session)
    return page(
        request, "corrections.html.j2", last=last, by=sorted(by, key=lambda row: -row[1]),
        counts=counts, section="corrections",
    )  # fmt: skip


def _part(
    request: Request, reading_id: str, person: Person, *, saved: bool = False
) -> HTMLResponse:
    here: Here = request.app.state.here
    reading, _ = _found(here, reading_id)
    if reading.kind != "reading":
        return HTMLResponse("")
    with here.store.reading() as session:
        now: Told = told(session, [reading.id])[reading.id]
    predictions = {p["finding"]: p["decision"] for p in reading.record["predictions"]}
    added = [key for key in now.findings if key not in predictions]
    language = language_of(request)
    others = sorted(
        (row.key for row in all_findings() if row.key not in predictions and row.key not in added),
        key=lambda key: finding_name(key, language),
    )
    return page(
        request, "corrections-verdicts.html.j2", reading=reading, told=now, added=added,
        decisions=predictions, others=others, may=person.may("read"), saved=saved, most=COMMENT,
    )  # fmt: skip


def _found(here: Here, reading_id: str) -> tuple[Reading, str]:
    with here.store.reading() as session:
        found = session.execute(
            select(Reading, Instance.study_id)
            .join(Instance, Instance.id == Reading.instance_id)
            .where(Reading.id == reading_id)
        ).first()
    if found is None:
        raise HTTPException(404, "There is no such reading; it may have been deleted.")
    return found[0], found[1]


def _counts(session: Any) -> list[tuple[str, int, int, int]]:
    """Finding, how often readers spoke of it, agreed, and differed; the latest of each counts."""
    rows = session.execute(
        select(Verdict.reading_id, Verdict.finding, Verdict.said)
        .where(Verdict.finding != "")
        .order_by(Verdict.id)
    ).all()
    latest = {(reading, key): said for reading, key, said in rows}
    readings = {reading for reading, _ in latest}
    decisions: dict[tuple[str, str], str] = {}
    for start in range(0, len(readings), 500):
        some = sorted(readings)[start : start + 500]
        for row in session.scalars(select(Reading).where(Reading.id.in_(some))):
            for p in row.record["predictions"]:
                decisions[row.id, p["finding"]] = p["decision"]
    spoken, agreed = Counter[str](), Counter[str]()
    for (reading, key), said in latest.items():
        if said == WITHDRAWN:
            continue
        spoken[key] += 1
        agreed[key] += decisions.get((reading, key)) == said
    return [(key, n, agreed[key], n - agreed[key]) for key, n in spoken.most_common()]
