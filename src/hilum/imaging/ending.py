"""Whether the pixels of a JPEG reach their last row: decoders fill what is missing with grey."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hilum.errors import DamagedFile
from hilum.imaging.codestream import Codestream

_LETTERS = bytes(range(1, 255))
_MORE = _LETTERS + b"".join(bytes((0xFF, 0xD0 + count)) + _LETTERS for count in range(8))
"""Coded bytes that no picture ends with, also behind each restart marker (ISO 10918-1 B.1.1.3)."""

_LEAST_ZEROS = 4096


def check_jpeg_end(stream: Codestream, cells: Any, again: Callable[[bytes], Any]) -> None:
    """Refuse a picture that was cut and closed with an end-of-image marker.

    libjpeg fills what it misses with the middle of the range and only warns. Where the last pixel
    is of that grey, or where a picture comes in several scans, it is decoded once more with more
    coded bytes before its end marker: a whole picture stays as it is, for nothing behind the last
    block is read; one that was cut changes.

    Args:
        stream: a Huffman-coded JPEG, lossy or lossless.
        cells: what was decoded from it.
        again: the decoder.

    Raises:
        DamagedFile: the picture was cut.
    """
    filled = bool(np.all(cells[-1, -1] == 1 << (stream.precision - 1)))
    if not (filled or stream.several_scans):
        return
    try:
        longer = np.asarray(again(bytes(stream.data[:-2]) + _MORE + b"\xff\xd9"))
        whole = np.array_equal(longer, cells)
    except (RuntimeError, ValueError):  # the bytes were read, as behind the end they never are
        whole = False
    if not whole:
        raise DamagedFile(
            f"The {stream.kind} pixels end before the last row: the file was cut and closed with "
            "an end marker. Copy it again from its source."
        )


def check_no_hole(stream: Codestream) -> None:
    """Refuse a JPEG 2000 codestream part of which is zeros, as a copy that failed leaves it.

    Arithmetic-coded data has no long runs of zeros; empty packets are one zero byte each, and a
    whole radiograph has far fewer than 4,096 in a row.

    Raises:
        DamagedFile: it has.
    """
    if bytes(stream.data).find(bytes(_LEAST_ZEROS)) >= 0:
        raise DamagedFile(
            f"The compressed pixels hold {_LEAST_ZEROS:,} zeros in a row: part of the file was "
            "not copied. Copy it again from its source."
        )
