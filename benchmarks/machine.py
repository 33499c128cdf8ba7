"""The machine in words, and two of its cores."""

from __future__ import annotations

import datetime as dt
import os
import platform
import re
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

CORES = 2


def keep_two_cores() -> None:
    """Run this process, and what it starts, on two cores: the marks are set for two."""
    if not hasattr(os, "sched_setaffinity"):
        return
    mine = sorted(os.sched_getaffinity(0))
    if len(mine) > CORES:
        os.sched_setaffinity(0, mine[:CORES])


def circumstances(packages: Sequence[str]) -> str:
    """When and on what something was measured.

    Args:
        packages: whose versions matter.
    """
    today = dt.datetime.now(dt.UTC).date().isoformat()
    versions = ", ".join(f"{name} {_version(name)}" for name in packages)
    return (
        f"Measured {today} on {_used()} of {os.cpu_count()} cores of {_processor()}, "
        f"{platform.system()}, Python {platform.python_version()}; {versions}."
    )


def _used() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "(not installed)"


def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text("utf-8").splitlines() if facts.exists() else []
    model = next((ln.split(":", 1)[1].strip() for ln in lines if ln.startswith("model name")), "")
    flags = next((ln.split() for ln in lines if ln.startswith("flags")), [])
    wide = next((n for n in ("amx_bf16", "avx512_bf16", "avx512f", "avx2") if n in flags), "")
    name = model or platform.processor() or platform.machine()
    return f"{name} ({wide})" if wide else name


def tree_bytes(pid: int) -> int:
    """Memory that a process and its descendants hold now; 0 where the kernel does not tell.

    What each holds alone and what they share with each other counts once (proportional set size of
    anonymous and shared memory). Of libraries those of the process count whole, whoever else has
    loaded them, and of a descendant those that nobody else has.
    """
    try:
        return _held(pid, "Rss")
    except (FileNotFoundError, ProcessLookupError):  # no Linux, or it ended meanwhile
        return 0


def _held(pid: int, files: str) -> int:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
    kb = {name: int(value) for name, value in re.findall(r"^(\w+):\s+(\d+) kB", text, re.MULTILINE)}
    if "Pss_Anon" not in kb:  # it has ended, and nobody has asked how
        return 0
    own = kb["Pss_Anon"] + kb["Pss_Shmem"]
    if files == "Rss":
        status = Path(f"/proc/{pid}/status").read_text("utf-8")
        found = re.search(r"^RssFile:\s+(\d+) kB", status, re.MULTILINE)
        own += int(found.group(1)) if found else 0
    else:
        own += kb["Private_Clean"]
    tasks = Path(f"/proc/{pid}/task").iterdir()
    children = [int(one) for task in tasks for one in (task / "children").read_text().split()]
    return own * 1024 + sum(_held(child, "Private") for child in children)


@contextmanager
def watched(pid: int, every_s: float) -> Generator[list[int]]:
    """Look at :func:`tree_bytes` again and again.

    Yields:
        A list whose only item is the largest found so far.
    """
    peak, ended = [0], threading.Event()

    def look() -> None:
        while not ended.wait(every_s):
            peak[0] = max(peak[0], tree_bytes(pid))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()
