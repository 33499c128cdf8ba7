"""Appending pictures to the files of a pack, so that no stop leaves half of one."""

from __future__ import annotations

import os
import time
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.pack import layout
from hilum.datasets.pack.layout import ENTRY, INDEX, NAMES, SHARD_BYTES, shard
from hilum.domain import Affine
from hilum.errors import PackError

COMMIT_BYTES = 64 << 20
COMMIT_EVERY_S = 2.0
"""Pictures are committed when either is reached; a killed process loses at most that much work."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture to be packed.

    Attributes:
        name: of the image in its table.
        pixels: uint8 [rows, columns], C-contiguous.
        to_source: maps points of the picture to points of the image file.
        source_size: (rows, columns) of the image file.
        source_bytes: of the image file.
        source_crc32: of these bytes.
    """

    name: str
    pixels: NDArray[np.uint8]
    to_source: Affine
    source_size: tuple[int, int]
    source_bytes: int
    source_crc32: int


class Writer:
    """The files ``shard-*``, ``index.npy`` and ``names.txt`` of a pack; one writer at a time.

    Pictures reach the disk first, names next, entries of the index then; the number in the head of
    the index, which makes them count, comes last. What a killed run left behind it is cut off.

    Args:
        folder: of the pack; exists.
        shard_bytes: a shard holds at most so much.

    Attributes:
        count: pictures that are committed.

    Raises:
        PackError: the files are damaged.
        OSError: they cannot be written.
    """

    def __init__(self, folder: Path, *, shard_bytes: int = SHARD_BYTES) -> None:
        self._folder, self._shard_bytes = folder, shard_bytes
        if not (folder / INDEX).exists():
            (folder / NAMES).touch()
            layout.write_whole(folder / INDEX, _head(0))
        index = layout.read_index(folder)
        names = layout.read_names(folder, len(index))
        self.count = len(index)
        self._names_bytes = sum(len(name.encode()) + 1 for name in names.tolist())
        self._number, self._end = _end(index)
        self._index: BinaryIO = _reopened(folder / INDEX, len(_head(0)) + index.nbytes)
        self._names: BinaryIO = _reopened(folder / NAMES, self._names_bytes)
        for path in sorted(folder.glob("shard-*.u8")):
            if path.name > shard(self._number):
                path.unlink()
        self._shard: BinaryIO = _reopened(folder / shard(self._number), self._end)
        self._pending: list[tuple[str, tuple[Any, ...]]] = []
        self._waiting_bytes, self._committed_at = 0, time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def append(self, picture: Picture) -> None:
        """Write a picture behind the others; it counts from the next commit on.

        Raises:
            OSError: the disk refuses, for it is full, say; what was written before still counts
                after the next commit.
        """
        pixels = picture.pixels
        if self._end and self._end + pixels.nbytes > self._shard_bytes:
            self._next_shard()
        self._shard.seek(self._end)
        try:
            _write(self._shard, pixels.tobytes())
        except OSError:
            self._shard.truncate(self._end)
            raise
        entry = (
            self._number,
            self._end,
            *pixels.shape,
            zlib.crc32(pixels.data),
            np.ravel(picture.to_source.matrix),
            *picture.source_size,
            picture.source_bytes,
            picture.source_crc32,
        )
        self._pending.append((picture.name, entry))
        self._end += pixels.nbytes
        self._waiting_bytes += pixels.nbytes
        waited = time.monotonic() - self._committed_at
        if self._waiting_bytes >= COMMIT_BYTES or waited >= COMMIT_EVERY_S:
            self.commit()

    def commit(self) -> None:
        """Bring all pictures to the disk, and let them count.

        Raises:
            OSError: the disk refuses; what was committed before stays.
        """
        if self._pending:
            os.fsync(self._shard.fileno())
            names = "".join(f"{name}\n" for name, _ in self._pending).encode()
            entries = np.array([entry for _, entry in self._pending], ENTRY)
            count = self.count + len(entries)
            self._names.seek(self._names_bytes)
            _write(self._names, names)
            os.fsync(self._names.fileno())
            self._index.seek(len(_head(0)) + self.count * ENTRY.itemsize)
            _write(self._index, entries.tobytes())
            os.fsync(self._index.fileno())
            self._index.seek(0)
            _write(self._index, _head(count))
            os.fsync(self._index.fileno())
            self._names_bytes += len(names)
            self.count = count
            self._pending.clear()
        self._waiting_bytes, self._committed_at = 0, time.monotonic()

    def close(self) -> None:
        """Commit, and close the files.

        Raises:
            OSError: the disk refuses; what was committed before stays.
        """
        try:
            if not self._shard.closed:
                self.commit()
        finally:
            for file in (self._shard, self._names, self._index):
                file.close()

    def _next_shard(self) -> None:
        self.commit()
        opened = _reopened(self._folder / shard(self._number + 1), 0)
        self._shard.close()
        self._shard, self._number, self._end = opened, self._number + 1, 0


def _head(count: int) -> bytes:
    """The head of an .npy file of entries; numpy pads it to one length for every count."""
    made = BytesIO()
    descr = np.lib.format.dtype_to_descr(ENTRY)
    np.lib.format.write_array_header_1_0(
        made, {"descr": descr, "fortran_order": False, "shape": (count,)}
    )
    return made.getvalue()


def _end(index: NDArray[np.void]) -> tuple[int, int]:
    """The last shard, and the bytes of it that count."""
    if not len(index):
        return 0, 0
    number = int(index["shard"].max())
    last = index[index["shard"] == number]
    ends = last["offset"] + last["height"].astype(np.uint64) * last["width"]
    return number, int(ends.max())


def _reopened(path: Path, size: int) -> BinaryIO:
    """A file, unbuffered, cut to what counts, to be written behind that."""
    new = not path.exists()
    file: BinaryIO = path.open("w+b" if new else "r+b", buffering=0)
    if new:
        layout.force_folder(path.parent)
    have = path.stat().st_size
    if have < size:
        file.close()
        raise PackError(f"{path} has {have:,} bytes of {size:,}: copy the pack again.")
    if have > size:
        file.truncate(size)
    file.seek(size)
    return file


def _write(file: BinaryIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:  # an unbuffered file may take a part
        rest = rest[file.write(rest) :]
