"""Who and what a radiograph is of: read from its header, for the database and pages alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from pydicom import Dataset

from hilum.errors import IntakeError, NotAccepted
from hilum.imaging.dicomfile import PARSE_ERRORS, open_dicom, quiet
from hilum.imaging.elements import unescaped
from hilum.imaging.sniff import sniff

_TAGS = (
    0x00080005, 0x00080016, 0x00080018, 0x00080020, 0x00080030, 0x00080050, 0x00081030,
    0x00080022, 0x00080032, 0x00081032, 0x00100010, 0x00100020, 0x00100021, 0x00100030,
    0x00100040, 0x0020000D, 0x0020000E, 0x00080070, 0x00081090,
)  # fmt: skip

_INSTANCE = (0x00080018,)

_OLD_DAY = re.compile(r"[0-9]{4}\.[0-9]{2}\.[0-9]{2}")
_CLOCK = re.compile(r"([01][0-9]|2[0-3])(?::?([0-5][0-9])(?::?([0-5][0-9])(?:\.[0-9]{0,6})?)?)?")


@dataclass(frozen=True, slots=True)
class Identity:
    """Facts of one file; empty where it does not say.

    Attributes:
        taken: YYYYMMDDHHMMSS, as much as is known.
        issuer: Issuer of Patient ID.
    """

    format: str
    study_uid: str = ""
    series_uid: str = ""
    uid: str = ""
    sop_class: str = ""
    syntax: str = ""
    patient_id: str = ""
    issuer: str = ""
    patient_name: str = ""
    birth_date: str = ""
    sex: str = ""
    accession: str = ""
    description: str = ""
    taken: str = ""

    @property
    def patient(self) -> str:
        """The key by which visits of one patient are found; empty where there is none."""
        return f"{self.issuer}\\{self.patient_id}" if self.patient_id else ""


def identity(data: bytes) -> Identity:
    """Facts of a file.

    Args:
        data: the whole file.

    Raises:
        IntakeError: it is no radiograph's file, or damaged.
        NotAccepted: a DICOM file without valid instance and study UIDs; a result of Hilum, which an
            archive may send back.
    """
    kind = sniff(data)
    if kind != "dicom":
        return Identity(kind)
    with quiet():
        file = open_dicom(data, _TAGS)
        read = _Texts(file.dataset)
        found = Identity(
            format="dicom",
            study_uid=read("StudyInstanceUID", 64),
            series_uid=read("SeriesInstanceUID", 64),
            uid=read("SOPInstanceUID", 64),
            sop_class=read("SOPClassUID", 64),
            syntax=file.syntax[:64],
            patient_id=read("PatientID", 80),
            issuer=read("IssuerOfPatientID", 80),
            patient_name=read("PatientName", 400),
            birth_date=_day(read("PatientBirthDate", 10)),
            sex=read("PatientSex", 4),
            accession=read("AccessionNumber", 64),
            description=read("StudyDescription", 200),
            taken=_taken(read),
        )
        if (read("Manufacturer", 5), read("ManufacturerModelName", 5)) == ("Hilum", "Hilum"):
            raise NotAccepted(
                "own-result",
                "It is a result of Hilum, no radiograph. Send radiographs alone, or keep results "
                "out of what the archive passes on.",
            )
    for name, uid in (("SOP Instance UID", found.uid), ("Study Instance UID", found.study_uid)):
        if not uid or set(uid) - set("0123456789."):
            raise NotAccepted(
                "no-uid",
                f"The file has no valid {name}: it cannot be told apart from others, and no result "
                f"can be filed with it. Export it again from its source.",
            )
    return found


def own_uid(data: bytes) -> str:
    """SOP Instance UID of a DICOM file's data set; empty where there is none, or no header."""
    try:
        with quiet():
            return _Texts(open_dicom(data, _INSTANCE).dataset)("SOPInstanceUID", 64)
    except IntakeError:
        return ""


class _Texts:
    """Elements as text, whatever stands in them."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    def __call__(self, keyword: str, most: int) -> str:
        try:
            value = self._dataset.get(keyword)
            text = "" if value is None else str(value)
        except PARSE_ERRORS:
            return ""
        text = unescaped(text)
        printable = "".join(letter if letter.isprintable() else " " for letter in text)
        return printable.strip()[:most]


def _taken(read: _Texts) -> str:
    """Day and time, of the acquisition where it tells a day; a time alone tells nothing."""
    for first, second in (("Acquisition", "Study"), ("Study", "Acquisition")):
        day = _day(read(f"{first}Date", 10))
        if day:
            return day + (_clock(read(f"{first}Time", 16)) or _clock(read(f"{second}Time", 16)))
    return ""


def _day(text: str) -> str:
    """YYYYMMDD; empty where it is no day. Old files have YYYY.MM.DD (PS3.5 6.2, DA)."""
    digits = text.replace(".", "") if _OLD_DAY.fullmatch(text) else text
    try:
        datetime.strptime(digits, "%Y%m%d")
    except ValueError:
        return ""
    return digits if len(digits) == 8 and digits.isascii() and digits.isdigit() else ""


def _clock(text: str) -> str:
    """HHMMSS, HHMM or HH; empty where it is no time. Old files have HH:MM:SS (PS3.5 6.2, TM)."""
    return "".join(found.groups("")) if (found := _CLOCK.fullmatch(text)) else ""
