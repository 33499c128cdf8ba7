"""Whether compressed pixels are whole: decoders fill what is missing with grey, without a word."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from hilum.errors import DamagedFile
from hilum.imaging.codestream import Bytes, Codestream

_LETTERS = bytes(range(254, 0, -1))
_MORE = _LETTERS + b"".join(bytes((0xFF, 0xD0 + count)) + _LETTERS for count in range(8))
"""Coded bytes that no picture ends with, also behind each restart marker (ISO 10918-1 B.1.1.3)."""

_TAIL = 8
"""So many coded bytes hold the last few blocks of any picture."""

_SPARE_ZEROS = 64
_LEVELS = 32
_AT_ONCE = 1 << 20

TilePart = tuple[int, int, tuple[int, int]]
"""Tile, number of parts of that tile (0: not told), where its packets begin and end."""


def check_jpeg_end(stream: Codestream, cells: Any, again: Callable[[bytes], Any]) -> None:
    """Refuse a JPEG whose pixels do not end where its coded bytes end.

    libjpeg fills what it misses with the middle of the range, leaves what it does not need, and
    only warns. So the picture is decoded once more with more coded bytes behind each scan: a whole
    one stays as it is, one that was cut changes. And once more with its last bytes changed: a whole
    picture changes, one that was overwritten before and lost the count of its blocks does not.
    (Pictures of several scans are spared that: the last may hold detail that does not show.)

    Lossless pictures, ten times as many bytes, are decoded again only where their last samples look
    like what libjpeg fills in, or where the coded bytes hold 64 zeros in a row.

    Not found: bytes that were overwritten by as many blocks, or between two restart markers; in a
    lossless picture also those overwritten by more blocks, if not by zeros, and its last four
    samples.

    Args:
        stream: a Huffman-coded JPEG, lossy or lossless.
        cells: what was decoded from it.
        again: the decoder.

    Raises:
        DamagedFile: the picture was cut or overwritten.
    """
    if (
        stream.kind == "jpeg-lossless"
        and not stream.several_scans
        and _lossless_is_whole(stream.data, cells, stream.precision)
    ):
        return
    data = bytes(stream.data)
    scans = _scans(data)
    end = scans[-1][1]
    longer, at = b"", 0
    for _, behind in scans:
        longer, at = longer + data[at:behind] + _MORE, behind
    if not _same(longer + b"\xff\xd9", cells, again):
        raise DamagedFile(
            f"The {stream.kind} pixels end before the last row: the file was cut and closed with "
            "an end marker, or part of it was overwritten. Copy it again from its source."
        )
    if len(scans) > 1:
        return
    changed = _with_another_tail(data[:end])
    if changed != data[:end] and _same(changed + b"\xff\xd9", cells, again):
        raise DamagedFile(
            f"The {stream.kind} pixels hold more coded bytes than their picture needs: part of the "
            "file was overwritten. Copy it again from its source."
        )


def _lossless_is_whole(data: Bytes, cells: Any, precision: int) -> bool:
    """Whether a lossless picture shows no sign of a cut or of zeros written over it.

    libjpeg reads zeros where coded bytes are missing: they stand for one difference, by the first
    code of the Huffman table, up to the row's end; whole rows get the middle of the range.
    """
    category = _category_of_zeros(data)
    if category is None or cells.ndim == 3:
        return False
    filled = 1 - (1 << category)  # ISO 10918-1 F.1.2.1.1: the least difference of its category
    if _has_zeros(data):
        return False
    rows = cells[-2:, -5:].astype(np.int32)
    sample, left, above, corner = rows[1, 1:], rows[1, :-1], rows[0, 1:], rows[0, :-1]
    predictions = (  # H.1.2.1
        left, above, corner, left + above - corner,
        left + ((above - corner) >> 1), above + ((left - corner) >> 1), (left + above) >> 1,
    )  # fmt: skip
    ends = any(not ((sample - one - filled) & 0xFFFF).any() for one in predictions)
    return not (ends or bool(np.all(sample == 1 << (precision - 1))))


def _has_zeros(data: Bytes) -> bool:
    """Whether so many zeros stand in a row; then some lie in one word, which is soon looked for."""
    words = np.frombuffer(data, np.uint64, len(data) // 8)
    return not words.all() and bytes(data).find(bytes(_SPARE_ZEROS)) >= 0


def _category_of_zeros(data: Bytes) -> int | None:
    """What a code of zeros means in the first scan's Huffman table (B.2.4.2); None if unknown."""
    first: dict[int, int] = {}
    at = 2
    try:
        while data[at + 1] != 0xDA:
            end = at + _segment(data, at)
            if data[at + 1] == 0xC4:
                table = at + 4
                while table < end:
                    first[data[table] & 15] = data[table + 17]
                    table += 17 + sum(data[table + 1 : table + 17])
            at = end
        return first.get(data[at + 6] >> 4)
    except (struct.error, IndexError):
        return None


