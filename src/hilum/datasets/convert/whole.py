"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path

from hilum.datasets.convert.options import SUFFIXES

_SUFFIX = ".part"
_OURS = re.compile(rf"[0-9a-f]{{16}}({'|'.join(map(re.escape, SUFFIXES.values()))})")


def write_whole(target: Path, data: bytes) -> None:
    """Write a file beside its place and move it there.

    Raises:
        OSError: the system refuses; nothing is left behind.
    """
    draft = draft_of(target)
    try:
        draft.write_bytes(data)
        draft.replace(target)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def draft_of(target: Path) -> Path:
    """Where a file is written until it is whole; no other process writes there."""
    return target.with_name(f".{target.name}.{socket.gethostname()}.{os.getpid()}{_SUFFIX}")


def is_draft(name: str) -> bool:
    """Whether a file is one that a killed run left behind."""
    return name.startswith(".") and name.endswith(_SUFFIX)


def is_ours(name: str) -> bool:
    """Whether a file is called as pictures of a conversion are."""
    return _OURS.fullmatch(name) is not None
