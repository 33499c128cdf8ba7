"""Pixel Data → pixel cells, by the fastest decoder that is right; sizes checked on the way."""

from __future__ import annotations

from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.errors import DamagedFile, InvalidHeader, UnsupportedImage
from hilum.imaging import isolation
from hilum.imaging.codecs import RLE_SPARE
from hilum.imaging.codestream import Bytes, Codestream, read_codestream
from hilum.imaging.dicomfile import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    DicomFile,
)
from hilum.imaging.ending import check_jpeg_end, check_no_hole
from hilum.imaging.frames import first_frame
from hilum.imaging.header import PixelHeader

RLE = "1.2.840.10008.1.2.5"
NATIVE = (IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN)
CODESTREAMS = {
    "1.2.840.10008.1.2.4.50": "jpeg",
    "1.2.840.10008.1.2.4.51": "jpeg",
    "1.2.840.10008.1.2.4.57": "jpeg-lossless",
    "1.2.840.10008.1.2.4.70": "jpeg-lossless",
    "1.2.840.10008.1.2.4.80": "jpeg-ls",
    "1.2.840.10008.1.2.4.81": "jpeg-ls",
    "1.2.840.10008.1.2.4.90": "jpeg2000",
    "1.2.840.10008.1.2.4.91": "jpeg2000",
    "1.2.840.10008.1.2.4.201": "htj2k",
    "1.2.840.10008.1.2.4.202": "htj2k",
    "1.2.840.10008.1.2.4.203": "htj2k",
}
"""Transfer Syntax UID → what its codestream is (PS3.5 A.4)."""

LOSSY = frozenset(
    {"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.81",
     "1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.4.203"}
)  # fmt: skip

Samples = NDArray[np.uint8 | np.uint16]


def decode(
    file: DicomFile, pixel: PixelHeader, *, at_least_px: int | None = None
) -> tuple[Samples, int]:
    """Decode the first frame.

    Args:
        file: with its pixel data.
        pixel: the checked Image Pixel Module.
        at_least_px: JPEG 2000 and HTJ2K may come halved, and halved again, as long as their longest
            side keeps so much; None: whole.

    Returns:
        Cells, uint8 or uint16 [rows, columns] or [rows, columns, 3], in the byte order of the
        machine (signed values as two's complement), and the bits a sample has in its codestream
        (Bits Allocated where there is none).

    Raises:
        DamagedFile: pixels are cut, or contradict the header.
        InvalidHeader: the declared transfer syntax is not the real one.
        UnsupportedImage: a transfer syntax that is not read.
    """
    assert file.pixels is not None, "open_dicom found none; the caller must have refused"
    if file.syntax not in (*NATIVE, RLE, *CODESTREAMS):
        raise UnsupportedImage(
            f"Transfer Syntax {file.syntax[:64]!r} is not read. Export the study uncompressed "
            "(Explicit VR Little Endian)."
        )
    if file.encapsulated is (file.syntax in NATIVE):
        raise InvalidHeader(
            f"Transfer Syntax {file.syntax} and the way Pixel Data is stored contradict each other "
            "(PS3.5 A.4): the header was changed without the pixels. Export the image again."
        )
    if file.syntax in NATIVE:
        return _native(file.pixels, file, pixel), pixel.allocated
    frame = first_frame(file.pixels, pixel.frames)
    if file.syntax == RLE:
        return _run_length(frame, pixel), pixel.allocated
    return _codestream(
        frame, CODESTREAMS[file.syntax], pixel, at_least_px, lossy=file.syntax in LOSSY
    )