def _scans(data: bytes) -> list[tuple[int, int]]:
    """Where the coded bytes of each scan begin and end (ISO 10918-1 B.1.1.2, B.2.1).

    Raises:
        DamagedFile: restart markers do not count from 0 to 7, or something else is no JPEG.
    """
    cells = np.frombuffer(data, np.uint8)
    places = np.flatnonzero(cells[:-1] == 0xFF)
    markers = cells[places + 1]
    restart = (markers >= 0xD0) & (markers <= 0xD7)
    others = places[(markers != 0x00) & (markers != 0xFF) & ~restart]
    restarts = places[restart]
    found: list[tuple[int, int]] = []
    at = 2
    try:
        while data[at : at + 2] != b"\xff\xd9":
            if data[at : at + 2] == b"\xff\xff":  # fill byte
                at += 1
                continue
            scan, at = data[at + 1] == 0xDA, at + _segment(data, at)
            if scan:
                begin, at = at, int(others[np.searchsorted(others, at)])
                inside = restarts[(restarts >= begin) & (restarts < at)]
                if np.any(cells[inside + 1] != 0xD0 + np.arange(len(inside)) % 8):
                    raise struct.error("restart markers out of order")
                found.append((begin, at))
    except (struct.error, IndexError) as error:
        raise DamagedFile(
            "The JPEG's markers are missing or out of order (ISO 10918-1 B.1.1.3): part of the "
            "file was overwritten. Copy it again from its source."
        ) from error
    return found


def _same(data: bytes, cells: Any, again: Callable[[bytes], Any]) -> bool:
    try:
        return np.array_equal(np.asarray(again(data)), cells)
    except (DamagedFile, RuntimeError, ValueError):  # the change was read
        return False


def _with_another_tail(data: bytes) -> bytes:
    """Change the last coded bytes, without making or breaking a marker; padding stays."""
    end = len(data.rstrip(b"\x00\xff"))
    tail = bytearray(data[end - _TAIL : end])
    for place, byte in enumerate(tail):
        other = byte ^ 0x55
        if 0xFF not in (byte, other, data[end - _TAIL + place - 1]):
            tail[place] = other
    return data[: end - _TAIL] + bytes(tail) + data[end:]


def check_no_hole(stream: Codestream) -> None:
    """Refuse a JPEG 2000 or HTJ2K codestream part of which is zeros or something else.

    Coded data has no long runs of zeros, for an arithmetic coder's output is as good as random; an
    empty packet is one zero byte (ISO 15444-1 B.10.3), and a tile has so many packets. Nor has it
    FF followed by more than 8F, which is kept for markers (A.1.1, B.10.1, C.2.2).

    Not found: a short part that was overwritten by other bytes; the last tile-parts of a tile
    where only these tell how many there are.

    Raises:
        DamagedFile: it has.
    """
    data = bytes(stream.data)
    try:
        parts, most = _tile_parts(data), _packets_a_tile(data)
        missing = _missing(parts, _tiles(data))
    except (struct.error, IndexError, ZeroDivisionError) as error:
        raise DamagedFile(
            "The JPEG 2000 header makes no sense (ISO 15444-1 Annex A): it was overwritten. Copy "
            "the file again from its source."
        ) from error
    if missing > 0:
        raise DamagedFile(
            f"{missing:,} tile-parts of the JPEG 2000 picture are missing (ISO 15444-1 A.4.2): the "
            "file was cut and closed with an end marker. Copy it again from its source."
        )
    zeros = bytes(most + _SPARE_ZEROS)
    for begin, end in (packets for *_, packets in parts):
        if data.find(zeros, begin, end) >= 0:
            raise DamagedFile(
                f"The compressed pixels hold {len(zeros):,} zeros in a row: part of the file was "
                "not copied. Copy it again from its source."
            )
        if _has_marker(data, begin, end):
            raise DamagedFile(
                "The compressed pixels hold a marker where none can be (ISO 15444-1 B.10.1): part "
                "of the file was overwritten. Copy it again from its source."
            )


