"""One writer at a time in an output folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hilum.errors import RunError

_FAR = 1 << 30  # Windows locks bytes against readers too: one beyond the text


def hold(path: Path) -> int:
    """Lock a file for this process; the system lets go when the process ends, however it ends.

    Args:
        path: made where it is missing, and left behind: only its lock says anything.

    Returns:
        A file descriptor; closing it lets go.

    Raises:
        RunError: another process holds it.
        OSError: the file cannot be written, or the file system knows no locks.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _lock(descriptor)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode("ascii"))
    except (BlockingIOError, PermissionError):
        holder = os.read(descriptor, 20).decode("ascii", "replace")
        os.close(descriptor)
        raise RunError(
            f"Another run (process {holder or 'unknown'}) writes into {path.parents[1]}; wait for "
            f"it, or choose another folder with -o."
        ) from None
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


if sys.platform == "win32":

    def _lock(descriptor: int) -> None:
        import msvcrt

        os.lseek(descriptor, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)

else:

    def _lock(descriptor: int) -> None:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
