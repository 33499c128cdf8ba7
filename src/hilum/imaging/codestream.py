"""What a compressed picture says of itself, read without decoding it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from hilum.errors import DamagedFile, UnsupportedImage

Bytes = bytes | memoryview


@dataclass(frozen=True, slots=True)
class Codestream:
    """The frame header of a JPEG, JPEG-LS or JPEG 2000 codestream.

    Attributes:
        kind: "jpeg" (baseline, extended, progressive), "jpeg-lossless", "jpeg-ls", "jpeg2000".
        rows: height.
        columns: width.
        components: samples a pixel.
        precision: bits a sample.
        orientation: EXIF orientation, 1 to 8.
        data: the codestream, without padding behind its end.
        several_scans: a JPEG whose first scan is not the whole picture (progressive, or component
            by component).
        levels: how many times a grey JPEG 2000 picture can be halved without decoding it whole.
    """

    kind: str
    rows: int
    columns: int
    components: int
    precision: int
    data: Bytes
    orientation: int = 1
    several_scans: bool = False
    signed: bool = False
    levels: int = 0


def read_codestream(data: Bytes) -> Codestream:
    """Read the frame header and check that the end is there.

    Raises:
        DamagedFile: no codestream, no frame header, or no end-of-image marker (ISO 10918-1 B.1.1.3,
            ISO 15444-1 A.4.4), which is how a cut file shows: decoders may return half a picture.
        UnsupportedImage: arithmetic-coded JPEG.
    """
    data = _without_padding(data)
    start = bytes(data[:4])
    if start[:2] not in (b"\xff\xd8", b"\xff\x4f"):
        raise DamagedFile(
            "The compressed pixels are neither JPEG, JPEG-LS nor JPEG 2000: they are overwritten, "
            "or the transfer syntax is wrong. Export the image again."
        )
    if bytes(data[-2:]) != b"\xff\xd9":
        raise DamagedFile(
            "The compressed pixels have no end-of-image marker (FF D9): the file was cut. "
            "Copy it again from its source."
        )
    try:
        return _jpeg2000(data) if start == b"\xff\x4f\xff\x51" else _jpeg(data)
    except (struct.error, IndexError) as error:
        raise DamagedFile(
            "The compressed pixels break off in their header. Copy the file again from its source."
        ) from error


def _without_padding(data: Bytes) -> Bytes:
    """Frames are padded to an even length with 00; some writers use FF (PS3.5 A.4)."""
    tail = bytes(data[-64:])
    return data[: len(data) - (len(tail) - len(tail.rstrip(b"\x00\xff")))]


def _jpeg(data: Bytes) -> Codestream:
    orientation, frame = 1, None
    for marker, segment in _segments(data):
        if marker == 0xE1 and bytes(segment[:6]) == b"Exif\x00\x00":
            orientation = exif_orientation(segment[6:])
        elif marker == 0xDA and frame is not None:
            kind, rows, columns, components, precision, progressive = frame
            several = kind != "jpeg-ls" and (progressive or segment[0] < components)
            return Codestream(
                kind, rows, columns, components, precision, data, orientation, several
            )
        elif marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            if marker != 0xF7 and marker > 0xC8:  # where they end cannot be told
                raise UnsupportedImage("Arithmetic-coded JPEG is not read; convert it to PNG.")
            precision, rows, columns, components = struct.unpack(">BHHB", segment[:6])
            lossless = marker in (0xC3, 0xC7)
            kind = "jpeg-ls" if marker == 0xF7 else "jpeg-lossless" if lossless else "jpeg"
            frame = kind, rows, columns, components, precision, marker in (0xC2, 0xC6)
    raise DamagedFile(
        "The JPEG codestream has no frame header, or no scan behind it: the file was cut or "
        "overwritten. Copy it again from its source."
    )


def _segments(data: Bytes) -> Iterator[tuple[int, Bytes]]:
    """Marker segments from SOI to the header of the first scan (ISO 10918-1 B.1.1.4)."""
    at = 2
    while at < len(data):
        if data[at] != 0xFF:
            raise DamagedFile(
                "The JPEG header is overwritten: a marker was expected (ISO 10918-1 B.1.1.2). "
                "Copy the file again from its source."
            )
        while data[at] == 0xFF:
            at += 1
        marker = data[at]
        at += 1
        if marker == 0xD9:
            return
        if marker == 0x01 or 0xD0 <= marker <= 0xD7:
            continue
        (length,) = struct.unpack(">H", data[at : at + 2])
        yield marker, data[at + 2 : at + length]
        if marker == 0xDA:
            return
        at += length


def _jpeg2000(data: Bytes) -> Codestream:
    """SIZ (ISO 15444-1 A.5.1)."""
    right, bottom, left, top = struct.unpack(">4I", data[8:24])
    (components,) = struct.unpack(">H", data[40:42])
    depth = data[42]
    return Codestream(
        "jpeg2000",
        bottom - top,
        right - left,
        components,
        (depth & 0x7F) + 1,
        _to_last_tile(data),
        signed=bool(depth & 0x80),
        levels=0 if components > 1 or depth & 0x80 or left or top else _levels(data),
    )


def _levels(data: Bytes) -> int:
    """Decomposition levels by the main header's COD (ISO 15444-1 A.6.1); 0 where it has none."""
    at = 2
    while at + 10 <= len(data) and data[at] == 0xFF and data[at + 1] not in (0x90, 0xD9):
        if data[at + 1] == 0x52:
            return int(data[at + 9])
        at += 2 + int(struct.unpack(">H", data[at + 2 : at + 4])[0])
    return 0


def _to_last_tile(data: Bytes) -> Bytes:
    """Cut what stands between the last tile-part and the end marker.

    Some writers pad there with a comment, which the codestream's grammar does not allow
    (ISO 15444-1 A.4.2) and OpenJPEG refuses; every tile-part before it is whole.
    """
    at = 2
    while bytes(data[at : at + 2]) not in (b"\xff\x90", b"\xff\xd9"):  # main header
        if at + 4 > len(data) or data[at] != 0xFF:
            return data
        at += 2 + int(struct.unpack(">H", data[at + 2 : at + 4])[0])
    while bytes(data[at : at + 2]) == b"\xff\x90":  # tile-parts
        (length,) = struct.unpack(">I", data[at + 6 : at + 10])
        if length < 14 or at + length > len(data) - 2:
            return data
        at += length
    if at < len(data) - 2 and bytes(data[at : at + 2]) == b"\xff\x64":
        return bytes(data[:at]) + b"\xff\xd9"
    return data


def exif_orientation(data: Bytes) -> int:
    """Orientation (0x0112) of an EXIF block, which is a small TIFF; 1 where it says nothing."""
    order = {b"II": "<", b"MM": ">"}.get(bytes(data[:2]))
    if order is None or len(data) < 14:
        return 1
    (at,) = struct.unpack(order + "I", data[4:8])
    if at + 2 > len(data):
        return 1
    (count,) = struct.unpack(order + "H", data[at : at + 2])
    for entry in range(at + 2, min(at + 2 + 12 * count, len(data) - 11), 12):
        tag, _, _, value = struct.unpack(order + "HHIH", data[entry : entry + 10])
        if tag == 0x0112:
            return value if 1 <= value <= 8 else 1
    return 1
