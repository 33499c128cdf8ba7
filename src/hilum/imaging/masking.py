"""Which header values may identify a patient, and what is shown instead."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import cast

from pydicom import DataElement
from pydicom.multival import MultiValue

_NEVER_SHOWN_VRS = frozenset({"PN", "DA", "TM", "DT", "LT", "ST", "UT", "UN", "OB", "UR"})
"""Names, dates, times, free text, unknown bytes."""

_TEXT_VRS = frozenset({"AE", "AS", "LO", "SH", "UC"})

_SHOWN_TEXT = frozenset(
    {
        0x00080070,  # Manufacturer
        0x00081090,  # Manufacturer's Model Name
        0x00181020,  # Software Versions
        0x00080100,  # Code Value
        0x00080102,  # Coding Scheme Designator
        0x00080103,  # Coding Scheme Version
        0x00080104,  # Code Meaning
        0x00101010,  # Patient's Age
        0x00281054,  # Rescale Type
        0x00283004,  # Modality LUT Type
        0x00181401,  # Acquisition Device Processing Code
        0x00181261,  # Plate Type
        0x00187050,  # Filter Material
        0x00281055,  # Window Center & Width Explanation
    }
)
"""Technical short text. All other LO and SH values are masked: the basic profile names most of
them (Patient ID, Accession Number, Institution, Station, descriptions), and hospitals write names
into the rest."""

_SHOWN_UIDS = frozenset(
    {0x00080016, 0x00020010, 0x00020002, 0x00081150, 0x00041510, 0x0008010C, 0x00080117}
)
"""SOP classes, transfer syntaxes and coding schemes are no identity."""

_PATIENT_GROUPS = (0x0010, 0x0032, 0x0038, 0x0040, 0x4008)
"""Patient, requested and scheduled procedure, visit, results."""

_OF_PATIENT = frozenset({0x00100040, 0x00101020, 0x00101030})
"""Sex, size and weight: a reader of the result needs them, and they name nobody."""


_OF_ITS_KIND: dict[str, Callable[[str], object]] = {
    "CS": re.compile(r"[A-Z0-9 _]{0,16}").fullmatch,
    "AS": re.compile(r"[0-9]{1,3}[DWMY]").fullmatch,
    "DS": re.compile(r"[0-9+\-Ee. naif]{0,32}").fullmatch,
    "IS": re.compile(r"[0-9+\- ]{0,12}").fullmatch,
    "UI": re.compile(r"[0-9.]{0,64}").fullmatch,
}
"""How values that are shown are written (PS3.5 6.2). Where a length is damaged, a value swallows
the elements behind it, the patient's name among them."""

_ODD = "(no value of its kind, not shown)"


def masked(element: DataElement) -> str | None:
    """What to show instead of a value that may identify a patient; None where it may be shown.

    Args:
        element: a standard element.

    Source:
        PS3.15 Table E.1-1, basic application level confidentiality profile. Stricter than the
        table: whole value representations are masked, so that what is forgotten is hidden.
    """
    tag, vr = int(element.tag), str(element.VR)
    if element.is_empty:
        return "(empty)"
    if vr == "UI" and tag not in _SHOWN_UIDS:
        return _shortened(str(element.value))
    if vr in _NEVER_SHOWN_VRS:
        return "(masked)"
    if vr in _TEXT_VRS and tag not in _SHOWN_TEXT:
        return "(masked)"
    if tag >> 16 in _PATIENT_GROUPS and tag not in _OF_PATIENT and vr != "SQ":
        return "(masked)"
    return None if _is_of_its_kind(element, vr) else _ODD


def _is_of_its_kind(element: DataElement, vr: str) -> bool:
    value = element.value
    parts = cast("list[object]", value if isinstance(value, MultiValue) else [value])
    texts = [str(part).strip(" \x00") for part in parts]
    if vr in _TEXT_VRS and vr != "AS":
        return all(len(text) <= 64 and text.isprintable() and "^" not in text for text in texts)
    matches = _OF_ITS_KIND.get(vr)
    return matches is None or all(map(matches, texts))


def _shortened(uid: str) -> str:
    whole = len(uid) > 8 and re.fullmatch(r"[0-9.]{9,64}", uid)
    return f"…{uid[-4:]}" if whole else "(masked)"
