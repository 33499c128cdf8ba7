"""Pixel cells → Pixel Data, without loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import imagecodecs
import numpy as np
from pydicom.encaps import encapsulate
from rle.utils import encode_pixel_data

from hilum.deidentify.burned_in import Region
from hilum.imaging.decode import CODESTREAMS, NATIVE, RLE, Samples
from hilum.imaging.dicomfile import BIG_ENDIAN, EXPLICIT, DicomFile
from hilum.imaging.header import PixelHeader

_WITHOUT_LOSS = {
    "jpeg": "1.2.840.10008.1.2.4.70",
    "jpeg-lossless": "1.2.840.10008.1.2.4.70",
    "jpeg-ls": "1.2.840.10008.1.2.4.80",
    "jpeg2000": "1.2.840.10008.1.2.4.90",
    "htj2k": "1.2.840.10008.1.2.4.201",
}
"""What a codestream is → the Transfer Syntax that holds the same without loss."""

_jpeg: Callable[..., Any] = imagecodecs.jpeg8_encode  # their types know no arrays
_jpeg_ls: Callable[..., Any] = imagecodecs.jpegls_encode
_jpeg_2000: Callable[..., Any] = imagecodecs.jpeg2k_encode
_htj2k: Callable[..., Any] = imagecodecs.htj2k_encode


@dataclass(frozen=True, slots=True, eq=False)
class CleanPixels:
    """Pixel Data that may be shared.

    Attributes:
        value: of Pixel Data (7FE0,0010).
        syntax: Transfer Syntax UID.
        regions: what was blacked, in stored pixels.
        changed: keyword → value, for elements of the Image Pixel Module that must follow.
    """

    value: bytes
    syntax: str
    regions: tuple[Region, ...] = ()
    changed: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def encapsulated(self) -> bool:
        """Whether the value is a sequence of fragments."""
        return self.syntax not in NATIVE


def encoded(
    cells: Samples, file: DicomFile, pixel: PixelHeader, regions: tuple[Region, ...]
) -> CleanPixels:
    """Write cells in the family of syntaxes in which they came.

    Args:
        cells: [rows, columns] or [rows, columns, 3], as :func:`hilum.imaging.decode.decode` gives
            them.
        file: where they come from.
        pixel: its Image Pixel Module.
        regions: what was blacked.
    """
    if file.syntax in NATIVE or pixel.samples > 1:
        syntax = file.syntax if file.syntax in NATIVE else EXPLICIT
        return CleanPixels(as_native(cells, syntax, pixel), syntax, regions, _laid_out(file, pixel))
    if file.syntax == RLE:
        return CleanPixels(encapsulate([even(_run_lengths(cells))]), RLE, regions)
    kind = CODESTREAMS[file.syntax]
    if pixel.signed and kind in ("jpeg2000", "htj2k"):  # their encoders would need the sign
        deep = np.uint16 if pixel.allocated == 16 else np.uint8
        value = as_native(cells.astype(deep), EXPLICIT, pixel)
        return CleanPixels(value, EXPLICIT, regions, {"HighBit": pixel.stored - 1})
    cells = cells & cells.dtype.type((1 << pixel.stored) - 1)
    cells = np.ascontiguousarray(cells, np.uint8 if pixel.stored <= 8 else np.uint16)
    value = encapsulate([even(_codestream(cells, kind, pixel.stored))])
    return CleanPixels(value, _WITHOUT_LOSS[kind], regions, {"HighBit": pixel.stored - 1})


def _codestream(cells: Samples, kind: str, bits: int) -> bytes:
    if kind == "jpeg-ls":
        return bytes(_jpeg_ls(cells))
    if kind == "jpeg2000":
        return bytes(_jpeg_2000(cells, codecformat="j2k", reversible=True, bitspersample=bits))
    if kind == "htj2k":
        return bytes(_htj2k(cells, reversible=True))
    return bytes(_jpeg(cells, lossless=True, predictor=1, bitspersample=bits))


def _run_lengths(cells: Samples) -> bytes:
    little = np.ascontiguousarray(cells, cells.dtype.newbyteorder("<"))
    return bytes(
        encode_pixel_data(
            little.tobytes(),
            byteorder="<",
            rows=cells.shape[0],
            columns=cells.shape[1],
            samples_per_pixel=1,
            bits_allocated=8 * cells.dtype.itemsize,
        )
    )


def as_native(cells: Samples, syntax: str, pixel: PixelHeader) -> bytes:
    """Cells uncompressed, colour by pixel unless the header says plane by plane."""
    if pixel.samples > 1 and pixel.planar and syntax != EXPLICIT:
        cells = np.moveaxis(cells, 2, 0)
    order = ">" if syntax == BIG_ENDIAN else "<"
    return even(np.ascontiguousarray(cells, cells.dtype.newbyteorder(order)).tobytes())


def _laid_out(file: DicomFile, pixel: PixelHeader) -> dict[str, Any]:
    """What the Image Pixel Module says of colour that was decoded."""
    if pixel.samples == 1:
        return {}
    if file.syntax in (*NATIVE, RLE):
        full = pixel.photometric.startswith("YBR")
        photometric = "YBR_FULL" if full else "RGB"
        planar = int(pixel.planar and file.syntax in NATIVE and file.syntax != EXPLICIT)
    else:
        photometric, planar = "RGB", 0
    return {"PhotometricInterpretation": photometric, "PlanarConfiguration": planar}


def even(data: bytes) -> bytes:
    """Values of DICOM have an even length (PS3.5 7.1)."""
    return data + b"\x00" * (len(data) % 2)
