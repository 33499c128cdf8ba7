"""The folder of files: radiographs as they came, and what belongs to a reading.

radiographs/ab/cdef….bin     a file as it came, named by its SHA-256
readings/ab/cdef…/           of one reading, named by its id: preview.jpg, display.png, …
coming/                      what is being written; emptied when the server starts
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hilum.errors import NotNow, ServiceError

OURS = ("radiographs", "readings", "coming")

PATIENCE_S = 10.0
"""How long :meth:`Files.alone` waits for those who use a file."""


@dataclass(frozen=True, slots=True)
class Files:
    """Files of one server. A file appears whole, on the disk, or not at all.

    Attributes:
        folder: of the server.
    """

    folder: Path

    def prepare(self) -> None:
        """Make the folders, readable for this user alone.

        Raises:
            ServiceError: nothing can be written there, or something else lies there.
        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            inside = {path.name for path in self.folder.iterdir()}
            if inside and not inside & {*OURS, "hilum.sqlite", "server.lock"}:
                raise ServiceError(
                    f"{self.folder} holds other things already: give the server a folder of its "
                    f"own (--folder)."
                )
            self.folder.chmod(0o700)
            for name in OURS:
                (self.folder / name).mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise ServiceError(
                f"{self.folder} cannot be the server's folder: {error.strerror}."
            ) from None

    def clear(self) -> None:
        """Remove what was being written when the server ended."""
        for path in (self.folder / "coming").iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def radiograph(self, digest: str) -> Path:
        """Where the file of that SHA-256 lies."""
        return self.folder / "radiographs" / digest[:2] / f"{digest[2:]}.bin"

    def reading(self, reading: str) -> Path:
        """The folder of what belongs to a reading."""
        return self.folder / "readings" / reading[:2] / reading[2:]

    def keep_radiograph(self, data: bytes) -> str:
        """Put a file there, on the disk when this returns.

        Whoever enters it into the database does both within :meth:`using`.

        Returns:
            Its SHA-256.

        Raises:
            NotNow: the disk is full or cannot be written.
        """
        digest = hashlib.sha256(data).hexdigest()
        if not self.is_whole(digest):
            self.write(self.radiograph(digest), data)
        return digest

    def is_whole(self, digest: str) -> bool:
        """Whether the radiograph of that SHA-256 is there, byte for byte."""
        try:
            with self.radiograph(digest).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == digest
        except OSError:
            return False

    @contextmanager
    def using(self, digest: str) -> Generator[None]:
        """While this runs, in any process, nobody removes the radiograph of that SHA-256.

        Raises:
            NotNow: the disk is full or cannot be written.
        """
        with self._locked(digest[:2], fcntl.LOCK_SH):
            yield

    @contextmanager
    def alone(self, shard: str) -> Generator[None]:
        """While this runs, nobody adds radiographs whose SHA-256 begins with these two digits.

        Raises:
            NotNow: others keep adding.
        """
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                with self._locked(shard, fcntl.LOCK_EX | fcntl.LOCK_NB):
                    yield
                    return
            except BlockingIOError:
                if time.monotonic() > until:
                    raise NotNow("Others use the same files; come again.") from None
                time.sleep(0.01)

    @contextmanager
    def _locked(self, shard: str, how: int) -> Generator[None]:
        folder = self.folder / "radiographs" / shard
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(folder, os.O_RDONLY)
        except OSError as error:
            raise _unwritable(error) from None
        try:
            fcntl.flock(descriptor, how)
            yield
        finally:
            os.close(descriptor)  # lets go

    def shards(self) -> list[str]:
        """The two digits with which SHA-256 of radiographs here begin."""
        all_of_them = self.folder / "radiographs"
        return sorted(path.name for path in all_of_them.iterdir()) if all_of_them.is_dir() else []

    def radiographs(self, shard: str) -> list[str]:
        """SHA-256 of the radiographs of one shard."""
        inside = (self.folder / "radiographs" / shard).glob("*.bin")
        return sorted(shard + path.stem for path in inside)

    def readings(self) -> Iterator[str]:
        """Names of readings that have a folder."""
        for shard in sorted((self.folder / "readings").iterdir()):
            for path in sorted(shard.iterdir()):
                yield shard.name + path.name

    def remove_reading(self, reading: str) -> None:
        """Remove what belongs to a reading."""
        shutil.rmtree(self.reading(reading), ignore_errors=True)

    def write(self, path: Path, data: bytes) -> None:
        """Write one file of this folder: whole and on the disk, or not at all.

        Raises:
            NotNow: the disk is full or cannot be written.
        """
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=self.folder / "coming")
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                Path(name).replace(path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
            _sync(path.parent)
        except OSError as error:
            raise _unwritable(error) from None

    def free_mb(self) -> float:
        """Room on the disk."""
        return shutil.disk_usage(self.folder).free / 1e6


def _unwritable(error: OSError) -> NotNow:
    return NotNow(f"Nothing can be written: {error.strerror}. Make room.")


def _sync(folder: Path) -> None:
    """Make sure that a new name in a folder outlives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
