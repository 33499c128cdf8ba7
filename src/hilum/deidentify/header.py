"""A header → the same header without what identifies a patient."""

from __future__ import annotations

from importlib.metadata import version

from pydicom import DataElement, Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from hilum.deidentify import private, pseudonyms
from hilum.deidentify.elements import NOT_WITHOUT, Cleaning, cleaned, content_of, without_items
from hilum.deidentify.lookups import within_announced
from hilum.deidentify.profile import profile
from hilum.deidentify.rules import Rules
from hilum.deidentify.telling import telling
from hilum.errors import DamagedFile, InvalidHeader
from hilum.imaging.dicomfile import PARSE_ERRORS, quiet
from hilum.imaging.elements import first

PROFILE = "PS3.15 2026c Annex E"
CLEAN_PIXELS = ("113101", "Clean Pixel Data Option")
_BASIC = ("113100", "Basic Application Confidentiality Profile")
_WHO = ("PatientID", "IssuerOfPatientID")
_WHO_ELSE = ("PatientName", "PatientBirthDate")

_NEVER = frozenset({0x00080005, 0x00120062, 0x00120063, 0x00120064, 0x00280303})
"""What this module says itself."""


def header(dataset: Dataset, rules: Rules, *, cleaned_pixels: bool = False) -> Dataset:
    """Take out of a header whatever identifies a patient.

    Attributes of Table E.1-1 go by its basic profile and the options in ``rules``. What the table
    does not list is stricter than it asks: free text stays only where
    :mod:`hilum.imaging.masking` knows it to be technical, and no text that is kept holds a word of
    the patient's names, numbers or addresses. Sequences, structured reports and annotations are
    gone through at every depth; texts in them are replaced.

    Args:
        dataset: a header with or without pixel data; not changed.
        rules: what is kept.
        cleaned_pixels: say that text in the pixels was blacked.

    Returns:
        A new header without file meta information, pixel data (7FE0), overlays, curves and
        private elements. Patient's Name and Patient ID are a pseudonym, the same for the same
        patient and secret; UIDs are such, too.

    Raises:
        DamagedFile: an element cannot be read.
        InvalidHeader: no SOP Class UID or no SOP Instance UID.

    Source:
        PS3.15 E.1 to E.3; CID 7050 for the codes of what was done.
    """
    try:
        with quiet():
            _check_identified(dataset)
            made = _whole(dataset, rules)
    except PARSE_ERRORS as error:
        raise DamagedFile(
            f"An element of the header makes no sense ({type(error).__name__}), so that nobody can "
            "tell what it holds. Copy the file again from its source, or export it again."
        ) from error
    _say(made, rules, cleaned_pixels)
    return made


def _check_identified(dataset: Dataset) -> None:
    for keyword in ("SOPClassUID", "SOPInstanceUID"):
        if not str(first(dataset, keyword) or "").strip(" \x00"):
            raise InvalidHeader(
                f"{keyword} is missing, so that the file would be no DICOM object. Export the "
                "image again."
            )


def _whole(dataset: Dataset, rules: Rules) -> Dataset:
    identity = who(dataset)
    how = Cleaning(
        rules=rules,
        telling=telling(dataset, institution=not rules.keep_institution),
        days=pseudonyms.days(rules.secret, identity),
        image="Image Storage" in _sop_class(dataset),
    )
    made = _level(dataset, how)
    pseudonym = pseudonyms.patient(rules.secret, identity)
    made.PatientName = made.PatientID = pseudonym
    made.SpecificCharacterSet = "ISO_IR 192"
    return made


def _level(dataset: Dataset, how: Cleaning) -> Dataset:
    """One level of a header; its items by this function, too."""
    made = Dataset()
    for tag in sorted(dataset.keys()):
        if tag.is_private or int(tag) in _NEVER:
            continue
        element = dataset[tag]
        if str(element.VR) == "SQ":
            if content_of(element, profile().get(int(tag)), how):
                items = [_level(item, how) for item in element.value]
                made[tag] = DataElement(tag, "SQ", Sequence(items))
            elif int(tag) in NOT_WITHOUT:
                made[tag] = DataElement(tag, "SQ", Sequence([_no_code()]))
            elif (empty := without_items(element, how)) is not None:
                made[tag] = empty
            continue
        one = cleaned(element, how)
        if one is not None:
            made[tag] = within_announced(one, dataset)
    for element in private.kept(dataset, how.rules.keep_private):
        made[element.tag] = element
    return made


def _no_code() -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator = "REMOVED", "99HILUM"
    item.CodeMeaning = "Removed"
    return item


def who(dataset: Dataset) -> dict[str, str]:
    """What tells the patient of a header from others, by keyword.

    The patient's number and who issued it; without it name and date of birth; without those the
    study. An empty dictionary stands for nobody.
    """
    for keywords in (_WHO, _WHO_ELSE, ("StudyInstanceUID",)):
        found = {k: str(first(dataset, k) or "").strip(" \x00") for k in keywords}
        if found[keywords[0]]:
            return found
    return {}


def _sop_class(dataset: Dataset) -> str:
    return UID(str(first(dataset, "SOPClassUID") or "")).name


def _say(made: Dataset, rules: Rules, cleaned_pixels: bool) -> None:
    """What was done (PS3.15 E.1.1 step 6 and 7, PS3.3 C.7.1.1 and C.12.1)."""
    codes = [_BASIC, ("113104", "Clean Structured Content Option"),
             ("113103", "Clean Graphics Option")]  # fmt: skip
    if cleaned_pixels:
        codes.append(CLEAN_PIXELS)
    if rules.keep_descriptions:
        codes.append(("113105", "Clean Descriptors Option"))
    if rules.dates == "keep":
        codes.append(("113106", "Retain Longitudinal Temporal Information Full Dates Option"))
    if rules.dates == "shift":
        codes.append(("113107", "Retain Longitudinal Temporal Information Modified Dates Option"))
    if rules.keep_patient:
        codes.append(("113108", "Retain Patient Characteristics Option"))
    if rules.keep_device:
        codes.append(("113109", "Retain Device Identity Option"))
    if rules.keep_uids:
        codes.append(("113110", "Retain UIDs Option"))
    if rules.keep_private:
        codes.append(("113111", "Retain Safe Private Option"))
    if rules.keep_institution:
        codes.append(("113112", "Retain Institution Identity Option"))
    made.PatientIdentityRemoved = "YES"
    made.DeidentificationMethod = [f"Hilum {version('hilum')}"[:64], PROFILE]
    made.DeidentificationMethodCodeSequence = Sequence([_code(*code) for code in sorted(codes)])
    made.LongitudinalTemporalInformationModified = {
        "remove": "REMOVED", "shift": "MODIFIED", "keep": "UNMODIFIED",
    }[rules.dates]  # fmt: skip


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item
