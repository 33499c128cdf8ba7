"""How large a body may be, and how long it may take to come."""

from __future__ import annotations

import asyncio
import time

from fastapi import HTTPException, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hilum.service.process import Here
from hilum.service.web.guards.problems import problem

_FRAME_BYTES = 1_000_000
"""What a multipart body holds beside its files."""


def bodies(app: ASGIApp, here: Here) -> ASGIApp:
    """Guard: a body over ``limits.upload_mb`` gets 413 while it comes, a slow one 408."""
    limits = here.settings.limits
    most = int(limits.upload_mb * 1e6) + _FRAME_BYTES
    too_large = f"The upload is larger than {limits.upload_mb:g} MB, the limit here."
    too_slow = f"The body did not come within {limits.body_s:g} s."

    async def measure(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        request = Request(scope)
        said = request.headers.get("content-length", "0")
        if not said.isdigit() or int(said) > most:
            status, detail = (413, too_large) if said.isdigit() else (400, "Content-Length?")
            answer = problem(request, status, detail, code="too-large" if status == 413 else "")
            await answer(scope, receive, send)
            return
        come, until, whole = 0, time.monotonic() + limits.body_s, False

        async def counted() -> Message:
            nonlocal come, whole
            if whole:  # what comes now is the end of the connection, whenever that is
                return await receive()
            try:
                async with asyncio.timeout(max(0.0, until - time.monotonic())):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, too_slow, {"Connection": "close"}) from None
            come += len(message.get("body", b""))
            if come > most:
                raise HTTPException(413, too_large)
            whole = not message.get("more_body", False)
            return message

        await app(scope, counted, send)

    return measure
