"""The application: routers in one table, guards around them."""

from __future__ import annotations

from fastapi import FastAPI

import hilum
from hilum.registry import Registry
from hilum.service.process import Here

ROUTERS = Registry(
    "router",
    [
        ("worklist", "hilum.service.web.pages.worklist:router"),
        ("study", "hilum.service.web.pages.study:router"),
        ("uploading", "hilum.service.web.pages.uploading:router"),
        ("visits", "hilum.service.web.pages.visits:router"),
        ("corrections", "hilum.service.web.pages.corrections:router"),
        ("status", "hilum.service.web.pages.status:router"),
        ("signing", "hilum.service.web.pages.signing:router"),
        ("readings", "hilum.service.web.api.readings:router"),
        ("studies", "hilum.service.web.api.studies:router"),
        ("jobs", "hilum.service.web.api.jobs:router"),
        ("health", "hilum.service.web.api.health:router"),
        ("dicomweb", "hilum.service.web.dicomweb:router"),
    ],
)


def application(here: Here) -> FastAPI:
    """The application of one process; routes find ``here`` as ``request.app.state.here``."""
    app = FastAPI(title="Hilum", version=hilum.__version__, docs_url=None, redoc_url=None)
    app.state.here = here
    for name in ROUTERS:
        app.include_router(ROUTERS.resolve(name))
    return app
