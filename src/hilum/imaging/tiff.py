"""The header of a TIFF file: what the decoder does not tell (TIFF 6.0, sections 2, 3 and 8)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from hilum.errors import DamagedFile, UnsupportedImage
from hilum.imaging.limits import MAX_FILE_BYTES

_WIDTHS = {1: "B", 3: "H", 4: "I"}
_MAX_PAGES = 1000
_MAX_ENTRIES = 4096
"""A directory of a radiograph has some twenty."""


@dataclass(frozen=True, slots=True)
class TiffPage:
    """The first page.

    Attributes:
        rows: ImageLength.
        columns: ImageWidth.
        bits: BitsPerSample of the first sample.
        samples: SamplesPerPixel.
        photometric: PhotometricInterpretation: 0 WhiteIsZero, 1 BlackIsZero, 2 RGB, 3 palette,
            6 YCbCr.
        sample_format: 1 unsigned, 2 signed, 3 floating point.
        orientation: 1 to 8.
        pages: number of pages, counted up to 1,000.
    """

    rows: int
    columns: int
    bits: int
    samples: int
    photometric: int
    sample_format: int
    orientation: int
    pages: int

    @property
    def white_is_zero(self) -> bool:
        """Whether the lowest value is white."""
        return self.photometric == 0

    @property
    def needs_rgb(self) -> bool:
        """Whether the decoder must turn a palette or YCbCr into RGB."""
        return self.photometric in (3, 6)


def first_page(data: bytes) -> TiffPage:
    """Read the tags of the first page and count the pages.

    Raises:
        DamagedFile: the directory breaks off, has no size, or more than 4,096 entries.
    """
    order = "<" if data[:2] == b"II" else ">"
    try:
        (at,) = struct.unpack(order + "I", data[4:8])
        tags = _directory(data, at, order)
        following = _next(data, at, order)
        pages, seen = 1, {at}
        while following and following not in seen and pages < _MAX_PAGES:
            seen.add(following)
            following = _next(data, following, order)
            pages += 1
        rows, columns = tags[257], tags[256]
    except (struct.error, KeyError) as error:
        raise DamagedFile("The TIFF directory breaks off: the file was cut.") from error
    orientation = tags.get(274, 1)
    return TiffPage(
        rows=rows,
        columns=columns,
        bits=tags.get(258, 1),
        samples=tags.get(277, 1),
        photometric=tags.get(262, 1),
        sample_format=tags.get(339, 1),
        orientation=orientation if 1 <= orientation <= 8 else 1,
        pages=pages,
    )


def check_kind(page: TiffPage) -> None:
    """Refuse kinds of TIFF that are no radiograph.

    Raises:
        UnsupportedImage: two grey levels, signed values, unusual depths or colour models, more
            samples than memory should be taken for.
    """
    if page.samples not in (1, 2, 3, 4):
        raise UnsupportedImage(
            f"A TIFF of {page.samples} samples a pixel is not read; 1 (grey) to 4 are."
        )
    if page.bits == 1:
        raise UnsupportedImage("The TIFF file has two grey levels; a radiograph has hundreds.")
    if page.sample_format not in (1, 3, 4) or page.bits not in (
        (16, 32, 64) if page.sample_format == 3 else (8, 16)
    ):
        raise UnsupportedImage(
            f"A TIFF of {page.bits} bits a sample (sample format {page.sample_format}) is not "
            "read; 8 or 16 unsigned bits, or floating point in [0, 1], are."
        )
    if page.photometric not in (0, 1, 2, 3, 6):
        raise UnsupportedImage(
            f"A TIFF of photometric interpretation {page.photometric} is not read; grey and RGB "
            "are."
        )
    size = page.rows * page.columns * page.samples * (page.bits // 8)
    if size > MAX_FILE_BYTES:
        raise UnsupportedImage(
            f"The TIFF picture needs {size / 1024**2:,.0f} MiB; more than "
            f"{MAX_FILE_BYTES // 1024**2} MiB are not decoded. Check its header, or resize it."
        )


def _directory(data: bytes, at: int, order: str) -> dict[int, int]:
    """Tags of one directory by number (first value only)."""
    count = _entries(data, at, order)
    tags: dict[int, int] = {}
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind, values = struct.unpack(order + "HHI", data[entry : entry + 8])
        width = _WIDTHS.get(kind)
        if width is None or not values:
            continue
        size = struct.calcsize(width)
        place = entry + 8
        if values * size > 4:
            (place,) = struct.unpack(order + "I", data[place : place + 4])
        (tags[tag],) = struct.unpack(order + width, data[place : place + size])
    return tags


def _next(data: bytes, at: int, order: str) -> int:
    """Where the directory behind the one at ``at`` lies; 0 where it is the last."""
    end = at + 2 + 12 * _entries(data, at, order)
    (following,) = struct.unpack(order + "I", data[end : end + 4])
    return int(following)


def _entries(data: bytes, at: int, order: str) -> int:
    (count,) = struct.unpack(order + "H", data[at : at + 2])
    if count > _MAX_ENTRIES:
        raise DamagedFile(
            f"A TIFF directory announces {count:,} entries; no picture has more than "
            f"{_MAX_ENTRIES:,}: the file is damaged. Copy it again from its source."
        )
    return int(count)
