"""A file → its values at their stored depth: modality values in order, without a window."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hilum.domain import Radiograph
from hilum.errors import InvalidHeader
from hilum.imaging import header
from hilum.imaging.dicom import read_dicom
from hilum.imaging.dicomfile import open_dicom, quiet
from hilum.imaging.files import FoundFile
from hilum.imaging.grey import GreyFacts, stored_values
from hilum.imaging.intake import load
from hilum.imaging.raster import read_raster
from hilum.imaging.sniff import misnamed, sniff


@dataclass(frozen=True, slots=True, eq=False)
class FullDepth:
    """A picture at its stored depth.

    Attributes:
        pixels: [rows, columns], 0 black; uint8 up to 8 bits, else uint16. From 0 to 2^bits − 1.
        bits: depth.
        slope: modality value = slope × pixel + intercept; None for PNG, JPEG, TIFF and colour.
        intercept: see ``slope``.
        radiograph: the same picture as grey levels, and the facts of its header.
    """

    pixels: NDArray[np.uint8 | np.uint16]
    bits: int
    slope: float | None
    intercept: float | None
    radiograph: Radiograph


def read_full_depth(
    file: FoundFile, *, data: bytes | None = None, longest_px: int | None = None
) -> FullDepth:
    """Read a picture at its stored depth.

    Of a grey DICOM file these are the values after the Modality LUT (PS3.3 C.11.1), shifted so that
    the least that the stored bits can hold becomes 0, and turned around where low values are shown
    white; windows and VOI LUTs are left out. With a rescale slope they are stored values, one for
    one: ``slope`` and ``intercept`` lead to the modality values. With a Modality LUT they are its
    entries. Padding is 0. Colour becomes luma. Of PNG, JPEG and TIFF these are the samples as they
    are stored; floating point becomes 16 bits.

    Args:
        file: the file.
        data: its bytes, where they are loaded already.
        longest_px: average the picture down to this longest side; never enlarged.

    Raises:
        IntakeError: as :func:`hilum.imaging.read`.
    """
    data = load(file) if data is None else data
    kind = sniff(data)
    if kind == "dicom":
        return _dicom(data, file.name, longest_px)
    radiograph = read_raster(data, file.name, kind, longest_px=longest_px, full_range=True)
    note = misnamed(file.name, kind)
    if note is not None:
        radiograph = replace(radiograph, notes=(*radiograph.notes, note))
    depth = radiograph.acquisition.bits_stored or 8
    bits = depth if kind == "jpeg" else 8 if depth <= 8 else 16
    return _kept(radiograph, bits, None)


def _dicom(data: bytes, name: str, longest_px: int | None) -> FullDepth:
    with quiet():
        file = open_dicom(data, header.TAGS)
        pixel = None if file.pixels is None else header.pixel_header(file.dataset)
        grey = pixel is not None and pixel.photometric in header.GREY
        facts = header.grey_facts(file.dataset, pixel)[0] if pixel and grey else None
    if facts is None:  # colour; or without pixels, and reading says why that is
        radiograph = read_dicom(data, name, longest_px=longest_px)
        return _kept(radiograph, 16 if pixel and pixel.allocated == 16 else 8, None)
    bits, low, high = _range(facts)
    centre, width = (low + high + 1.0) / 2.0, high - low + 1.0
    if abs((width - 1.0) / (high - low) - 1.0) > 1e-6:
        raise InvalidHeader(
            f"Rescale Slope {facts.slope:g}, Rescale Intercept {facts.intercept:g}: the values "
            "cannot be told apart at this slope. Export the image again."
        )
    radiograph = read_dicom(data, name, window=(centre, width), longest_px=longest_px)
    step = (high - low) / ((1 << bits) - 1)
    return _kept(radiograph, bits, (-step, high) if facts.inverted else (step, low))


def _range(facts: GreyFacts) -> tuple[int, float, float]:
    """Depth, and the least and the most that a modality value can be."""
    if facts.modality is not None:
        return facts.modality.bits, 0.0, float((1 << facts.modality.bits) - 1)
    stored = stored_values(65536, GreyFacts(bits=facts.bits, signed=facts.signed))
    ends = [float(end) * facts.slope + facts.intercept for end in (stored.min(), stored.max())]
    if not (np.isfinite(ends).all() and ends[0] != ends[1]):
        raise InvalidHeader(
            f"Rescale Slope {facts.slope:g}, Rescale Intercept {facts.intercept:g}: a slope must "
            "be a number and not 0 (PS3.3 C.11.1.1.2). Export the image again."
        )
    return facts.bits, min(ends), max(ends)


def _kept(radiograph: Radiograph, bits: int, scale: tuple[float, float] | None) -> FullDepth:
    steps = radiograph.pixels * np.float32((1 << bits) - 1)
    kind = np.uint8 if bits <= 8 else np.uint16
    pixels = np.rint(steps).astype(kind)
    slope, intercept = scale or (None, None)
    return FullDepth(pixels, bits, slope, intercept, radiograph)
