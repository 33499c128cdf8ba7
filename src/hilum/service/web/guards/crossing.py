"""No request that another site made a browser send (CSRF).

What changes something and comes with a cookie, or through a proxy that signs users in, must come
from a page of this server (Sec-Fetch-Site or Origin) and carry the value that only such a page
knows: header ``X-CSRF-Token``, or field ``csrf`` of a plain form. Templates get it as ``csrf``.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs

from anyio.to_thread import run_sync
from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hilum.errors import NotNow
from hilum.service.process import Here
from hilum.service.web.audit import record
from hilum.service.web.guards.problems import problem
from hilum.service.web.people import Person

SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")
_FORM_BYTES = 65_536


def csrf_token(key: bytes, who: str) -> str:
    """The value that pages of one sign-in know.

    Args:
        key: of this server (:func:`key_of`).
        who: its cookie, or its user where a proxy signs in.
    """
    return hmac.new(key, b"csrf\0" + who.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def key_of(here: Here) -> bytes:
    """The key of this server, 32 random bytes in a file of its folder; made when first needed."""
    path = here.settings.folder / "web.key"
    try:
        return _read(path)
    except FileNotFoundError:
        part = path.with_name(f"web.key.{secrets.token_hex(8)}")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(32))
        try:
            path.hardlink_to(part)  # the first one stays
        except FileExistsError:
            pass
        finally:
            part.unlink()
        return _read(path)


def _read(path: Path) -> bytes:
    key = path.read_bytes()
    if len(key) != 32:
        raise FileNotFoundError
    return key


def crossing(app: ASGIApp, here: Here) -> ASGIApp:
    """Guard: refuses what another site had a browser send."""

    async def check(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in SAFE:
            await app(scope, receive, send)
            return
        request = Request(scope, receive)
        why = _foreign(request)
        if not why and scope.get("state", {}).get("ambient", False):
            given = request.headers.get("x-csrf-token", "")
            if not given and _is_form(request):
                given, receive = await _field(request, receive)
            if not hmac.compare_digest(given.encode(), request.state.csrf.encode()):
                why = "The page is out of date; load it again."
        if why:
            if request.state.person is not None:
                await run_sync(_note, here, request.state.person)
            await problem(request, 403, why, code="cross-site")(scope, receive, send)
            return
        await app(scope, receive, send)

    return check


def _note(here: Here, person: Person) -> None:
    with suppress(NotNow), here.store.writing() as session:
        record(session, person, "cross-site", outcome="denied")


def _foreign(request: Request) -> str:
    """Why a request does not come from a page of this server; empty where it may."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    own = f"{request.scope['scheme']}://{request.headers.get('host', '')}"
    if site is None and origin is None:
        if not getattr(request.state, "ambient", False):
            return ""
        return "The request does not say which page it comes from; send a token instead."
    # a browser that sends both may hide the origin of its own page ("null"), never the site
    own_page = site == "same-origin" if site is not None else origin == own
    return "" if own_page else "Another site sent this; only pages of this server may."


def _is_form(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/x-www-form-urlencoded"


async def _field(request: Request, receive: Receive) -> tuple[str, Receive]:
    """The field ``csrf`` of a short form, and the form once more for the route."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _FORM_BYTES:
            return "", receive
    sent = False

    async def again() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=100)
    return fields.get("csrf", [""])[0], again
