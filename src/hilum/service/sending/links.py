"""A way to a place: an association that stays open for some seconds, or DICOMweb."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol

import requests
from pydicom import Dataset, dcmread
from pynetdicom.association import Association

from hilum.errors import ServiceError
from hilum.service.dicom.calling import Unreachable, call, release
from hilum.service.dicom.contexts import RLE, to_send
from hilum.service.dicom.web_calling import client
from hilum.service.process import Here
from hilum.service.settings import Place

KEEP_OPEN_S = 5.0

_THERE_ALREADY = 0x0111
_STORED = {0x0000, _THERE_ALREADY}
_WARNINGS = range(0xB000, 0xC000)
_NO_ROOM = range(0xA700, 0xA800)
_LATER = {408, 425, 429}


class RefusedThere(ServiceError):
    """The other system answered and did not take it."""

    code = "refused-there"


class Link(Protocol):
    """A way to a place; one thread uses it."""

    def send(self, path: Path) -> None:
        """Bring one object there; stored when this returns.

        Raises:
            Unreachable: it is away, or has no room; it may not later.
            RefusedThere: it does not take this.
        """

    def rest(self) -> None:
        """Nothing is due: let go of what has been idle for long."""

    def close(self) -> None:
        """Let go of everything."""


def link(here: Here, place: Place) -> Link:
    """A way to a place of the settings."""
    return WebLink(place) if place.url else DimseLink(here, place)


class DimseLink:
    """C-STORE."""

    def __init__(self, here: Here, place: Place) -> None:
        self._here, self._place = here, place
        self._open: Association | None = None
        self._used_at = 0.0
        self._message = 0

    def send(self, path: Path) -> None:
        """See :class:`Link`; an association that the other side ended is opened again, once."""
        data = dcmread(path)
        fresh = self._open is None or not self._open.is_established
        try:
            self._send(data)
        except Unreachable:
            if fresh:
                raise
            self.close()
            self._send(data)

    def _send(self, data: Dataset) -> None:
        if self._open is None or not self._open.is_established:
            self.close()
            self._open = call(self._here, self._place, to_send(tuple(self._place.send)))
        data = _fitting(self._open, self._place, data)
        self._message = self._message % 65535 + 1
        try:
            answer = self._open.send_c_store(data, msg_id=self._message)
        except RuntimeError:  # ended between the question above and now
            answer = Dataset()
        self._used_at = time.monotonic()
        status = answer.get("Status")
        if status is None:
            self.close()
            raise Unreachable(f"{self._place.name} ended the association, or did not answer.")
        if status in _STORED or status in _WARNINGS:
            return
        if status in _NO_ROOM:
            raise Unreachable(f"{self._place.name} has no room (status {status:04X}).")
        raise RefusedThere(f"{self._place.name} does not take it (status {status:04X}).")

    def rest(self) -> None:
        """See :class:`Link`."""
        if self._open is not None and time.monotonic() - self._used_at > KEEP_OPEN_S:
            self.close()

    def close(self) -> None:
        """See :class:`Link`."""
        if self._open is not None:
            release(self._open)
        self._open = None


def _fitting(association: Association, place: Place, data: Dataset) -> Dataset:
    """The object in a transfer syntax that was agreed on."""
    agreed = {
        str(syntax)
        for context in association.accepted_contexts
        if context.abstract_syntax == data.SOPClassUID
        for syntax in context.transfer_syntax
    }
    if not agreed:
        raise RefusedThere(
            f"{place.name} does not store {data.SOPClassUID.name}: allow it there, or leave it "
            f"out of what is sent."
        )
    syntax = data.file_meta.TransferSyntaxUID
    if syntax == RLE and RLE not in agreed:
        data.decompress()
    return data


class WebLink:
    """STOW-RS."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._client = client(place)

    def send(self, path: Path) -> None:
        """See :class:`Link`."""
        name = self._place.name
        try:
            answer = self._client.store_instances([dcmread(path)])
        except requests.HTTPError as error:
            status = error.response.status_code if error.response is not None else 0
            if status in range(400, 500) and status not in _LATER:
                raise RefusedThere(f"{name} does not take it (HTTP {status}).") from None
            raise Unreachable(f"{name} answers HTTP {status}.") from None
        except (requests.RequestException, ValueError) as error:
            raise Unreachable(f"{name} cannot be reached ({type(error).__name__}).") from None
        for failed in answer.get("FailedSOPSequence", ()):
            reason = int(failed.get("FailureReason", 0))
            if reason == _THERE_ALREADY:
                continue
            if reason in _NO_ROOM:
                raise Unreachable(f"{name} has no room (reason {reason:04X}).")
            raise RefusedThere(f"{name} does not take it (reason {reason:04X}).")

    def rest(self) -> None:
        """See :class:`Link`; connections are requests' to keep."""

    def close(self) -> None:
        """See :class:`Link`."""
