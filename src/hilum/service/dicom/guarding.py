"""Limits of the listener: whoever can reach its port may send anything, or nothing at all.

pynetdicom negotiates and decodes; here is what it leaves open: how large a PDU and a data set may
be, how long one may take to come, how many connections there may be, and TLS handshakes that do
not hold up the others.
"""

from __future__ import annotations

import queue
import select
import socket
import ssl
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from socketserver import TCPServer
from typing import Any, ClassVar, cast
from weakref import WeakSet

from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import DIMSEMessage
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.transport import AssociationSocket, RequestHandler, ThreadedAssociationServer

from hilum.service.log import failed

PDU_BYTES = 128 * 1024
"""Longest PDU that we ask for (PS3.8 D.1)."""

MOST_PDU_BYTES = 1024 * 1024
"""Longest that is read at all: requests with 128 contexts, and senders that ignore the above."""

COMMAND_BYTES = 64 * 1024
"""Longest command set; real ones have some hundred bytes."""

ASKING_S = 10.0
"""An association request must have come within so long after the connection."""

BREATH_S = 0.005
"""An association without anything to do looks that often."""

LOOK_S = 0.2
"""Who waits for an answer looks that often whether the connection still lives."""

ENDING_S = 1.0
"""At the end associations may take so long to say good-bye."""

FLOOD = 4
"""Requests that may wait in one association: a sender awaits each answer, so there is one.
Answers to a search may be many."""

CHUNK = 256 * 1024

_MAKES_NO_SENSE = "Evt19"
"""A PDU that does (PS3.8 9.2.3): A-ABORT."""


class Incoming(BytesIO):
    """A data set as it comes. What is beyond the limit is dropped as it comes, and remembered.

    Args:
        most: bytes of one data set.
        all_together: bytes of all data sets that come at this moment.

    Attributes:
        over: it was longer than ``most``; what it holds is not whole.
        crowded: others had taken the room; what it holds is not whole.
        dropped: bytes that were thrown away.
    """

    _now: ClassVar[WeakSet[Incoming]] = WeakSet()
    _lock: ClassVar = threading.Lock()

    def __init__(self, most: int, all_together: int) -> None:
        super().__init__()
        self._most, self._all = most, all_together
        self._held = 0
        self.over = self.crowded = False
        self.dropped = 0
        with self._lock:
            self._now.add(self)

    def write(self, data: Any, /) -> int:
        """Keep it, or drop it."""
        size = len(data)
        if not self.over and not self.crowded:
            if self._held + size > self._most:
                self.over = True
            elif not self._room(size):
                self.crowded = True
            else:
                self._held += size
                return super().write(data)
            self._held = 0
            self.truncate(0)
        self.dropped += size
        return size

    def _room(self, size: int) -> bool:
        before = self._held // CHUNK
        if (self._held + size) // CHUNK == before:
            return True
        with self._lock:
            return sum(other._held for other in self._now) + size <= self._all


@dataclass(frozen=True, slots=True)
class DataLimits:
    """How much data may come.

    Attributes:
        most: bytes of one data set.
        all_together: bytes of all data sets that come at one moment.
    """

    most: int
    all_together: int


