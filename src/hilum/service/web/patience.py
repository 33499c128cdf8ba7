"""HTTP connections that are not waited for without end: uvicorn's protocol with a clock."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from hilum.service.web.guards.proxies import Networks, within
from hilum.service.web.guards.rates import network_of

HEADER_S = 10.0
"""Within which the head of the next request must have come."""

REST_S = 10.0
"""For which the rest of a body is thrown away after its request was answered."""


def patient(most: int, named: Networks) -> type[Patient]:
    """The protocol of one listener.

    Args:
        most: connections of one address at once; of IPv6, of one /64.
        named: proxies, which have as many as they need.
    """
    return type("Patient", (Patient,), {"open": Counter(), "most": most, "named": named})


class Patient(H11Protocol):
    """Closes a connection whose next request does not come, or comes byte by byte.

    uvicorn's own clock runs between two requests alone, and stops at the first byte. The time of a
    body is that of :mod:`hilum.service.web.guards.bodies`.
    """

    open: ClassVar[Counter[str]] = Counter()
    most: ClassVar[int] = 2**31
    named: ClassVar[Networks] = ()
    _clock: asyncio.TimerHandle | None = None
    _counted = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client connects."""
        super().connection_made(transport)
        self._counted = network_of(self.client[0]) if self.client else ""
        self.open[self._counted] += 1
        if self.open[self._counted] > self.most and not self._is_proxy():
            transport.abort()
        else:
            self._watch()

    def data_received(self, data: bytes) -> None:
        """Some bytes come."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """A request was answered."""
        super().on_response_complete()
        self._forget()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client, or the clock, ended it."""
        self.open[self._counted] -= 1
        if not self.open[self._counted]:
            del self.open[self._counted]
        self._forget()
        super().connection_lost(exc)

    def _is_proxy(self) -> bool:
        return self.client is not None and within(self.client[0], self.named)

    def _watch(self) -> None:
        """Start the clock where something is outstanding, and stop it where nothing is."""
        wait = self._outstanding()
        if wait is None:
            self._forget()
        elif self._clock is None:
            self._clock = self.loop.call_later(wait, self._late)

    def _outstanding(self) -> float | None:
        theirs, ours = self.conn.their_state, self.conn.our_state
        if theirs is h11.IDLE and ours is h11.IDLE:
            return HEADER_S
        if theirs is h11.SEND_BODY and ours is h11.DONE:
            return REST_S
        return None

    def _late(self) -> None:
        self._clock = None
        if self._outstanding() is not None and not self.transport.is_closing():
            self.transport.close()

    def _forget(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None
