"""``/v1/openapi.json``: what the API takes and answers, exactly."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse, Response

import hilum

DESCRIPTION = """Radiographs in, findings with calibrated probabilities out. **Research software:
not for diagnosis.** Every request shows a token: `Authorization: Bearer …`; see docs/api.md."""

_READINGS = "readings."
_API = ("/v1/", "/healthz", "/readyz", "/metrics")
_OPEN = ("/healthz", "/readyz")
_PROBLEMS = {
    "400": "the request is malformed",
    "401": "no token, or none that lives",
    "403": "the role is not enough, or another site sent this",
    "404": "there is none, or it may not be seen",
    "408": "the body did not come in time",
    "409": "it contradicts what is here",
    "413": "too large",
    "415": "no file of a kind that is read",
    "421": "the server is not known by this name",
    "422": "what was sent cannot be used",
    "429": "too often; see Retry-After",
    "500": "Hilum failed",
    "503": "not now; see Retry-After",
}


def offer_openapi(app: FastAPI) -> None:
    """Answer ``/v1/openapi.json``; pages are left out of it."""
    made = cache(lambda: openapi(app))
    app.openapi = made  # type: ignore[method-assign]  as FastAPI documents it

    @app.get("/v1/openapi.json", include_in_schema=False)
    async def _openapi(request: Request) -> Response:
        return JSONResponse(made())


def openapi(app: FastAPI) -> dict[str, Any]:
    """The description of the API's routes."""
    found = get_openapi(
        title="Hilum", version=hilum.__version__, description=DESCRIPTION, routes=app.routes
    )
    found["paths"] = {path: one for path, one in found["paths"].items() if path.startswith(_API)}
    parts = found.setdefault("components", {}).setdefault("schemas", {})
    parts |= _of_readings()
    from hilum.service.web.api.schemas import Problem

    parts["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    found["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for path, methods in found["paths"].items():
        for operation in methods.values():
            if path not in _OPEN:
                operation["security"] = [{"token": []}]
            answers = operation["responses"]
            answers.pop("422", None)
            for status, why in _PROBLEMS.items():
                answers[status] = {"description": why, "content": problem}
    found["components"]["schemas"] = _used(parts, found["paths"])
    return found


def _used(parts: dict[str, Any], value: Any) -> dict[str, Any]:
    """The parts that a value refers to, and those that they refer to."""
    used: dict[str, Any] = {}
    text = json.dumps(value)
    while new := [name for name in parts if name not in used and f'/{name}"' in text]:
        used |= {name: parts[name] for name in new}
        text = json.dumps([parts[name] for name in new])
    return dict(sorted(used.items()))


@cache
def _of_readings() -> dict[str, Any]:
    """Definitions of ``hilum.readings/1``, under names of their own."""
    text = (files("hilum.report") / "schema" / "readings.schema.json").read_text("utf-8")
    defined = json.loads(text)["$defs"]
    return {f"{_READINGS}{name}": _renamed(one) for name, one in defined.items()}


def _renamed(value: Any) -> Any:
    rename: Callable[[str], str] = lambda ref: ref.replace(  # noqa: E731
        "#/$defs/", f"#/components/schemas/{_READINGS}"
    )
    if isinstance(value, dict):
        return {k: rename(v) if k == "$ref" else _renamed(v) for k, v in value.items()}
    return [_renamed(one) for one in value] if isinstance(value, list) else value
