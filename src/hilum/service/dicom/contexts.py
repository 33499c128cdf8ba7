"""What is spoken: storage classes and transfer syntaxes (PS3.4 B.5, PS3.5 10)."""

from __future__ import annotations

from collections.abc import Sequence

from pynetdicom.presentation import PresentationContext, build_context

from hilum.imaging.decode import CODESTREAMS, RLE
from hilum.imaging.dicomfile import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT

VERIFICATION = "1.2.840.10008.1.1"

RADIOGRAPHS = {
    "1.2.840.10008.5.1.4.1.1.1": "Computed Radiography Image Storage",
    "1.2.840.10008.5.1.4.1.1.1.1": "Digital X-Ray Image Storage - For Presentation",
    "1.2.840.10008.5.1.4.1.1.1.1.1": "Digital X-Ray Image Storage - For Processing",
    "1.2.840.10008.5.1.4.1.1.7": "Secondary Capture Image Storage",
    "1.2.840.10008.5.1.4.1.1.7.2": "Multi-frame Grayscale Byte Secondary Capture Image Storage",
    "1.2.840.10008.5.1.4.1.1.7.3": "Multi-frame Grayscale Word Secondary Capture Image Storage",
    "1.2.840.10008.5.1.4.1.1.7.4": "Multi-frame True Color Secondary Capture Image Storage",
    "1.2.840.10008.5.1.4.1.1.12.2": "X-Ray Radiofluoroscopic Image Storage",
}
"""Storage classes in which radiographs come: UID → name of PS3.6."""

RESULTS = {
    "sr": ("1.2.840.10008.5.1.4.1.1.88.22", "1.2.840.10008.5.1.4.1.1.88.33",
           "1.2.840.10008.5.1.4.1.1.88.34"),
    "gsps": ("1.2.840.10008.5.1.4.1.1.11.1",),
    "seg": ("1.2.840.10008.5.1.4.1.1.66.4",),
    "sc": ("1.2.840.10008.5.1.4.1.1.7",),
}  # fmt: skip
"""Kind of a result → storage classes that it may have."""

PLAIN = (EXPLICIT, IMPLICIT)
"""Transfer syntaxes in which results go out."""

SYNTAXES = (EXPLICIT, IMPLICIT, *CODESTREAMS, RLE, DEFLATED, BIG_ENDIAN)
"""Transfer syntaxes of radiographs that are read, in the order in which they are preferred where a
sender offers several: as the standard's default, without making anybody compress."""


def to_receive() -> list[PresentationContext]:
    """Presentation contexts of the listener."""
    stored = [build_context(uid, list(SYNTAXES)) for uid in RADIOGRAPHS]
    return [*stored, build_context(VERIFICATION, list(PLAIN))]


def to_send(kinds: Sequence[str]) -> list[PresentationContext]:
    """Presentation contexts in which results of these kinds are sent.

    A syntax each, so that the other side cannot choose one for us. Heatmaps are compressed where it
    takes that (RLE).
    """
    classes = dict.fromkeys(uid for kind in kinds for uid in RESULTS[kind])
    return [
        build_context(uid, [syntax])
        for uid in classes
        for syntax in ((*PLAIN, RLE) if uid in RESULTS["seg"] else PLAIN)
    ]
