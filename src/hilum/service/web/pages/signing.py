"""Signing in with a token, and out."""

from __future__ import annotations

import math
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from hilum.service.process import Here
from hilum.service.web.audit import record
from hilum.service.web.guards.rates import network_of
from hilum.service.web.people import Person, known_role
from hilum.service.web.signed_in import cookie_name, sign_in, sign_out
from hilum.service.web.templating import page
from hilum.service.web.tokens import living_token

router = APIRouter(include_in_schema=False)


@router.get("/sign-in")
def ask(request: Request, next: str = "/") -> Response:  # noqa: A002  the name in the address
    """The page that asks for a token; one in the address behind ``#`` is taken by its script."""
    return page(request, "signing.html.j2", wrong=False, back=_local(next))


@router.post("/sign-in")
def enter(
    request: Request,
    token: Annotated[str, Form(max_length=400)],
    next: Annotated[str, Form(max_length=2000)] = "/",  # noqa: A002
) -> Response:
    """Take a token, give a cookie."""
    here: Here = request.app.state.here
    address = request.client.host if request.client else ""
    cookie = ""
    with here.store.writing() as session:
        row = living_token(session, token.strip())
        if row is not None:
            record(session, Person(row.name, known_role(row.role), address), "sign in")
            cookie = sign_in(session, row, here.settings.web.session_hours)
    if not cookie:
        wait = request.app.state.wrong.take(network_of(address))
        if wait:
            raise HTTPException(
                429, "Too many wrong tokens; come again a little later.",
                {"Retry-After": str(math.ceil(wait))},
            )  # fmt: skip
        with here.store.writing() as session:
            record(session, Person("", "send", address), "sign in", outcome="denied")
        return page(request, "signing.html.j2", status=401, wrong=True, back=_local(next))
    secure = request.scope["scheme"] == "https"
    if before := request.cookies.get(cookie_name(secure=secure)):
        sign_out(here.store, before)
    answer = RedirectResponse(_local(next), 303)
    answer.set_cookie(
        cookie_name(secure=secure), cookie, max_age=int(here.settings.web.session_hours * 3600),
        path="/", httponly=True, samesite="strict", secure=secure,
    )  # fmt: skip
    return answer


@router.post("/sign-out")
def leave(request: Request) -> Response:
    """End the sign-in."""
    here: Here = request.app.state.here
    name = cookie_name(secure=request.scope["scheme"] == "https")
    cookie = request.cookies.get(name, "")
    if cookie:
        sign_out(here.store, cookie)
        with here.store.writing() as session:
            record(session, request.state.person, "sign out")
    answer = RedirectResponse("/sign-in", 303)
    answer.delete_cookie(
        name, path="/", httponly=True, samesite="strict", secure=request.scope["scheme"] == "https"
    )
    answer.headers["Clear-Site-Data"] = '"cache"'  # pictures of patients
    return answer


def _local(path: str) -> str:
    """A path of this server; the worklist for anything else."""
    local = path.startswith("/") and not path.startswith(("//", "/\\", "/sign-"))
    return path if local and path.isascii() and path.isprintable() else "/"
