"""One process at a time in a folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from hilum.errors import RunError

_FAR = 1 << 30  # Windows locks bytes against readers too: one beyond the text


def hold(path: Path, folder: Path) -> int:
    """Lock a file for this process; the system lets go when the process ends, however it ends.

    Args:
        path: made where it is missing, and left behind: only its lock says anything.
        folder: what is kept from others; named in messages.

    Returns:
        A file descriptor; closing it lets go.

    Raises:
        RunError: another process holds it, it cannot be written, or the file system knows no
            locks.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise RunError(
            f"Nothing can be written into {folder}: {error.strerror}. Choose another folder."
        ) from None
    try:
        _lock(descriptor)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode("ascii"))
    except (BlockingIOError, PermissionError):
        holder = os.read(descriptor, 20).decode("ascii", "replace")
        os.close(descriptor)
        raise RunError(
            f"Another run (process {holder or 'unknown'}) writes into {folder}; wait for it, or "
            f"choose another folder."
        ) from None
    except OSError as error:
        os.close(descriptor)
        raise RunError(
            f"The file system of {folder} knows no locks ({error.strerror}), so that two runs "
            f"could spoil each other's files; choose a folder on a local disk."
        ) from None
    return descriptor


@contextmanager
def held(path: Path, folder: Path) -> Generator[None]:
    """:func:`hold` while a block runs."""
    descriptor = hold(path, folder)
    try:
        yield
    finally:
        os.close(descriptor)


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
