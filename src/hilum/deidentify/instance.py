"""The bytes of a DICOM file → those of one without what identifies a patient."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID

from hilum.deidentify.burned_in import Region
from hilum.deidentify.encoding import CleanPixels, even
from hilum.deidentify.header import header
from hilum.deidentify.pixels import clean_pixels
from hilum.deidentify.rules import Pixels, Rules
from hilum.errors import DamagedFile, InvalidHeader, NotCleaned
from hilum.imaging.decode import NATIVE
from hilum.imaging.dicomfile import (
    BIG_ENDIAN,
    IMPLICIT,
    PARSE_ERRORS,
    DicomFile,
    open_dicom,
    quiet,
)
from hilum.imaging.elements import first, integer

_IMPLEMENTATION = "2.25.195418720354811467402158793216841365"
_WITHOUT_PIXELS = ("SR Storage", "Key Object Selection Document Storage",
                   "Softcopy Presentation State Storage")  # fmt: skip
_SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
_MOST_BYTES = 1 << 31


@dataclass(frozen=True, slots=True)
class CleanFile:
    """A file that may be shared.

    Attributes:
        data: its bytes.
        suffix: ".dcm" or ".png".
        regions: what was blacked, in pixels of the picture.
        size: (rows, columns); (0, 0) without a picture.
        patient: the pseudonym; "" for a picture without a header.
        uid: its SOP Instance UID; "" for a picture.
    """

    data: bytes
    suffix: str
    regions: tuple[Region, ...] = ()
    size: tuple[int, int] = (0, 0)
    patient: str = ""
    uid: str = ""


def clean_dicom(data: bytes, rules: Rules, pixels: Pixels = "clean") -> CleanFile:
    """De-identify a DICOM file: images, structured reports, presentation states, segmentations.

    File meta information is made anew; what stands behind the pixels goes.

    Args:
        data: the whole file.
        rules: what is kept of the header.
        pixels: what becomes of text in the pixels; see
            :func:`hilum.deidentify.pixels.clean_pixels`.

    Raises:
        IntakeError: the file cannot be read.
        NotCleaned: it holds what cannot be cleaned.
    """
    with quiet():
        file = open_dicom(data)
        kind = _kind(file)
    image = kind == "image"
    made = header(file.dataset, rules, cleaned_pixels=image and pixels == "clean")
    regions: tuple[Region, ...] = ()
    syntax = file.syntax
    if file.pixels is not None:
        clean = clean_pixels(file, pixels) if image else _segments(file)
        if image:
            _burned_in(made, clean, pixels)
        regions, syntax = clean.regions, clean.syntax
        for keyword, value in clean.changed.items():
            setattr(made, keyword, value)
        _attach(made, clean)
    written = _written(made, syntax)
    size = (integer(made, "Rows") or 0, integer(made, "Columns") or 0)
    uid = str(made.SOPInstanceUID)
    return CleanFile(written, ".dcm", regions, size, str(made.PatientID), uid)


def _kind(file: DicomFile) -> str:
    """What a file holds: "image", "segmentation" or "header".

    Raises:
        NotCleaned: another SOP class.
        DamagedFile: an image without pixels.
    """
    uid = str(first(file.dataset, "SOPClassUID") or "").strip(" \x00")
    if not uid:
        raise InvalidHeader(
            "SOPClassUID is missing, so that nobody can tell what the file holds. Export it again."
        )
    name = UID(uid).name
    kind = "image" if "Image Storage" in name else "segmentation" if uid == _SEGMENTATION else ""
    if kind and file.pixels is None:
        raise DamagedFile(
            "The file is an image by its SOP Class and holds no Pixel Data (7FE0,0010): it was cut "
            "before them. Copy it again from its source."
        )
    if not kind and file.pixels is None and any(word in name for word in _WITHOUT_PIXELS):
        return "header"
    if not kind:
        what = name if name != uid else "of a private or unknown kind"
        raise NotCleaned(
            f"The object ({what}) is none of those that are cleaned: images, segmentations, "
            "structured reports, presentation states. What it holds is known to nobody here."
        )
    return kind


def _burned_in(made: Dataset, clean: CleanPixels, pixels: Pixels) -> None:
    """What the header says of text in the pixels, before and after.

    Raises:
        NotCleaned: it admits text, and none was found.
    """
    if pixels == "leave":
        return
    said = str(first(made, "BurnedInAnnotation") or "").strip().upper()
    if said == "YES" and not clean.regions:
        raise NotCleaned(
            "Burned In Annotation (0028,0301) says that text is burned in, and none was found. "
            "Look at the picture yourself, and give --pixels leave if it shows none."
        )
    made.BurnedInAnnotation = "NO"


def _segments(file: DicomFile) -> CleanPixels:
    """The bits of a segmentation, and nothing behind them."""
    with quiet():
        numbers = [
            integer(file.dataset, keyword) or 0
            for keyword in ("Rows", "Columns", "NumberOfFrames", "BitsAllocated")
        ]
    rows, columns, frames, bits = numbers
    needed = -(-rows * columns * max(1, frames) * bits // 8)
    assert file.pixels is not None, "a segmentation without pixels is refused before"
    if file.syntax not in NATIVE or not 0 < needed < _MOST_BYTES:
        raise NotCleaned(
            "The segmentation is compressed, or its size makes no sense; export it uncompressed."
        )
    if len(file.pixels) < needed:
        raise DamagedFile(
            f"Pixel Data holds {len(file.pixels):,} bytes, {needed:,} are needed: the file was "
            "cut. Copy it again from its source."
        )
    return CleanPixels(even(bytes(file.pixels[:needed])), file.syntax)


def _attach(made: Dataset, clean: CleanPixels) -> None:
    made.PixelData = clean.value
    deep = (integer(made, "BitsAllocated") or 8) > 8
    wide = clean.syntax == IMPLICIT or (deep and not clean.encapsulated)
    made["PixelData"].VR = "OW" if wide else "OB"
    made["PixelData"].is_undefined_length = clean.encapsulated


def _written(made: Dataset, syntax: str) -> bytes:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(str(made.SOPClassUID))
    meta.MediaStorageSOPInstanceUID = UID(str(made.SOPInstanceUID))
    meta.TransferSyntaxUID = UID(syntax)
    meta.ImplementationClassUID = UID(_IMPLEMENTATION)
    meta.ImplementationVersionName = "HILUM"
    made.file_meta = meta
    made.preamble = b"\x00" * 128
    buffer = BytesIO()
    try:
        with quiet():
            made.save_as(
                buffer,
                implicit_vr=syntax == IMPLICIT,
                little_endian=syntax != BIG_ENDIAN,
                enforce_file_format=True,
            )
    except PARSE_ERRORS as error:
        raise DamagedFile(
            f"The header cannot be written again ({type(error).__name__}): an element makes no "
            "sense. Export the file again."
        ) from error
    return buffer.getvalue()
