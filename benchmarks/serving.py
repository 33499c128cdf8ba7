"""A real server under a load, and whether all that it took is there."""

from __future__ import annotations

import http.client
import json
import math
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import func, select

from benchmarks.machine import tree_bytes
from benchmarks.options import Options
from benchmarks.serve_sender import Task, as_json
from hilum.service.files import Files
from hilum.service.settings import Settings
from hilum.service.store import Store
from hilum.service.store.tables import Instance, Reading

MB = 1e6
SIZE = (2000, 1700)
"""Of the radiographs that servers are sent: 3.4 million pixels, what digital units send of a chest
after binning; smaller where the options say so."""
_TIMEOUT_S = 30.0


@dataclass
class Sent:
    """What a sender was told that the server has.

    Attributes:
        uids: SOP Instance UIDs, in the order in which they were taken.
        seconds: that each took.
        again: how often something had to be sent again.
    """

    uids: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    again: int = 0


@dataclass
class Sender:
    """A process that sends."""

    process: subprocess.Popen[str]
    sent: Sent
    thread: threading.Thread

    def wait(self) -> Sent:
        """Until all is taken."""
        self.thread.join()
        if self.process.wait() != 0:
            raise RuntimeError(f"the sender ended with status {self.process.returncode}")
        return self.sent


@contextmanager
def sending(task: Task) -> Iterator[Sender]:
    """A sender while a block runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.serve_sender"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(as_json(task))
    process.stdin.close()
    sent = Sent()
    thread = threading.Thread(target=_listen, args=(process, sent))
    thread.start()
    try:
        yield Sender(process, sent, thread)
    finally:
        process.kill()
        process.wait()
        thread.join()


def _listen(process: subprocess.Popen[str], sent: Sent) -> None:
    assert process.stdout is not None
    with process.stdout as lines:
        for line in lines:
            told = json.loads(line)
            sent.uids.append(told["uid"])
            sent.seconds.append(told["seconds"])
            sent.again += told["tries"] - 1


@dataclass(frozen=True, slots=True)
class Kept:
    """What a server has of what was sent.

    Attributes:
        lost: taken, but no row or no file of it.
        twice: radiographs with more than one reading.
        states: state → how many.
    """

    lost: int
    twice: int
    states: dict[str, int]

    @property
    def open(self) -> int:
        """Not read yet."""
        return self.states.get("waiting", 0) + self.states.get("reading", 0)

    def __str__(self) -> str:
        return ", ".join(f"{count:,} {state}" for state, count in sorted(self.states.items()))


def kept(settings: Settings, uids: Sequence[str]) -> Kept:
    """Look into a server's database and folder."""
    store, files = Store(settings), Files(settings.folder)
    try:
        with store.reading() as session:
            files_of = select(Instance.uid, Instance.digest)
            rows = {one: digest for one, digest in session.execute(files_of)}  # noqa: C416
            by_state = select(Instance.state, func.count()).group_by(Instance.state)
            states = {state: count for state, count in session.execute(by_state)}  # noqa: C416
            readings = select(Reading.instance_id, func.count()).group_by(Reading.instance_id)
            twice = sum(count > 1 for _, count in session.execute(readings))
    finally:
        store.close()
    lost = sum(one not in rows or not files.radiograph(rows[one]).is_file() for one in uids)
    return Kept(lost, twice, states)


def wait_until_read(settings: Settings, uids: Sequence[str], seconds: float) -> Kept:
    """Until nothing waits any more, or so long."""
    end = time.monotonic() + seconds
    while True:
        found = kept(settings, uids)
        if not found.open or time.monotonic() > end:
            return found
        time.sleep(1.0)


@dataclass
class Watch:
    """Looks at a server while it works.

    Attributes:
        answers_s: page → how long each answer took, until its last byte.
        memory_mb: (seconds since the begin, of all its processes together).
        failed: answers other than 200.
    """

    answers_s: dict[str, list[float]] = field(default_factory=dict)
    memory_mb: list[tuple[float, float]] = field(default_factory=list)
    failed: int = 0

    def p95_ms(self) -> dict[str, float]:
        """The 95th percentile of each page's answers."""
        return {page: 1e3 * quantile(all_s, 0.95) for page, all_s in self.answers_s.items()}

    def growth(self) -> float:
        """Median memory of the last quarter over that of the second quarter."""
        held = [mb for _, mb in self.memory_mb]
        quarter = max(1, len(held) // 4)
        return statistics.median(held[-quarter:]) / statistics.median(held[quarter : 2 * quarter])


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that is at least as large as a share of all."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


@contextmanager
def watched(
    port: int, token: str, pid: int, pages: Sequence[str], every_s: float = 0.5
) -> Iterator[Watch]:
    """Ask for pages in turns, as a browser does that keeps its connection, and note memory."""
    watch, ended, begun = Watch(), threading.Event(), time.monotonic()

    def look() -> None:
        turn = 0
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
        while not ended.wait(every_s):
            page = pages[turn % len(pages)]
            asked = time.perf_counter()
            try:
                connection.request("GET", page, headers={"Authorization": f"Bearer {token}"})
                answer = connection.getresponse()
                answer.read()
                watch.failed += answer.status != 200
                watch.answers_s.setdefault(page, []).append(time.perf_counter() - asked)
            except (OSError, http.client.HTTPException):
                watch.failed += 1
                connection.close()
            turn += 1
            if turn % 4 == 0:
                watch.memory_mb.append((time.monotonic() - begun, tree_bytes(pid) / MB))
        connection.close()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield watch
    finally:
        ended.set()
        thread.join()


def toml(options: Options, **tables: str) -> str:
    """Settings of a server that reads with the options' bundle and lets one client ask a lot."""
    said = {"reading": f'bundle = "{options.bundle}"\nquiet_s = 2', "limits": "free_mb = 0\n"
            "requests_a_minute = 1000000"} | tables  # fmt: skip
    return "\n".join(f"[{name}]\n{lines}" for name, lines in said.items())


def settings_of(folder: Path, database: str = "") -> Settings:
    """To look into a server's database from outside."""
    return Settings(folder=folder, database=database)


def size_of(options: Options) -> tuple[int, int]:
    """(rows, columns) of what is sent."""
    return min(options.size[0], SIZE[0]), min(options.size[1], SIZE[1])
