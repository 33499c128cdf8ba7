"""The listener itself: slow clients, large bodies, malformed requests, TLS."""

from __future__ import annotations

import socket
import ssl
import subprocess
import time
from threading import Thread
from urllib.parse import urlsplit

import pytest
import urllib3

from hilum.errors import NotAccepted
from hilum.service.accepting import Door
from hilum.service.settings import Tls
from hilum.service.web import patience, process
from hilum.service.web.signed_in import sign_in
from hilum.service.web.tokens import living_token, make_token
from tests.service.web.listening import listening


def connected(url: str) -> socket.socket:
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), timeout=10)


def heard(client: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    found = b""
    try:
        while part := client.recv(65536):
            found += part
    except ConnectionResetError:
        pass
    return found


def answered(client: socket.socket, sent: bytes) -> bytes:
    """What comes first; nothing where the other side closes."""
    try:
        client.sendall(sent)
        return client.recv(65536)
    except (ConnectionResetError, BrokenPipeError):
        return b""


def drip(client: socket.socket, sent: bytes) -> None:
    for byte in sent:
        client.sendall(bytes([byte]))
        time.sleep(0.05)


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(patience, "HEADER_S", 0.3)
    monkeypatch.setattr(patience, "REST_S", 0.3)


@pytest.mark.parametrize(
    "sent", [b"", b"GET /healthz HTTP/1.1\r\nHost: 127", b"\r\n"], ids=["nothing", "half", "blank"]
)
def test_who_sends_no_whole_head_is_cut(here, quick, sent):
    with listening(here) as url, connected(url) as client:
        client.sendall(sent)
        start = time.monotonic()
        assert b" 200 " not in heard(client)
        assert time.monotonic() - start < 5


def test_a_second_request_that_does_not_come_whole_is_cut(here, quick):
    with listening(here) as url, connected(url) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /healthz HT")
        assert heard(client).count(b"200 OK") == 1


def test_one_byte_at_a_time_is_cut(here, quick):
    with listening(here) as url, connected(url) as client:
        start = time.monotonic()
        with pytest.raises(OSError, match=r"Broken pipe|reset"):
            drip(client, b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * 200)
        assert time.monotonic() - start < 5


def post(token: str, length: int) -> bytes:
    return (
        f"POST /v1/readings HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/dicom\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def test_a_slow_body_gets_408(here):
    object.__setattr__(here.settings.limits, "body_s", 0.5)
    token = make_token(here.store, "slow", "send")
    with listening(here) as url, connected(url) as client:
        client.sendall(post(token, 100) + b"x")
        assert b"408 Request Timeout" in heard(client)


def test_300_mb_get_413_before_they_are_sent(here):
    token = make_token(here.store, "large", "send")
    with listening(here) as url, connected(url) as client:
        client.sendall(post(token, 300_000_000))
        assert b" 413 " in client.recv(65536)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/sign-in", "multipart/form-data; boundary=b"),
        ("/tokens", "application/x-www-form-urlencoded"),
        ("/v1/studies/search", "application/json"),
        ("/v1/pulls", "application/json"),
    ],
)
def test_nobody_fills_memory_or_disk_where_no_radiograph_is_taken(here, path, kind):
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\n"
    with listening(here) as url:
        with connected(url) as client:
            client.sendall(f"{head}Content-Length: 100000\r\n\r\n".encode())
            assert b" 413 " in client.recv(65536)
        with connected(url) as client:
            client.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
            client.sendall(b"186A0\r\n" + b"x" * 100_000)
            assert b" 413 " in client.recv(65536)


def test_a_slow_form_of_a_browser_gets_408(here):
    object.__setattr__(here.settings.limits, "body_s", 0.5)
    text = make_token(here.store, "slow", "view")
    with here.store.writing() as session:
        token = living_token(session, text)
        assert token is not None
        cookie = sign_in(session, token, 1)
    head = (
        f"POST /worklist HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: hilum={cookie}\r\n"
        f"Sec-Fetch-Site: same-origin\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: 100\r\n\r\n"
    )
    with listening(here) as url, connected(url) as client:
        client.sendall(head.encode() + b"x")
        assert b" 408 " in heard(client)


def test_a_body_of_two_lengths_gets_400_and_the_end(here):
    token = make_token(here.store, "two", "send")
    after = b"0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    head = post(token, 5).replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n")
    with listening(here) as url, connected(url) as client:
        client.sendall(head + after)
        said = heard(client)
    assert said.startswith(b"HTTP/1.1 400 ")
    assert said.count(b"HTTP/1.1") == 1


def test_what_comes_while_the_disk_is_full_gets_503(here):
    object.__setattr__(here.settings.limits, "free_mb", 1e12)
    token = make_token(here.store, "full", "send")
    with listening(here) as url, connected(url) as client:
        client.sendall(post(token, 20_000_000) + bytes(100_000))
        assert b" 503 " in client.recv(65536)


