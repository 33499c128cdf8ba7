"""Processes forked from one that has imported what they need: quick to start, and sharing memory.

Imports next to nothing, so that this process can be started before the heavy imports of the one
that asks for it.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager

FORKED = "forkserver" in multiprocessing.get_all_start_methods()
CONTEXT = (
    multiprocessing.get_context("forkserver") if FORKED else multiprocessing.get_context("spawn")
)
_SAFE = "PYTHONSAFEPATH"


def begin(module: str) -> None:
    """Start the process that others are forked from; nothing where the system has no fork.

    Args:
        module: that it imports, while this process goes on.
    """
    if FORKED:
        from multiprocessing import forkserver

        CONTEXT.set_forkserver_preload([module])
        with no_imports_from_here():
            forkserver.ensure_running()


@contextmanager
def no_imports_from_here() -> Iterator[None]:
    """Keep processes that are started from importing what lies in the working folder.

    It may be the folder of the data, and hold a ``numpy.py``.
    """
    before = os.environ.get(_SAFE)
    os.environ[_SAFE] = "1"
    try:
        yield
    finally:
        os.environ.pop(_SAFE)
        if before is not None:
            os.environ[_SAFE] = before
