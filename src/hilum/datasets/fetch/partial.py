"""A file that is not yet whole: ``NAME.part``, and ``NAME.part.json`` that says of what.

The sidecar is on disk before the first byte is, and a file that begins anew is emptied before its
sidecar changes. So whenever the program ends, what lies in ``NAME.part`` is a beginning of the
version that the sidecar tells of, or nothing.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from io import FileIO
from pathlib import Path

from hilum.datasets.fetch.server import Remote, validator_of
from hilum.datasets.fetch.wanted import shown
from hilum.errors import FetchError

_READ = 4 * 1024**2
_FULL = (errno.ENOSPC, errno.EDQUOT)


class DiskFull(FetchError):
    """Nothing more can be written: every other file would meet the same."""


@dataclass(frozen=True, slots=True)
class Version:
    """Of what a partial file is the beginning.

    Attributes:
        url: the address, without what may be secret.
        etag: as the server sent it.
        modified: as the server sent it.
        size: bytes of the whole; None where the server does not say.
    """

    url: str
    etag: str | None
    modified: str | None
    size: int | None

    @classmethod
    def of(cls, url: str, remote: Remote) -> Version:
        """The version that a server has now."""
        return cls(shown(url), remote.etag, remote.modified, remote.size)

    @property
    def validator(self) -> str | None:
        """What the server knows it by; None where nothing tells versions apart."""
        return validator_of(self.etag, self.modified)


class Partial:
    """A file that is being fetched; for one thread.

    Args:
        target: where the whole file goes.

    Attributes:
        version: of what its bytes are the beginning; None before the first.
        have: number of its bytes.

    Raises:
        FetchError: there is a ``.part`` that another program left, or the folder refuses it.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f"{target.name}.part")
        self._sidecar = target.with_name(f"{target.name}.part.json")
        self.version = self._read_sidecar()
        if self.version is None and self.path.exists():
            raise FetchError(
                f"{self.path} was left by another program, for nothing beside it says of what it "
                "is a part; move it away."
            )
        self.have = self.path.stat().st_size if self.path.exists() else 0
        self._file: FileIO | None = None

    def begin(self, version: Version) -> None:
        """Empty it, and let it be the beginning of this version from now on."""
        with told(self.path):
            if self._file is not None or self.path.exists():
                self._open().truncate(0)
            self.have = 0
            self._write_sidecar(version)

    def settle(self, size: int) -> None:
        """Note how large the whole is, when the server has not said so before."""
        assert self.version is not None
        with told(self.path):
            self._write_sidecar(replace(self.version, size=size))

    def write(self, data: bytes) -> None:
        """Append bytes.

        Raises:
            DiskFull: the disk, or the user's share of it, is full.
            FetchError: the system refuses the bytes for another reason.
        """
        rest = memoryview(data)
        with told(self.path):
            file = self._open()
            while rest:
                written = file.write(rest) or 0
                self.have += written
                rest = rest[written:]

    def finish(self) -> None:
        """Give it its name, once it is on the disk."""
        with told(self.path):
            file = self._open()
            os.fsync(file.fileno())
            self.close()
            self.path.replace(self.target)
            sync_folder(self.target.parent)
            self._sidecar.unlink()

    def close(self) -> None:
        """Close it; what is there stays."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> FileIO:
        if self._file is None:
            self._file = self.path.open("ab", buffering=0)
        return self._file

    def _read_sidecar(self) -> Version | None:
        try:
            kept = json.loads(self._sidecar.read_text("utf-8"))
            return Version(kept["url"], kept["etag"], kept["modified"], kept["size"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError):
            raise FetchError(
                f"{self._sidecar} cannot be read; remove it and {self.path.name} to begin anew."
            ) from None

    def _write_sidecar(self, version: Version) -> None:
        fresh = self._sidecar.with_name(f"{self._sidecar.name}~")
        with fresh.open("w", encoding="utf-8") as file:
            json.dump(asdict(version), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._sidecar)
        self.version = version


@contextmanager
def told(path: Path) -> Generator[None]:
    """Turn what the system says against a file into an error that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFull(
                f"The disk of {path.parent} is full. What was fetched is kept ({path.name}); make "
                "room and run the same command again: it goes on."
            ) from None
        if error.errno == errno.EFBIG:
            raise DiskFull(
                f"The file system of {path.parent} takes no file as large as {path.name} gets "
                "(FAT32 ends at 4 GiB); fetch onto another disk."
            ) from None
        raise FetchError(
            f"The system refuses {path}: {error.strerror or type(error).__name__}."
        ) from None


def sync_folder(folder: Path) -> None:
    """Bring a folder's names onto the disk, where the system can (POSIX)."""
    with suppress(PermissionError):  # Windows opens no folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def digest_of(path: Path, kind: str) -> Iterator[str | None]:
    """The digest of a file, computed piece by piece so that it can be stopped in between.

    Args:
        path: the file.
        kind: "sha256" or "md5".

    Yields:
        None after each piece, and the hexadecimal digest at the end.

    Raises:
        FetchError: the file cannot be read.
    """
    total = hashlib.new(kind, usedforsecurity=False)
    with told(path), path.open("rb") as file:
        while piece := file.read(_READ):
            total.update(piece)
            yield None
    yield total.hexdigest()
