"""The engine of a cluster: Ray tasks of a few files each, a bounded number at a time."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import Any

from hilum.datasets.convert.processes import Engine, Work, crashed, settle_threads
from hilum.datasets.convert.work import Request, Result
from hilum.errors import MissingExtra, RunError

BATCH = 8
"""Files a task: enough that handing tasks out costs nothing, few enough to lose."""

AHEAD = 2
"""Tasks in flight a processor of this machine, so that none waits for its next one."""

OBJECT_STORE_BYTES = 100 * 1024**2


@contextmanager
def cluster(work: Work, *, workers: int, address: str | None = None) -> Generator[Engine]:
    """Start Ray on this machine, or join a cluster.

    Every machine needs the same Hilum, and sees sources and destination under the same paths. A
    started Ray listens on this machine alone, without dashboard; usage statistics are off.

    Args:
        work: what is done with each file; importable by name on every machine.
        workers: tasks at a time, at least 1.
        address: of a cluster, such as "10.0.0.1:6379"; None starts Ray on this machine.

    Yields:
        A function that takes requests and gives results as they come, in any order.

    Raises:
        MissingExtra: Ray is not installed.
        RunError: the cluster cannot be reached.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        import ray
    except ImportError as error:
        raise MissingExtra("A cluster needs Ray: pip install 'hilum[cluster]'") from error
    started = address is None
    own: dict[str, Any] = {
        "num_cpus": workers,
        "include_dashboard": False,
        "object_store_memory": OBJECT_STORE_BYTES,
        "_node_ip_address": "127.0.0.1",
    }
    try:
        ray.init(
            address=address or "local",
            log_to_driver=False,
            logging_level=logging.ERROR,
            **(own if started else {}),
        )
    except (ConnectionError, TimeoutError, ValueError, RuntimeError) as error:
        where = address or "this machine"
        raise RunError(f"Ray on {where} cannot be used ({type(error).__name__}).") from error
    most = AHEAD * workers if started else workers
    try:
        yield lambda requests: _run(ray, work, requests, most)
    finally:
        ray.shutdown()


def _run(ray: Any, work: Work, requests: Iterable[Request], most: int) -> Generator[Result]:
    task = ray.remote(num_cpus=1, max_retries=1)(_batch)
    coming = iter(requests)
    again = deque[list[Request]]()
    flying: dict[Any, list[Request]] = {}
    try:
        while True:
            while len(flying) < most:
                batch = again.popleft() if again else list(islice(coming, BATCH))
                if not batch:
                    break
                apart = [replace(request, apart=True) for request in batch]
                flying[task.remote(work, apart)] = batch
            if not flying:
                return
            done, _ = ray.wait(list(flying), num_returns=1)
            for reference in done:
                batch = flying.pop(reference)
                try:
                    results: list[Result] = ray.get(reference)
                except ray.exceptions.RayError:
                    if len(batch) == 1:
                        yield crashed(batch[0])
                    again.extend([request] for request in batch if len(batch) > 1)
                else:
                    yield from results
    finally:
        for reference in flying:
            ray.cancel(reference)
        if flying:  # what is being written is let finish
            ray.wait(list(flying), num_returns=len(flying), timeout=30)


def _batch(work: Work, requests: list[Request]) -> list[Result]:
    settle_threads()
    results: list[Result] = []
    for request in requests:
        results.append(work(request))
        if results[-1].stop:
            break
    return results
