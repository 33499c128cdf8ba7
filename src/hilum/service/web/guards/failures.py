"""What routes raise, as answers."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from hilum.errors import NotAccepted, NotNow, ServiceError, UnknownName
from hilum.service.web.guards.problems import problem

STATUSES = {"too-large": 413, "conflict": 409, "not-an-image": 415}
"""Of files that are not accepted, by reason; 422 for the others."""

_PLAIN = {
    (404, "Not Found"): "There is no such page.",
    (405, "Method Not Allowed"): "That cannot be done with this address.",
}
"""What the framework says, in words."""


def answer_failures(app: FastAPI) -> None:
    """Answer typed errors by their own words; unexpected ones are met by the outermost guard."""

    @app.exception_handler(HTTPException)
    def _http(request: Request, error: HTTPException) -> Response:
        detail = _PLAIN.get((error.status_code, error.detail), error.detail)
        return problem(request, error.status_code, detail, headers=error.headers)

    @app.exception_handler(RequestValidationError)
    def _wrong(request: Request, error: RequestValidationError) -> Response:
        wrong = [f"{_where(one)}: {one['msg']}" for one in error.errors()[:5]]
        return problem(request, 422, "; ".join(wrong), code="wrong-request")

    @app.exception_handler(NotAccepted)
    def _not_accepted(request: Request, error: NotAccepted) -> Response:
        status = STATUSES.get(error.reason_code, 422)
        return problem(request, status, str(error), code=error.reason_code)

    @app.exception_handler(NotNow)
    def _not_now(request: Request, error: NotNow) -> Response:
        return problem(request, 503, str(error), code=error.code, headers={"Retry-After": "10"})

    @app.exception_handler(UnknownName)
    def _unknown(request: Request, error: UnknownName) -> Response:
        return problem(request, 404, str(error), code=error.code)

    @app.exception_handler(ServiceError)
    def _service(request: Request, error: ServiceError) -> Response:
        return problem(request, 400, str(error), code=error.code)


def _where(wrong: dict[str, Any]) -> str:
    """The field that is wrong; what was sent, the name of one that is too many too, is left out."""
    place = wrong["loc"][:-1] if wrong["type"] == "extra_forbidden" else wrong["loc"]
    return ".".join(str(part)[:60] for part in place)
