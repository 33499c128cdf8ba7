"""Encapsulated pixel data → the first frame's codestream (PS3.5 A.4)."""

from __future__ import annotations

import struct

from hilum.errors import DamagedFile

_ITEM, _END = 0xFFFEE000, 0xFFFEE0DD


def first_frame(data: memoryview, frames: int) -> bytes | memoryview:
    """Put the fragments of the first frame together.

    Args:
        data: the value of Pixel Data, from its first item on; little endian.
        frames: Number of Frames.

    Returns:
        The codestream; no copy where the frame is one fragment.

    Raises:
        DamagedFile: items that break off, or no fragment at all.
    """
    items = _items(data)
    if not items:
        raise DamagedFile(
            "Pixel Data has no item: the encapsulation is broken (PS3.5 A.4). Copy the file again "
            "from its source."
        )
    table, fragments = items[0], items[1:]
    if not fragments:
        raise DamagedFile(
            "Pixel Data holds no fragment: the file has a header and no picture (PS3.5 A.4). "
            "Export the image again."
        )
    if frames > 1:
        fragments = _of_first_frame(table, fragments, frames)
    return fragments[0] if len(fragments) == 1 else b"".join(fragments)


def _items(data: memoryview) -> list[memoryview]:
    found: list[memoryview] = []
    at = 0
    while at + 8 <= len(data):
        group, element, length = struct.unpack("<HHI", data[at : at + 8])
        tag, at = group << 16 | element, at + 8
        if tag == _END:
            return found
        if tag != _ITEM or length == 0xFFFFFFFF:
            raise DamagedFile(
                f"Pixel Data has tag {tag >> 16:04X},{tag & 0xFFFF:04X} where an item was "
                "expected (PS3.5 A.4): the file is overwritten, or its transfer syntax is wrong. "
                "Export the image again."
            )
        if at + length > len(data):
            raise DamagedFile(
                f"A fragment of Pixel Data needs {length:,} bytes, {len(data) - at:,} are left: "
                "the file was cut. Copy it again from its source."
            )
        found.append(data[at : at + length])
        at += length
    return found  # no delimiter: whether the picture is whole, its own end marker tells


def _of_first_frame(
    table: memoryview, fragments: list[memoryview], frames: int
) -> list[memoryview]:
    if len(fragments) == frames:
        return fragments[:1]
    if len(table) >= 8:  # Basic Offset Table: where the second frame's first item begins
        (second,) = struct.unpack("<I", table[4:8])
        begin, count = 0, 0
        while count < len(fragments) and begin < second:
            begin += 8 + len(fragments[count])
            count += 1
        return fragments[:count]
    for count, fragment in enumerate(fragments, 1):
        if bytes(fragment[-3:]).rstrip(b"\x00").endswith(b"\xff\xd9"):
            return fragments[:count]
    return fragments
