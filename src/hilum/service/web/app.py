"""The application: routers in one table, guards around them."""

from __future__ import annotations

import asyncio

from fastapi import FastAPI

import hilum
from hilum.registry import Registry
from hilum.service.process import Here
from hilum.service.web.api.openapi import offer_openapi
from hilum.service.web.guards import guard
from hilum.service.web.guards.failures import answer_failures
from hilum.service.web.guards.rates import Buckets

ROUTERS = Registry(
    "router",
    [
        ("static", "hilum.service.web.templating:router"),
        ("worklist", "hilum.service.web.pages.worklist:router"),
        ("visits", "hilum.service.web.pages.visits:router"),
        ("corrections", "hilum.service.web.pages.corrections:router"),
        ("study", "hilum.service.web.pages.study:router"),
        ("uploading", "hilum.service.web.pages.uploading:router"),
        ("status", "hilum.service.web.pages.status:router"),
        ("signing", "hilum.service.web.pages.signing:router"),
        ("tokens", "hilum.service.web.pages.tokens:router"),
        ("audit", "hilum.service.web.pages.audit:router"),
        ("readings", "hilum.service.web.api.readings:router"),
        ("studies", "hilum.service.web.api.studies:router"),
        ("jobs", "hilum.service.web.api.jobs:router"),
        ("pulls", "hilum.service.web.api.pulls:router"),
        ("health", "hilum.service.web.api.health:router"),
        ("dicomweb", "hilum.service.web.dicomweb:router"),
    ],
)

WRONG_A_MINUTE = 20
"""Wrong tokens that one address may show; guessing one is hopeless, the noise is not welcome."""


UPLOADS = 8
"""That are taken at once, a thread each: pages have the other threads, whoever sends."""


def application(here: Here) -> FastAPI:
    """The application of one process; routes find ``here`` as ``request.app.state.here``."""
    app = FastAPI(
        title="Hilum", version=hilum.__version__, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.state.here = here
    app.state.wrong = Buckets(WRONG_A_MINUTE)
    app.state.uploads = asyncio.Semaphore(UPLOADS)
    for name in ROUTERS:
        app.include_router(ROUTERS.resolve(name))
    offer_openapi(app)
    answer_failures(app)
    guard(app, here)
    return app
