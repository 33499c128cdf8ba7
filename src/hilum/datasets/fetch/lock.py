"""One process at a time in a destination."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from hilum.errors import FetchError

NAME = ".hilum-fetch.lock"
_FAR = 1 << 30  # Windows locks bytes against readers too: one beyond the text


@contextmanager
def held(folder: Path) -> Generator[None]:
    """Keep other processes out of a folder; the system lets go when this one ends, however it ends.

    Args:
        folder: exists. The lock's file stays behind: only its lock says anything.

    Raises:
        FetchError: another process fetches into it, or it cannot be written.
    """
    try:
        descriptor = os.open(folder / NAME, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise FetchError(
            f"Nothing can be written into {folder}: {error.strerror}. Choose another folder with "
            "-o."
        ) from None
    try:
        try:
            _lock(descriptor)
        except (BlockingIOError, PermissionError):
            holder = os.read(descriptor, 20).decode("ascii", "replace") or "unknown"
            raise FetchError(
                f"Another run (process {holder}) fetches into {folder}; wait for it, or choose "
                "another folder with -o."
            ) from None
        except OSError as error:
            raise FetchError(
                f"The file system of {folder} knows no locks ({error.strerror}), so that two runs "
                "could spoil each other's files; fetch onto a local disk."
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode("ascii"))
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
