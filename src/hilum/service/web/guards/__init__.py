"""What stands around every route, from the outside in: see :func:`guard`."""

from __future__ import annotations

from fastapi import FastAPI

from hilum.service.process import Here
from hilum.service.web.guards.asker import asker
from hilum.service.web.guards.bodies import bodies
from hilum.service.web.guards.crossing import crossing
from hilum.service.web.guards.hosts import hosts
from hilum.service.web.guards.proxies import proxies
from hilum.service.web.guards.rates import rates
from hilum.service.web.guards.replies import replies

INWARDS = (replies, proxies, hosts, rates, bodies, asker, crossing)
"""Each ``guard(app, here) -> app`` of ASGI: answers fit to be shown, whatever happens; the client's
address; the Host header; how often; how much and how long; who asks; no request that another site
made a browser send."""


def guard(app: FastAPI, here: Here) -> None:
    """Put the guards around an application."""
    for each in reversed(INWARDS):
        app.add_middleware(each, here=here)
