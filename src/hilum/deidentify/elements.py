"""One element of a header → what stays of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from pydicom import DataElement
from pydicom.datadict import dictionary_VR
from pydicom.multival import MultiValue
from pydicom.uid import UID

from hilum.deidentify import dates, pseudonyms, words
from hilum.deidentify.lookups import TABLES
from hilum.deidentify.profile import Row, profile
from hilum.deidentify.rules import Rules
from hilum.deidentify.telling import Telling
from hilum.imaging.masking import masked

_DATES = frozenset({"DA", "DT", "TM"})
_FREE_TEXT = frozenset({"LO", "LT", "SH", "ST", "UC", "UT"})
_TEXT = _FREE_TEXT | {"AE", "CS", "PN"}
_NUMBERS = frozenset({"DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV"})
_BYTES = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN", "UR"})

_CONTENT_GROUP = 0x0040
"""Structured content shares its group with procedure steps, whose attributes are in the table:
codes and numbers that the table does not list belong to the content."""

_LABELS = frozenset(
    {
        0x0040A160,  # Text Value
        0x00620005,  # Segment Label
        0x00620009,  # Segment Algorithm Name
        0x00660031,  # Algorithm Version
        0x00660036,  # Algorithm Name
    }
)
"""Texts that the table does not list, and that no object can do without: a dummy stands there."""

_EMPTIED = frozenset({0x00081111})
"""Referenced Performed Procedure Step Sequence: a report must have it, with items or without."""

_LONG_CODE = 0x00080119

NOT_WITHOUT = frozenset({0x00401101})
"""Person Identification Code Sequence: a dummy code stands for the person."""

_REQUIRED = frozenset({0x00700082, 0x00700083})
"""X in the table, and no presentation state can do without: date and time of its making."""

_OLDEST_YEARS = 90
_DUMMIES: dict[str, Any] = {
    "DA": "19000101", "TM": "000000", "DT": "19000101000000", "AS": "000Y", "CS": "REMOVED",
    "PN": "REMOVED", "AE": "REMOVED", "DS": "0", "IS": "0", "UR": "about:blank",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cleaning:
    """How a header is cleaned.

    Attributes:
        rules: what is kept.
        telling: words that no text may hold.
        days: by which this patient's dates are shifted.
        image: the object is an image, which can do without most of what the table names.
    """

    rules: Rules
    telling: Telling
    days: int
    image: bool


def content_of(element: DataElement, row: Row | None, how: Cleaning) -> bool:
    """Whether the items of a sequence stay, each of them cleaned."""
    if row is None or "U*" in row.action or row.options & {"content", "graphics"}:
        return True
    if _retained(row, "SQ", how.rules) is not None:
        return True
    return row.action == "D" and int(element.tag) not in NOT_WITHOUT


def without_items(element: DataElement, how: Cleaning) -> DataElement | None:
    """A sequence whose items go: empty where the object must have it, None elsewhere."""
    row = profile().get(int(element.tag))
    emptied = row is not None and row.action == "Z"
    return _with(element, []) if emptied or (element.tag in _EMPTIED and not how.image) else None


def cleaned(element: DataElement, how: Cleaning) -> DataElement | None:
    """What stays of an element that is no sequence; None where it goes."""
    tag, vr = int(element.tag), str(element.VR)
    group = tag >> 16
    if not tag & 0xFFFF or group <= 2 or group >= 0x7FE0 or group >> 8 in (0x50, 0x60):
        return None
    if not _as_listed(tag, vr):
        return None
    row = profile().get(tag)
    if vr in _BYTES and row is None:
        return element if tag in TABLES and vr in ("OW", "US", "OB") else None
    kept = _unlisted(element, vr, how) if row is None else _listed(element, vr, row, how)
    return _checked(kept, how)


def _as_listed(tag: int, vr: str) -> bool:
    """Whether a value is of the kind that the dictionary announces: else anything may hide."""
    try:
        known = dictionary_VR(tag)
    except KeyError:
        return False
    return vr in known.split(" or ") or vr == known


def _unlisted(element: DataElement, vr: str, how: Cleaning) -> DataElement | None:
    if vr == "UI":
        return _with(element, _uids(element, how.rules))
    if vr in _DATES or vr == "PN":
        return _dated(element, vr, how) if vr in _DATES else None
    if _may_stay(element, vr):
        return element
    described = vr in _FREE_TEXT and how.rules.keep_descriptions
    left = _described(element, how) if described else _empty(element)
    dummy = left.is_empty and int(element.tag) in _LABELS
    return _with(element, "REMOVED") if dummy else left


def _may_stay(element: DataElement, vr: str) -> bool:
    tag = int(element.tag)
    if tag == _LONG_CODE:
        return re.fullmatch(r"[\w.+-]{1,64}", str(element.value), re.ASCII) is not None
    content = tag >> 16 == _CONTENT_GROUP and vr in _NUMBERS | {"CS", "AT"}
    return masked(element) is None or (content and _of_its_kind(element))


def _of_its_kind(element: DataElement) -> bool:
    """Whether a value is written as its kind demands, wherever it stands."""
    if str(element.VR) in _FREE_TEXT | {"AE", "PN", "UI"} | _DATES | _BYTES:
        return True
    return masked(DataElement(0x00180000, element.VR, element.value, already_converted=True)) in (
        None, "(empty)",
    )  # fmt: skip


def _listed(element: DataElement, vr: str, row: Row, how: Cleaning) -> DataElement | None:
    kind = _retained(row, vr, how.rules)
    if kind in ("keep", "shift") and vr in _DATES:
        kind = "shift"
    if kind == "keep":
        return _kept(element, vr, how.rules)
    if kind == "shift":
        moved = _dated(element, vr, how)
        if moved is not None:
            return moved
    if kind == "words":
        described = _described(element, how)
        if described is not None and not described.is_empty:
            return described
    if "U" in row.action.split("/") and vr == "UI":
        return _with(element, _uids(element, how.rules))
    return _by_action(element, vr, row.action, how)


def _by_action(element: DataElement, vr: str, action: str, how: Cleaning) -> DataElement | None:
    if int(element.tag) in _REQUIRED:
        action = "D"
    choices = action.split("/")
    if element.is_empty and "X" not in choices:
        return _empty(element)
    if choices == ["X", "Z"]:
        return _empty(element)
    if "X" in choices and (len(choices) == 1 or how.image or "Z" not in choices):
        return None
    if "Z" in choices and (len(choices) == 1 or how.image):
        return _empty(element)
    return _dummy(element, vr, how)


def _retained(row: Row, vr: str, rules: Rules) -> str | None:
    """What an option has done instead: "keep", "shift" or "words"; None for nothing."""
    options = row.options
    if "dates" in options and rules.dates != "remove":
        return rules.dates
    keeps = {
        "uids": rules.keep_uids,
        "device": rules.keep_device,
        "institution": rules.keep_institution,
        "patient": rules.keep_patient and vr != "LO",
    }
    if any(keeps.get(option, False) for option in options):
        return "keep"
    wanted = "descriptors" in options and rules.keep_descriptions
    return "words" if wanted and vr in _FREE_TEXT else None


def _kept(element: DataElement, vr: str, rules: Rules) -> DataElement | None:
    """A value that an option keeps, where it is what its kind announces.

    Ages above 89 tell a person apart (45 CFR 164.514(b)(2)(i)(C)): all become 90 years.
    """
    if vr == "UI":
        return _with(element, _uids(element, replace(rules, keep_uids=True)))
    if vr in _BYTES:
        return None
    if vr == "AS":
        found = re.fullmatch(r"(\d{1,3})([DWMY])", str(element.value).strip())
        if found is None:
            return _empty(element)
        old = found[2] == "Y" and int(found[1]) >= _OLDEST_YEARS
        return _with(element, f"{_OLDEST_YEARS:03d}Y") if old else element
    return element if _of_its_kind(element) else _empty(element)


def _dated(element: DataElement, vr: str, how: Cleaning) -> DataElement | None:
    if how.rules.dates == "remove":
        return None
    days = how.days if how.rules.dates == "shift" else 0
    moved = [dates.shifted(str(value), vr, days) for value in _several(element)]
    return None if not moved or None in moved else _with(element, _one(moved))


def _described(element: DataElement, how: Cleaning) -> DataElement:
    texts = [how.telling.without(words.cleaned(str(value))) for value in _several(element)]
    longest = {"SH": 16, "LO": 64}.get(str(element.VR), 1024)
    return _with(element, _one([text[:longest].strip() for text in texts if text]))


def _uids(element: DataElement, rules: Rules) -> Any:
    values = [str(value).strip(" \x00") for value in _several(element)]
    valid = re.compile(r"[0-9.]{1,64}").fullmatch
    return _one(
        value if _registered(value) or (rules.keep_uids and valid(value))
        else pseudonyms.uid(rules.secret, value)
        for value in values
    )  # fmt: skip


def _registered(uid: str) -> bool:
    """Whether a UID is one of the standard's own: a class, a syntax, a coding scheme."""
    return uid.startswith("1.2.840.10008.") and UID(uid).name != uid


