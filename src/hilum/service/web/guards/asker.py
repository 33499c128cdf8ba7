"""Who asks: a token, a cookie, or what a named proxy says of them.

Routes find ``request.state.person`` (a :class:`hilum.service.web.people.Person` or None) and
``request.state.csrf`` (what a page's forms must send back; empty for programs).
"""

from __future__ import annotations

from dataclasses import dataclass

from anyio.to_thread import run_sync
from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from hilum.errors import NotNow
from hilum.service.process import Here
from hilum.service.settings import Role
from hilum.service.web.audit import record
from hilum.service.web.guards.crossing import csrf_token, key_of
from hilum.service.web.guards.problems import problem
from hilum.service.web.guards.rates import network_of
from hilum.service.web.people import ORDER, Person, known_role
from hilum.service.web.signed_in import cookie_name, who_is
from hilum.service.web.tokens import living_token


@dataclass(frozen=True, slots=True)
class Shown:
    """What a request shows of who sends it.

    Attributes:
        token: of an Authorization header; None without one.
        cookie: of a sign-in; empty without one.
        user: as a named proxy says; empty where none did.
        role: of that user.
    """

    token: str | None = None
    cookie: str = ""
    user: str = ""
    role: Role | None = None


def asker(app: ASGIApp, here: Here) -> ASGIApp:
    """Guard: finds out who asks. A wrong token is an error, not nobody."""

    async def ask(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/static/"):
            await app(scope, receive, send)
            return
        request = Request(scope)
        address = request.client.host if request.client else ""
        shown = _shown(request, here)
        state = scope.setdefault("state", {})
        state["person"], state["csrf"], state["ambient"] = None, "", False
        try:
            person = await run_sync(_person, here, shown, address)
            if person is None and shown.token is not None:
                if request.app.state.wrong.take(network_of(address)) == 0.0:
                    await run_sync(_note, here, address)
                answer = problem(
                    request, 401, "This token is not known here, or has ended; ask for a new one.",
                    code="wrong-token", headers={"WWW-Authenticate": "Bearer"},
                )  # fmt: skip
                await answer(scope, receive, send)
                return
        except NotNow as error:
            if not scope["path"].startswith(("/healthz", "/readyz")):
                answer = problem(
                    request, 503, str(error), code=error.code, headers={"Retry-After": "10"}
                )
                await answer(scope, receive, send)
                return
            person = None
        state["person"] = person
        if person is not None and shown.token is None:
            state["ambient"] = True
            state["csrf"] = csrf_token(key_of(here), shown.cookie or f"user {shown.user}")
        await app(scope, receive, send)

    return ask


def _shown(request: Request, here: Here) -> Shown:
    given = request.headers.get("authorization", "")
    kind, _, token = given.partition(" ")
    if kind.lower() == "bearer":
        return Shown(token=token.strip())
    cookie = request.cookies.get(cookie_name(secure=request.scope["scheme"] == "https"), "")
    if cookie:
        return Shown(cookie=cookie)
    web = here.settings.web
    if web.user_header and getattr(request.state, "proxied", False):
        user = _utf8(request.headers.get(web.user_header, "")).strip()
        groups = _utf8(request.headers.get(web.roles_header, "")) if web.roles_header else ""
        return Shown(user=user, role=_role(groups, web.groups))
    return Shown()


def _utf8(text: str) -> str:
    """A header as proxies write it."""
    return text.encode("latin-1").decode("utf-8", "replace")


def _role(groups: str, roles: dict[str, Role]) -> Role | None:
    """The highest role that a user's groups give."""
    given = {roles[name] for one in groups.split(",") if (name := one.strip()) in roles}
    return next((role for role in reversed(ORDER) if role in given), None)


def _person(here: Here, shown: Shown, address: str) -> Person | None:
    if shown.user:
        return Person(shown.user[:100], shown.role, address) if shown.role else None
    if shown.token is None and not shown.cookie:
        return None
    with here.store.reading() as session:
        if shown.token is not None:
            row = living_token(session, shown.token)
        else:
            row = who_is(session, shown.cookie)
        return None if row is None else Person(row.name, known_role(row.role), address)


def _note(here: Here, address: str) -> None:
    with here.store.writing() as session:
        record(session, Person("", "send", address), "sign in", outcome="denied")
