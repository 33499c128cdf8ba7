"""C-STORE: radiographs that other systems send, and what they are answered."""

from __future__ import annotations

from io import BytesIO
from typing import cast

from pydicom import Dataset
from pydicom.uid import UID
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import create_file_meta, encode_file_meta
from pynetdicom.events import Event

from hilum.errors import NotAccepted, NotNow
from hilum.service.accepting import Accepted
from hilum.service.dicom.guarding import Incoming
from hilum.service.headers import own_uid
from hilum.service.log import failed
from hilum.service.process import Here

SUCCESS = 0x0000
CANNOT_UNDERSTAND = 0xC000
NO_ROOM = 0xA700
OTHER_THAN_SAID = 0xA900
DUPLICATE = 0x0111
FAILED = 0x0110

STATUSES = {
    "conflict": DUPLICATE,
    "other-than-said": OTHER_THAN_SAID,
    "not-an-image": 0xC001,
    "damaged": 0xC002,
    "unsupported": 0xC003,
    "invalid-header": 0xC004,
    "no-uid": 0xC005,
    "too-large": 0xC006,
    "own-result": 0xC007,
}
"""Reason → status (PS3.4 B.2.3, PS3.7 C.5). What is refused for good is no "out of resources": many
senders try that again for ever."""

_FACTS = {SUCCESS: "accepted", NO_ROOM: "not_now", FAILED: "failed"}

COMMENT = 64
"""Characters of an Error Comment (0000,0902), VR LO."""


def store(event: Event, here: Here) -> Dataset:
    """Take the radiograph of a C-STORE request.

    Args:
        event: of pynetdicom, EVT_C_STORE.
        here: of the process.

    Returns:
        Status with an Error Comment that says why, without patient data.
    """
    origin = f"dimse:{event.assoc.requestor.ae_title.strip()[:16]}"
    status, why, accepted = taken(event, here, origin)
    what = _FACTS.get(status, "turned_away") if accepted is None or not accepted.again else "again"
    here.facts[what] = here.facts.get(what, 0.0) + 1
    return answer(status, why)


def taken(event: Event, here: Here, origin: str) -> tuple[int, str, Accepted | None]:
    """Take the radiograph of a C-STORE request, whatever comes.

    Args:
        event: of pynetdicom, EVT_C_STORE.
        here: of the process.
        origin: see :class:`hilum.service.store.tables.Instance`.

    Returns:
        Status, the reason where it is none of success, and what was accepted.
    """
    try:
        accepted = _take(event, cast("C_STORE", event.request), here, origin)
    except NotAccepted as error:
        return STATUSES.get(error.reason_code, CANNOT_UNDERSTAND), str(error), None
    except NotNow as error:
        return NO_ROOM, str(error), None
    except Exception as error:
        failed("C-STORE", error)
        return FAILED, "Hilum failed on it; its log says where.", None
    return SUCCESS, "", accepted


def _take(event: Event, request: C_STORE, here: Here, origin: str) -> Accepted:
    data = cast("BytesIO", request.DataSet)
    if isinstance(data, Incoming) and data.crowded:
        raise NotNow("Too much comes at this moment; come again later.")
    if isinstance(data, Incoming) and data.over:
        most = here.settings.limits.upload_mb
        raise _away(here, origin, "too-large", f"It is larger than {most:g} MB, the limit here.")
    file = _file(request, UID(event.context.transfer_syntax), data)
    request.DataSet = None  # so much less to hold while it is looked at
    data.close()
    inside = own_uid(file)
    if inside and inside != str(request.AffectedSOPInstanceUID):
        why = "Its SOP Instance UID is not the one that the request announced."
        raise _away(here, origin, "other-than-said", why)
    return here.door.accept(file, origin=origin)


def _away(here: Here, origin: str, code: str, why: str) -> NotAccepted:
    error = NotAccepted(code, why)
    here.door.turn_away(error, origin=origin)
    return error


def _file(request: C_STORE, syntax: UID, data: BytesIO) -> bytes:
    """The data set as it came, behind a file's head (PS3.10 7.1)."""
    meta = create_file_meta(
        sop_class_uid=cast("UID", request.AffectedSOPClassUID),
        sop_instance_uid=cast("UID", request.AffectedSOPInstanceUID),
        transfer_syntax=syntax,
    )
    with data.getbuffer() as body:
        return b"".join((bytes(128), b"DICM", encode_file_meta(meta), body))


def answer(status: int, why: str = "") -> Dataset:
    """A response's status, with an Error Comment where there is a reason."""
    made = Dataset()
    made.Status = status
    if why:
        made.ErrorComment = comment(why)
    return made


def comment(why: str) -> str:
    """A sentence as an Error Comment: ASCII, one line, no backslash, 64 characters.

    Example:
        >>> comment("The file is larger than 256 MB, the limit here. Send less.")
        'The file is larger than 256 MB, the limit here. Send less.'
        >>> comment("A sentence that goes on until it is longer than the field, which has 64.")
        'A sentence that goes on until it is longer than the field...'
    """
    plain = " ".join(why.encode("ascii", "replace").decode().replace("\\", "/").split())
    if len(plain) <= COMMENT:
        return plain
    return plain[: COMMENT - 3].rsplit(" ", 1)[0].rstrip(".,:; ") + "..."
