"""One SOP Instance UID is one picture (PS3.3 C.12.1.1.1): what comes of a second file with it."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from hilum.domain import Source
from hilum.report.record import Drawn


def identity(source: Source) -> str | None:
    """A text for the journal; None for a file without a SOP Instance UID.

    Returns:
        "uid:pixels": SHA-256 of the UID in hexadecimal, and the checksum of the pixels.
    """
    if not (source.instance_uid and source.pixel_digest):
        return None
    uid = hashlib.sha256(source.instance_uid.encode()).hexdigest()[:32]
    return f"{uid}:{source.pixel_digest}"


def settled(drawn: Drawn, first: tuple[str, str] | None) -> Drawn:
    """What an image becomes in the light of the first one with its SOP Instance UID.

    Args:
        drawn: the image.
        first: (identity, name) of the first image; None where there is none.

    Returns:
        The image as it was, when it is the first or was refused already. A copy has the note
        "duplicate". One with other pixels is refused ("uid-reused"), without its heatmaps and
        boxes: one of the two is not what its header says, and nobody can tell whose findings it
        would be.
    """
    if first is None or first[1] == drawn.name or drawn.kind == "refusal":
        return drawn
    if first[0] == drawn.identity:
        note = {
            "code": "duplicate",
            "message": f"A copy of {first[1]}: the same SOP Instance UID, the same pixels.",
            "warning": True,
        }
        return replace(drawn, record={**drawn.record, "notes": [*drawn.record["notes"], note]})
    reason = {
        "code": "uid-reused",
        "message": f"The SOP Instance UID is that of {first[1]}, whose pixels differ: one of the "
        "two is not what its header says. Find out which, and give it a UID of its own.",
        "warning": True,
    }
    record = {
        "image": drawn.name,
        "stage": "intake",
        "reasons": [reason],
        "gate": None,
        "acquisition": drawn.record["acquisition"],
        "preview": drawn.record["preview"],
    }
    return replace(drawn, kind="refusal", record=record, grids=(), places=(), identity=None)
