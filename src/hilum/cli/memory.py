"""How the C library keeps memory in a run of many threads and large arrays."""

from __future__ import annotations

import ctypes
import platform

_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
_THRESHOLD_BYTES = 1 << 20


def keep_memory_flat(workers: int) -> None:
    """Give arrays of a radiograph's size back to the system when they are freed.

    glibc raises its threshold for memory maps to the largest block ever freed (32 MB at most).
    From then on the arrays of a radiograph come from heaps, one a thread, and holes in them
    stay: the memory of a run grows for minutes. Setting the threshold ends that. Elsewhere than on
    Linux with glibc nothing is done.

    Source:
        mallopt(3), M_MMAP_THRESHOLD and M_ARENA_MAX.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    mallopt = ctypes.CDLL(None).mallopt
    mallopt(_M_MMAP_THRESHOLD, _THRESHOLD_BYTES)
    mallopt(_M_ARENA_MAX, workers + 1)
