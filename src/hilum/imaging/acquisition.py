"""Header → the facts that a reader of the result needs; never a name or a number of a patient."""

from __future__ import annotations

import math
import re

from pydicom import Dataset
from pydicom.charset import python_encoding

from hilum.domain import Acquisition, Note, View
from hilum.errors import InvalidHeader
from hilum.imaging.dicomfile import PARSE_ERRORS
from hilum.imaging.elements import as_code, code, every, first, positive

_VIEW_POSITIONS = {
    "PA": View.PA,
    "AP": View.AP,
    "LL": View.LATERAL,
    "RL": View.LATERAL,
    "LAT": View.LATERAL,
    "LATERAL": View.LATERAL,
}
_VIEW_CODES = {  # CID 4010, in SNOMED CT and in the retired SNOMED-RT
    "272479007": View.PA,
    "R-10214": View.PA,
    "399348003": View.AP,
    "R-10206": View.AP,
    "399173006": View.LATERAL,
    "R-10236": View.LATERAL,
    "399198007": View.LATERAL,
    "R-10232": View.LATERAL,
    "399067008": View.LATERAL,
    "R-102CD": View.LATERAL,
}
_CODES = (
    "Modality",
    "BodyPartExamined",
    "ViewPosition",
    "ImageLaterality",
    "Laterality",
    "PatientSex",
    "PatientAge",
    "PatientOrientation",
)
_TEXTS = ("Manufacturer", "ManufacturerModelName")
_CALIBRATIONS = ("GEOMETRY", "FIDUCIAL")
"""Pixel Spacing Calibration Type (PS3.3 10.7.1.3)."""
_EQUAL = 1e-3
"""Two spacings that differ by less are one, rounded: no magnification is so small."""
_UID = re.compile(r"[0-9.]{1,64}")
_YEARS_A_UNIT = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}

TAGS = (
    0x00080005,  # Specific Character Set
    0x00280301,  # Burned In Annotation
    0x00080060,  # Modality
    0x00180015,  # Body Part Examined
    0x00185101,  # View Position
    0x00540220,  # View Code Sequence
    0x00200060,  # Laterality
    0x00200062,  # Image Laterality
    0x00200020,  # Patient Orientation
    0x00101010,  # Patient's Age
    0x00100040,  # Patient's Sex
    0x00280030,  # Pixel Spacing
    0x00280A02,  # Pixel Spacing Calibration Type
    0x00181164,  # Imager Pixel Spacing
    0x00182010,  # Nominal Scanned Pixel Spacing
    0x00080070,  # Manufacturer
    0x00081090,  # Manufacturer's Model Name
    0x00180060,  # KVP
    0x00280004,  # Photometric Interpretation
    0x00280101,  # Bits Stored
)


def acquisition(dataset: Dataset, syntax: str, frames: int) -> Acquisition:
    """Collect facts; what is absent or unreadable stays None.

    Args:
        dataset: the header.
        syntax: Transfer Syntax UID.
        frames: Number of Frames.

    Source:
        PS3.3 C.7.3.1, C.7.6.1, C.8.11, 10.7.1 (spacings).
    """
    spacing, at = _spacing_and_plane(dataset)
    laterality = code(dataset, "ImageLaterality") or code(dataset, "Laterality")
    sex = code(dataset, "PatientSex")
    return Acquisition(
        modality=code(dataset, "Modality"),
        body_part=code(dataset, "BodyPartExamined"),
        view=view(dataset),
        laterality=laterality if laterality in ("L", "R", "B", "U") else None,
        patient_orientation=_orientation(dataset),
        age_years=age_years(code(dataset, "PatientAge")),
        sex=sex if sex in ("M", "F", "O") else None,
        spacing_mm=spacing,
        spacing_at=at,
        manufacturer=_text(dataset, "Manufacturer"),
        model=_text(dataset, "ManufacturerModelName"),
        kvp=positive(dataset, "KVP"),
        photometric=code(dataset, "PhotometricInterpretation"),
        bits_stored=int(positive(dataset, "BitsStored") or 0) or None,
        transfer_syntax_uid=syntax,
        frames=frames,
    )


def remarks(dataset: Dataset) -> tuple[Note, ...]:
    """Tell what is odd about these facts, and which of them had to be left out."""
    found = [_character_set(dataset), _mirrored(dataset), _burned_in(dataset), _left_out(dataset)]
    return tuple(note for note in found if note is not None)


def _character_set(dataset: Dataset) -> Note | None:
    """Specific Character Set (0008,0005) must be made of the terms of PS3.3 C.12.1.1.2."""
    try:
        terms = [str(term).strip() for term in every(dataset, "SpecificCharacterSet")]
    except InvalidHeader:
        terms = ["unreadable"]
    if all(term in python_encoding for term in terms):
        return None
    return Note("character-set", "Specific Character Set is none that PS3.3 C.12.1.1.2 knows; "
                "names are not read.", warning=False)  # fmt: skip