def _native(pixels: memoryview, file: DicomFile, pixel: PixelHeader) -> Samples:
    needed = pixel.frame_bytes * pixel.frames
    if len(pixels) < needed:
        raise DamagedFile(
            f"Pixel Data holds {len(pixels):,} bytes, {pixel.rows} × {pixel.columns} px need "
            f"{needed:,}: the file was cut. Copy it again from its source."
        )
    spare = len(pixels) - needed
    if spare >= min(pixel.rows, pixel.columns) * pixel.allocated // 8:  # less is padding
        raise DamagedFile(
            f"Pixel Data holds {len(pixels):,} bytes, {pixel.rows} × {pixel.columns} px need no "
            f"more than {needed:,}: Rows, Columns or Number of Frames are wrong. Export the "
            "image again."
        )
    big = file.syntax == BIG_ENDIAN
    if pixel.allocated == 16:
        cells = np.frombuffer(pixels, ">u2" if big else "<u2", pixel.frame_bytes // 2)
        cells = cells.astype(np.uint16, copy=big)
    elif big and file.vr == "OW":  # bytes were swapped in pairs (PS3.5 7.3)
        even = pixel.frame_bytes + pixel.frame_bytes % 2
        cells = np.frombuffer(pixels, ">u2", even // 2).astype("<u2").view(np.uint8)
        cells = cells[: pixel.frame_bytes]
    else:
        cells = np.frombuffer(pixels, np.uint8, pixel.frame_bytes)
    cells = np.require(cells, requirements="A")
    size = (pixel.rows, pixel.columns)
    if pixel.photometric in ("YBR_FULL_422", "YBR_PARTIAL_422"):
        return _spread_422(cells, size)
    if pixel.samples == 1:
        return cells.reshape(size)
    return np.moveaxis(cells.reshape(3, *size), 0, 2) if pixel.planar else cells.reshape(*size, 3)


def _spread_422(cells: Samples, size: tuple[int, int]) -> Samples:
    """Y1 Y2 CB CR → Y CB CR a pixel (PS3.3 C.7.6.3.1.2)."""
    if size[1] % 2:
        raise InvalidHeader("YBR_FULL_422 needs an even number of Columns (PS3.3 C.7.6.3.1.2).")
    groups = cells.reshape(-1, 4)
    full = np.empty((len(groups), 2, 3), cells.dtype)
    full[:, :, 0] = groups[:, :2]
    full[:, :, 1:] = groups[:, None, 2:]
    return full.reshape(*size, 3)


def _run_length(frame: bytes | memoryview, pixel: PixelHeader) -> Samples:
    """RLE Lossless (PS3.5 Annex G), plane by plane."""
    shape = (pixel.rows, pixel.columns, pixel.samples)[: 2 if pixel.samples == 1 else 3]
    deep, size = pixel.allocated // 8, pixel.rows * pixel.columns
    planes = pixel.samples * deep
    low_first = [at + byte for at in range(0, planes, deep) for byte in reversed(range(deep))]

    def together(found: NDArray[Any]) -> NDArray[Any]:
        parts = [found[plane, :size].reshape(pixel.rows, pixel.columns) for plane in low_first]
        cells = cv2.merge(parts).view(f"<u{deep}").reshape(shape)
        return cells.astype(f"u{deep}", copy=False)

    like = ((planes, size + RLE_SPARE), "u1")
    cells = isolation.decode("rle", frame, like=like, take=together, planes=planes, size=size)
    return cast("Samples", cells)


def _codestream(
    frame: bytes | memoryview,
    declared: str,
    pixel: PixelHeader,
    at_least_px: int | None,
    *,
    lossy: bool,
) -> tuple[Samples, int]:
    stream = read_codestream(frame)
    if stream.kind != ("jpeg2000" if declared == "htj2k" else declared):
        raise InvalidHeader(
            f"The transfer syntax announces {declared}, the pixels are {stream.kind}: the header "
            "was changed without the pixels (PS3.5 A.4). Export the image again."
        )
    if (stream.rows, stream.columns, stream.components) != (
        pixel.rows,
        pixel.columns,
        pixel.samples,
    ):
        raise DamagedFile(
            f"The header announces {pixel.rows} × {pixel.columns} × {pixel.samples}, the "
            f"compressed picture is {stream.rows} × {stream.columns} × {stream.components} (rows, "
            "columns, samples): one of them was changed. Export the image again."
        )
    if stream.precision > 16:
        raise UnsupportedImage(f"{stream.precision} bits a sample are not read; 16 at most.")
    ybr = pixel.photometric.startswith("YBR")
    options: dict[str, str] = {}
    if pixel.samples == 3 and declared == "jpeg":
        options = {"colorspace": "YCBCR" if ybr else "RGB", "outcolorspace": "RGB"}
    if at_least_px is not None:
        halved = _halved(stream, declared, at_least_px)
        if halved is not None:
            return halved, stream.precision
    cells = decode_stream(stream, declared, **options)
    if stream.signed and pixel.signed:
        cells = _to_stored_bits(cells, pixel.stored, lossy=lossy)
    return cells, stream.precision


def _to_stored_bits(cells: Samples, bits: int, *, lossy: bool) -> Samples:
    """Drop the bits above Bits Stored where they repeat the sign; overshoot is clipped first."""
    values, top = cells.view(np.int16), 1 << (bits - 1)
    if lossy:
        values = np.clip(values, -top, top - 1)
    if values.min() < -top or values.max() >= top:
        return cells
    return values.view(np.uint16) & np.uint16(2 * top - 1)


def _halved(stream: Codestream, kind: str, at_least_px: int) -> Samples | None:
    """A JPEG 2000 picture at a lower resolution; None where it has none, or none that decodes."""
    longest, count = max(stream.rows, stream.columns), 0
    while count < stream.levels and -(-longest >> (count + 1)) >= at_least_px:
        count += 1
    if not count:
        return None
    check_no_hole(stream)
    size = (-(-stream.rows >> count), -(-stream.columns >> count))
    try:
        cells = isolation.decode(kind, stream.data, room=size[0] * size[1] * 2, halvings=count)
    except DamagedFile:  # whole, it may be read; else that says why not
        return None
    if cells.shape != size or cells.dtype.kind != "u":
        return None
    spare = 8 * cells.dtype.itemsize - stream.precision
    return np.right_shift(cells, spare, dtype=cells.dtype)  # Pillow fills the type's upper bits


def decode_stream(stream: Codestream, kind: str, **options: str) -> Samples:
    """Decode one codestream whose header was read.

    Args:
        stream: from :func:`read_codestream`.
        kind: its kind, or "htj2k".
        options: for that decoder (:mod:`hilum.imaging.codecs`).

    Raises:
        DamagedFile: the decoder gives up, or gives another size than its header says; the pixels
            end before the last row.
    """
    if stream.kind == "jpeg2000":
        check_no_hole(stream)

    shape = (stream.rows, stream.columns, stream.components)[: 2 if stream.components == 1 else 3]
    sign, size = "i" if stream.signed else "u", 2 if stream.precision > 8 else 1

    def decoded(data: Bytes) -> NDArray[np.generic]:
        return isolation.decode(kind, data, like=(shape, f"{sign}{size}"), **options)  # pyright: ignore[reportArgumentType]

    cells = decoded(stream.data)
    if cells.shape != shape:
        raise DamagedFile(f"The {kind} decoder gave {cells.shape}, its header says {shape}.")
    if stream.kind in ("jpeg", "jpeg-lossless"):
        check_jpeg_end(stream, cells, decoded)
    if cells.dtype.kind == "i":  # signed JPEG 2000: two's complement from here on
        cells = cells.astype(np.int16).view(np.uint16)
    return cast("Samples", cells)
