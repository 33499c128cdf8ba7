"""Every answer: headers that keep browsers careful, and none that quotes what went wrong."""

from __future__ import annotations

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hilum.service.log import failed
from hilum.service.process import Here
from hilum.service.web.guards.problems import problem

CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)

_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
"""Each unless the route sends its own."""

_HSTS = "max-age=31536000"


def replies(app: ASGIApp, here: Here) -> ASGIApp:
    """Guard: headers of every answer; an unexpected error is logged by place and gets 500."""

    def count(status: int) -> None:  # shown by /metrics and the status page; one thread counts
        name = f"requests_{status // 100}xx"
        here.facts[name] = here.facts.get(name, 0) + 1

    async def reply(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        started = False

        async def with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                count(message["status"])
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if scope.get("scheme") == "https":
                    headers.setdefault("Strict-Transport-Security", _HSTS)
            await send(message)

        try:
            await app(scope, receive, with_headers)
        except ClientDisconnect:
            return  # nobody is there to be answered
        except Exception as error:
            failed("a request", error)
            if started:
                return
            answer = problem(
                Request(scope), 500, "Hilum failed; its log says where. Nothing of the request is "
                "kept there.", code="failed",
            )  # fmt: skip
            await answer(scope, receive, with_headers)

    return reply
