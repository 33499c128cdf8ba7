"""Work spread over a few threads: OpenCV and BLAS let go of Python's lock."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import cv2

Item = TypeVar("Item")
Result = TypeVar("Result")

CHUNK = 32
"""Items that a thread takes at a time."""


def mapped(
    work: Callable[[Item], Result], items: Sequence[Item], *, threads: int, chunk: int = CHUNK
) -> Iterator[Result]:
    """Results in the order of the items, a few chunks ahead of who asks for them.

    Args:
        work: what to do with an item; called from several threads.
        items: what to work on.
        threads: how many work at a time.
        chunk: items that a thread takes at a time.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="hilum-similarity")
    waiting: deque[Future[list[Result]]] = deque()
    try:
        for first in range(0, len(items), chunk):
            part = items[first : first + chunk]
            waiting.append(pool.submit(lambda part=part: [work(item) for item in part]))
            if len(waiting) > 2 * threads:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def processors() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Keep OpenCV from starting threads of its own inside ours."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
