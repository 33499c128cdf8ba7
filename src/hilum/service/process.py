"""A process of the server: what it has at hand, and how it ends."""

from __future__ import annotations

import os
import signal
import time
from _thread import start_new_thread
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread

from hilum.errors import NotNow
from hilum.service import SUPERVISOR
from hilum.service.accepting import Door
from hilum.service.files import Files
from hilum.service.log import failed, log
from hilum.service.settings import Settings
from hilum.service.store import Store
from hilum.service.store.tables import Process

BEAT_S = 2.0
"""A process is heard of so often; silent for five beats it is taken for stuck."""


@dataclass(frozen=True, slots=True)
class Here:
    """What every process of the server has.

    Attributes:
        role: "web", "dicom", "read" or "send".
        stop: set when the process should end.
        facts: numbers that it tells with each beat, shown on the status page and as metrics.
    """

    role: str
    settings: Settings
    store: Store
    files: Files
    stop: Event = field(default_factory=Event)
    facts: dict[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Of this process, for leases."""
        return f"{self.role}-{os.getpid()}"

    @property
    def door(self) -> Door:
        """The way in for radiographs."""
        return Door(self.settings, self.store, self.files)


def here(role: str, settings: Settings) -> Here:
    """What a process has at hand."""
    return Here(role, settings, Store(settings), Files(settings.folder))


def ends_on_signals(stop: Event) -> None:
    """Let SIGTERM and Ctrl-C set an event; of the main thread.

    A signal interrupts the main thread wherever it is, also inside the event's lock or in the
    handler of another signal. So a thread of its own sets the event: no handler waits for a lock.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: start_new_thread(stop.set, ()))


@contextmanager
def living(here: Here) -> Iterator[None]:
    """While a process works: it beats, and ends on SIGTERM, Ctrl-C or with its supervisor."""
    ends_on_signals(here.stop)
    beat = Thread(target=_beat, args=(here,), daemon=True, name="beat")
    beat.start()
    log.info("started")
    try:
        yield
    finally:
        here.stop.set()
        beat.join(timeout=BEAT_S)
        here.store.close()
        log.info("stopped")


def _beat(here: Here) -> None:
    started, parent = time.time(), int(os.environ.get(SUPERVISOR, os.getppid()))
    away = False
    while True:
        if os.getppid() != parent:
            log.warning("the supervisor is gone")
            here.stop.set()
            return
        try:
            with here.store.writing() as session:
                session.merge(
                    Process(role=here.role, pid=os.getpid(), started_at=started,
                            heard_at=time.time(), facts=dict(here.facts))
                )  # fmt: skip
            if away:
                log.info("the database answers again")
            away = False
        except NotNow as error:
            if not away:
                log.warning("%s", error)
            away = True
        except Exception as error:  # a process must not go on unheard
            failed("beat", error)
        if here.stop.wait(BEAT_S):
            return
