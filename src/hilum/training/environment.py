"""On which machine and with which versions a run computes: never whose machine it is.

No host name, no user's name, no path.
"""

from __future__ import annotations

import json
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

import hilum
from hilum.errors import RunError

PACKAGES = ("torch", "torchvision", "timm", "lightning", "numpy", "onnx", "onnxruntime")

FLAGS = (
    "avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_bf16", "amx_int8", "sve",
    "bf16",
)  # fmt: skip
"""Instructions that decide how fast a processor computes networks, and in which numbers."""


def environment() -> dict[str, Any]:
    """The machine and the versions, as ``environment.json`` holds them.

    Returns:
        ``hilum``, ``python``, ``platform``; ``processor``: name, flags, cores of the machine, cores
        that this process may use, threads that torch uses; ``memory_gb`` (10⁹ bytes; None where the
        system does not tell); ``gpus``: name and memory each, and ``cuda``; ``packages``.
    """
    name, flags = _processor()
    return {
        "hilum": hilum.__version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": {
            "name": name,
            "flags": [flag for flag in FLAGS if flag in flags],
            "cores": os.cpu_count(),
            "cores_allowed": _allowed(),
            "threads": torch.get_num_threads(),
        },
        "memory_gb": _memory_gb(),
        "gpus": _gpus(),
        "cuda": torch.version.cuda if torch.cuda.is_available() else None,
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
    }


def keep_environment(path: Path) -> list[dict[str, Any]]:
    """Add this machine to the run's ``environment.json``, unless it is the last one there already.

    Args:
        path: the file: a list, one entry a machine or set of versions, in the order of their work.

    Returns:
        All entries; the last is this machine.

    Raises:
        RunError: the file is damaged, or cannot be written.
    """
    try:
        entries = json.loads(path.read_text("utf-8")) if path.exists() else []
    except (ValueError, UnicodeDecodeError):
        raise RunError(f"{path.name} in the run's folder is damaged; remove it.") from None
    if not isinstance(entries, list):
        raise RunError(f"{path.name} in the run's folder holds no list; remove it.")
    now = environment()
    if not entries or entries[-1] != now:
        entries.append(now)
        draft = path.with_name(f"{path.name}.draft")
        try:
            draft.write_text(json.dumps(entries, indent=1) + "\n", "utf-8")
            draft.replace(path)
        except OSError as error:
            raise RunError(f"{path.name} cannot be written: {error.strerror}.") from error
    return entries


def _processor() -> tuple[str, frozenset[str]]:
    """Name and flags; of the first processor where there are several."""
    told: dict[str, str] = {}
    listed = Path("/proc/cpuinfo")  # Linux alone
    if listed.exists():
        for line in listed.read_text("utf-8", "replace").splitlines():
            key, _, value = line.partition(":")
            told.setdefault(key.strip().lower(), value.strip())
    name = told.get("model name") or platform.processor() or platform.machine()
    # An ARM machine tells "Features"; where nothing is told, what torch was able to find out.
    flags = (told.get("flags") or told.get("features") or "").split()
    return name, frozenset(flags or [torch.backends.cpu.get_cpu_capability().lower()])


def _allowed() -> int | None:
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1)
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return None


def _gpus() -> list[dict[str, Any]]:
    if not torch.cuda.is_available():
        return []
    found = [torch.cuda.get_device_properties(at) for at in range(torch.cuda.device_count())]
    return [{"name": one.name, "memory_gb": round(one.total_memory / 1e9, 1)} for one in found]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
