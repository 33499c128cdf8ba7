"""Answers that say what is wrong: problem+json (RFC 9457) for programs, a page for browsers.

They never hold a header, a name or a value that was sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

PROGRAMS = ("/v1/", "/dicom-web/", "/healthz", "/readyz", "/metrics", "/static/")
"""Beginnings of paths that programs ask for."""

CODES = {
    400: "bad-request", 401: "not-signed-in", 403: "not-allowed", 404: "not-found",
    405: "wrong-method", 408: "too-slow", 409: "conflict", 413: "too-large",
    415: "not-an-image", 421: "unknown-host", 422: "wrong-request", 429: "too-often",
    500: "failed", 503: "not-now",
}  # fmt: skip
"""Of answers that have no code of their own, by status."""


def problem(
    request: Request,
    status: int,
    detail: str,
    *,
    code: str = "",
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
) -> Response:
    """An answer for what did not succeed.

    Args:
        request: what was asked.
        status: of HTTP, 400 to 599.
        detail: what is wrong and what to do, for people.
        code: stable, for programs; that of :data:`CODES` where empty.
        headers: to be sent with it.
        more: further members of problem+json.
    """
    phrase = HTTPStatus(status).phrase
    code = code or CODES.get(status, "failed" if status >= 500 else "bad-request")
    if wants_page(request):
        return _page(request, status, detail, dict(headers or {}))
    body = {"type": "about:blank", "title": phrase, "status": status, "detail": detail,
            "code": code, **(more or {})}  # fmt: skip
    return JSONResponse(
        body, status, headers=dict(headers or {}), media_type="application/problem+json"
    )


def wants_page(request: Request) -> bool:
    """Whether a browser asks for a page, or a part of one."""
    if request.scope["path"].startswith(PROGRAMS):
        return False
    return "text/html" in request.headers.get("accept", "") or "hx-request" in request.headers


def _page(request: Request, status: int, detail: str, headers: dict[str, str]) -> Response:
    if status == HTTPStatus.UNAUTHORIZED:
        return _to_sign_in(request)
    from hilum.service.web.templating import page

    answer = page(request, "problem.html.j2", status=status, detail=detail)
    answer.status_code = status
    answer.headers.update(headers)
    return answer


def _to_sign_in(request: Request) -> Response:
    """The sign-in page, and back to what was asked for."""
    if "hx-request" in request.headers:
        return Response(status_code=401, headers={"HX-Redirect": "/sign-in"})
    query = request.scope["query_string"].decode("latin-1")
    back = request.scope["path"] + (f"?{query}" if query else "")
    way = f"?next={quote(back, safe='/')}" if request.method == "GET" and back != "/" else ""
    return RedirectResponse(f"/sign-in{way}", 303)
