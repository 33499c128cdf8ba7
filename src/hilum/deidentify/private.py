"""Private elements that are known to tell nothing of a patient."""

from __future__ import annotations

import re

from pydicom import DataElement, Dataset

from hilum.errors import RunError
from hilum.imaging.masking import masked

SAFE = frozenset(
    {
        ("Philips PET Private Group", 0x7053, 0x00),  # SUV factor
        ("Philips PET Private Group", 0x7053, 0x09),  # activity concentration factor
        ("Philips Imaging DD 001", 0x2001, 0x03),  # diffusion b-factor
        ("SIEMENS MR HEADER", 0x0019, 0x0C),  # b value
        ("SIEMENS MR HEADER", 0x0019, 0x0E),  # diffusion gradient direction
        ("SIEMENS MR HEADER", 0x0019, 0x27),  # b matrix
        ("GEMS_PARM_01", 0x0043, 0x39),  # b value
        ("GEMS_PARM_01", 0x0043, 0x27),  # scan pitch ratio
        ("GEMS_ACQU_01", 0x0019, 0x23),  # table speed
        ("GEMS_ACQU_01", 0x0019, 0x27),  # rotation speed
        ("GEMS_HELIOS_01", 0x0045, 0x01),  # macro rows
        ("GEMS_HELIOS_01", 0x0045, 0x02),  # macro width
        ("GEMS_SERS_01", 0x0025, 0x07),  # images in series
        ("ELSCINT1", 0x00E1, 0x21),  # DLP
        ("ELSCINT1", 0x01F1, 0x07),  # table velocity
        ("ELSCINT1", 0x01F1, 0x26),  # pitch
        ("ELSCINT1", 0x01F1, 0x27),  # rotation time
    }
)
"""(creator, group, last byte of the element): numbers of PS3.15 Table E.3.10-1. None is found in
radiographs; a hospital names its own."""

_NUMBERS = frozenset({"CS", "DS", "FD", "FL", "IS", "SL", "SS", "UL", "US"})
_NAMED = re.compile(
    r"(?P<creator>[^:]{1,64}):(?P<group>[0-9A-Fa-f]{4}),(xx)?(?P<byte>[0-9A-Fa-f]{2})"
)


def named(text: str) -> tuple[str, int, int]:
    """A private element as a user writes it: ``CREATOR:0019,0C``.

    Raises:
        RunError: it is written otherwise, or its group is even.
    """
    found = _NAMED.fullmatch(text)
    group = int(found["group"], 16) if found else 0
    if found is None or not group % 2:
        raise RunError(
            f"{text!r} names no private element; write CREATOR:GGGG,EE, such as "
            "'SIEMENS MR HEADER:0019,0C': an odd group and the last byte of the element."
        )
    return found["creator"].strip(), group, int(found["byte"], 16)


def kept(dataset: Dataset, keep: frozenset[tuple[str, int, int]]) -> list[DataElement]:
    """The private elements of a data set that are to be kept, with their creators.

    Args:
        dataset: one level of a header.
        keep: which; see :class:`hilum.deidentify.Rules`.
    """
    found: dict[int, DataElement] = {}
    for tag in dataset.keys() if keep else ():
        if not tag.is_private or tag.element < 0x1000:
            continue
        holder = (tag.group << 16) | (tag.element >> 8)
        creator = str(dataset[holder].value).strip() if holder in dataset else ""
        if (creator, tag.group, tag.element & 0xFF) not in keep:
            continue
        element = dataset[tag]
        if str(element.VR) in _NUMBERS and masked(element) is None:
            found[holder] = DataElement(holder, "LO", creator)
            found[int(tag)] = element
    return list(found.values())
