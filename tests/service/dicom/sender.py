"""Sends bytes over C-STORE as they are, whatever they are."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import Any

from pydicom.uid import UID
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE

from hilum.service.dicom.calling import Caller

DX = "1.2.840.10008.5.1.4.1.1.1.1"
EXPLICIT = "1.2.840.10008.1.2.1"


def parts(file: bytes) -> tuple[bytes, str, str]:
    """A DICOM file's data set, transfer syntax and SOP Instance UID, as far as they are told."""
    at, syntax, uid = 132 if file[128:132] == b"DICM" else 0, EXPLICIT, "1.2.3"
    while file[at : at + 2] == b"\x02\x00" and len(file) >= at + 12:
        element, vr = file[at + 2 : at + 4], file[at + 4 : at + 6]
        head = 12 if vr in (b"OB", b"UN", b"SQ") else 8
        begin, form = (8, "<I") if head == 12 else (6, "<H")
        size = struct.unpack(form, file[at + begin : at + head])[0]
        value = file[at + head : at + head + size].rstrip(b"\0 ").decode("latin-1")
        syntax = value if element == b"\x10\x00" else syntax
        uid = value if element == b"\x03\x00" else uid
        at += head + size
    return file[at:], syntax, uid


def associate(port: int, syntax: str = EXPLICIT, **more: Any) -> Association:
    """An association with one presentation context."""
    entity = Caller(more.pop("calling", "TEST"))
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 20
    entity.add_requested_context(more.pop("sop_class", DX), [syntax])
    return entity.associate("127.0.0.1", port, ae_title=more.pop("called", "HILUM"), **more)


def store(
    association: Association, body: bytes, uid: str, *, sop_class: str = DX
) -> tuple[int, str]:
    """Send a data set; its status and error comment. -1 where there is no answer."""
    request = C_STORE()
    request.MessageID = 1
    request.AffectedSOPClassUID = UID(sop_class)
    request.AffectedSOPInstanceUID = UID(uid) if uid else None
    request.Priority = 2
    if body:
        request.DataSet = BytesIO(body)
    context = association.accepted_contexts[0]
    association._reactor_checkpoint.clear()  # as its own send_c_store does
    while not association._is_paused:
        pass
    association.dimse.send_msg(request, context.context_id)
    _, answer = association.dimse.get_msg(block=True)
    association._reactor_checkpoint.set()
    if answer is None:
        return -1, ""
    return int(answer.Status), str(answer.ErrorComment or "")


def send(port: int, file: bytes, announced: str = "", **more: Any) -> tuple[int, str]:
    """Send one DICOM file's data set in an association of its own, perhaps under another UID."""
    body, syntax, uid = parts(file)
    association = associate(port, syntax, **more)
    assert association.is_established
    try:
        return store(association, body, announced or uid)
    finally:
        association.release()
