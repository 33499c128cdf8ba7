"""The listener under senders that are broken, slow, too many, or up to no good."""

from __future__ import annotations

import socket
import ssl
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from pynetdicom.association import Association
from sqlalchemy import func, select

from hilum.service.dicom.guarding import Incoming
from hilum.service.process import Here
from hilum.service.store.tables import Instance
from tests.service.dicom.sender import associate, parts, send, store

Listening = Callable[..., Here]
Drawn = Callable[..., bytes]


def port_of(here: Here) -> int:
    return int(here.facts["port"])


def works(here: Here, drawn: Drawn, seed: int = 77) -> bool:
    return send(port_of(here), drawn(seed)) == (0, "")


@contextmanager
def connected(here: Here, data: bytes = b"") -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port_of(here)), timeout=10) as wire:
        wire.sendall(data)
        yield wire


def ended(wire: socket.socket, within: float = 8) -> bool:
    """Whether the other side closes, perhaps after an A-ABORT."""
    wire.settimeout(within)
    try:
        while wire.recv(4096):
            pass
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    return True


GARBAGE = np.random.default_rng(3).bytes(4000)


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        GARBAGE,
        b"\x00" * 4000,
        struct.pack(">BBL", 1, 0, 0xFFFFFFFF) + b"x" * 100,
        struct.pack(">BBL", 4, 0, 0xFFFFFFFF) + b"x" * 100,
        struct.pack(">BBL", 1, 0, 200) + GARBAGE[:200],
        struct.pack(">BBL", 4, 0, 20) + GARBAGE[:20],
        struct.pack(">BBL", 5, 0, 4) + bytes(4),
        struct.pack(">BBL", 1, 0, 68) + bytes(68),
    ],
    ids=["http", "garbage", "zeros", "4 GB request", "4 GB data", "garbage request",
         "data before a request", "release before a request", "empty request"],
)  # fmt: skip
def test_bytes_that_make_no_sense_end_their_connection(
    data: bytes, listening: Listening, drawn: Drawn
):
    here = listening(idle_s=2)
    with connected(here, data) as wire:
        assert ended(wire)
    assert works(here, drawn)


@pytest.mark.parametrize("begun", [b"", b"\x01\x00\x00", struct.pack(">BBL", 1, 0, 500) + b"x"])
def test_silence_is_ended(begun: bytes, listening: Listening, drawn: Drawn):
    here = listening(idle_s=1)
    with connected(here, begun) as wire:
        assert ended(wire)
    assert works(here, drawn)


def test_a_request_that_drips_is_ended(listening: Listening, drawn: Drawn):
    here = listening(idle_s=1)
    with connected(here, struct.pack(">BBL", 1, 0, 500)) as wire:
        assert drips(wire) < 8
    assert works(here, drawn)


def drips(wire: socket.socket) -> float:
    """Send a byte now and then; after how many seconds the other side had enough."""
    begun = time.monotonic()
    try:
        while time.monotonic() - begun < 8:
            wire.sendall(b"x")
            time.sleep(0.1)
    except OSError:
        pass
    return time.monotonic() - begun


def test_an_association_that_says_nothing_is_ended(listening: Listening):
    here = listening(idle_s=1)
    association = associate(port_of(here))
    assert aborted(association)


def aborted(association: Association) -> bool:
    until = time.monotonic() + 8
    while not association.is_aborted and time.monotonic() < until:
        time.sleep(0.02)
    return association.is_aborted


def test_silent_connections_do_not_lock_others_out_for_long(listening: Listening, drawn: Drawn):
    here = listening(associations=2, idle_s=1)
    wires = [socket.create_connection(("127.0.0.1", port_of(here))) for _ in range(40)]
    try:
        assert ended(wires[-1])
        until = time.monotonic() + 10
        while not associates(here):
            assert time.monotonic() < until
            time.sleep(0.1)
    finally:
        for wire in wires:
            wire.close()
    assert works(here, drawn)


