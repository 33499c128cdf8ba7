"""Many files at once, in order, in flat memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from hilum.domain import Reading, Refusal
from hilum.imaging import FoundFile
from hilum.reading.reader import Reader

T = TypeVar("T")
Work = Callable[[FoundFile], T]

_AHEAD = 4
"""Results a worker that may wait for a slow file before them."""


def _call(work: Callable[[FoundFile], T], file: FoundFile) -> T:
    return work(file)


def read_many(
    files: Iterable[FoundFile],
    reader: Reader,
    *,
    workers: int,
    finish: Callable[[Reading | Refusal], T],
    guard: Callable[[Callable[[FoundFile], T], FoundFile], T] = _call,
) -> Iterator[T]:
    """Read files in threads, and give back what ``finish`` makes of each, in the files' order.

    Decoders, OpenCV and ONNX Runtime let go of the interpreter's lock, so threads fill the
    processors and share one network. A picture lives only within the thread that reads it:
    ``finish`` runs there too, and should return something small. At most a few results a worker
    wait for a slow file before them.

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

    def work(file: FoundFile) -> T:
        return finish(reader.read(file.path, name=file.name))

    cv_threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # the workers fill the processors already
    pool = ThreadPoolExecutor(workers, thread_name_prefix="hilum-read")
    waiting: deque[Future[T]] = deque()
    try:
        for file in files:
            waiting.append(pool.submit(guard, work, file))
            if len(waiting) > _AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        cv2.setNumThreads(cv_threads)
