"""Look-up tables of a header (PS3.3 C.11.1.1.1, C.11.2.1.1, C.7.6.3.1.5)."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from hilum.errors import InvalidHeader
from hilum.imaging.elements import EXPORT_AGAIN, every, first
from hilum.imaging.grey import LookUp


def look_up(dataset: Dataset, sequence: str, *, signed: bool) -> LookUp | None:
    """Read the first table of a LUT sequence; None where there is none.

    Args:
        dataset: the header.
        sequence: keyword of the sequence.
        signed: whether the table's input may be negative, which settles how the descriptor's
            second value is read (PS3.3 C.11.1.1.1, C.11.2.1.1).

    Raises:
        InvalidHeader: descriptor or data are missing, short or out of range.
    """
    item = first(dataset, sequence)
    if not isinstance(item, Dataset):
        return None
    data = _raw(item, "LUTData")
    if isinstance(data, bytes) and item.original_encoding[1] is False:  # OW in a big-endian file
        data = np.frombuffer(data[: len(data) // 2 * 2], ">u2").astype("<u2").tobytes()
    return table_from(every(item, "LUTDescriptor"), data, signed=signed, name=sequence)


def table_from(descriptor: tuple[object, ...], data: object, *, signed: bool, name: str) -> LookUp:
    """Build a look-up table from a descriptor and its data.

    Raises:
        InvalidHeader: they are missing, short or out of range.
    """
    if len(descriptor) != 3:
        raise InvalidHeader(
            f"{name} has a LUT Descriptor of {len(descriptor)} values, not 3 (PS3.3 C.11.1.1.1). "
            f"{EXPORT_AGAIN}"
        )
    entries, start, bits = (int(cast("int", value)) for value in descriptor)
    entries = (entries & 0xFFFF) or 65536  # 0 stands for 65,536
    start &= 0xFFFF
    if signed and start >= 32768:
        start -= 65536
    if not 8 <= bits <= 16:
        raise InvalidHeader(
            f"{name}: entries of {bits} bits; PS3.3 C.11.1.1.1 allows 8 to 16. {EXPORT_AGAIN}"
        )
    values = _entries(data, entries, bits)
    if len(values) < entries:
        raise InvalidHeader(
            f"{name} announces {entries} entries and holds {len(values)}, so grey levels are "
            f"undefined (PS3.3 C.11.1.1.1). {EXPORT_AGAIN}"
        )
    values = values[:entries].astype(np.float64)
    if values.max() >= 1 << bits:
        raise InvalidHeader(
            f"{name} holds entries beyond its {bits} bits, so grey levels are undefined "
            f"(PS3.3 C.11.1.1.1). {EXPORT_AGAIN}"
        )
    return LookUp(start, values, bits)


def _entries(data: object, entries: int, bits: int) -> NDArray[np.uint16]:
    if isinstance(data, bytes):
        if bits == 8 and entries <= len(data) < 2 * entries:  # one byte an entry
            return np.frombuffer(data, np.uint8).astype(np.uint16)
        return np.frombuffer(data[: len(data) // 2 * 2], "<u2").astype(np.uint16)
    if isinstance(data, int):
        return np.asarray([data & 0xFFFF], np.uint16)
    if isinstance(data, list | tuple):
        return (np.asarray(data, np.int64) & 0xFFFF).astype(np.uint16)
    return np.empty(0, np.uint16)


def _raw(item: Dataset, keyword: str) -> object:
    """LUT Data: bytes for OW, a list for US and SS."""
    values = every(item, keyword)
    return values[0] if len(values) == 1 else list(values)
