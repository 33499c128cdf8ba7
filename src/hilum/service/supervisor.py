"""Starts the processes of a server, starts again what dies, and ends them together."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from threading import Event

from hilum.lock import held
from hilum.service import SUPERVISOR
from hilum.service.files import Files
from hilum.service.identity import made_ready
from hilum.service.log import log
from hilum.service.process import ends_on_signals
from hilum.service.settings import Settings
from hilum.service.store import Store

AGAIN_S = (0.2, 1.0, 5.0, 15.0)
"""How long before a process that died is started again: longer the sooner it dies again."""

CALM_S = 60.0
"""One that lived for so long begins anew with the shortest wait."""

END_S = 15.0
"""A process that has not ended by then is killed."""

_PDEATHSIG = 1
"""prctl(2)."""

_ONE_HEAP = {"MALLOC_ARENA_MAX": "1"}
"""Of glibc: otherwise each thread has a heap of its own, and each keeps its most (460 MB in place
of 220 where eight associations bring radiographs of 3 million pixels)."""

_NICE = {"read": 10, "send": 5, "dicom": 3, "web": 0}


class Server:
    """The processes of one server.

    Args:
        settings: of the server.
        roles: processes to run; all by default.
    """

    def __init__(
        self, settings: Settings, roles: Sequence[str] = ("web", "dicom", "read", "send")
    ) -> None:
        self.settings = settings
        self._children = [_Child(role, settings) for role in roles if _wanted(role, settings)]
        self._stop = Event()

    def run(
        self,
        prepared: Callable[[Store], None] = lambda _: None,
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        """Run until :meth:`stop`, SIGTERM or Ctrl-C.

        Args:
            prepared: called with the database when folder and tables are there, before a process
                starts.
            tick: called five times a second while the processes run.

        Raises:
            ServiceError: the database is newer than this Hilum, belongs to another server, or
                cannot be reached.
            RunError: another server holds the folder.
        """
        os.umask(0o077)
        files = Files(self.settings.folder)
        files.prepare()
        with ExitStack() as stack:
            stack.enter_context(held(self.settings.folder / "server.lock", self.settings.folder))
            files.clear()
            store = made_ready(self.settings, files)
            stack.callback(store.close)
            prepared(store)
            ends_on_signals(self._stop)
            stack.callback(self._end)
            for child in self._children:
                child.start()
            while not self._stop.wait(0.2):
                for child in self._children:
                    child.look_after()
                tick()

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
        self._process = subprocess.Popen(  # noqa: S603  this Python, a role of ours
            [sys.executable, "-m", "hilum.service", self._role],
            stdin=subprocess.PIPE,
            env=os.environ | _ONE_HEAP | {SUPERVISOR: str(os.getpid())},
            preexec_fn=_last_steps(_NICE[self._role]),  # noqa: PLW1509  no threads run here
        )
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(self._settings)  # not in its arguments: they hold secrets
            self._process.stdin.close()
        except BrokenPipeError:
            pass  # it died already; look_after sees to it

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


def _last_steps(nice: int) -> Callable[[], None]:
    """What a new process does before it becomes Python: it is nice, and dies with this one.

    It leaves no core file either, which would hold patients and secrets.

    SIGKILL is no harm: whatever was not kept was not promised either.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def steps() -> None:
        os.nice(nice)
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        if libc is not None:
            libc.prctl(_PDEATHSIG, signal.SIGKILL)

    return steps


def _wanted(role: str, settings: Settings) -> bool:
    return role != "dicom" or settings.dicom.on
