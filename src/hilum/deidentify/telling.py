"""Words of a header that tell whose it is: no text that is kept may hold one of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pydicom import DataElement, Dataset
from pydicom.multival import MultiValue

_WORD = re.compile(r"[^\W_]+")

_IDENTITIES = frozenset(
    {
        0x00080050,  # Accession Number
        0x00100020,  # Patient ID
        0x00101000,  # Other Patient IDs
        0x00101040,  # Patient's Address
        0x00101090,  # Medical Record Locator
        0x00102154,  # Patient's Telephone Numbers
        0x00200010,  # Study ID
        0x00380010,  # Admission ID
        0x00401001,  # Requested Procedure ID
        0x00402016,  # Placer Order Number
        0x00402017,  # Filler Order Number
    }
)
_INSTITUTION = frozenset({0x00080080, 0x00080081})
_LONG = 6
_WHOLE = 4
"""Shorter words count as whole words alone: Li is no part of Lilian."""


@dataclass(frozen=True, slots=True)
class Telling:
    """Words of names, numbers and addresses, in lower case.

    Attributes:
        words: two letters or more.
    """

    words: frozenset[str]

    @property
    def numbers(self) -> frozenset[str]:
        """Words that are long numbers: no other number is likely to be the same by chance."""
        return frozenset(word for word in self.words if word.isdigit() and len(word) >= _LONG)

    def within(self, text: str) -> bool:
        """Whether a text holds one of the words."""
        low = text.casefold()
        whole = set(_WORD.findall(low))
        return any(
            word in low if len(word) >= _WHOLE or not word.isascii() else word in whole
            for word in self.words
        )

    def without(self, text: str) -> str:
        """A text of words without those that tell."""
        return " ".join(word for word in text.split() if not self.within(word))


def telling(dataset: Dataset, *, institution: bool) -> Telling:
    """Collect them from a header, at every depth.

    Args:
        dataset: as it came.
        institution: whether those of the institution count.
    """
    tags = _IDENTITIES | (_INSTITUTION if institution else frozenset())
    found: set[str] = set()
    for element in _elements(dataset):
        if element.VR == "PN" or int(element.tag) in tags:
            for value in _texts(element):
                found.update(word.casefold() for word in _WORD.findall(value))
    return Telling(frozenset(w for w in found if len(w) > 1 and (not w.isdigit() or len(w) > 3)))


def _elements(dataset: Dataset) -> Iterator[DataElement]:
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                yield from _elements(item)
        else:
            yield element


def _texts(element: DataElement) -> list[str]:
    value = element.value
    several = value if isinstance(value, MultiValue | list) else [value]
    return [str(one) for one in several if one not in (None, "")]