def _mirrored(dataset: Dataset) -> Note | None:
    """Rows of a frontal picture lead to the patient's left (PS3.3 C.7.6.1.1.1)."""
    if not Acquisition(patient_orientation=_orientation(dataset)).mirrored:
        return None
    return Note("mirrored", "Patient Orientation R\\F: the picture is stored mirrored, the "
                "patient's left at the left; sides are swapped.")  # fmt: skip


def _burned_in(dataset: Dataset) -> Note | None:
    if code(dataset, "BurnedInAnnotation") != "YES":
        return None
    return Note("burned-in", "Text is burned into the picture, says Burned In Annotation "
                "(0028,0301): pictures made of it may name the patient.")  # fmt: skip


def _left_out(dataset: Dataset) -> Note | None:
    """Tell which of the facts are present and were not taken, for they are no value of their kind.

    Where a length is damaged, a value swallows the elements behind it: the patient's name and
    number would go into results.
    """
    taken = {keyword: code(dataset, keyword) for keyword in _CODES}
    taken |= {keyword: _text(dataset, keyword) for keyword in _TEXTS}
    taken["PatientOrientation"] = "".join(_orientation(dataset)) or None
    taken["SOPInstanceUID"] = instance_uid(dataset) or None
    odd = [keyword for keyword, value in taken.items() if value is None and _any(dataset, keyword)]
    if not odd:
        return None
    return Note("header-value-left-out", f"{', '.join(odd)}: no value of its kind (PS3.5 6.2); "
                "left out.", warning=False)  # fmt: skip


def instance_uid(dataset: Dataset) -> str:
    """SOP Instance UID; empty where it is absent or no UID (PS3.5 9.1)."""
    try:
        text = str(first(dataset, "SOPInstanceUID") or "").strip(" \x00")
    except InvalidHeader:
        return ""
    return text if _UID.fullmatch(text) else ""


def view(dataset: Dataset) -> View:
    """View Position (0018,5101), else View Code Sequence (0054,0220, CID 4010)."""
    position = code(dataset, "ViewPosition")
    if position in _VIEW_POSITIONS:
        return _VIEW_POSITIONS[position]
    try:
        item = first(dataset, "ViewCodeSequence")
    except InvalidHeader:
        item = None
    coded = (_text(item, "CodeValue") or "").upper() if isinstance(item, Dataset) else None
    if coded in _VIEW_CODES:
        return _VIEW_CODES[coded]
    return View.OTHER if position or coded else View.UNKNOWN


def age_years(text: str | None) -> float | None:
    """An Age String (PS3.5 6.2, such as 018M) in years; None where it is none.

    Example:
        >>> age_years("018M")
        1.5
    """
    match = re.fullmatch(r"([0-9]{1,3})([DWMY])", text or "")
    return int(match[1]) * _YEARS_A_UNIT[match[2]] if match else None


def _orientation(dataset: Dataset) -> tuple[str, ...]:
    try:
        values = every(dataset, "PatientOrientation")
    except InvalidHeader:
        return ()
    codes = [as_code(value) for value in values[:2]]
    return tuple(code for code in codes if code) if all(codes) else ()


def _spacing_and_plane(dataset: Dataset) -> tuple[tuple[float, float] | None, str | None]:
    """The spacing, and where it holds: "patient", "detector" or "unknown" (PS3.3 10.7.1).

    Pixel Spacing was calibrated where the header says how, or where it differs from the spacing
    at the detector or on the scanned film. Where it equals that it was copied from there; alone,
    nobody can tell.
    """
    spacing, imager = _spacing(dataset, "PixelSpacing"), _spacing(dataset, "ImagerPixelSpacing")
    if spacing is None:
        return imager, "detector" if imager else None
    if code(dataset, "PixelSpacingCalibrationType") in _CALIBRATIONS:
        return spacing, "patient"
    other = imager or _spacing(dataset, "NominalScannedPixelSpacing")
    if other is None:
        return spacing, "unknown"
    pairs = zip(spacing, other, strict=True)
    same = all(math.isclose(one, two, rel_tol=_EQUAL) for one, two in pairs)
    return spacing, "detector" if same else "patient"


def _spacing(dataset: Dataset, keyword: str) -> tuple[float, float] | None:
    try:
        rows, columns = (float(value) for value in every(dataset, keyword))
    except (InvalidHeader, ValueError, TypeError):
        return None
    usable = all(math.isfinite(value) and value > 0 for value in (rows, columns))
    return (rows, columns) if usable else None


def _text(dataset: Dataset, keyword: str) -> str | None:
    try:
        value = first(dataset, keyword)
    except (InvalidHeader, *PARSE_ERRORS):
        return None
    text = "" if value is None else str(value).strip(" \x00")
    usable = 0 < len(text) <= 64 and text.isprintable() and "^" not in text
    return text if usable else None


def _any(dataset: Dataset, keyword: str) -> bool:
    try:
        value = first(dataset, keyword)
    except InvalidHeader:
        return True
    return value is not None and str(value).strip(" \x00") != ""
