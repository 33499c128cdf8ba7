"""Members of a TAR archive, plain or compressed by gzip, bzip2 or xz (POSIX.1-2001 pax, GNU tar).

Headers are read by the standard library's ``tarfile``; what it asks for goes through
:class:`Unpacked`, which bounds it.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from hilum.errors import DamagedFile, IntakeError, NotAnImage, UnsafeArchive, UnsupportedImage
from hilum.imaging.limits import MAX_FILE_BYTES, MAX_RATIO
from hilum.imaging.member import FIRST, BreaksOff, Entry, size_problem

_CHUNK = 1024**2
_LONGEST_HEADER = 1024**2
"""Names and extended headers, which tarfile reads whole, take a few hundred bytes."""

_HEADER_ERRORS = (tarfile.TarError, ValueError, LookupError, TypeError, OverflowError,
                  AttributeError, RecursionError)  # fmt: skip
"""What tarfile raises on headers that are cut, overwritten or hostile."""


@dataclass(frozen=True, slots=True)
class TarMember:
    """Where a member lies.

    Attributes:
        at: where its bytes begin in the archive, unpacked.
        size: how many they are.
        packing: "gz", "bz2", "xz", or "" for a plain archive.
    """

    at: int
    size: int
    packing: str

    @property
    def in_order(self) -> bool:
        """Whether the archive has to be unpacked up to it."""
        return bool(self.packing)

    def load(self, path: Path) -> bytes:
        """Its bytes; of a compressed archive everything before it is unpacked, too.

        Args:
            path: the archive.

        Raises:
            DamagedFile: the archive breaks off before or within it.
            OSError: the system refuses the archive.
        """
        stream = Unpacked(path, self.packing)
        try:
            return self.load_from(stream)
        finally:
            stream.close()

    def load_from(self, stream: Unpacked) -> bytes:
        """Its bytes, from an archive that is open and not beyond it.

        Raises:
            DamagedFile: the archive breaks off before or within it.
        """
        try:
            stream.seek(self.at)
            data = stream.data(self.size)
        except BreaksOff:
            data = b""
        if len(data) < self.size:
            raise DamagedFile(
                "The archive breaks off within this member: it was cut. Copy it again from its "
                "source."
            )
        return data


_OPENERS: dict[str, Callable[[Any], Any]] = {
    "gz": lambda raw: gzip.GzipFile(fileobj=raw),
    "bz2": bz2.BZ2File,
    "xz": lzma.LZMAFile,
}


class Unpacked:
    """The bytes of a TAR archive, unpacked, from front to back; for one thread.

    Args:
        path: the archive.
        packing: "gz", "bz2", "xz" or "".
    """

    def __init__(self, path: Path, packing: str) -> None:
        self._raw = path.open("rb")
        self._limit = max(MAX_FILE_BYTES, MAX_RATIO * path.stat().st_size) if packing else None
        self._file: IO[bytes] = self._raw
        if packing:
            # No buffer around these: it would ask for more than is left and lose the rest.
            self._file = cast("IO[bytes]", _OPENERS[packing](self._raw))
        self._at = 0
        self._stopped = False
        self.last = b""

    def tell(self) -> int:
        """How many bytes lie behind."""
        return self._at

    def seek(self, to: int, whence: int = 0) -> int:
        """Go forward to a place; beyond the end is the end.

        Raises:
            IntakeError: what lies between cannot be unpacked, or is too much.
        """
        if self._limit is None:
            self._at = self._raw.seek(to)
        elif to < self._at:
            raise BreaksOff(_NO_SENSE)
        while self._at < to and self._read(min(_CHUNK, to - self._at)):
            pass
        return self._at

    def read(self, size: int) -> bytes:
        """Bytes of a header, as tarfile asks for them.

        Raises:
            IntakeError: they cannot be unpacked, or it asks for more than a header has.
        """
        if size > _LONGEST_HEADER:
            raise BreaksOff(_NO_SENSE)
        self.last = self.data(size)
        return self.last

    def data(self, size: int) -> bytes:
        """So many bytes, fewer at the end.

        Raises:
            IntakeError: they cannot be unpacked, or are too many.
        """
        parts: list[bytes] = []
        while size and (part := self._read(min(size, _CHUNK))):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def stop(self) -> None:
        """Make what goes on end with an error; may be called by another thread."""
        self._stopped = True

    def close(self) -> None:
        """Close the archive."""
        self._file.close()
        self._raw.close()

    def _read(self, size: int) -> bytes:
        if self._stopped:
            raise IntakeError("Reading the archive was stopped.")
        try:
            part = self._file.read(size)
        except EOFError as error:
            raise BreaksOff(
                "The compressed archive breaks off: it was cut. Members before are read; copy it "
                "again from its source."
            ) from error
        except (zlib.error, lzma.LZMAError, gzip.BadGzipFile, OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise DamagedFile(
                "The compressed archive is damaged: its bytes or its checksum are wrong, so none "
                "of its members can be trusted. Copy it again from its source."
            ) from error
        self._at += len(part)
        if self._limit is not None and self._at > self._limit:
            raise UnsafeArchive(
                f"The compressed archive unpacks to more than {self._limit / 1024**2:,.0f} MiB, "
                f"{MAX_RATIO} times its size, as a bomb does; nothing of it is read."
            )
        return part


_NO_SENSE = (
    "A header within the TAR archive makes no sense: the archive is damaged from there on. Members "
    "before are read; copy it again from its source."
)


def is_header(block: bytes) -> bool:
    """Whether 512 bytes are a header of a TAR archive, by its checksum."""
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except _HEADER_ERRORS:
        return False
    return True


def entries(path: Path, packing: str) -> Iterator[Entry]:
    """The members, folders left out; a compressed archive is unpacked from front to back.

    Args:
        path: the archive.
        packing: "gz", "bz2", "xz" or "".

    Raises:
        BreaksOff: the archive is cut or damaged from some place on.
        DamagedFile: it is damaged so that no member can be trusted.
        UnsafeArchive: it unpacks to too much.
        NotAnImage: it is no TAR archive.
        OSError: the system refuses it.
    """
    stream = Unpacked(path, packing)
    try:
        for info in _headers(stream):
            if not info.isdir():
                yield _entry(info, stream, packing)
        _check_end(stream)
    except (BreaksOff, NotAnImage):
        while packing and stream.data(_CHUNK):  # a checksum that fails is the truer reason
            pass
        raise
    finally:
        stream.close()


def _headers(stream: Unpacked) -> Iterator[tarfile.TarInfo]:
    before = -1
    try:
        tar: Any = tarfile.TarFile(fileobj=cast("Any", stream))
        while (info := cast("tarfile.TarInfo | None", tar.next())) is not None:
            tar.members.clear()  # it keeps them all
            if info.size < 0 or info.offset_data <= before:
                raise BreaksOff(_NO_SENSE)
            before = info.offset_data
            yield info
    except _HEADER_ERRORS as error:
        if before < 0:
            raise NotAnImage("The file holds no TAR archive; unpack it first.") from error
        if isinstance(error, tarfile.ReadError) and "unexpected end" in str(error):
            raise BreaksOff(_CUT) from error
        raise BreaksOff(_NO_SENSE) from error


_CUT = (
    "The TAR archive breaks off: it was cut. Members before are read; copy it again from its "
    "source."
)


def _entry(info: tarfile.TarInfo, stream: Unpacked, packing: str) -> Entry:
    at, size = info.offset_data, info.size

    def begins() -> bytes:
        stream.seek(at)
        return stream.data(min(size, FIRST))

    return Entry(info.name, TarMember(at, size, packing), begins, _problem(info))


def _problem(info: tarfile.TarInfo) -> IntakeError | None:
    if info.issym() or info.islnk():
        return UnsafeArchive("The member is a link to another file; pack the file itself.")
    if not info.isreg():
        return UnsafeArchive("The member is a device or a pipe, no file.")
    if info.issparse():
        return UnsupportedImage("The member is a file with holes (sparse); pack it as it is.")
    return size_problem(info.size)


def _check_end(stream: Unpacked) -> None:
    """Two blocks of zeros end an archive; only zeros may follow."""
    if len(stream.last) < 512:
        raise BreaksOff(_CUT)
    if any(stream.last):
        raise BreaksOff(_NO_SENSE)
    while block := stream.data(_CHUNK):
        if any(block):
            raise BreaksOff(
                "The TAR archive holds more behind its end, as when two were joined; only members "
                "before are read. Unpack it with tar --ignore-zeros."
            )
