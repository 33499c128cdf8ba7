"""Many pictures at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import cv2

S = TypeVar("S")
T = TypeVar("T")

_AHEAD = 4
"""Results a worker that may wait for a slow one before them."""


def in_order(work: Callable[[S], T], items: Iterable[S], workers: int) -> Generator[T]:
    """Results in the order of the items, by threads: decoders and OpenCV let others work.

    At most a few results a worker wait for a slow one before them.

    Args:
        work: what is done for each, in a thread.
        items: such as names.
        workers: items at a time.

    Yields:
        What ``work`` returned. When the caller stops early, items not begun are dropped.
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # the workers fill the processors already
    pool = ThreadPoolExecutor(workers, thread_name_prefix="hilum")
    waiting: deque[Future[T]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > _AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        cv2.setNumThreads(threads)
