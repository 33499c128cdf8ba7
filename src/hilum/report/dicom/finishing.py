"""What all objects share: identity, equipment, times, how they are written."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from importlib.util import find_spec
from io import BytesIO
from typing import Any

from pydicom import Dataset, dcmwrite
from pydicom.uid import UID

from hilum.errors import MissingExtra, ResultError
from hilum.report.dicom.facts import ResultFacts
from hilum.report.dicom.kinds import Kind
from hilum.report.dicom.source import with_patient
from hilum.report.dicom.uids import IMPLEMENTATION, derived_uid

CAUTION = "AI, investigational; not for diagnosis"
CAUTION_LONG = (
    "AI, investigational; not for diagnosis. Research software, no medical device. Every result "
    "needs a person who can judge the radiograph; a finding that is not listed may still be there."
)

_DATES = (
    "InstanceCreationDate", "ContentDate", "SeriesDate", "PresentationCreationDate",
    "DateOfSecondaryCapture",
)  # fmt: skip


def need_highdicom() -> None:
    """See that highdicom is there.

    Raises:
        MissingExtra: it is not.
    """
    if find_spec("highdicom") is None:
        raise MissingExtra("DICOM objects are made with highdicom: pip install 'hilum[serve]'")


@contextmanager
def typed(header: Dataset, kind: Kind) -> Generator[None]:
    """What highdicom refuses as one of Hilum's errors; its own text may quote the header.

    Raises:
        ResultError: a SOP Class that highdicom does not know, or needs more of than there is.
    """
    try:
        yield
    except (ValueError, KeyError) as error:
        raise ResultError(
            f"No {kind.name.lower()} can be made of an image of SOP Class "
            f"{UID(header.SOPClassUID).name} ({type(error).__name__} from highdicom): results are "
            "made of digital and computed radiographs and secondary captures."
        ) from error


def identity(header: Dataset, facts: ResultFacts, kind: Kind) -> dict[str, Any]:
    """Arguments that every class of highdicom takes.

    Args:
        header: cleaned header of the radiograph.
        facts: of the reading.
        kind: what is made.
    """
    return {
        "series_instance_uid": own_uid(header, facts, f"{kind.key} series"),
        "series_number": kind.series_number,
        "sop_instance_uid": own_uid(header, facts, kind.key),
        "instance_number": 1,
        "manufacturer": "Hilum",
        "manufacturer_model_name": "Hilum",
        "software_versions": facts.hilum[:64],
        "device_serial_number": facts.device[:64],
        "series_description": _series(facts.title, kind),
        "specific_character_set": "ISO_IR 192",
    }


def _series(title: str, kind: Kind) -> str:
    """Series Description: at most 64 characters, of which the title gives way (PS3.5 6.2)."""
    rest = f"{kind.name}; AI, investigational"
    kept = "".join(c for c in title if c.isprintable() and c != "\\")[: 62 - len(rest)].strip()
    return f"{kept}: {rest}" if kept else rest


def own_uid(header: Dataset, facts: ResultFacts, what: str) -> str:
    """A UID of this result: of an object, a series, something tracked in it."""
    return derived_uid(header.SOPInstanceUID, what, facts.bundle_digest, facts.reading_key)


def device_uid(facts: ResultFacts) -> str:
    """The UID of the installation that observed."""
    return derived_uid("", "device", "", facts.device)


def local_time(header: Dataset, facts: ResultFacts) -> datetime:
    """When it was read, in the radiograph's local time."""
    minutes = facts.utc_offset_min
    told = header.get("TimezoneOffsetFromUTC")
    if told:
        minutes = (int(told[1:3]) * 60 + int(told[3:5])) * (-1 if told[0] == "-" else 1)
    zone = timezone(timedelta(minutes=minutes))
    whole, micro = divmod(math.floor(facts.made_at * 1_000_000), 1_000_000)
    return datetime.fromtimestamp(whole, zone).replace(microsecond=micro)


def finished(made: Dataset, header: Dataset, facts: ResultFacts) -> Dataset:
    """Put in the patient, and put dates and equipment right that highdicom takes from elsewhere.

    Args:
        made: the object; is changed.
        header: cleaned header of the radiograph.
        facts: of the reading.

    Returns:
        The same object.
    """
    now = local_time(header, facts)
    with_patient(made, header)
    made.SeriesDate = ""  # set below with the others
    for item in every_item(made):
        for keyword in _DATES:
            if keyword in item:
                setattr(item, keyword, now.strftime("%Y%m%d"))
                setattr(item, keyword.replace("Date", "Time"), now.strftime("%H%M%S.%f"))
    if made.Modality in ("PR", "OT") and "Laterality" not in made:
        made.Laterality = ""  # type 2C: of a paired part of the body, or unknown
    if made.Modality == "SEG":
        made.PatientOrientation = header.PatientOrientation
    if "TimezoneOffsetFromUTC" in header:
        made.TimezoneOffsetFromUTC = header.TimezoneOffsetFromUTC
    if "ContributingEquipmentSequence" in made:
        del made.ContributingEquipmentSequence
    made.file_meta.ImplementationClassUID = UID(IMPLEMENTATION)
    made.file_meta.ImplementationVersionName = f"HILUM {facts.hilum}"[:16]
    return made


def every_item(dataset: Dataset) -> Iterator[Dataset]:
    """The dataset and its items at every depth."""
    yield dataset
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                yield from every_item(item)


def to_bytes(made: Dataset) -> bytes:
    """The object as a DICOM file; the same object gives the same bytes."""
    file = BytesIO()
    dcmwrite(file, made, enforce_file_format=True)
    return file.getvalue()
