"""The Host header: only names that the server is known by, so that no foreign name leads here.

A page of another site whose name is made to mean this address (DNS rebinding) is turned away.
"""

from __future__ import annotations

import re

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from hilum.service.process import Here
from hilum.service.settings import Web
from hilum.service.web.guards.problems import problem

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_HOST = re.compile(r"(\[(?P<six>[0-9a-f:.]+)\]|(?P<name>[0-9a-z._-]+))(:[0-9]{1,5})?")
_EVERYWHERE = frozenset({"0.0.0.0", "::", ""})  # noqa: S104  compared, not listened at


def hosts(app: ASGIApp, here: Here) -> ASGIApp:
    """Guard: refuses names that are not in ``web.hosts``."""
    known = known_hosts(here.settings.web)

    async def check(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            request = Request(scope)
            if _name(request.headers.get("host", "")) not in known:
                answer = problem(
                    request, 421, "The server is not known by this name; its administrator can add "
                    "it to web.hosts in the settings.", code="unknown-host",
                )  # fmt: skip
                await answer(scope, receive, send)
                return
        await app(scope, receive, send)

    return check


def known_hosts(web: Web) -> frozenset[str]:
    """Names under which the server may be asked."""
    bound = set() if web.host in _EVERYWHERE else {web.host.lower()}
    return LOOPBACK | bound | {_name(name) for name in web.hosts} - {""}


def _name(host: str) -> str:
    """A Host header without its port; empty where it is malformed."""
    found = _HOST.fullmatch(host.strip().lower())
    return (found["six"] or found["name"]) if found else ""
