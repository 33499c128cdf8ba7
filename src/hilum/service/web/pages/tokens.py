"""Tokens: made, listed and ended by an administrator."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from hilum.errors import ServiceError
from hilum.service.process import Here
from hilum.service.settings import Role
from hilum.service.web.audit import record
from hilum.service.web.people import ORDER, Person, needs
from hilum.service.web.templating import page
from hilum.service.web.tokens import end_token, list_tokens, make_token

router = APIRouter(include_in_schema=False)

Admin = Annotated[Person, Depends(needs("admin"))]


@router.get("/tokens")
def show(request: Request, person: Admin) -> Response:
    """All tokens."""
    return _page(request)


@router.post("/tokens")
def make(
    request: Request,
    person: Admin,
    name: Annotated[str, Form(max_length=200)],
    role: Annotated[Role, Form()],
    days: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Make one, and show it this once."""
    here: Here = request.app.state.here
    try:
        lasting = float(days) if days.strip() else None
        made = make_token(here.store, name, role, days=lasting)
    except ValueError:
        return _page(request, wrong="Days are a number.", status=422)
    except ServiceError as error:
        return _page(request, wrong=str(error), status=422)
    with here.store.writing() as session:
        record(session, person, f"make token {role}")
    return _page(request, made=made)


@router.post("/tokens/{token_id}/end")
def end(request: Request, person: Admin, token_id: str) -> Response:
    """End one, and the sign-ins made with it."""
    here: Here = request.app.state.here
    end_token(here.store, token_id)
    with here.store.writing() as session:
        record(session, person, "end token")
    return RedirectResponse("/tokens", 303)


def _page(request: Request, *, made: str = "", wrong: str = "", status: int = 200) -> Response:
    here: Here = request.app.state.here
    now = time.time()
    rows = [
        {"id": row.id, "name": row.name, "role": row.role, "lives": row.lives(now),
         "made": _day(row.made_at), "ends": _day(row.until) if row.until else ""}
        for row in list_tokens(here.store)
    ]  # fmt: skip
    return page(
        request, "tokens.html.j2", status=status, rows=rows, made=made, wrong=wrong, roles=ORDER,
        section="tokens",
    )  # fmt: skip


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()
