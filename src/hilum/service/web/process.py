"""The process ``web``: uvicorn around :mod:`hilum.service.web.app`."""

from __future__ import annotations

from threading import Thread

import uvicorn

from hilum.service.process import Here, living
from hilum.service.web.app import application


def run(here: Here) -> None:
    """Answer requests until told to stop."""
    web = here.settings.web
    server = uvicorn.Server(
        uvicorn.Config(
            application(here), host=web.host, port=web.port, log_config=None, access_log=False,
            server_header=False, timeout_keep_alive=20, timeout_graceful_shutdown=5,
            ssl_certfile=str(web.tls.certificate) if web.tls else None,
            ssl_keyfile=str(web.tls.key) if web.tls else None,
        )
    )  # fmt: skip
    with living(here):
        thread = Thread(target=server.run, daemon=True, name="uvicorn")
        thread.start()
        while thread.is_alive() and not here.stop.wait(0.2):
            pass
        server.should_exit = True
        thread.join()
