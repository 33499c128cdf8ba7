"""Associations that Hilum asks for, to send results and to pull."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Condition
from typing import Any

from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext

from hilum.errors import ServiceError
from hilum.service.dicom import tls
from hilum.service.dicom.guarding import PDU_BYTES, ClosingSocket, DataLimits, limit
from hilum.service.process import Here
from hilum.service.settings import Place

CONNECT_S = 10.0
ANSWER_S = 60.0
RELEASE_S = 2.0
"""How long the other side may take to connect, to answer, and to say good-bye."""


class Unreachable(ServiceError):
    """Another system cannot be reached, or refuses the association; it may later."""

    code = "unreachable"


class _Gate:
    """Holds an association's own thread while an answer is waited for; in place of its Event.

    pynetdicom asks that thread to pause and goes on at once, so under load the thread may take the
    answer away before it pauses, and the one who waits waits in vain until the time-out. Here
    :meth:`clear` returns once it has stopped.
    """

    def __init__(self, association: Association) -> None:
        self._association = association
        self._changed = Condition()
        self._open, self._parked = True, False

    def is_set(self) -> bool:
        """Whether the thread may go on."""
        return self._open

    def set(self) -> None:
        """Let it go on."""
        with self._changed:
            self._open = True
            self._changed.notify_all()

    def clear(self) -> None:
        """Hold it; it stands still, or has ended, when this returns."""
        with self._changed:
            self._open = False
            while not self._parked and self._association.is_alive():
                self._changed.wait(0.05)

    def wait(self, timeout: float | None = None) -> bool:
        """Where the thread comes by in each round."""
        with self._changed:
            while not self._open:
                self._parked = True
                self._changed.notify_all()
                self._changed.wait()
            self._parked = False
        return True


class Caller(AE):
    """pynetdicom's, which leaves sockets open where nobody listens, and loses answers."""

    limits: DataLimits | None = None

    def _create_socket(self, assoc: Any, address: Any, tls_args: Any) -> ClosingSocket:
        assoc._reactor_checkpoint = _Gate(assoc)  # before its thread begins
        if self.limits is not None:
            limit(assoc, self.limits)
        made: Any = super()._create_socket(assoc, address, tls_args)
        made.__class__ = ClosingSocket
        return made


def call(
    here: Here, place: Place, contexts: Sequence[PresentationContext], **more: Any
) -> Association:
    """Ask a place for an association.

    Args:
        here: of the process; its AE title is ours.
        place: of the settings, with an AE title.
        contexts: what is proposed.
        more: for :meth:`pynetdicom.AE.associate`.

    Raises:
        Unreachable: no connection, or the association was refused.
        ServiceError: a certificate cannot be read.
    """
    entity = Caller(here.settings.dicom.ae_title)
    entity.connection_timeout = entity.acse_timeout = CONNECT_S
    entity.dimse_timeout = ANSWER_S
    entity.network_timeout = ANSWER_S
    entity.maximum_pdu_size = PDU_BYTES
    most = int(here.settings.limits.upload_mb * 1e6)
    entity.limits = DataLimits(most, most)
    secure = (tls.calling(place.tls), place.host) if place.tls else None
    association = entity.associate(
        place.host, place.port, contexts=list(contexts), ae_title=place.ae_title or "",
        max_pdu=PDU_BYTES, tls_args=secure, **more,
    )  # fmt: skip
    if association.is_established:
        return association
    if association.is_rejected:
        raise Unreachable(
            f"{place.name} refuses the association: it may not know the AE title "
            f"{here.settings.dicom.ae_title}, or call itself something else than {place.ae_title}."
        )
    raise Unreachable(f"{place.name} cannot be reached at {place.host}:{place.port}.")


def release(association: Association) -> None:
    """End an association; one whose other side does not answer is left."""
    if association.is_established:
        association.acse_timeout = RELEASE_S
        association.release()
