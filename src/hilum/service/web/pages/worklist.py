"""The worklist: studies by urgency, filters, search."""

from __future__ import annotations

import hashlib
import time
from typing import Annotated, Literal, cast

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from hilum.domain.findings import finding
from hilum.errors import UnknownName
from hilum.service.process import Here
from hilum.service.web.audit import record
from hilum.service.web.listing import Listing, State, Wanted, counts, listing
from hilum.service.web.naming import age_years, day, person_name
from hilum.service.web.people import Person, needs
from hilum.service.web.reads_with import reads_with
from hilum.service.web.templating import page

router = APIRouter()

_DAY_S = 86_400
_STATES = ("waiting", "read", "refused", "failed")
_FACTS = {"person_name": person_name, "day": day, "age_years": age_years}

Viewer = Annotated[Person, Depends(needs("view"))]
Anyone = Annotated[Person, Depends(needs("send"))]


@router.get("/", include_in_schema=False)
def worklist(request: Request, person: Anyone) -> Response:
    """The whole page; who may only send goes to where that is done.

    What is asked for stands in the address, but not the text that is searched for: addresses are
    logged by others, and it may be a patient's name.
    """
    if not person.may("view"):
        return RedirectResponse("/upload", 303)
    asked = request.query_params
    wanted = _wanted(
        "", asked.get("state", ""), asked.get("finding", ""), asked.get("reviewed", ""),
        asked.get("days", ""), asked.get("order", ""), asked.get("page", "1"),
    )  # fmt: skip
    return _answer(request, person, wanted, asked.get("days", ""), "worklist.html.j2")


@router.post("/worklist", include_in_schema=False)
def part(  # noqa: PLR0913, PLR0917  a field of the form each
    request: Request,
    person: Viewer,
    text: Annotated[str, Form(max_length=200)] = "",
    state: Annotated[str, Form(max_length=20)] = "",
    finding: Annotated[str, Form(max_length=60)] = "",
    reviewed: Annotated[str, Form(max_length=3)] = "",
    days: Annotated[str, Form(max_length=4)] = "",
    order: Annotated[str, Form(max_length=10)] = "",
    page: Annotated[str, Form(max_length=9)] = "1",
    seen: Annotated[str, Form(max_length=64)] = "",
) -> Response:
    """The list alone, for HTMX; 204 where ``seen`` names what it is. The page without HTMX."""
    wanted = _wanted(text, state, finding, reviewed, days, order, page)
    if "hx-request" not in request.headers:
        return _answer(request, person, wanted, days, "worklist.html.j2")
    return _answer(request, person, wanted, days, "worklist-list.html.j2", seen=seen)


def _answer(
    request: Request, person: Person, wanted: Wanted, days: str, template: str, *, seen: str = ""
) -> Response:
    here: Here = request.app.state.here
    with here.store.reading() as session:
        found = listing(session, wanted)
        numbers = counts(session)
    digest = _digest(found, numbers)
    if seen == digest:
        return Response(status_code=204)
    if not seen:  # a list that refreshes itself shows nothing that was not asked for before
        with here.store.writing() as session:
            record(session, person, "search" if wanted.text else "view worklist")
    return page(
        request, template, found=found, counts=numbers, wanted=wanted, days=days, digest=digest,
        findings=_findings(here), section="worklist", now=time.time(), **_FACTS,
    )  # fmt: skip


def _digest(found: Listing, numbers: dict[str, int]) -> str:
    """Changes with whatever the list shows."""
    rows = [
        (row.study.id, row.study.urgency, row.study.last_at, row.study.reviewed_at,
         sorted(row.states.items()), row.thumbnail, row.whys)
        for row in found.rows
    ]  # fmt: skip
    text = repr((rows, found.total, found.page, sorted(numbers.items())))
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:24]


def _wanted(*given: str) -> Wanted:
    """What was asked for; what makes no sense is left out."""
    text, state, finding_key, reviewed, days, order, number = given
    counted = days.isascii() and days.isdigit() and len(days) < 7
    since = time.time() - int(days) * _DAY_S if counted else None
    return Wanted(
        text="".join(one if one.isprintable() else " " for one in text).strip(),
        state=cast("State", state if state in _STATES else ""),
        finding=finding_key if finding_key == "any" or _is_known(finding_key) else "",
        reviewed=cast('Literal["", "no", "yes"]', reviewed if reviewed in {"no", "yes"} else ""),
        since=since,
        order=cast(
            'Literal["urgency", "newest", "name"]',
            order if order in {"newest", "name"} else "urgency",
        ),
        page=int(number) if number.isascii() and number.isdigit() and len(number) < 9 else 1,
    )


def _is_known(key: str) -> bool:
    try:
        finding(key)
    except UnknownName:
        return False
    return True


def _findings(here: Here) -> list[str]:
    """Findings that the bundles here tell."""
    told = (one.measured for one in reads_with(here.settings.reading))
    return list(dict.fromkeys(key for keys in told for key in keys))
