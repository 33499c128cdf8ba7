"""How large and how small a picture may be; checked before memory is taken."""

from __future__ import annotations

from hilum.errors import InvalidHeader, UnsupportedImage

MAX_PIXELS = 100_000_000
"""No detector has more than about 20 million; beyond this a header is wrong or hostile."""

MIN_SIDE_PX = 32
"""Below this nothing of a chest can be told."""

MAX_FILE_BYTES = 512 * 1024**2
"""A file is held in memory while it is read."""

MAX_MEMBERS = 1_000_000
"""Of an archive; the largest published collections have some 400,000 files."""

MAX_RATIO = 200
"""Bytes that one byte of an archive may unpack to; radiographs stay below 10."""

FREE_BYTES = 64 * 1024**2
"""A member up to this size may have any ratio, as blank pictures do: it does no harm."""


def check_size(rows: int, columns: int) -> None:
    """Refuse sizes that no radiograph has.

    Raises:
        InvalidHeader: a side of 0 or less.
        UnsupportedImage: a side under 32 px, or more than 100 million pixels.
    """
    if rows < 1 or columns < 1:
        raise InvalidHeader(
            f"Rows {rows}, Columns {columns}: both must be at least 1 (PS3.3 C.7.6.3); "
            "the header is damaged. Copy the file again from its source."
        )
    if min(rows, columns) < MIN_SIDE_PX:
        raise UnsupportedImage(
            f"The picture is {rows} × {columns} px; at least {MIN_SIDE_PX} px a side are needed. "
            "Pass the original, not a thumbnail."
        )
    if rows * columns > MAX_PIXELS:
        raise UnsupportedImage(
            f"The picture is {rows} × {columns} px; more than {MAX_PIXELS // 10**6} million pixels "
            "are not read. Check the header, or resize the picture."
        )
