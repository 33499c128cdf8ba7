"""Members of a ZIP archive, read from where they lie (PKWARE APPNOTE 6.3, sections 4.3 to 4.5).

The standard library's ``zipfile`` is not used: it takes memory for the whole table of contents
before anything of it can be checked, however long that is, and again for each thread that opens
the archive; and it does not find members that overlap in all versions of Python that Hilum runs on.
"""

from __future__ import annotations

import stat
import struct
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from hilum.errors import DamagedFile, IntakeError, UnsafeArchive, UnsupportedImage
from hilum.imaging.limits import MAX_FILE_BYTES, MAX_MEMBERS
from hilum.imaging.member import FIRST, Entry, size_problem, too_many

_END = struct.Struct("<4s4H2IH")
_LOCATOR = struct.Struct("<4sIQI")
_END64 = struct.Struct("<4sQ2H2I4Q")
_RECORD = struct.Struct("<4s6H3I5H2I")
_LOCAL = struct.Struct("<4s5H3I2H")
_FULL_16, _FULL_32 = 0xFFFF, 0xFFFFFFFF

_STORED, _DEFLATED = 0, 8
_METHODS = {9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "xz", 98: "PPMd"}
_ENCRYPTED, _UTF8 = 0x1, 0x800


@dataclass(frozen=True, slots=True)
class ZipMember:
    """Where a member lies.

    Attributes:
        at: offset of its local header.
        packed: its bytes in the archive.
        size: its bytes, unpacked.
        crc: their CRC-32.
        deflated: whether they are packed.
    """

    at: int
    packed: int
    size: int
    crc: int
    deflated: bool

    @property
    def in_order(self) -> bool:
        """Members are read in any order."""
        return False

    def load(self, path: Path) -> bytes:
        """Its bytes, checked against their number and CRC-32.

        Args:
            path: the archive.

        Raises:
            DamagedFile: they are not those that the archive's table of contents promises.
            OSError: the system refuses the archive.
        """
        with path.open("rb") as file:
            data = _unpacked(file, self, self.packed, self.size + 1)
        if len(data) != self.size or zlib.crc32(data) != self.crc:
            raise DamagedFile(
                "The member is not what the archive's table of contents says: its length or its "
                "checksum differs. Copy the archive again from its source."
            )
        return data


def entries(path: Path) -> Iterator[Entry]:
    """The members that the table of contents names, folders left out.

    Args:
        path: the archive.

    Raises:
        DamagedFile: there is no table of contents, or it is damaged.
        UnsafeArchive: more than a million members, or members that overlap; raised after the last.
        OSError: the system refuses the archive.
    """
    spans = array("Q"), array("Q")
    with path.open("rb") as file:
        start, end, shift = _table(file, path.stat().st_size)
        at = start
        while at < end:  # the number of records is stored in 16 bits by some programs
            if len(spans[0]) == MAX_MEMBERS:
                raise too_many()
            file.seek(at)
            entry, length, at = _record(file, at, shift)
            if entry.member.at + length > start:
                raise _damaged()
            spans[0].append(entry.member.at)
            spans[1].append(entry.member.at + length)
            if not entry.name.endswith("/"):
                yield entry
    _check_overlap(spans)


def _table(file: BinaryIO, size: int) -> tuple[int, int, int]:
    """Where the central directory begins and ends, and what is to be added to its offsets."""
    file.seek(max(0, size - _END.size - _FULL_16))
    tail = file.read()
    found = tail.rfind(b"PK\x05\x06", 0, max(0, len(tail) - _END.size + 4))
    if found < 0:
        raise DamagedFile(
            "The ZIP archive ends without its table of contents: it was cut. Copy it again from "
            "its source."
        )
    end = size - len(tail) + found
    _, disk, _, _, count, length, offset, _ = _END.unpack_from(tail, found)
    if disk not in (0, _FULL_16):
        raise UnsupportedImage("The ZIP archive is one part of several; join or unpack them.")
    if _FULL_16 in (disk, count) or _FULL_32 in (length, offset):
        end, length, offset = _table64(file, end)
    start = end - length
    if start < offset:
        raise _damaged()
    return start, end, start - offset


