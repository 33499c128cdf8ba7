"""Pixel Data → pixel cells, by the fastest decoder that is right; sizes checked on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from rle.utils import decode_pixel_data

from hilum.errors import DamagedFile, InvalidHeader, UnsupportedImage
from hilum.imaging.codestream import Codestream, read_codestream
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


def decode(file: DicomFile, pixel: PixelHeader) -> tuple[Samples, int]:
    """Decode the first frame.

    Args:
        file: with its pixel data.
        pixel: the checked Image Pixel Module.

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
            "(PS3.5 A.4): the header was changed without the pixels."
        )
    if file.syntax in NATIVE:
        return _native(file.pixels, file, pixel), pixel.allocated
    frame = first_frame(file.pixels, pixel.frames)
    if file.syntax == RLE:
        return _run_length(frame, pixel), pixel.allocated
    return _codestream(frame, CODESTREAMS[file.syntax], pixel)


def _native(pixels: memoryview, file: DicomFile, pixel: PixelHeader) -> Samples:
    needed = pixel.frame_bytes * pixel.frames
    if len(pixels) < needed:
        raise DamagedFile(
            f"Pixel Data holds {len(pixels):,} bytes, {pixel.rows} × {pixel.columns} px need "
            f"{needed:,}: the file was cut. Copy it again from its source."
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
    """RLE Lossless (PS3.5 Annex G): one segment a byte plane."""
    try:
        data = decode_pixel_data(
            bytes(frame),
            version=2,
            rows=pixel.rows,
            columns=pixel.columns,
            bits_allocated=pixel.allocated,
        )
    except (ValueError, RuntimeError, OverflowError) as error:
        raise DamagedFile("The run-length encoded pixels are damaged (PS3.5 Annex G).") from error
    cells = np.frombuffer(data, np.uint8 if pixel.allocated == 8 else "<u2")
    if cells.size != pixel.rows * pixel.columns * pixel.samples:
        raise DamagedFile(
            f"The run-length encoded pixels hold {cells.size:,} samples, {pixel.rows} × "
            f"{pixel.columns} × {pixel.samples} were announced."
        )
    cells = cells.reshape(pixel.samples, pixel.rows, pixel.columns)  # always plane by plane
    return cells[0] if pixel.samples == 1 else np.moveaxis(cells, 0, 2)


def _codestream(
    frame: bytes | memoryview, declared: str, pixel: PixelHeader
) -> tuple[Samples, int]:
    stream = read_codestream(frame)
    if stream.kind != ("jpeg2000" if declared == "htj2k" else declared):
        raise InvalidHeader(
            f"The transfer syntax announces {declared}, the pixels are {stream.kind}: the header "
            "was changed without the pixels."
        )
    if (stream.rows, stream.columns, stream.components) != (
        pixel.rows,
        pixel.columns,
        pixel.samples,
    ):
        raise DamagedFile(
            f"The header announces {pixel.rows} × {pixel.columns} × {pixel.samples}, the "
            f"compressed picture is {stream.rows} × {stream.columns} × {stream.components}."
        )
    if stream.precision > 16:
        raise UnsupportedImage(f"{stream.precision} bits a sample are not read; 16 at most.")
    ybr = pixel.photometric.startswith("YBR")
    colour = {"colorspace": "YCBCR" if ybr else "RGB", "outcolorspace": "RGB"}
    return decode_stream(
        stream, declared, **(colour if pixel.samples == 3 and declared == "jpeg" else {})
    ), stream.precision


def decode_stream(stream: Codestream, kind: str, **options: str) -> Samples:
    """Decode one codestream whose header was read.

    Args:
        stream: from :func:`read_codestream`.
        kind: its kind, or "htj2k".
        options: for the JPEG decoder.

    Raises:
        DamagedFile: the decoder gives up, or gives another size than its header says; the pixels
            end before the last row.
    """
    if stream.kind == "jpeg2000":
        check_no_hole(stream)
    decoder: Callable[..., Any] = {
        "jpeg": imagecodecs.jpeg8_decode,
        "jpeg-lossless": imagecodecs.jpeg8_decode,
        "jpeg-ls": imagecodecs.jpegls_decode,
        "jpeg2000": imagecodecs.jpeg2k_decode,
        "htj2k": imagecodecs.htj2k_decode,
    }[kind]
    try:
        cells = np.asarray(decoder(stream.data, **options))
    except (RuntimeError, ValueError, TypeError, NotImplementedError, MemoryError) as error:
        raise DamagedFile(f"The {kind} pixels cannot be decoded: {error}.") from error
    size = (stream.rows, stream.columns)
    if cells.shape[:2] != size or cells.size != size[0] * size[1] * stream.components:
        raise DamagedFile(f"The {kind} decoder gave {cells.shape}, its header says {size}.")
    if stream.kind in ("jpeg", "jpeg-lossless"):
        check_jpeg_end(stream, cells, lambda data: decoder(data, **options))
    if cells.dtype.kind == "i":  # signed JPEG 2000: two's complement from here on
        cells = cells.astype(np.int16).view(np.uint16)
    return cells
