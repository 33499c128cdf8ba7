"""Memory for what lives only for a moment, kept for the next picture.

Giving 15 MB back to the system and asking for them again takes longer than filling them.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

BYTES = 40_000_000
"""Of the piece that is kept: enough for 20 million pixels. The system gives what is touched."""

_LARGEST = 32 * 1024**2 - 65_536
"""Just below what glibc always gives back at once (M_MMAP_THRESHOLD in mallopt(3))."""


class _Spare:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: NDArray[np.uint8] | None = None

    @contextmanager
    def room(self, shape: tuple[int, ...], dtype: Any) -> Generator[NDArray[Any]]:
        """Room for an array, filled with anything; nothing of it may be used afterwards."""
        needed = math.prod(shape) * np.dtype(dtype).itemsize
        with self._lock:
            kept, self._kept = self._kept, None
        if kept is None or kept.size < needed:
            _let_freed_memory_stay()
            kept = np.empty(max(BYTES, needed), np.uint8)
        try:
            yield kept[:needed].view(dtype).reshape(shape)
        finally:
            if kept.size == BYTES:
                with self._lock:
                    self._kept = kept


def _let_freed_memory_stay() -> None:
    """Free a large piece: from then on glibc keeps twice as much, instead of what was freed first.

    Files and samples of 7 to 30 MB that come and go would be given back with each picture. Other
    systems' libraries are not moved by it.
    """
    large = np.empty(_LARGEST, np.uint8)
    del large


room = _Spare().room
