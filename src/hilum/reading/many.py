"""Many files at once, in order, in flat memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from threading import Lock
from typing import Generic, Protocol, TypeVar

from hilum.domain import Note, Refusal
from hilum.errors import IntakeError
from hilum.imaging import FoundFile, InOrder, load

T = TypeVar("T")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
Work = Callable[[FoundFile], T]

_AHEAD = 4
"""Results a worker that may wait for a slow file before them."""


class Reads(Protocol[R_co]):
    """Anything that makes something of a file: a :class:`hilum.reading.Reader`, for one."""

    def read(self, path: FoundFile, *, data: bytes | None = None) -> R_co | Refusal:
        """Read one file, from its bytes where they are loaded already."""
        ...


def _call(work: Callable[[FoundFile], T], file: FoundFile) -> T:
    return work(file)


def read_many(
    files: Iterable[FoundFile],
    reader: Reads[R],
    *,
    workers: int,
    finish: Callable[[R | Refusal], T],
    guard: Callable[[Callable[[FoundFile], T], FoundFile], T] = _call,
) -> Iterator[T]:
    """Read files in threads, and give back what ``finish`` makes of each, in the files' order.

    Decoders, OpenCV and ONNX Runtime let go of the interpreter's lock, so threads fill the
    processors and share one network. A picture lives only within the thread that reads it:
    ``finish`` runs there too, and should return something small. At most a few results a worker
    wait for a slow file before them.

    Members of a compressed TAR archive are unpacked in their order, one at a time, by whichever
    thread is free; then they are read side by side like other files.

    Args:
        files: from :func:`hilum.imaging.find_files`.
        reader: made with ``threads=1``.
        workers: radiographs at a time, at least 1.
        finish: takes each reading or refusal, in the thread that made it.
        guard: calls the work of one file; may decide what an unexpected error becomes. By default
            an error ends the run.

    Yields:
        What ``finish`` returned. When the caller stops early or is interrupted, files not begun
        are dropped, and those being read are waited for.
    """
    import cv2

    begin, in_order = Lock(), InOrder()
    coming: deque[tuple[int, FoundFile]] = deque()

    def step() -> tuple[int, T]:
        """Take the next file and read it; others may take theirs once it is loaded."""
        with ExitStack() as turn:
            turn.enter_context(begin)
            number, file = coming.popleft()

            def work(file: FoundFile) -> T:
                try:
                    data = load(file, in_order) if file.in_order else None
                except IntakeError as error:
                    turn.close()
                    return finish(_refusal(file, error))
                turn.close()
                return finish(reader.read(file, data=data))

            return number, guard(work, file)

    cv_threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # the workers fill the processors already
    pool = ThreadPoolExecutor(workers, thread_name_prefix="hilum-read")
    waiting: deque[Future[tuple[int, T]]] = deque()
    results = _Results[T]()
    try:
        for item in enumerate(files):
            coming.append(item)
            waiting.append(pool.submit(step))
            if len(waiting) > _AHEAD * workers:
                yield from results.add(*waiting.popleft().result())
        while waiting:
            yield from results.add(*waiting.popleft().result())
    finally:
        in_order.stop()
        pool.shutdown(wait=True, cancel_futures=True)
        in_order.close()
        cv2.setNumThreads(cv_threads)


class _Results(Generic[T]):
    """Puts results in the files' order: a thread may take a file before one that woke earlier."""

    def __init__(self) -> None:
        self._early: dict[int, T] = {}
        self._next = 0

    def add(self, number: int, result: T) -> Iterator[T]:
        self._early[number] = result
        while self._next in self._early:
            yield self._early.pop(self._next)
            self._next += 1


def _refusal(file: FoundFile, error: IntakeError) -> Refusal:
    return Refusal(file.name, "intake", (Note(error.code, str(error)),))