def test_a_body_that_goes_on_after_its_answer_is_cut(here, quick):
    with listening(here) as url, connected(url) as client:
        client.sendall(post("hilum_wrong", 1000))
        start = time.monotonic()
        assert b" 401 " in heard(client)
        assert time.monotonic() - start < 5


@pytest.mark.parametrize(("proxies", "cut"), [((), True), (("127.0.0.1",), False)])
def test_one_address_cannot_take_all_connections(here, monkeypatch, proxies, cut):
    monkeypatch.setattr(process, "CONNECTIONS_EACH", 5)
    ask = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with listening(here, proxies=proxies) as url:
        crowd = [connected(url) for _ in range(5)]
        for one in crowd:  # each is taken before the next one comes
            one.sendall(ask)
            assert b" 200 " in one.recv(65536)
        with connected(url) as late:
            assert (answered(late, ask) == b"") is cut
        for one in crowd:
            one.close()
        time.sleep(0.1)
        with connected(url) as later:
            assert b" 200 " in answered(later, ask)


def test_pages_answer_while_many_send(here, monkeypatch):
    def slow(*_, **__):
        time.sleep(0.1)
        raise NotAccepted("damaged", "It is damaged.")

    monkeypatch.setattr(Door, "accept", slow)
    token = make_token(here.store, "ward", "admin")
    bearer = {"Authorization": f"Bearer {token}"}
    with listening(here) as url, urllib3.PoolManager(maxsize=64, headers=bearer) as pool:
        senders = [
            Thread(target=pool.request, args=("POST", f"{url}/v1/readings"), kwargs={"body": b"x"})
            for _ in range(48)
        ]
        for sender in senders:
            sender.start()
        time.sleep(0.2)
        start = time.monotonic()
        assert pool.request("GET", f"{url}/tokens").status == 200
        took = time.monotonic() - start
        assert any(sender.is_alive() for sender in senders), "they still send"
        for sender in senders:
            sender.join()
    assert took < 1.5, "not after all of them"


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
        b"\x01\x00\x00\x00\x00\xce\x00\x01\x00\x00HILUM           STORESCU        ",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET " + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
        b"POST /v1/readings HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
        (
            b"POST /v1/readings HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /audit HTTP/1.1\r\n\r\n"
        ),
        b"GET /\x00 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    ],
    ids=["TLS", "DICOM", "version", "long", "negative", "smuggled", "NUL"],
)
def test_what_is_no_http_is_refused_and_the_server_stays_up(here, quick, sent):
    with listening(here) as url:
        with connected(url) as client:
            client.sendall(sent)
            answer = heard(client)
            assert b" 200 " not in answer
        with urllib3.PoolManager() as pool:
            assert pool.request("GET", f"{url}/healthz").status == 200


@pytest.fixture(scope="session")
def certificate(tmp_path_factory) -> Tls:
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=ward", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", "key.pem", "-out", "certificate.pem"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    return Tls(certificate=folder / "certificate.pem", key=folder / "key.pem")


def asked(url: str, path: str, certificate: Tls, *, own: bool = False, **form: str):
    """Status, headers and error of one request over TLS, whose connection is gone afterwards."""
    pool = urllib3.PoolManager(
        ca_certs=str(certificate.certificate), retries=False,
        cert_file=str(certificate.certificate) if own else None,
        key_file=str(certificate.key) if own else None,
    )  # fmt: skip
    try:
        answer = pool.request(
            "POST" if form else "GET", url + path, fields=form or None, redirect=False,
            headers={"Origin": url}, **({"encode_multipart": False} if form else {}),
        )  # fmt: skip
        return answer.status, dict(answer.headers), ""
    except urllib3.exceptions.HTTPError as error:
        return 0, {}, str(error)
    finally:
        pool.clear()


def test_tls_and_a_cookie_that_knows_it(here, certificate):
    token = make_token(here.store, "mei", "view")
    with listening(here, tls=certificate) as url:
        status, headers, _ = asked(url, "/sign-in", certificate, token=token)
    assert status == 303
    cookie = headers["set-cookie"]
    assert cookie.startswith("__Host-hilum=")
    for part in ("HttpOnly", "Secure", "SameSite=strict", "Path=/"):
        assert part in cookie
    assert "Domain" not in cookie
    assert headers["strict-transport-security"]


def test_tls_of_yesterday_is_refused(here, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    refused = pytest.raises(ssl.SSLError, match=r"(?i)protocol|version|alert")
    with listening(here, tls=certificate) as url, connected(url) as plain, refused:
        context.wrap_socket(plain)


def test_who_must_show_a_certificate_and_has_none_is_refused(here, certificate):
    both = certificate.model_copy(update={"both": True, "authority": certificate.certificate})
    with listening(here, tls=both) as url:
        status, _, why = asked(url, "/healthz", certificate)
        assert (status, bool(why)) == (0, True)
        assert asked(url, "/healthz", certificate, own=True)[0] == 200
