"""The process ``read``: takes what waits, reads it in threads, and keeps what is said."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from threading import Lock
from typing import TypeVar

import cv2
from sqlalchemy import func, select

from hilum.errors import NotNow
from hilum.service.log import failed, log
from hilum.service.process import Here, living
from hilum.service.queue import Taken, give_back, take
from hilum.service.reading.way import Outcome, Way
from hilum.service.results import Said, keep, lay_aside, put_back
from hilum.service.store.tables import Instance

T = TypeVar("T")

POLL_S = 0.05
"""How often an idle reader looks for what waits: a look takes a fraction of a millisecond."""

PATIENCE_S = 0.5
"""Between tries while the database is away or the disk full."""

AGAIN_S = (1.0, 10.0, 60.0)
"""How long a radiograph waits that Hilum failed on, the first time, the second, …"""

STUCK_S = 600.0
"""A radiograph that is read for so long has stopped its thread for ever: the process ends, and
begins anew. Decoders have limits of their own, far below."""

_COUNT_S = 2.0


def run(here: Here) -> None:
    """Read until told to stop; what is being read then is finished."""
    cv2.setNumThreads(1)
    with living(here):
        readers = Readers(here, Way.of(here.settings.reading))
        log.info("reads with %s, %d at a time", readers.way.bundle, readers.workers)
        _patiently(here, lambda: give_back(here.store))  # of a reader that died
        readers.run()


def read_waiting(here: Here) -> int:
    """Read all that waits, in this thread, and return; for tests and benchmarks.

    Returns:
        How many were taken.
    """
    readers, count = Readers(here, Way.of(here.settings.reading)), 0
    while taken := take(here.store, here.name):
        for one in taken:
            readers.read(one)
            count += 1
    return count


@dataclass(slots=True)
class Readers:
    """Threads that read, and one that takes for them.

    Attributes:
        way: of reading.
        workers: radiographs at a time.
    """

    here: Here
    way: Way
    workers: int = 0
    _lock: Lock = field(default_factory=Lock)
    _begun: dict[str, float] = field(default_factory=dict)
    _counted_at: float = 0.0
    _away: bool = False

    def __post_init__(self) -> None:
        self.workers = self.here.settings.reading.workers or max(1, _processors() - 1)
        for fact in ("read", "refused", "failed", "seconds", "waiting"):
            self.here.facts.setdefault(fact, 0)

    def run(self) -> None:
        """Take and read until told to stop."""
        stop, running = self.here.stop, set[Future[None]]()
        with ThreadPoolExecutor(self.workers, thread_name_prefix="read") as pool:
            while not stop.is_set():
                for one in self._take(self.workers - len(running)):
                    running.add(pool.submit(self.read, one))
                if running:
                    done, running = wait(running, POLL_S, FIRST_COMPLETED)
                    for one in done:
                        one.result()  # an error here is one of this process, not of a file
                else:
                    stop.wait(POLL_S)
                self._end_if_stuck()

    def read(self, taken: Taken) -> None:
        """Read one radiograph that was taken, whatever becomes of it."""
        here, tries = self.here, self.here.settings.reading.tries
        if taken.attempts > tries:
            self._lay_aside(taken, f"Reading it ended the reader {tries} times.")
            return
        try:
            self._keep(taken, self._outcome(taken))
        except NotNow as error:
            log.warning("%s", error)
            _patiently(here, lambda: put_back(here.store, taken.instance, wait_s=1, counts=False))
            here.stop.wait(PATIENCE_S)
        except Exception as error:  # of one file; the next one may be sound
            failed(f"reading {taken.instance}", error)
            if taken.attempts >= tries:
                kind = type(error).__name__
                self._lay_aside(taken, f"Hilum failed on it ({kind}), {tries} times.")
            else:
                after = AGAIN_S[min(taken.attempts, len(AGAIN_S)) - 1]
                _patiently(
                    here, lambda: put_back(here.store, taken.instance, wait_s=after, counts=True)
                )

    def _outcome(self, taken: Taken) -> Outcome:
        data = self.here.files.radiograph(taken.digest).read_bytes()
        with self._lock:
            self._begun[taken.instance] = time.monotonic()
        try:
            return self.way.read(data, taken.instance)
        finally:
            with self._lock:
                self._begun.pop(taken.instance, None)

    def _end_if_stuck(self) -> None:
        with self._lock:
            oldest = min(self._begun.items(), key=lambda item: item[1], default=None)
        if oldest is not None and time.monotonic() - oldest[1] > STUCK_S:
            log.error("reading %s does not end: this process does", oldest[0])
            os._exit(1)  # a thread cannot be ended otherwise

    def _keep(self, taken: Taken, outcome: Outcome) -> None:
        """Files first, then the row.

        Raises:
            NotNow: the disk is full.
        """
        here, way = self.here, self.way
        reading = way.reading_id(taken.instance)
        folder = here.files.reading(reading)
        for name, data in outcome.files.items():
            here.files.write(folder / name, data)
        said = Said(
            reading=reading, instance=taken.instance, reader=way.digest, bundle=way.bundle,
            bundle_digest=way.bundle_digest, kind=outcome.kind, record=outcome.record,
            maps=outcome.maps, seconds=outcome.seconds,
        )  # fmt: skip
        kept = _patiently(here, lambda: keep(here.store, here.settings, said))
        if kept is None:
            return  # told to stop while the database is away: it waits for the next reader
        if not kept:
            here.files.remove_reading(reading)  # its study was deleted meanwhile
            return
        self._count("read" if outcome.kind == "reading" else "refused", outcome.seconds)

    def _lay_aside(self, taken: Taken, why: str) -> None:
        here = self.here
        _patiently(here, lambda: lay_aside(here.store, here.settings, taken.instance, why))
        log.error("%s is laid aside: %s", taken.instance, why)
        self._count("failed", 0.0)

    def _count(self, fact: str, seconds: float) -> None:
        with self._lock:
            self.here.facts[fact] += 1
            self.here.facts["seconds"] += seconds

    def _take(self, most: int) -> list[Taken]:
        """What this process has to read next; nothing while the database is away.

        When it comes back, what was taken at the moment that it went is not known here: all that is
        in hand is finished first, and then what else goes by this reader's name is given back.
        """
        here = self.here
        if most < 1 or (self._away and most < self.workers):
            return []
        try:
            if self._away:
                give_back(here.store, here.name)
            self._count_waiting()
            taken = take(here.store, here.name, most)
        except NotNow as error:
            if not self._away:
                log.warning("%s", error)
            self._away = True
            here.stop.wait(PATIENCE_S)
            return []
        self._away = False
        return taken

    def _count_waiting(self) -> None:
        now = time.monotonic()
        if now - self._counted_at < _COUNT_S:
            return
        self._counted_at = now
        with self.here.store.reading() as session:
            waiting = session.scalar(
                select(func.count()).select_from(Instance).where(Instance.state == "waiting")
            )
        self.here.facts["waiting"] = waiting or 0


def _patiently(here: Here, work: Callable[[], T]) -> T | None:
    """Do what must not be lost; while the database is away, wait. None when told to stop."""
    while True:
        try:
            return work()
        except NotNow:
            if here.stop.wait(PATIENCE_S):
                return None


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
