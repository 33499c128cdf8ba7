"""DICOM bytes → radiograph."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.uid import UID

from hilum.domain import Acquisition, Affine, Note, Radiograph, Source
from hilum.errors import DamagedFile, InvalidHeader, NotAnImage, UnsupportedImage
from hilum.imaging import acquisition, header, lies, spacing
from hilum.imaging.colour import grey_and_chroma, ybr_partial_to_rgb, ybr_to_rgb
from hilum.imaging.decode import LOSSY, NATIVE, RLE, Samples, decode
from hilum.imaging.dicomfile import DicomFile, open_dicom, quiet
from hilum.imaging.digest import pixel_digest
from hilum.imaging.elements import every, first
from hilum.imaging.grey import GreyFacts, LookUp, Window, render
from hilum.imaging.tables import table_from

_TAGS = (*header.TAGS, *acquisition.TAGS)

Voi = Literal["file", "ignore"]


@dataclass(frozen=True, slots=True, eq=False)
class _Parsed:
    """Everything that the header says, in plain values."""

    file: DicomFile
    pixel: header.PixelHeader
    facts: GreyFacts
    palette: tuple[LookUp, ...]
    acquisition: Acquisition
    instance_uid: str
    notes: tuple[Note, ...]


def read_dicom(
    data: bytes,
    name: str,
    *,
    voi: Voi = "file",
    window: tuple[float, float] | None = None,
    longest_px: int | None = None,
    reduced: bool = False,
    mend: bool = False,
) -> Radiograph:
    """Read a DICOM file.

    Args:
        data: the whole file.
        name: kept as the source's name.
        voi: "ignore" leaves out the file's windows and VOI LUTs: percentiles are shown.
        window: (centre, width) in modality values instead of the file's own, as LINEAR.
        longest_px: shrink the picture to this longest side; never enlarged.
        reduced: decode JPEG 2000 and HTJ2K at the lowest resolution that ``longest_px`` allows.
        mend: put right what the picture shows to be wrong beyond doubt in the header.

    Raises:
        IntakeError: it cannot become a radiograph; the subclass and message say why.
    """
    with quiet() as warned:
        parsed = _parse(data)
        size = (parsed.pixel.rows, parsed.pixel.columns)
        doubts = spacing.examine_spacing(parsed.file.dataset, size, parsed.acquisition)
    pixel, notes = parsed.pixel, [*parsed.notes, *warned]
    notes += [(one.mended if mend else None) or one.note for one in doubts]
    cells, precision = decode(parsed.file, pixel, at_least_px=longest_px if reduced else None)
    digest = pixel_digest(cells)
    if cells.shape[0] < pixel.rows:
        digest = ""  # of other values than a copy in another syntax would give
        notes.append(
            Note("reduced-resolution", f"Decoded at {cells.shape[0]} × {cells.shape[1]} of "
                 f"{pixel.rows} × {pixel.columns} px, as asked.", warning=False)
        )  # fmt: skip
    facts, own_voi = parsed.facts, voi == "ignore" or window is not None
    if own_voi:
        facts = replace(facts, voi=Window(*window) if window is not None else None)
    if pixel.photometric in header.GREY:
        facts = _as_coded(cells, precision, parsed.file.syntax, facts, notes)
        found = lies.examine(cells, facts, of_chest=parsed.acquisition.of_chest, own_voi=own_voi)
        if mend:
            cells, facts, said = lies.mend(cells, facts, found)
            notes.extend(said)
        else:
            notes.extend(one.note for one in found)
    grey, words, chroma = _show(cells, parsed, facts, notes, longest_px)
    back = Affine.scale(pixel.columns / grey.shape[1], pixel.rows / grey.shape[0])
    source = Source(name, "dicom", size, back, parsed.instance_uid, digest)
    taken = spacing.without_spacing(parsed.acquisition, doubts) if mend else parsed.acquisition
    taken = replace(taken, grey=words)
    return Radiograph(grey, source, taken, tuple(notes), chroma)


def _parse(data: bytes) -> _Parsed:
    file = open_dicom(data, _TAGS)
    if file.pixels is None and _should_be_image(file.dataset):
        raise DamagedFile(
            "The file is an image by its SOP Class and holds no Pixel Data (7FE0,0010): it was cut "
            "before them, or an element before them has a wrong length. Copy it again from its "
            "source."
        )
    if file.pixels is None:
        raise NotAnImage(
            "The DICOM file holds no Pixel Data (7FE0,0010): it is a report, a presentation state "
            "or a header alone; or an element before the pixels has a wrong length. "
            "Give the image itself."
        )
    pixel = header.pixel_header(file.dataset)
    facts, notes = header.grey_facts(file.dataset, pixel)
    taken = acquisition.acquisition(file.dataset, file.syntax, pixel.frames)
    notes = (*file.notes, *notes, *acquisition.remarks(file.dataset))
    if pixel.frames > 1:
        notes += (Note("several-frames", f"The file holds {pixel.frames} frames; the first is "
                       "read."),)  # fmt: skip
    if pixel.photometric not in header.GREY:
        notes += (Note("colour", f"A colour picture ({pixel.photometric}) was turned to grey."),)
    if taken.modality in ("SC", "OT"):
        notes += (Note("secondary-capture", f"Modality {taken.modality}: a capture; grey levels "
                       "may have been changed before it was stored.", warning=False),)  # fmt: skip
    palette = _palette(file.dataset) if pixel.photometric == header.PALETTE else ()
    uid = acquisition.instance_uid(file.dataset)
    return _Parsed(file, pixel, facts, palette, taken, uid, notes)


def _should_be_image(dataset: Dataset) -> bool:
    """Whether the SOP Class (0008,0016) is one of images (PS3.4 B.5)."""
    uid = first(dataset, "SOPClassUID")
    return isinstance(uid, str) and "Image Storage" in UID(uid).name


def _show(
    cells: Samples,
    parsed: _Parsed,
    facts: GreyFacts,
    notes: list[Note],
    longest_px: int | None,
) -> tuple[NDArray[np.float32], str, float]:
    pixel = parsed.pixel
    if parsed.palette:
        index = np.arange(int(cells.max()) + 1, dtype=np.float64)
        rgb = np.stack([table(index) / ((1 << table.bits) - 1) for table in parsed.palette], 1)
        colours = np.take(np.rint(rgb * 255).astype(np.uint8), cells, axis=0)
        grey, chroma = grey_and_chroma(colours, longest_px)
        return grey, "palette, luma", chroma
    if pixel.photometric not in header.GREY:
        grey, chroma = grey_and_chroma(_to_rgb(cells, parsed), longest_px)
        return grey, "luma", chroma
    shown = render(cells, facts, longest_px=longest_px)
    notes.extend(shown.notes)
    return shown.pixels, shown.grey, 0.0


def _as_coded(
    cells: Samples, precision: int, syntax: str, facts: GreyFacts, notes: list[Note]
) -> GreyFacts:
    """A codestream holds values, not cells: High Bit says nothing about it (PS3.5 8.1.1)."""
    if syntax in (*NATIVE, RLE):
        return facts
    if syntax not in LOSSY and precision > facts.bits and int(cells.max()) >> facts.bits:
        notes.append(
            Note("bits-above", f"The pixels use {precision} bits, Bits Stored is "
                 f"{facts.bits}; the bits above are left out (PS3.5 8.1.1).")
        )  # fmt: skip
    return replace(facts, shift=0, saturate=syntax in LOSSY)


def _to_rgb(cells: Samples, parsed: _Parsed) -> Samples:
    """Undo YBR where the decoder has not done so."""
    native = parsed.file.syntax in (*NATIVE, RLE)
    photometric = parsed.pixel.photometric
    if not native or photometric == "RGB":
        stretch = parsed.pixel.allocated == 16 and cells.dtype == np.uint16
        spare = 16 - parsed.pixel.stored
        return np.left_shift(cells, spare, dtype=np.uint16) if stretch and spare else cells
    if cells.dtype != np.uint8:
        raise UnsupportedImage(f"{photometric} with 16 bits a sample is not read.")
    return ybr_partial_to_rgb(cells) if photometric == "YBR_PARTIAL_422" else ybr_to_rgb(cells)


def _palette(dataset: Dataset) -> tuple[LookUp, ...]:
    """Red, green and blue tables (PS3.3 C.7.6.3.1.5, C.7.6.3.1.6)."""
    if "SegmentedRedPaletteColorLookupTableData" in dataset:
        raise UnsupportedImage("Segmented palettes (PS3.3 C.7.9.2) are not read.")
    tables: list[LookUp] = []
    for colour in ("Red", "Green", "Blue"):
        name = f"{colour}PaletteColorLookupTable"
        descriptor = every(dataset, f"{name}Descriptor")
        if not descriptor:
            raise InvalidHeader(f"{name}Descriptor is missing: colours undefined.")
        tables.append(
            table_from(descriptor, first(dataset, f"{name}Data"), signed=False, name=name)
        )
    return tuple(tables)
