"""Pixels → a DICOM file: drawn pictures for demonstrations, and every odd header for tests."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict, Unpack

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import UID
from rle.utils import encode_pixel_data

_DX, _CR, _SC = (
    "1.2.840.10008.5.1.4.1.1.1.1",
    "1.2.840.10008.5.1.4.1.1.1",
    "1.2.840.10008.5.1.4.1.1.7",
)
_SOP_CLASSES = {"DX": _DX, "CR": _CR}
_IMPLEMENTATION = "2.25.195418720354811467402158793216841365"

TRANSFER_SYNTAXES = {
    "implicit": "1.2.840.10008.1.2",
    "explicit": "1.2.840.10008.1.2.1",
    "deflated": "1.2.840.10008.1.2.1.99",
    "big-endian": "1.2.840.10008.1.2.2",
    "rle": "1.2.840.10008.1.2.5",
    "jpeg": "1.2.840.10008.1.2.4.50",
    "jpeg-extended": "1.2.840.10008.1.2.4.51",
    "jpeg-lossless": "1.2.840.10008.1.2.4.70",
    "jpeg-ls": "1.2.840.10008.1.2.4.80",
    "jpeg-2000": "1.2.840.10008.1.2.4.90",
    "htj2k": "1.2.840.10008.1.2.4.201",
}
"""Names for ``transfer_syntax``."""

Table = tuple[int, Sequence[int], int]
"""First input mapped, entries, bits an entry."""


class DicomFacts(TypedDict, total=False):
    """What :func:`write_dicom` may be told; every key may be left out.

    Attributes:
        photometric: "MONOCHROME2" (default), "MONOCHROME1", "RGB".
        bits_stored: default: all bits of the array.
        transfer_syntax: a name in :data:`TRANSFER_SYNTAXES`; default "explicit".
        window: (centre, width), or several of them.
        voi_function: VOI LUT Function.
        voi_lut: table.
        rescale: (slope, intercept).
        modality_lut: table.
        presentation: Presentation LUT Shape; default for DX: what its photometric demands.
        padding: Pixel Padding Value, or (value, range limit).
        modality: "DX" (default), "CR", others are written as secondary capture.
        body_part: Body Part Examined; default "CHEST".
        view: View Position; default "PA".
        laterality: Image Laterality.
        orientation: Patient Orientation; default ("L", "F").
        age: Age String such as "045Y".
        sex: Patient's Sex.
        spacing_mm: (between rows, between columns).
        spacing_at: "detector" (default), "patient" or "unknown".
        patient_name: default "PHANTOM^HILUM".
        patient_id: default "PHANTOM".
        description: Series Description.
        study_uid: default: from the patient's number.
        series_uid: default: from the patient's number and description.
        instance_uid: default: from everything written.
        overrides: keyword → value, set last; None removes the element.
    """

    photometric: str
    bits_stored: int
    transfer_syntax: str
    window: tuple[float, float] | Sequence[tuple[float, float]]
    voi_function: str
    voi_lut: Table
    rescale: tuple[float, float]
    modality_lut: Table
    presentation: str
    padding: int | tuple[int, int]
    modality: str
    body_part: str
    view: str
    laterality: str
    orientation: tuple[str, str]
    age: str
    sex: str
    spacing_mm: tuple[float, float]
    spacing_at: str
    patient_name: str
    patient_id: str
    description: str
    study_uid: str
    series_uid: str
    instance_uid: str
    overrides: Mapping[str, Any]


def write_dicom(path: Path | str, stored: NDArray[Any], **facts: Unpack[DicomFacts]) -> Path:
    """Write stored values as a DX, CR or secondary capture file.

    The same input gives the same bytes: UIDs are derived from the content (PS3.5 B.2).

    Args:
        path: where to write; folders must exist.
        stored: uint8, int8, uint16 or int16; [rows, columns], [frames, rows, columns] or RGB
            [rows, columns, 3] with ``photometric="RGB"``.
        facts: see :class:`DicomFacts`.

    Returns:
        The path.

    Raises:
        ValueError: a type or transfer syntax that cannot be written.

    Source:
        PS3.3 A.26 (DX), C.7.6.3, C.11.1, C.11.2.
    """
    if stored.dtype.kind not in "iu" or stored.dtype.itemsize > 2:
        raise ValueError(f"stored must have 8 or 16 whole bits, got {stored.dtype}")
    syntax = UID(_syntax(facts.get("transfer_syntax", "explicit")))
    dataset = Dataset()
    _describe_patient(dataset, facts)
    _describe_pixels(dataset, stored, facts)
    _describe_grey(dataset, facts, signed=stored.dtype.kind == "i")
    _set_uids(dataset, stored, facts, syntax)
    for keyword, value in facts.get("overrides", {}).items():
        if value is not None:
            setattr(dataset, keyword, value)
        elif keyword in dataset:
            delattr(dataset, keyword)
    _add_pixels(dataset, stored, syntax)
    target = Path(path)
    dataset.save_as(
        target,
        implicit_vr=syntax.is_implicit_VR,
        little_endian=syntax.is_little_endian,
        enforce_file_format=True,
    )
    return target


def _syntax(name: str) -> str:
    if name not in TRANSFER_SYNTAXES:
        raise ValueError(f"transfer syntax {name!r}; known: {', '.join(TRANSFER_SYNTAXES)}")
    return TRANSFER_SYNTAXES[name]


def _describe_patient(dataset: Dataset, facts: DicomFacts) -> None:
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.Modality = facts.get("modality", "DX")
    dataset.Manufacturer = "Hilum"
    dataset.PatientName = facts.get("patient_name", "PHANTOM^HILUM")
    dataset.PatientID = facts.get("patient_id", "PHANTOM")
    dataset.PatientBirthDate = ""
    dataset.PatientSex = facts.get("sex", "")
    dataset.PatientAge = facts.get("age", "")
    dataset.StudyDate = dataset.StudyTime = dataset.AccessionNumber = dataset.StudyID = ""
    dataset.ReferringPhysicianName = ""
    dataset.SeriesNumber = dataset.InstanceNumber = "1"
    dataset.SeriesDescription = facts.get("description", "Research; drawn by code")
    dataset.BodyPartExamined = facts.get("body_part", "CHEST")
    dataset.ViewPosition = facts.get("view", "PA")
    dataset.ImageLaterality = facts.get("laterality", "U")
    dataset.PatientOrientation = list(facts.get("orientation", ("L", "F")))
    dataset.BurnedInAnnotation = "NO"
    dataset.PresentationIntentType = "FOR PRESENTATION"
    if "spacing_mm" in facts:
        at = facts.get("spacing_at", "detector")
        setattr(dataset, "ImagerPixelSpacing" if at == "detector" else "PixelSpacing",
                list(facts["spacing_mm"]))  # fmt: skip
        if at == "patient":
            dataset.PixelSpacingCalibrationType = "GEOMETRY"


def _describe_pixels(dataset: Dataset, stored: NDArray[Any], facts: DicomFacts) -> None:
    photometric = facts.get("photometric", "MONOCHROME2")
    colour = photometric == "RGB"
    if not colour and stored.ndim == 3:
        dataset.NumberOfFrames = stored.shape[0]
    rows, columns = stored.shape[:2] if colour else stored.shape[-2:]
    allocated = 8 * stored.dtype.itemsize
    dataset.SamplesPerPixel = 3 if colour else 1
    if colour:
        dataset.PlanarConfiguration = 0
    dataset.PhotometricInterpretation = photometric
    dataset.Rows, dataset.Columns = int(rows), int(columns)
    dataset.BitsAllocated = allocated
    dataset.BitsStored = facts.get("bits_stored", allocated)
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(stored.dtype.kind == "i")
    dataset.LossyImageCompression = "00"


def _describe_grey(dataset: Dataset, facts: DicomFacts, *, signed: bool) -> None:
    shape = {"MONOCHROME1": "INVERSE", "MONOCHROME2": "IDENTITY"}.get(
        dataset.PhotometricInterpretation
    )
    shape = facts.get("presentation", shape if dataset.Modality == "DX" else None)
    if shape:
        dataset.PresentationLUTShape = shape
    if dataset.Modality == "DX":
        dataset.PixelIntensityRelationship, dataset.PixelIntensityRelationshipSign = "LIN", 1
    if "rescale" in facts:
        dataset.RescaleSlope, dataset.RescaleIntercept = facts["rescale"]
        dataset.RescaleType = "US"
    if "modality_lut" in facts:
        dataset.ModalityLUTSequence = _lut(facts["modality_lut"], signed=signed)
        dataset.ModalityLUTSequence[0].ModalityLUTType = "US"
    if "voi_lut" in facts:
        half = 1 << (dataset.BitsStored - 1)
        ends = (-half, half - 1) if signed else (0, 2 * half - 1)
        slope, intercept = facts.get("rescale", (1.0, 0.0))
        below = min(end * slope + intercept for end in ends) < 0
        negative = below and "modality_lut" not in facts
        dataset.VOILUTSequence = _lut(facts["voi_lut"], signed=negative)
    if "window" in facts:
        pairs = np.atleast_2d(np.asarray(facts["window"], np.float64))
        dataset.WindowCenter, dataset.WindowWidth = pairs[:, 0].tolist(), pairs[:, 1].tolist()
    if "voi_function" in facts:
        dataset.VOILUTFunction = facts["voi_function"]
    if "padding" in facts:
        vr, ends = "SS" if signed else "US", np.atleast_1d(np.asarray(facts["padding"])).tolist()
        for tag, value in zip((0x00280120, 0x00280121), ends, strict=False):
            dataset.add_new(tag, vr, value)


def _lut(table: Table, *, signed: bool) -> DicomSequence:
    start, values, bits = table
    item = Dataset()
    entries = len(values) % 65536  # 65,536 is written as 0
    item.add_new(0x00283002, "SS" if signed else "US", _descriptor(entries, start, bits, signed))
    item.add_new(0x00283006, "OW", np.asarray(values, "<u2").tobytes())
    return DicomSequence([item])


def _descriptor(entries: int, start: int, bits: int, signed: bool) -> list[int]:
    # An SS descriptor holds the number of entries in the same 16 bits, as two's complement.
    return [entries - 65536 if signed and entries > 32767 else entries, start, bits]


def _set_uids(dataset: Dataset, stored: NDArray[Any], facts: DicomFacts, syntax: UID) -> None:
    patient = dataset.PatientID
    series = f"{patient}/{dataset.SeriesDescription}"
    content = hashlib.sha256(np.ascontiguousarray(stored).tobytes())
    content.update(repr(sorted((key, repr(value)) for key, value in facts.items())).encode())
    dataset.StudyInstanceUID = facts.get("study_uid", _uid(patient))
    dataset.SeriesInstanceUID = facts.get("series_uid", _uid(series))
    dataset.SOPInstanceUID = facts.get("instance_uid", _uid(content.hexdigest()))
    dataset.SOPClassUID = _SOP_CLASSES.get(dataset.Modality, _SC)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(dataset.SOPClassUID)
    meta.MediaStorageSOPInstanceUID = UID(dataset.SOPInstanceUID)
    meta.TransferSyntaxUID = syntax
    meta.ImplementationClassUID = UID(_IMPLEMENTATION)
    dataset.file_meta = meta


def _uid(text: str) -> UID:
    """A UID under 2.25, the arc of UUIDs (PS3.5 B.2), from a text."""
    digest = bytearray(hashlib.sha256(f"hilum {text}".encode()).digest()[:16])
    digest[6], digest[8] = digest[6] & 0x0F | 0x50, digest[8] & 0x3F | 0x80  # RFC 4122 version 5
    return UID(f"2.25.{int.from_bytes(digest, 'big')}")


def _add_pixels(dataset: Dataset, stored: NDArray[Any], syntax: UID) -> None:
    if not syntax.is_compressed or syntax.is_deflated:
        order = "<" if syntax.is_little_endian else ">"
        data = np.ascontiguousarray(stored, stored.dtype.newbyteorder(order)).tobytes()
        dataset.PixelData = data + b"\0" * (len(data) % 2)
        dataset["PixelData"].VR = "OB" if stored.dtype.itemsize == 1 else "OW"
        return
    mask = (1 << dataset.BitsStored) - 1  # codestreams hold the stored bits alone
    cells = np.ascontiguousarray(stored).view(f"u{stored.dtype.itemsize}") & mask
    frames = cells if "NumberOfFrames" in dataset else cells[None]
    dataset.PixelData = encapsulate([_encode(frame, dataset, syntax) for frame in frames])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True


def _encode(frame: NDArray[Any], dataset: Dataset, syntax: UID) -> bytes:
    bits = int(dataset.BitsStored)
    frame = np.ascontiguousarray(frame, np.uint8 if bits <= 8 and syntax != _RLE else frame.dtype)
    encoder: Callable[[], bytes | bytearray] = {
        TRANSFER_SYNTAXES["jpeg"]: lambda: imagecodecs.jpeg8_encode(frame, 95),
        TRANSFER_SYNTAXES["jpeg-extended"]: lambda: imagecodecs.jpeg8_encode(
            frame, 95, bitspersample=12
        ),
        TRANSFER_SYNTAXES["jpeg-lossless"]: lambda: imagecodecs.jpeg8_encode(
            frame, lossless=True, predictor=1, bitspersample=bits
        ),
        TRANSFER_SYNTAXES["jpeg-ls"]: lambda: imagecodecs.jpegls_encode(frame),
        TRANSFER_SYNTAXES["jpeg-2000"]: lambda: imagecodecs.jpeg2k_encode(
            frame, codecformat="j2k", reversible=True, bitspersample=bits
        ),
        TRANSFER_SYNTAXES["htj2k"]: lambda: imagecodecs.htj2k_encode(frame, reversible=True),
        _RLE: lambda: _run_lengths(frame),
    }[str(syntax)]
    data = bytes(encoder())
    return data + b"\0" * (len(data) % 2)


_RLE = TRANSFER_SYNTAXES["rle"]


def _run_lengths(frame: NDArray[Any]) -> bytes:
    rows, columns = frame.shape[:2]
    samples = frame.shape[2] if frame.ndim == 3 else 1
    data = frame.astype(frame.dtype.newbyteorder("<")).tobytes()
    return encode_pixel_data(
        data,
        byteorder="<",
        rows=rows,
        columns=columns,
        samples_per_pixel=samples,
        bits_allocated=8 * frame.dtype.itemsize,
    )