def _table64(file: BinaryIO, end: int) -> tuple[int, int, int]:
    at = end - _LOCATOR.size - _END64.size
    if at < 0:
        raise _damaged()
    file.seek(at)
    fields = _END64.unpack(file.read(_END64.size))
    if fields[0] != b"PK\x06\x06" or file.read(4) != b"PK\x06\x07":
        raise _damaged()
    return at, fields[8], fields[9]


def _record(file: BinaryIO, at: int, shift: int) -> tuple[Entry, int, int]:
    """One record: the entry, the least length of its local part, where the next record begins."""
    head = file.read(_RECORD.size)
    if len(head) < _RECORD.size or not head.startswith(b"PK\x01\x02"):
        raise _damaged()
    (_, _, _, flags, method, _, _, crc, packed, size, for_name, for_extra, for_comment, _, _,
     attributes, offset) = _RECORD.unpack(head)  # fmt: skip
    name, extra = file.read(for_name), file.read(for_extra)
    size, packed, offset = _wide(extra, size, packed, offset)
    member = ZipMember(offset + shift, packed, size, crc, method == _DEFLATED)
    text = name.decode("utf-8", "replace") if flags & _UTF8 else name.decode("cp437")
    problem = _problem(flags, method, attributes >> 16, member)
    entry = Entry(text, member, lambda: _begins(file, member), problem)
    after = at + _RECORD.size + for_name + for_extra + for_comment
    return entry, _LOCAL.size + for_name + packed, after


def _wide(extra: bytes, *values: int) -> list[int]:
    """Fill in from the Zip64 extra field what 32 bits do not hold (4.5.3)."""
    at, wide = 0, b""
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1:
            wide = extra[at + 4 : at + 4 + length]
        at += 4 + length
    filled: list[int] = []
    for value in values:
        if value == _FULL_32:
            if len(wide) < 8:
                raise _damaged()
            value, wide = int.from_bytes(wide[:8], "little"), wide[8:]  # noqa: PLW2901
        filled.append(value)
    return filled


def _problem(flags: int, method: int, mode: int, member: ZipMember) -> IntakeError | None:
    if stat.S_ISLNK(mode):
        return UnsafeArchive("The member is a link to another file; pack the file itself.")
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return UnsafeArchive("The member is a device or a pipe, no file.")
    if flags & _ENCRYPTED:
        return UnsupportedImage("The member is encrypted; unpack the archive with its password.")
    if method not in (_STORED, _DEFLATED):
        return UnsupportedImage(
            f"The member is packed by {_METHODS.get(method, f'method {method}')}; pack it again "
            "by Deflate, or unpack it."
        )
    if member.packed > MAX_FILE_BYTES:
        return size_problem(member.packed)
    return size_problem(member.size, member.packed)


def _begins(file: BinaryIO, member: ZipMember) -> bytes:
    try:
        return _unpacked(file, member, min(member.packed, 4096), FIRST)
    except DamagedFile:
        return b""


def _unpacked(file: BinaryIO, member: ZipMember, packed: int, most: int) -> bytes:
    """At most so many bytes of a member, from so many packed ones."""
    file.seek(member.at)
    head = file.read(_LOCAL.size)
    if len(head) < _LOCAL.size or not head.startswith(b"PK\x03\x04"):
        raise _damaged()
    *_, for_name, for_extra = _LOCAL.unpack(head)
    file.seek(for_name + for_extra, 1)
    data = file.read(packed)
    if not member.deflated:
        return data[:most]
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, most)
    except zlib.error as error:
        raise DamagedFile(
            "The member's packed bytes are damaged; copy the archive again from its source."
        ) from error


def _check_overlap(spans: tuple[array[int], array[int]]) -> None:
    if not spans[0]:
        return
    starts, ends = (np.frombuffer(span, np.uint64) for span in spans)
    order = np.argsort(starts, kind="stable")
    if np.any(ends[order][:-1] > starts[order][1:]):
        raise UnsafeArchive(
            "Members of the ZIP archive overlap, as in a bomb; nothing of it is read. Pack it "
            "again."
        )


def _damaged() -> DamagedFile:
    return DamagedFile(
        "The ZIP archive's table of contents is damaged; copy it again from its source."
    )
