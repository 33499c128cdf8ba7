"""Which file a result came from, so that a resumed run takes no file for another."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def origin(path: Path) -> str:
    """A text that changes with a file's place, size or time of change, and names none of them.

    Returns:
        "place:state", both hexadecimal digests: of the absolute path (links are not followed), and
        of size and time of change. The state of a file that cannot be looked at is that of one
        that is missing.
    """
    place = os.fsencode(os.path.abspath(path))  # noqa: PTH100  (resolve() would follow links)
    try:
        status = path.stat()
        state = f"{status.st_size} {status.st_mtime_ns}"
    except OSError:
        state = "missing"
    return f"{_digest(place)}:{_digest(state.encode('ascii'))}"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]