class _Requests(queue.Queue[Any]):
    """Messages that wait; pynetdicom would never answer a request without its data set."""

    def __init__(self, association: Association) -> None:
        super().__init__()
        self._association = association

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Keep a message, or end the association."""
        message = item[1]  # None where the association has ended
        invalid = message is not None and not message.is_valid_request
        if invalid and self._association.is_acceptor:
            self._association.dul.event_queue.put(_MAKES_NO_SENSE)
        else:
            super().put(item, block, timeout)


class _Messages(DIMSEServiceProvider):
    """Puts messages together from PDUs, within limits."""

    def __init__(self, association: Association, limits: DataLimits) -> None:
        super().__init__(association)
        self.msg_queue = _Requests(association)
        self._limits = limits

    def get_msg(self, block: bool = False) -> Any:
        """The next message; (None, None) where the connection has ended, or at the time-out.

        pynetdicom goes on waiting on a connection that is gone, if it went between two messages.
        """
        until = time.monotonic() + (self.dimse_timeout or 60.0)
        while True:
            try:
                return self.msg_queue.get(block, LOOK_S if block else None)
            except queue.Empty:
                gone = not self.dul.is_alive()
                if not block or gone or time.monotonic() > until:
                    return None, None

    def receive_primitive(self, primitive: P_DATA) -> None:
        """Take a PDU; one that breaks a limit ends the association."""
        if self.message is None:
            self.message = DIMSEMessage()
            self.message.data_set = Incoming(self._limits.most, self._limits.all_together)
        coming = self.message
        super().receive_primitive(primitive)
        endless = isinstance(coming.data_set, Incoming) and (
            coming.data_set.dropped > self._limits.most
        )
        if (
            endless
            or coming.encoded_command_set.tell() > COMMAND_BYTES
            or (self.assoc.is_acceptor and self.msg_queue.qsize() > FLOOD)
        ):
            self.dul.event_queue.put(_MAKES_NO_SENSE)


def limit(association: Association, limits: DataLimits) -> None:
    """Let an association that Hilum asked for keep the same limits of data."""
    association.dimse = _Messages(association, limits)


class ClosingSocket(AssociationSocket):
    """A connection that is closed for certain, also where the other side was faster."""

    def _shutdown_socket(self) -> None:
        wire = self.socket
        super()._shutdown_socket()
        if wire is not None:
            wire.close()


class _Wire(ClosingSocket):
    """A connection whose PDUs have a longest length and a longest time."""

    @property
    def ready(self) -> bool:
        """Whether there is something to read; waits a moment for it.

        pynetdicom asks a thousand times a second, which costs a tenth of a processor for four
        associations that say nothing.
        """
        wire = self.socket
        if wire is not None and not (isinstance(wire, ssl.SSLSocket) and wire.pending()):
            with suppress(OSError, ValueError):  # closed meanwhile: the question below finds out
                select.select([wire], [], [], BREATH_S)
        return super().ready

    def recv(self, nr_bytes: int) -> bytearray:
        """Read so many bytes; fewer where the other side ended.

        Raises:
            OSError: too many are announced, or they take too long; pynetdicom then closes.
        """
        if nr_bytes > MOST_PDU_BYTES:
            raise OSError("a PDU is too long")
        wire = cast("socket.socket", self.socket)
        idle = cast("float", self.assoc.network_timeout)
        until = time.monotonic() + (idle if self.assoc.is_established else min(idle, ASKING_S))
        data, at = bytearray(nr_bytes), 0
        view = memoryview(data)
        while at < nr_bytes:
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            wire.settimeout(left)
            count = wire.recv_into(view[at:], min(CHUNK, nr_bytes - at))
            if count == 0:
                break
            at += count
        wire.settimeout(idle)
        view.release()
        del data[at:]
        return data


class _Pace(threading.Event):
    """Where an association's thread stops in each round: until there is a message, or a while."""

    def __init__(self, association: Association) -> None:
        super().__init__()
        self.set()
        self._messages = association.dimse.msg_queue

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for leave to go on, then for something to do."""
        leave = super().wait(timeout)
        with self._messages.not_empty:
            if not self._messages.queue:
                self._messages.not_empty.wait(4 * BREATH_S)
        return leave


class _Connection(RequestHandler):
    """Makes an association of a connection."""

    def _create_association(self) -> Association:
        association = super()._create_association()
        server = cast("GuardedServer", self.server)
        cast("Any", association.dul.socket).__class__ = _Wire
        limit(association, server.limits)
        association._reactor_checkpoint = _Pace(association)
        return association


class GuardedServer(ThreadedAssociationServer):
    """Listens within limits; see the module.

    Attributes:
        limits: how much data may come.
        connections: at most so many, associations or not; further ones are closed at once. One
            address may have three quarters as many as there may be associations before it asks.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    limits: DataLimits
    connections: int

    def __init__(self, *args: Any, limits: DataLimits, connections: int, **more: Any) -> None:
        self.limits, self.connections = limits, connections
        self._coming: set[tuple[str, int]] = set()
        super().__init__(*args, **more, request_handler=_Connection)

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        """Take a connection; a TLS handshake is left to its own thread."""
        client, address = cast("socket.socket", self.socket).accept()
        client.settimeout(self.ae.network_timeout)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client, address

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whether there is room for one more, and for one more that is silent from there."""
        address = client_address[0]
        asking = [one.requestor for one in self.active_associations if not one.is_established]
        silent = sum(one.address_info is not None and one.address_info.address == address
                     for one in asking)  # fmt: skip
        silent += sum(one[0] == address for one in list(self._coming))
        there = len(self.active_associations) + len(self._coming)
        room = there < self.connections and silent < max(1, 3 * self.ae.maximum_associations // 4)
        if room:
            self._coming.add(client_address)
        return room

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Shake hands where TLS is asked for; then begin."""
        try:
            if self.ssl_context is not None:
                try:
                    request.settimeout(ASKING_S)
                    request = self.ssl_context.wrap_socket(request, server_side=True)
                    request.settimeout(self.ae.network_timeout)
                except (OSError, ssl.SSLError):
                    self.shutdown_request(request)
                    return
            super().process_request_thread(request, client_address)
        finally:
            self._coming.discard(client_address)  # by now it is among the associations, or gone

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log where it happened; socketserver would print what was sent."""
        error = sys.exception()
        if error is not None:
            failed("connection", error)

    def end(self) -> None:
        """Take no more connections, and end those that there are."""
        TCPServer.shutdown(self)
        self.server_close()
        for association in self.active_associations:
            association.abort(block=False)
        until = time.monotonic() + ENDING_S
        while self.active_associations and time.monotonic() < until:
            time.sleep(0.01)
        for association in self.active_associations:  # those in the middle of a PDU
            cast("AssociationSocket", association.dul.socket)._shutdown_socket()
