"""The process ``dicom``: listens for C-STORE and C-ECHO."""

from __future__ import annotations

from threading import Thread
from typing import Any, cast

from pynetdicom import AE, evt

from hilum.errors import ServiceError
from hilum.service.dicom import tls
from hilum.service.dicom.contexts import to_receive
from hilum.service.dicom.guarding import ASKING_S, PDU_BYTES, DataLimits, GuardedServer
from hilum.service.dicom.receiving import store
from hilum.service.log import log
from hilum.service.process import Here, living

IN_FLIGHT_MB = 1024
"""Data sets that come at one moment take no more memory than this, or one of the largest."""

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def run(here: Here) -> None:
    """Listen until told to stop.

    Raises:
        ServiceError: the port is taken, a certificate cannot be read, or the listener would be open
            to everybody beyond this machine.
    """
    with living(here):
        server = listen(here)
        try:
            while not here.stop.wait(1.0):
                here.facts["associations"] = float(len(server.active_associations))
        finally:
            server.end()


def listen(here: Here) -> GuardedServer:
    """Begin to listen, in a thread; its port stands in ``here.facts["port"]``.

    Raises:
        ServiceError: see :func:`run`.
    """
    own = here.settings.dicom
    if own.host not in LOOPBACK and not own.allowed:
        raise ServiceError(
            f"The DICOM listener at {own.host} would take radiographs from everybody: list the AE "
            "titles that may send under dicom.allowed."
        )
    entity = AE(own.ae_title)
    entity.maximum_associations = own.associations
    entity.maximum_pdu_size = PDU_BYTES
    entity.acse_timeout = min(ASKING_S, own.idle_s)
    entity.dimse_timeout = entity.network_timeout = own.idle_s
    entity.require_called_aet = True
    entity.require_calling_aet = list(own.allowed)
    most = int(here.settings.limits.upload_mb * 1e6)
    try:
        server = entity.make_server(
            (own.host, own.port),
            contexts=to_receive(),
            ssl_context=tls.listening(own.tls) if own.tls else None,
            evt_handlers=_handlers(here),
            server_class=GuardedServer,
            limits=DataLimits(most, max(most, IN_FLIGHT_MB * 1_000_000)),
            connections=2 * own.associations + 8,
        )
    except OSError as error:
        raise ServiceError(
            f"The DICOM listener cannot use {own.host}:{own.port}: {error.strerror}. Another "
            "program may listen there; choose another dicom.port."
        ) from None
    here.facts["port"] = float(server.server_address[1])
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    log.info("listens for DICOM as %s at %s:%d", own.ae_title, own.host, server.server_address[1])
    return cast("GuardedServer", server)


def _handlers(here: Here) -> list[Any]:
    return [
        (evt.EVT_C_STORE, store, [here]),
        (evt.EVT_C_ECHO, lambda _: 0x0000),
        (evt.EVT_REJECTED, _refused, [here]),
    ]


def _refused(event: evt.Event, here: Here) -> None:
    here.facts["refused_associations"] = here.facts.get("refused_associations", 0.0) + 1
    who = event.assoc.requestor.ae_title.strip()[:16]
    log.warning("an association of %r was refused", who if who.isprintable() else "?")
