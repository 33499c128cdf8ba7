"""Pixel data → the same picture, with text blacked and nothing but the picture."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom.encaps import encapsulate, generate_frames

from hilum.deidentify.burned_in import WORK_PX, Region, find_text
from hilum.deidentify.codestreams import without_comments
from hilum.deidentify.encoding import CleanPixels, as_native, encoded, even
from hilum.deidentify.rules import Pixels
from hilum.errors import DamagedFile, NotCleaned
from hilum.imaging import header
from hilum.imaging.decode import CODESTREAMS, LOSSY, NATIVE, RLE, Samples, decode
from hilum.imaging.dicomfile import DicomFile, quiet
from hilum.imaging.grey import GreyFacts, render, stored_values
from hilum.imaging.header import PixelHeader


def clean_pixels(file: DicomFile, pixels: Pixels) -> CleanPixels:
    """Black burned-in text, and leave out comments, unused bits and whatever follows the picture.

    Where nothing is blacked, compressed pixels stay as they are, byte by byte, but for comments.
    Where text is blacked they are compressed again without loss: JPEG as JPEG Lossless, JPEG-LS,
    JPEG 2000, HTJ2K and RLE as such; colour is stored uncompressed.

    Args:
        file: with pixel data.
        pixels: "clean": black text; "refuse" a picture with text; "leave" text where it is.

    Raises:
        IntakeError: the pixels cannot be decoded.
        NotCleaned: text, and it is to be refused; several frames or a palette, whose text is not
            looked for.
    """
    with quiet():
        pixel = header.pixel_header(file.dataset)
        facts = header.grey_facts(file.dataset, pixel)[0] if pixel.samples == 1 else None
    if pixels == "leave":
        return _left(file, pixel)
    if pixel.frames > 1:
        raise NotCleaned(
            f"The file holds {pixel.frames} frames, and text is looked for in single pictures. "
            "Look at it yourself, and give --pixels leave if it shows none."
        )
    if pixel.photometric == header.PALETTE:
        raise NotCleaned(
            "The picture has a palette, in which no text is looked for. Look at it yourself, and "
            "give --pixels leave if it shows none."
        )
    cells, _ = decode(file, pixel)
    cells = _stored_bits(cells, file, pixel)
    regions = _text_in(cells, file, pixel, facts)
    if regions and pixels == "refuse":
        raise NotCleaned(
            f"Text seems to be burned into the pixels, at {len(regions)} "
            f"{'place' if len(regions) == 1 else 'places'}; --pixels clean would black it."
        )
    if not regions:
        return _left(file, pixel, cells)
    blacked = cells.copy()
    for region in regions:
        part = blacked[region.top : region.bottom, region.left : region.right]
        part[:] = _black(cells, file, pixel)
    return encoded(blacked, file, pixel, regions)


def _left(file: DicomFile, pixel: PixelHeader, cells: Samples | None = None) -> CleanPixels:
    """The picture as it is."""
    assert file.pixels is not None, "the caller asks for pixels"
    if file.syntax in CODESTREAMS:
        frames = generate_frames(bytes(file.pixels), number_of_frames=pixel.frames)
        try:
            return CleanPixels(
                encapsulate([even(without_comments(frame)) for frame in frames]), file.syntax
            )
        except (DamagedFile, ValueError):  # a layout of its own: decoded, it may be written anew
            pass
    if pixel.frames > 1 and file.syntax not in NATIVE:
        raise NotCleaned(
            f"The file holds {pixel.frames} compressed frames that cannot be told from what else "
            "may stand among them. Export it uncompressed."
        )
    if pixel.frames > 1 or pixel.photometric.endswith("_422"):
        needed = pixel.frame_bytes * pixel.frames
        decode(file, pixel)  # checks the length
        return CleanPixels(even(bytes(file.pixels[:needed])), file.syntax)
    if cells is None:
        cells = _stored_bits(decode(file, pixel)[0], file, pixel)
    if file.syntax in NATIVE:
        return CleanPixels(as_native(cells, file.syntax, pixel), file.syntax)
    return encoded(cells, file, pixel, ())


def _stored_bits(cells: Samples, file: DicomFile, pixel: PixelHeader) -> Samples:
    """Cells in which the bits that are not stored hold nothing: overlays were kept there once."""
    if pixel.samples > 1 or pixel.stored == pixel.allocated:
        return cells
    native = file.syntax in (*NATIVE, RLE)
    shift = pixel.high_bit + 1 - pixel.stored if native else 0
    top = (1 << pixel.stored) - 1
    if not native and file.syntax in LOSSY and not pixel.signed:
        return np.minimum(cells, cells.dtype.type(top))
    kept = cells & cells.dtype.type(top << shift)
    if pixel.signed and not shift:  # the sign goes on to the left, as most writers have it
        negative = (kept >> (pixel.stored - 1)) & 1
        above = cells.dtype.type(((1 << 8 * cells.itemsize) - 1) ^ top)
        kept |= cast("Samples", negative * above)
    return kept


def _text_in(
    cells: Samples, file: DicomFile, pixel: PixelHeader, facts: GreyFacts | None
) -> tuple[Region, ...]:
    """Text as a viewer shows the picture, and as its stored values alone would show it."""
    size = cells.shape[:2]
    if facts is None:
        bright = cells[..., 0] if _is_ybr(file, pixel) else cells.max(axis=2)
        pictures = [_small(bright, *_ends(bright))]
    else:
        if file.syntax not in (*NATIVE, RLE):
            facts = replace(facts, shift=0)  # a codestream holds values (PS3.5 8.1.1)
        values = _values(cells, file, pixel)
        shown = render(cells, facts, longest_px=WORK_PX[0]).pixels
        pictures = [shown, _small(values, *_ends(values))]
    found: list[Region] = []
    for picture in pictures:
        up, across = size[0] / picture.shape[0], size[1] / picture.shape[1]
        found += [
            Region(
                int(one.left * across),
                int(one.top * up),
                min(size[1], int(np.ceil(one.right * across))),
                min(size[0], int(np.ceil(one.bottom * up))),
            )
            for one in find_text(picture)
        ]
    return tuple(sorted(set(found), key=lambda r: (r.top, r.left, r.bottom, r.right)))


def _is_ybr(file: DicomFile, pixel: PixelHeader) -> bool:
    return pixel.photometric.startswith("YBR") and file.syntax in (*NATIVE, RLE)


def _ends(values: NDArray[np.generic]) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def _small(values: NDArray[np.generic], low: float, high: float) -> NDArray[np.float32]:
    """Values from low to high as [0, 1], no longer than text is looked for at."""
    grey = (values.astype(np.float32) - np.float32(low)) / np.float32(max(high - low, 1.0))
    scale = min(1.0, WORK_PX[0] / max(grey.shape))
    if scale == 1.0:
        return grey
    size = max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.float32)


def _values(cells: Samples, file: DicomFile, pixel: PixelHeader) -> NDArray[np.float32]:
    """Stored values (PS3.5 8.1.1)."""
    native = file.syntax in (*NATIVE, RLE)
    shift = pixel.high_bit + 1 - pixel.stored if native else 0
    facts = GreyFacts(bits=pixel.stored, shift=shift, signed=pixel.signed)
    table = stored_values(1 << 8 * cells.itemsize, facts)
    return np.asarray(table, np.float32)[cells]


def _black(cells: Samples, file: DicomFile, pixel: PixelHeader) -> Any:
    """The darkest cell of the picture, so that its range of values stays as it is."""
    if pixel.samples > 1:
        return (0, 128, 128) if _is_ybr(file, pixel) else 0
    values = _values(cells, file, pixel)
    index = values.argmax() if pixel.photometric == "MONOCHROME1" else values.argmin()
    return cells.reshape(-1)[index]
