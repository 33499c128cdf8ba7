"""The engine of one machine: worker processes, each of which does all the work of a file.

Decoders run within the worker, so samples are copied nowhere, and the worker is what a damaged file
may crash or hang. Then it is replaced, and the file is tried once more with its decoder in a
process of its own (:mod:`hilum.imaging.isolation`), whose limits decide and whose message says what
happened.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection, wait

from hilum.datasets.convert.work import Request, Result
from hilum.datasets.forking import CONTEXT, begin, no_imports_from_here
from hilum.errors import RunError

Work = Callable[[Request], Result]
Engine = Callable[[Iterable[Request]], Generator[Result]]

START_S = 120.0
SECONDS = 60.0
SECONDS_APART = 600.0
"""A file may take so long; apart its decoder has a limit of its own, by the size of its picture."""

_SPARE_BYTES = 6 * 1024**3
"""Memory that a worker may take beyond its start: four times what the largest picture needs."""

_KEEP_BYTES = 700 * 1024**2
"""A worker that holds more after a file is replaced."""

WORK = "hilum.datasets.convert.work"
"""What the process imports that workers are forked from."""


@contextmanager
def local(work: Work, *, workers: int, address: str | None = None) -> Generator[Engine]:
    """Start worker processes on this machine.

    Args:
        work: what is done with each file; importable by name in another process.
        workers: at least 1.
        address: none, for this engine needs no cluster.

    Yields:
        A function that takes requests and gives results as they come, in any order.

    Raises:
        RunError: an address; or a worker process cannot start.
    """
    if address is not None:
        raise RunError("--address names a Ray cluster; give --engine ray with it.")
    begin(WORK)
    pool = _Pool(work, workers)
    try:
        yield pool.run
    finally:
        pool.close()


class _Worker:
    """A process and the file that it has."""

    def __init__(self, work: Work) -> None:
        self.connection, there = CONTEXT.Pipe()
        self.process = CONTEXT.Process(target=_serve, args=(there, work), daemon=True)
        try:
            with no_imports_from_here():
                self.process.start()
        except (EOFError, OSError) as error:
            raise _cannot_start() from error
        there.close()
        self.request: Request | None = None
        self.ready = False
        self.until = time.monotonic() + START_S

    def give(self, request: Request) -> None:
        """Begin a file."""
        self.request = request
        self.until = time.monotonic() + (SECONDS_APART if request.apart else SECONDS)
        with contextlib.suppress(BrokenPipeError):  # it has died: its end of the pipe tells
            self.connection.send(request)

    def end(self) -> None:
        """End the process, whatever it does."""
        self.process.kill()
        self.process.join()
        self.process.close()
        self.connection.close()


class _Pool:
    def __init__(self, work: Work, workers: int) -> None:
        self._work = work
        self._workers = [_Worker(work) for _ in range(workers)]

    def run(self, requests: Iterable[Request]) -> Generator[Result]:
        """Results as they come."""
        coming, again = iter(requests), deque[Request]()
        exhausted = False
        try:
            while True:
                for worker in self._workers:
                    if worker.ready and worker.request is None and not exhausted:
                        request = again.popleft() if again else next(coming, None)
                        if request is None:
                            exhausted = True
                        else:
                            worker.give(request)
                if exhausted and not any(worker.request for worker in self._workers):
                    return
                yield from self._answers(again)
                exhausted = exhausted and not again
        finally:
            self._drop_busy()

    def _answers(self, again: deque[Request]) -> Iterator[Result]:
        """What workers say, or that they died or took too long."""
        busy = {w.connection: w for w in self._workers if w.request is not None or not w.ready}
        soonest = min(worker.until for worker in busy.values())
        told = wait(list(busy), max(0.0, soonest - time.monotonic()))
        now = time.monotonic()
        for connection, worker in busy.items():
            if connection in told:
                answer, held = _received(worker.connection)
                if answer is None:
                    yield from self._died(worker, again)
                elif isinstance(answer, Result):
                    worker.request = None
                    if held > _KEEP_BYTES:
                        self._replace(worker)
                    yield answer
                else:
                    worker.ready = True
            elif now >= worker.until:
                yield from self._died(worker, again)

    def _died(self, worker: _Worker, again: deque[Request]) -> Iterator[Result]:
        if not worker.ready:
            raise _cannot_start()
        request = worker.request
        assert request is not None
        self._replace(worker)
        if request.apart:
            yield crashed(request)
        else:
            again.append(replace(request, apart=True))

    def _replace(self, worker: _Worker) -> None:
        worker.end()
        self._workers[self._workers.index(worker)] = _Worker(self._work)

    def _drop_busy(self) -> None:
        """End the processes that have a file, so that nothing is written any more."""
        busy = [worker for worker in self._workers if worker.request is not None]
        self._workers = [worker for worker in self._workers if worker.request is None]
        for worker in busy:
            worker.end()

    def close(self) -> None:
        """End all processes; a file that one has is not finished."""
        for worker in self._workers:
            worker.end()


def _cannot_start() -> RunError:
    return RunError(
        f"A worker process cannot start: {sys.executable} does not find Hilum, the machine has no "
        "memory left, or a script calls `convert` without `if __name__ == '__main__':`."
    )


def crashed(request: Request) -> Result:
    """The refusal of a file on which a process ended, twice."""
    message = (
        "The process that converted this file ended or hung, twice: the file is damaged, or needs "
        "more memory than there is. `hilum inspect` may say more."
    )
    return Result(request.source, request.state, code="crashed", message=message)


def _received(connection: Connection) -> tuple[Result | str | None, int]:
    try:
        return connection.recv()
    except (EOFError, ConnectionResetError):
        return None, 0


def _serve(connection: Connection, work: Work) -> None:
    """Answer requests until the other side is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the business of the other side
    settle_threads()
    _limit_memory()
    connection.send(("ready", 0))
    while True:
        try:
            request = connection.recv()
        except EOFError:
            os._exit(0)  # the run has ended or was killed
        result = work(request)
        del request
        try:
            connection.send((result, _resident()))
        except BrokenPipeError:
            os._exit(0)


def settle_threads() -> None:
    """One thread a worker: the workers fill the processors."""
    import cv2

    cv2.setNumThreads(1)


def _limit_memory() -> None:
    if sys.platform != "linux":
        return
    import resource

    bound = _pages(0) + _SPARE_BYTES
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (bound if hard < 0 else min(bound, hard), hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def _resident() -> int:
    return _pages(1)


def _pages(field: int) -> int:
    """Bytes of address space (0) or resident memory (1); 0 where the system does not tell."""
    if sys.platform != "linux":
        return 0
    with open("/proc/self/statm", "rb") as file:  # noqa: PTH123  (asked after every file)
        return int(file.read().split()[field]) * os.sysconf("SC_PAGE_SIZE")