def _dummy(element: DataElement, vr: str, how: Cleaning) -> DataElement | None:
    if vr == "UI":
        return _with(element, _uids(element, replace(how.rules, keep_uids=False)))
    if vr in _BYTES:
        return _empty(element) if vr != "UR" else _with(element, _DUMMIES["UR"])
    return _with(element, _DUMMIES.get(vr, 0 if vr in _NUMBERS else "REMOVED"))


def _checked(element: DataElement | None, how: Cleaning) -> DataElement | None:
    """Empty a value that holds a word of the patient's after all."""
    if element is None or element.is_empty:
        return element
    vr = str(element.VR)
    if vr in ("IS", "DS"):
        tells = any(str(value).strip() in how.telling.numbers for value in _several(element))
        return _empty(element) if tells else element
    if vr not in _TEXT:
        return element
    value = element.value
    texts = [str(one) for one in (value if isinstance(value, MultiValue) else [value])]
    kept = ["" if _tells(text, vr, how) else text for text in texts]
    return element if kept == texts else _with(element, _one(kept))


def _tells(text: str, vr: str, how: Cleaning) -> bool:
    if vr == "CS":  # CHEST says where, whatever the patient is called
        text = "" if text.strip() in _CODES else _without_harmless(text)
    return how.telling.within(text)


