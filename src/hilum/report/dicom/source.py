"""The header of a radiograph → what its results take over, each value checked.

Headers of real devices hold empty UIDs, dates that are none, and texts longer than their kind
allows. What identifies patient, study and picture must be right, or nothing is made; everything
else is left empty where the standard allows it, so that the objects stay valid.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from copy import copy, deepcopy
from datetime import datetime
from fractions import Fraction
from typing import Any

from pydicom import Dataset, config
from pydicom.uid import UID
from pydicom.valuerep import validate_value

from hilum.errors import InvalidHeader, ResultError
from hilum.imaging.dicomfile import quiet
from hilum.imaging.elements import every, first, integer, unescaped

_UID = re.compile(r"[012](\.(0|[1-9][0-9]*))+")
_OFFSET = re.compile(r"([+-])(0[0-9]|1[0-4])([0-5][0-9])")
_SIDES = re.compile(r"[LRAPHF]{1,3}")
_IDENTITY = {
    "StudyInstanceUID": "the study",
    "SeriesInstanceUID": "the series",
    "SOPInstanceUID": "the radiograph",
    "SOPClassUID": "the kind of image",
}
_EMPTY_IF_BAD: Mapping[str, str] = {
    "PatientName": "PN",
    "PatientID": "LO",
    "PatientBirthDate": "DA",
    "PatientSex": "CS",
    "StudyDate": "DA",
    "StudyTime": "TM",
    "AccessionNumber": "SH",
    "StudyID": "SH",
    "ReferringPhysicianName": "PN",
}
"""Type 2 of the modules Patient and General Study (PS3.3 C.7.1.1, C.7.2.1): may be empty."""

_LEFT_OUT_IF_BAD: Mapping[str, str] = {
    "IssuerOfPatientID": "LO",
    "PatientAge": "AS",
    "PatientSize": "DS",
    "PatientWeight": "DS",
    "StudyDescription": "LO",
}


def cleaned(source: Dataset) -> Dataset:
    """What the results of a radiograph take over from its header.

    Args:
        source: the header; pixels are not needed.

    Returns:
        Patient and study, UIDs, Modality, Patient Orientation, Rows and Columns (where the header
        has them), Number of Frames (where several), Pixel Aspect Ratio (where pixels are not
        square), Timezone Offset From UTC. All texts as Unicode.

    Raises:
        ResultError: a UID that the results need is missing or none, or names no kind of image.
    """
    with quiet():
        made = Dataset()
        made.SpecificCharacterSet = "ISO_IR 192"
        for keyword, what in _IDENTITY.items():
            setattr(made, keyword, _uid(source, keyword, what))
        _check_image(made.SOPClassUID)
        for keyword, vr in _EMPTY_IF_BAD.items():
            setattr(made, keyword, _text(source, keyword, vr) or "")
        for keyword, vr in _LEFT_OUT_IF_BAD.items():
            value = _text(source, keyword, vr)
            if value is not None:
                setattr(made, keyword, value)
        if made.PatientSex not in ("M", "F", "O", ""):
            made.PatientSex = ""
        made.Modality = _text(source, "Modality", "CS") or "OT"
        made.PatientOrientation = _orientation(source)
        zone = _text(source, "TimezoneOffsetFromUTC", "SH") or ""
        if _OFFSET.fullmatch(zone):
            made.TimezoneOffsetFromUTC = zone
        for keyword in ("Rows", "Columns"):
            size = _whole(source, keyword)
            if size is not None and 0 < size < 65536:
                setattr(made, keyword, size)
        aspect = _aspect(source)
        if aspect is not None:
            made.PixelAspectRatio = list(aspect)
        frames = _whole(source, "NumberOfFrames")
        if frames is not None and frames > 1 and _holds_frames(made.SOPClassUID):
            made.NumberOfFrames = frames
    return made


def without_patient(header: Dataset) -> Dataset:
    """A cleaned header for highdicom, which quotes names in warnings and in its log.

    :func:`with_patient` puts them into what was made.
    """
    bare = deepcopy(header)
    for keyword in (*_EMPTY_IF_BAD, *_LEFT_OUT_IF_BAD):
        if keyword in bare:
            del bare[keyword]
        if keyword in _EMPTY_IF_BAD:
            setattr(bare, keyword, None)
    return bare


def with_patient(made: Dataset, header: Dataset) -> None:
    """Set patient and study of an object to those of a cleaned header."""
    for keyword in (*_EMPTY_IF_BAD, *_LEFT_OUT_IF_BAD):
        if keyword in header:
            made[keyword] = copy(header[keyword])


def size_of(header: Dataset, record: Mapping[str, Any] | None = None) -> tuple[int, int]:
    """Rows and columns of a cleaned header.

    Args:
        header: from :func:`cleaned`.
        record: of the reading, whose shape must be the same; None where there is none.

    Raises:
        ResultError: the header has no size, or the reading is of a picture of another size.
    """
    if "Rows" not in header or "Columns" not in header:
        raise ResultError(
            "Rows (0028,0010) or Columns (0028,0011) of the radiograph's header are missing or "
            "none, so nothing can be placed on it. Only a structured report can be made."
        )
    size = int(header.Rows), int(header.Columns)
    read = record.get("shape") if record is not None else None
    if read is not None and tuple(read) != size:
        raise ResultError(
            f"The reading is of a picture of {read[0]} × {read[1]} px, the header of one of "
            f"{size[0]} × {size[1]} px (rows × columns): give the header of the radiograph that "
            "was read."
        )
    return size


def _check_image(sop_class_uid: str) -> None:
    name = UID(sop_class_uid).name
    if "Image Storage" not in name:
        known = f"SOP Class {name}" if name != sop_class_uid else "a SOP Class that nobody knows"
        raise ResultError(
            f"The header is of {known}, not of an image (PS3.4 B.5): results are made of "
            "radiographs. Export the image again."
        )


def _holds_frames(sop_class_uid: str) -> bool:
    """Whether a reference to an image of that class may name a frame (PS3.3 10.3)."""
    name = UID(sop_class_uid).name
    return any(word in name for word in ("Multi-frame", "Enhanced", "Angiographic", "fluoro"))


def _uid(source: Dataset, keyword: str, what: str) -> str:
    try:
        value = first(source, keyword)
    except InvalidHeader:
        value = None
    text = "" if value is None else str(value).strip(" \x00")
    if len(text) > 64 or not _UID.fullmatch(text):
        raise ResultError(
            f"{keyword} of the radiograph's header is {'no UID' if text else 'missing'} (PS3.5 9), "
            f"so a result cannot name {what}. Results of this file cannot be stored as DICOM; "
            "export the image again."
        )
    return text


def _text(source: Dataset, keyword: str, vr: str) -> str | None:
    """A value as text that its kind allows; None where it is absent or something else.

    Several where one belongs are none: the first of two patients' numbers would be somebody's.
    """
    try:
        values = every(source, keyword)
    except InvalidHeader:
        return None
    if len(values) != 1 or isinstance(values[0], (bytes, Dataset)):
        return None
    value = values[0]
    text = "".join(c for c in unescaped(str(value)) if unicodedata.category(c)[0] != "C").strip()
    if not text or "\\" in text:
        return None
    try:
        validate_value(vr, text, config.RAISE)
    except ValueError:
        return None
    return text if _makes_sense(vr, text) else None


def _makes_sense(vr: str, text: str) -> bool:
    if vr == "DA":
        return _parses(text, "%Y%m%d")
    if vr == "TM":
        whole, _, fraction = text.partition(".")
        form = {2: "%H", 4: "%H%M", 6: "%H%M%S"}.get(len(whole), "")
        return (
            bool(form)
            and whole.isdigit()
            and (not fraction or fraction.isdigit())
            and _parses(whole, form)
        )
    return True


def _parses(text: str, form: str) -> bool:
    try:
        datetime.strptime(text, form)
    except ValueError:
        return False
    return text.isascii() and text.isdigit()


def _whole(source: Dataset, keyword: str) -> int | None:
    try:
        return integer(source, keyword)
    except InvalidHeader:
        return None


def _aspect(source: Dataset) -> tuple[int, int] | None:
    """Height and width of a pixel as whole numbers; None of pixels that are square, or not told.

    Source:
        PS3.3 10.7.1.3 (spacings), C.7.6.3.1.7.
    """
    for keyword in ("PixelSpacing", "ImagerPixelSpacing", "PixelAspectRatio"):
        try:
            high, wide = (float(str(value)) for value in every(source, keyword))
        except (InvalidHeader, ValueError):
            continue
        if not (math.isfinite(high) and math.isfinite(wide) and min(high, wide) > 0):
            continue
        ratio = Fraction(high / wide).limit_denominator(1000)
        ends = ratio.numerator, ratio.denominator
        return ends if ends[0] != ends[1] and 0 < ends[0] < 100_000 else None
    return None


def _orientation(source: Dataset) -> list[str]:
    try:
        sides = [str(side).strip() for side in every(source, "PatientOrientation")]
    except InvalidHeader:
        return []
    return sides if len(sides) == 2 and all(map(_SIDES.fullmatch, sides)) else []
