"""Which file a result came from, so that a resumed run takes no file for another."""

from __future__ import annotations

import hashlib
import os

from hilum.imaging import FoundFile


def origin(file: FoundFile) -> str:
    """A text that changes with a file's place, size or time of change, and names none of them.

    Returns:
        "place:state", both hexadecimal digests: of the absolute path (links are not followed) and,
        for a member, its place in the archive; and of size and time of change, of the archive for
        a member. The state of a file that cannot be looked at is that of one that is missing.
    """
    place = os.fsencode(os.path.abspath(file.path))  # noqa: PTH100  (resolve() would follow links)
    if file.member is not None:
        place += b"\0%d" % file.member.at
    try:
        status = file.path.stat()
        state = f"{status.st_size} {status.st_mtime_ns}"
    except OSError:
        state = "missing"
    return f"{_digest(place)}:{_digest(state.encode('ascii'))}"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]