_STANDARD = """
ORIGINAL DERIVED PRIMARY SECONDARY DX CR SC OT SR PR KO SEG MR CT US MONOCHROME1 MONOCHROME2 RGB
YBR_FULL LIN LOG DISP IDENTITY INVERSE LINEAR LINEAR_EXACT SIGMOID YES NO NONE DCM SCT TEXT CODE
NUM CONTAINER PNAME IMAGE SCOORD UIDREF DATE TIME DATETIME CONTAINS SEPARATE CONTINUOUS COMPLETE
PARTIAL VERIFIED UNVERIFIED
"""
_CODES = frozenset(_STANDARD.split())
"""Codes of the standard's own, which a patient may be called as."""


def _without_harmless(text: str) -> str:
    return re.sub(r"[^\W\d_]+", lambda w: "" if w[0].casefold() in words.harmless() else w[0], text)


def _several(element: DataElement) -> list[Any]:
    value = element.value
    several = list(value) if isinstance(value, MultiValue | list) else [value]
    return [one for one in several if one not in (None, "")]


def _one(values: Any) -> Any:
    several = list(values)
    return several[0] if len(several) == 1 else (several or "")


def _empty(element: DataElement) -> DataElement:
    return DataElement(element.tag, element.VR, None if element.VR in _BYTES else "")


def _with(element: DataElement, value: Any) -> DataElement:
    return DataElement(element.tag, element.VR, value)
