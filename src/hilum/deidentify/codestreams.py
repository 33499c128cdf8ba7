"""Compressed pictures without comments, application data and what follows their end.

Cameras, scanners and PACS write names, dates and places there. The picture itself is copied as it
is, byte by byte.
"""

from __future__ import annotations

import struct

from hilum.errors import DamagedFile

_APP14 = b"Adobe"
_JFIF = b"JFIF\x00"
_COLOUR_TRANSFORM = b"mrfx"  # of JPEG-LS, by HP: colours are wrong without it


def without_comments(data: bytes | memoryview) -> bytes:
    """Leave out whatever is no picture.

    Args:
        data: a JPEG, JPEG-LS or JPEG 2000 codestream.

    Returns:
        The codestream up to its end marker, without comments (COM), application segments (but for
        the few bytes of JFIF, Adobe and HP without which colours are unclear) and thumbnails.

    Raises:
        DamagedFile: it is none of these, or breaks off; comments stand within a tile.

    Source:
        ISO 10918-1 B.1, ISO 14495-1 C.1, ISO 15444-1 A.2 to A.9.
    """
    whole = bytes(data)
    try:
        return _jpeg2000(whole) if whole[:4] == b"\xff\x4f\xff\x51" else _jpeg(whole)
    except (struct.error, IndexError) as error:
        raise _broken() from error


def _broken() -> DamagedFile:
    return DamagedFile(
        "The compressed pixels break off or are laid out otherwise than the standard says, so that "
        "comments cannot be told from the picture. Export the image again."
    )


def _jpeg(data: bytes) -> bytes:
    if data[:2] != b"\xff\xd8":
        raise _broken()
    out, at = bytearray(data[:2]), 2
    while True:
        while data[at] == 0xFF and data[at + 1] == 0xFF:  # fill bytes
            at += 1
        if data[at] != 0xFF:
            raise _broken()
        marker = data[at + 1]
        if marker == 0xD9:
            return bytes(out) + b"\xff\xd9"
        end = at + 2 + _length(data, at + 2)
        out += _segment(marker, data[at + 4 : end])
        at = end
        if marker == 0xDA:
            end = _scan_end(data, at)
            out += data[at:end]
            at = end


def _length(data: bytes, at: int) -> int:
    (length,) = struct.unpack_from(">H", data, at)
    if length < 2 or at + length > len(data):
        raise _broken()
    return length


def _segment(marker: int, body: bytes) -> bytes:
    if marker == 0xFE or 0xE0 <= marker <= 0xEF:
        if marker == 0xE0 and body[:5] == _JFIF and len(body) >= 14:
            body = body[:12] + b"\x00\x00"  # without the thumbnail
        elif marker == 0xEE and body[:5] == _APP14 and len(body) >= 12:
            body = body[:12]
        elif marker == 0xE8 and body[:4] == _COLOUR_TRANSFORM and len(body) >= 5:
            body = body[:5]
        else:
            return b""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _scan_end(data: bytes, at: int) -> int:
    """Where the next marker stands: FF and 80 or more that is no restart."""
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 1 >= len(data):
            raise _broken()
        following = data[at + 1]
        if following >= 0x80 and not 0xD0 <= following <= 0xD7 and following != 0xFF:
            return at
        at += 1


_SOT, _SOD, _EOC, _COM = 0xFF90, 0xFF93, 0xFFD9, 0xFF64


def _jpeg2000(data: bytes) -> bytes:
    main, at = _header(data, 2, _SOT)
    out = bytearray(data[:2] + main)
    while True:
        (marker,) = struct.unpack_from(">H", data, at)
        if marker == _EOC:
            return bytes(out) + b"\xff\xd9"
        if marker != _SOT:
            raise _broken()
        (size,) = struct.unpack_from(">I", data, at + 6)
        end = at + size if size else data.rfind(b"\xff\xd9")
        if not at + 14 <= end <= len(data) - 2:
            raise _broken()
        head, body = _header(data[:end], at + 12, _SOD)
        if len(head) < body - at - 12:  # then the lengths of tile-parts would have to change
            raise _broken()
        out += data[at:end]
        at = end


def _header(data: bytes, at: int, until: int) -> tuple[bytes, int]:
    """Segments without comments, and where the marker that ends them stands."""
    kept = bytearray()
    while True:
        (marker,) = struct.unpack_from(">H", data, at)
        if marker == until:
            return bytes(kept), at
        if marker >> 8 != 0xFF or marker == _EOC:
            raise _broken()
        end = at + 2 + _length(data, at + 2)
        if marker != _COM:
            kept += data[at:end]
        at = end