@pytest.mark.skipif(sys.platform != "linux", reason="needs a second loopback address")
def test_one_silent_address_does_not_lock_others_out(listening: Listening, drawn: Drawn):
    here = listening(associations=4)
    from_there = {"source_address": ("127.0.0.2", 0)}
    wires = [
        socket.create_connection(("127.0.0.1", port_of(here)), **from_there) for _ in range(40)
    ]
    try:
        assert ended(wires[-1])
        assert works(here, drawn)  # at once
    finally:
        for wire in wires:
            wire.close()


def associates(here: Here) -> bool:
    association = associate(port_of(here))
    association.release()
    return association.is_released


def test_more_associations_than_allowed_are_rejected(listening: Listening, drawn: Drawn):
    here = listening(associations=2)
    open_ones = [associate(port_of(here)) for _ in range(2)]
    assert all(one.is_established for one in open_ones)
    third = associate(port_of(here))
    assert third.is_rejected
    assert (third.acceptor.primitive.result, third.acceptor.primitive.diagnostic) == (2, 2)
    for one in open_ones:
        one.release()
    time.sleep(0.1)
    assert works(here, drawn)


def test_a_request_that_is_not_whole(listening: Listening, drawn: Drawn):
    here = listening()
    association = associate(port_of(here))
    assert store(association, b"", "1.2.3")[0] == 0xC005  # no data set
    assert store(association, b"xx", "")[0] == -1  # no SOP Instance UID: pynetdicom says nothing
    assert aborted(association)
    assert works(here, drawn)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_sender_that_dies_leaves_nothing(share: float, listening: Listening, drawn: Drawn):
    here = listening()
    body, _, uid = parts(drawn(1))
    association = associate(port_of(here))
    sent = association.dul.socket.send
    left = int(len(body) * share)

    def dying(data: bytes) -> None:
        nonlocal left
        left -= len(data)
        if left < 0:
            association.dul.socket.close()
        else:
            sent(data)

    association.dul.socket.send = dying
    assert store(association, body, uid)[0] == -1
    assert works(here, drawn, 2)
    with here.store.reading() as session:
        assert session.scalar(select(func.count()).select_from(Instance)) == 1
    assert not list((here.files.folder / "coming").iterdir())


def test_data_sets_share_a_limit():
    mb = 1_000_000
    first, second = Incoming(8 * mb, 10 * mb), Incoming(8 * mb, 10 * mb)
    for _ in range(7):
        first.write(bytes(mb))
    for _ in range(7):
        second.write(bytes(mb))
    assert (first.crowded, second.crowded, first.over) == (False, True, False)
    assert len(second.getvalue()) == 0
    third = Incoming(8 * mb, 10 * mb)
    for _ in range(9):
        third.write(bytes(mb))
    assert third.over or third.crowded
    assert third.dropped >= mb


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files of a certificate that signs itself."""

    certificate: Path
    key: Path


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("tls")
    made = Certificates(folder / "cert.pem", folder / "key.pem")
    done = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
         "subjectAltName=IP:127.0.0.1", "-keyout", made.key, "-out", made.certificate],
        capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.skip("needs openssl to make a certificate")
    return made


@pytest.mark.parametrize("both", [False, True])
def test_tls(both: bool, listening: Listening, drawn: Drawn, certificates: Certificates):
    files = {"certificate": certificates.certificate, "key": certificates.key,
             "authority": certificates.certificate, "both": both}  # fmt: skip
    here = listening(tls=files, idle_s=2)
    context = ssl.create_default_context(cafile=certificates.certificate)
    assert secure(here, drawn, context) is not both  # a certificate is asked for, or not
    context.load_cert_chain(certificates.certificate, certificates.key)
    assert secure(here, drawn, context)
    assert not associate(port_of(here)).is_established  # without TLS
    with connected(here):  # a handshake that never comes holds up nobody
        assert secure(here, drawn, context)


def secure(here: Here, drawn: Drawn, context: ssl.SSLContext) -> bool:
    association = associate(port_of(here), tls_args=(context, "127.0.0.1"))
    if not association.is_established:
        return False
    body, _, uid = parts(drawn(1))
    answered = store(association, body, uid)
    association.release()
    return answered == (0, "")
