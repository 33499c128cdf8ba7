"""The folder of files: radiographs as they came, and what belongs to a reading.

    radiographs/ab/cdef….bin     a file as it came, named by its SHA-256
    readings/ab/cdef…/           of one reading, named by its id: preview.jpg, display.png, …
    coming/                      what is being written; emptied when the server starts
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hilum.errors import NotNow


@dataclass(frozen=True, slots=True)
class Files:
    """Files of one server. A file appears whole, on the disk, or not at all.

    Attributes:
        folder: of the server.
    """

    folder: Path

    def prepare(self) -> None:
        """Make the folders, readable for this user alone."""
        for name in ("radiographs", "readings", "coming"):
            (self.folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)

    def radiograph(self, digest: str) -> Path:
        """Where the file of that SHA-256 lies."""
        return self.folder / "radiographs" / digest[:2] / f"{digest[2:]}.bin"

    def reading(self, reading: str) -> Path:
        """The folder of what belongs to a reading."""
        return self.folder / "readings" / reading[:2] / reading[2:]

    def keep_radiograph(self, data: bytes) -> str:
        """Put a file there, on the disk when this returns.

        Returns:
            Its SHA-256.

        Raises:
            NotNow: the disk is full or cannot be written.
        """
        digest = hashlib.sha256(data).hexdigest()
        path = self.radiograph(digest)
        if not path.is_file():
            self.write(path, data)
        return digest

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
                os.replace(name, path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
            _sync(path.parent)
        except OSError as error:
            raise NotNow(f"Nothing can be written: {error.strerror}. Make room.") from None

    def free_mb(self) -> float:
        """Room on the disk."""
        return shutil.disk_usage(self.folder).free / 1e6


def _sync(folder: Path) -> None:
    """Make sure that a new name in a folder outlives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