def _has_marker(data: bytes, begin: int, end: int) -> bool:
    """Whether FF 90 or above stands there, but for SOP (FF 91) and EPH (FF 92)."""
    for at in range(begin, end - 1, _AT_ONCE):
        cells = np.frombuffer(data, np.uint8, min(_AT_ONCE + 1, end - at), at)  # one byte shared
        after = cells[1:][cells[:-1] == 0xFF]
        if np.any((after > 0x8F) & (after != 0x91) & (after != 0x92)):
            return True
    return False


def _missing(parts: list[TilePart], tiles: int) -> int:
    """Number of tile-parts that are announced and not there; a tile has at least one."""
    found = Counter(tile for tile, _, _ in parts)
    announced = dict.fromkeys(range(tiles), 1)
    for tile, count, _ in parts:
        announced[tile] = max(count, announced.get(tile, 1))
    return sum(max(0, count - found[tile]) for tile, count in announced.items())


def _tile_parts(data: bytes) -> list[TilePart]:
    """The tile-parts in their order.

    Source:
        ISO 15444-1 A.4.2, A.4.3.
    """
    at, parts = 2, list[TilePart]()
    while data[at : at + 2] not in (b"\xff\x90", b"\xff\xd9"):
        at += _segment(data, at)
    while data[at : at + 2] == b"\xff\x90":
        tile, length, count = struct.unpack(">HIxB", data[at + 4 : at + 12])
        end = at + length if length else len(data) - 2  # 0: up to the end
        at += 12
        while data[at : at + 2] != b"\xff\x93":  # to the start of its data
            at += _segment(data, at)
        parts.append((tile, count, (at + 2, min(end, len(data)))))
        at = max(end, at + 2)
    return parts


def _segment(data: Bytes, at: int) -> int:
    """Length of a marker segment with its marker."""
    marker, length = struct.unpack(">HH", data[at : at + 4])
    if marker < 0xFF00 or length < 2:
        raise struct.error("no marker segment")
    return 2 + int(length)


def _tiles(data: bytes) -> int:
    """Number of tiles (ISO 15444-1 B.3, equation B-5)."""
    right, bottom, _, _, wide, high, left, top = struct.unpack(">8I", data[8:40])
    return -(-(right - left) // wide) * -(-(bottom - top) // high)


def _packets_a_tile(data: bytes) -> int:
    """An upper bound of the number of packets of one tile (ISO 15444-1 A.6.1, B.6)."""
    right, bottom, left, top, wide, high = struct.unpack(">6I", data[8:32])
    (components,) = struct.unpack(">H", data[40:42])
    at = 2
    while data[at : at + 2] != b"\xff\x52":  # COD
        at += _segment(data, at)
    style, layers, levels = data[at + 4], *struct.unpack(">HxB", data[at + 6 : at + 10])
    if levels > _LEVELS:
        raise struct.error("more decomposition levels than the standard knows")
    columns, rows = min(wide, right - left), min(high, bottom - top)
    count = 0
    for level in range(levels + 1):
        sizes = data[at + 14 + level] if style & 1 else 0xFF
        scale = levels - level
        across = (columns >> scale >> (sizes & 15)) + 2
        down = (rows >> scale >> (sizes >> 4)) + 2
        count += across * down if style & 1 else 1
    return min(count * layers * components, len(data))
