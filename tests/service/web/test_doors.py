"""Every route: who may, and that nobody else may."""

from __future__ import annotations

import re

import pytest
from fastapi.routing import APIRoute

from hilum.service.web.app import ROUTERS
from hilum.service.web.people import ORDER

OPEN = {
    ("GET", "/sign-in"), ("POST", "/sign-in"), ("POST", "/sign-out"), ("GET", "/healthz"),
    ("GET", "/readyz"), ("GET", "/static/{digest}/{name}"), ("GET", "/language/{language}"),
}  # fmt: skip
"""What needs nobody."""

SENDERS = (
    "POST /v1/readings", "GET /v1/readings/{reading_id}", "GET /v1/instances/{instance_id}",
    "GET /v1/jobs/{job_id}", "GET /metrics", "POST /dicom-web/studies",
    "POST /dicom-web/studies/{study}", "GET /upload", "GET /",
)  # fmt: skip
READERS = ("POST /readings/{reading_id}/verdicts", "POST /studies/{study_id}/reviewed",
           "POST /v1/pulls")  # fmt: skip
ADMINISTRATORS = (
    "GET /tokens", "POST /tokens", "POST /tokens/{token_id}/end", "GET /audit", "GET /audit.csv",
    "DELETE /v1/studies/{study_id}", "POST /status/deliveries",
    "POST /status/deliveries/{delivery_id}",    "POST /status/radiographs/{instance_id}",
)  # fmt: skip
ROLES = (
    dict.fromkeys(SENDERS, "send")
    | dict.fromkeys(READERS, "read")
    | dict.fromkeys(ADMINISTRATORS, "admin")
)
"""The lowest role that a route lets in; ``view`` for all that are not here."""


def routes() -> list[tuple[str, str]]:
    """(method, path) of every route."""
    found = [
        (method, route.path)
        for name in ROUTERS
        for route in ROUTERS.resolve(name).routes
        if isinstance(route, APIRoute)
        for method in sorted(route.methods - {"HEAD"})
    ]
    assert len(found) > 30
    return sorted(found)


def filled(path: str) -> str:
    return re.sub(r"\{[^}]+\}", "0" * 32, path)


def test_nobody_gets_nothing(client):
    nobody, wrong = client(None), []
    for method, path in routes():
        if (method, path) not in OPEN:
            status = nobody.request(method, filled(path)).status_code
            wrong += [(method, path, status)] if status != 401 else []
    assert wrong == []


def test_what_changes_something_needs_a_page_of_this_server(client):
    browser, wrong = client("admin"), []
    del browser.headers["X-CSRF-Token"]
    for method, path in routes():
        if method != "GET":
            for headers in ({}, {"Origin": "https://evil.example", "X-CSRF-Token": "x"}):
                answer = browser.request(method, filled(path), headers=headers)
                wrong += [(method, path)] if answer.status_code != 403 else []
    assert wrong == []


def test_each_route_lets_in_who_may(client, here):
    object.__setattr__(here.settings.limits, "requests_a_minute", 100_000)
    programs = {role: client(role, bearer=True) for role in ORDER}
    wrong = []
    for method, path in routes():
        if (method, path) in OPEN:
            continue
        refused = [
            role
            for role in ORDER
            if programs[role].request(method, filled(path)).status_code == 403
        ]
        lowest = next(role for role in ORDER if role not in refused)
        assert refused == list(ORDER[: len(refused)]), "roles contain those before them"
        if lowest != ROLES.get(f"{method} {path}", "view"):
            wrong.append((method, path, lowest))
    assert wrong == []


def test_the_table_names_routes_that_there_are():
    there = {f"{method} {path}" for method, path in routes()}
    assert set(ROLES) <= there
    assert {f"{method} {path}" for method, path in OPEN} <= there


@pytest.mark.parametrize("method", ["PUT", "PATCH", "TRACE", "CONNECT", "BREW"])
def test_other_methods_do_nothing(client, method):
    answer = client("admin", bearer=True).request(method, "/v1/studies")
    assert answer.status_code in {405, 400}
