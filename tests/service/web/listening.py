"""The web process' listener on a free port of this machine, in a thread of the test."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Thread
from typing import Any

import uvicorn

from hilum.service.process import Here
from hilum.service.web.process import config


@contextmanager
def listening(here: Here, **web: Any) -> Iterator[str]:
    """Serve ``here``, with other settings of the page where given; the address while it lasts."""
    asked = here.settings.web.model_copy(update={"port": 0} | web)
    server = uvicorn.Server(
        config(replace(here, settings=here.settings.model_copy(update={"web": asked})))
    )
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    try:
        until = time.monotonic() + 20
        while not server.started:
            assert thread.is_alive(), "it did not start"
            assert time.monotonic() < until, "it did not start in time"
            time.sleep(0.01)
        listener: socket.socket = server.servers[0].sockets[0]
        scheme = "https" if asked.tls else "http"
        yield f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()
