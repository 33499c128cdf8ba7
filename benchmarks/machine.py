"""The machine in words, and two of its cores."""

from __future__ import annotations

import datetime as dt
import os
import platform
from collections.abc import Sequence
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
