"""How large a body may be, and how long it may take to come."""

from __future__ import annotations

import asyncio
import time

from fastapi import HTTPException, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hilum.service.process import Here
from hilum.service.web.guards.problems import problem

UPLOADS = ("/v1/readings", "/dicom-web/studies")
"""Beginnings of paths that take radiographs; they ask who sends before they read."""

FORM_BYTES = 65_536
"""Of every other body: forms and JSON are read before it is known whether the sender may."""

_FRAME_BYTES = 1_000_000
"""What a multipart body holds beside its files."""

_LOOK_BYTES = 8_000_000
"""How often it is looked whether the disk has room for what comes."""


def bodies(app: ASGIApp, here: Here) -> ASGIApp:
    """Guard: a body over ``limits.upload_mb`` gets 413 while it comes, a slow one 408.

    What is no upload may have :data:`FORM_BYTES`. A body of two lengths gets 400, for a proxy
    before this server may have taken the other one.
    """
    limits = here.settings.limits
    most_of_upload = int(limits.upload_mb * 1e6) + _FRAME_BYTES
    too_slow = f"The body did not come within {limits.body_s:g} s."
    no_room = "The disk of the server is nearly full; come again later."

    async def measure(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        request = Request(scope)
        upload = scope["path"].startswith(UPLOADS)
        most = most_of_upload if upload else FORM_BYTES
        what = f"{limits.upload_mb:g} MB" if upload else f"{FORM_BYTES:,} bytes"
        too_large = f"The body is larger than {what}, the limit here."
        said = request.headers.get("content-length", "0")
        if "content-length" in request.headers and "transfer-encoding" in request.headers:
            answer = problem(
                request, 400, "The body has two lengths: Content-Length and Transfer-Encoding.",
                headers={"Connection": "close"},
            )  # fmt: skip
            await answer(scope, receive, send)
            return
        if not said.isdigit() or int(said) > most:
            status, detail = (413, too_large) if said.isdigit() else (400, "Content-Length?")
            answer = problem(request, status, detail, code="too-large" if status == 413 else "")
            await answer(scope, receive, send)
            return
        come, looked, whole = 0, 0, False
        until = time.monotonic() + limits.body_s

        async def counted() -> Message:
            nonlocal come, looked, whole
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
            if upload and come > looked:
                looked = come + _LOOK_BYTES
                if here.files.free_mb() < limits.free_mb:
                    raise HTTPException(503, no_room, {"Retry-After": "10"})
            whole = not message.get("more_body", False)
            return message

        try:
            await app(scope, counted, send)
        except HTTPException as error:  # of a body that a guard reads; routes answer theirs
            answer = problem(request, error.status_code, error.detail, headers=error.headers)
            await answer(scope, receive, send)

    return measure
