"""The process ``web``: uvicorn around :mod:`hilum.service.web.app`."""

from __future__ import annotations

import logging
import ssl
import tempfile
from threading import Thread

import uvicorn

from hilum.service.process import Here, living
from hilum.service.web.app import application
from hilum.service.web.guards.proxies import networks
from hilum.service.web.patience import HEADER_S, patient

CONNECTIONS = 512
"""At once; more get 503."""

CONNECTIONS_EACH = 128
"""Of one address, unless it is a named proxy; more are cut."""

END_S = 5
"""For which requests that run are waited for at the end."""


def run(here: Here) -> None:
    """Answer requests until told to stop."""
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # its lines may quote requests
    tempfile.tempdir = str(here.settings.folder / "coming")  # uploads; this user's alone
    server = uvicorn.Server(config(here))
    with living(here):
        thread = Thread(target=server.run, daemon=True, name="uvicorn")
        thread.start()
        while thread.is_alive() and not here.stop.wait(0.2):
            pass
        server.should_exit = True
        thread.join()


def config(here: Here) -> uvicorn.Config:
    """How uvicorn listens."""
    web, tls = here.settings.web, here.settings.web.tls
    return uvicorn.Config(
        application(here),
        host=web.host,
        port=web.port,
        http=patient(CONNECTIONS_EACH, networks(web.proxies)),
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # hilum.service.web.guards.proxies, for named ones alone
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=int(HEADER_S),
        timeout_graceful_shutdown=END_S,
        ssl_certfile=str(tls.certificate) if tls else None,
        ssl_keyfile=str(tls.key) if tls else None,
        ssl_ca_certs=str(tls.authority) if tls and tls.authority else None,
        ssl_cert_reqs=ssl.CERT_REQUIRED if tls and tls.both else ssl.CERT_NONE,
    )
