"""Starts the processes of a server, starts again what dies, and ends them together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from threading import Event

from hilum.lock import held
from hilum.service.files import Files
from hilum.service.log import log
from hilum.service.queue import give_back
from hilum.service.settings import Settings
from hilum.service.store import Store
from hilum.service.store.migrating import migrate

AGAIN_S = (0.2, 1.0, 5.0, 15.0)
"""How long before a process that died is started again: longer the sooner it dies again."""

CALM_S = 60.0
"""One that lived for so long begins anew with the shortest wait."""

END_S = 15.0
"""A process that has not ended by then is killed."""

_NICE = {"read": 10, "send": 5, "dicom": 3, "web": 0}


class Server:
    """The processes of one server.

    Args:
        settings: of the server.
        roles: processes to run; all by default.
    """

    def __init__(self, settings: Settings, roles: Sequence[str] = ("web", "dicom", "read", "send")):
        self.settings = settings
        self._children = [_Child(role, settings) for role in roles if _wanted(role, settings)]
        self._stop = Event()

    def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Run until :meth:`stop`, SIGTERM or Ctrl-C.

        Args:
            ready: called when the processes were started.

        Raises:
            ServiceError: the database is newer than this Hilum, or cannot be reached.
            RunError: another server holds the folder.
        """
        os.umask(0o077)
        files = Files(self.settings.folder)
        files.prepare()
        with ExitStack() as stack:
            stack.enter_context(held(self.settings.folder / "server.lock", self.settings.folder))
            migrate(self.settings)
            store = Store(self.settings)
            give_back(store)  # nobody else reads for this folder
            store.close()
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: self.stop())
            stack.callback(self._end)
            for child in self._children:
                child.start()
            ready()
            while not self._stop.wait(0.2):
                for child in self._children:
                    child.look_after()

    def stop(self) -> None:
        """End the processes; :meth:`run` returns."""
        self._stop.set()

    def _end(self) -> None:
        for child in self._children:
            child.ask_to_end()
        until = time.monotonic() + END_S
        for child in self._children:
            child.end(until)


class _Child:
    """One process, kept alive."""

    def __init__(self, role: str, settings: Settings) -> None:
        self._role = role
        self._settings = settings.model_dump_json().encode("utf-8")
        self._process: subprocess.Popen[bytes] | None = None
        self._deaths = 0
        self._started = self._again_at = 0.0

    def start(self) -> None:
        self._started = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "hilum.service", self._role],
            stdin=subprocess.PIPE,
            preexec_fn=lambda: os.nice(_NICE[self._role]),  # noqa: PLW1509  nothing else is done
        )
        assert self._process.stdin is not None
        self._process.stdin.write(self._settings)  # not in its arguments: they hold secrets
        self._process.stdin.close()

    def look_after(self) -> None:
        """Start it again where it died."""
        now = time.monotonic()
        if self._process is not None:
            status = self._process.poll()
            if status is None:
                return
            self._process = None
            self._deaths = 0 if now - self._started > CALM_S else self._deaths + 1
            wait = AGAIN_S[min(self._deaths, len(AGAIN_S) - 1)]
            self._again_at = now + wait
            log.error("%s ended with status %s; again in %g s", self._role, status, wait)
        elif now >= self._again_at:
            self.start()

    def ask_to_end(self) -> None:
        if self._process is not None:
            self._process.terminate()

    def end(self, until: float) -> None:
        if self._process is None:
            return
        try:
            self._process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _wanted(role: str, settings: Settings) -> bool:
    return role != "dicom" or settings.dicom.on
