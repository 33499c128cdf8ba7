"""A web server on loopback that misbehaves as it is told."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from hilum.datasets.fetch import Settings


@dataclass
class Act:
    """What is done with one request instead of answering it well."""

    cut: int | None = None  # bytes of the body after which the connection is closed
    status: int | None = None
    headers: dict[str, str | None] = field(default_factory=dict)  # None: left out
    body: bytes | None = None
    ignore_range: bool = False
    become: tuple[bytes, str] | None = None  # the file changes before it answers
    pause_s: float = 0.0


@dataclass
class File:
    """A file that is served."""

    data: bytes = b""
    etag: str | None = '"one"'
    modified: str | None = None
    ranges: bool = True
    headers: dict[str, str | None] = field(default_factory=dict)
    acts: list[Act] = field(default_factory=list)  # for requests in their order
    ask: list[Act] = field(default_factory=list)  # for requests of the first byte alone
    login: str | None = None
    chunk_pause: tuple[int, float] | None = None  # bytes a piece, seconds between
    log: list[SimpleNamespace] = field(default_factory=list)

    @property
    def fetched(self):
        """(Range, bytes sent) of requests that were more than to ask for the first byte."""
        return [(one.range, one.sent) for one in self.log if one.range != "bytes=0-0"]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        path = self.path.partition("?")[0]
        file = self.server.files.get(path, File(acts=[Act(status=404)] * 9, ask=[Act(status=404)]))
        wanted = self.headers.get("Range")
        entry = SimpleNamespace(
            range=wanted, if_range=self.headers.get("If-Range"), headers=self.headers, sent=0
        )
        file.log.append(entry)
        acts = file.ask if wanted == "bytes=0-0" else file.acts
        act = acts.pop(0) if acts else Act()
        if act.become:
            file.data, file.etag = act.become
        if file.login and self.headers.get("Authorization") != file.login:
            act = Act(status=401)
        status, headers, body = self._normal(file, wanted, act)
        headers |= file.headers | act.headers
        self.send_response(act.status or status)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        time.sleep(act.pause_s)
        self._send(body[: act.cut], entry, file.chunk_pause)
        if act.cut is not None or headers.get("Content-Length") is None:
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    def _send(self, body, entry, pace):
        size, pause = pace or (1 << 16, 0.0)
        for at in range(0, len(body), size):
            self.wfile.write(body[at : at + size])
            entry.sent += len(body[at : at + size])
            time.sleep(pause)

    def _normal(self, file, wanted, act):
        headers = {"ETag": file.etag, "Last-Modified": file.modified}
        if act.body is not None or act.status is not None:
            body = act.body or b""
            return act.status or 200, headers | {"Content-Length": str(len(body))}, body
        condition = self.headers.get("If-Range")
        fits = condition is None or condition in (file.etag, file.modified)
        if not (wanted and file.ranges and fits) or act.ignore_range:
            return 200, headers | {"Content-Length": str(len(file.data))}, file.data
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        total = len(file.data)
        start, end = int(first), min(int(last or total), total - 1)
        if start >= total:
            return 416, {"Content-Range": f"bytes */{total}", "Content-Length": "0"}, b""
        body = file.data[start : end + 1]
        headers |= {"Content-Range": f"bytes {start}-{end}/{total}"}
        return 206, headers | {"Content-Length": str(len(body))}, body


class Web:
    """The server; ``files`` by their path."""

    def __init__(self, wrap=None):
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if wrap is not None:
            self._server.socket = wrap(self._server.socket)
        self._server.files = self.files = {}
        self._server.handle_error = lambda *_: None  # clients go when they like
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"{'http' if wrap is None else 'https'}://{self.host}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def put(self, path, data=b"", **options):
        """Serve a file; its address."""
        self.files[path] = File(data, **options)
        return self.url + path

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(autouse=True)
def no_surroundings(monkeypatch, tmp_path_factory):
    """No proxy and no logins of who runs the tests."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path_factory.getbasetemp() / "no-netrc"))


@pytest.fixture
def web():
    server = Web()
    yield server
    server.close()


@pytest.fixture
def act():
    return Act


@pytest.fixture
def make_web():
    return Web


@pytest.fixture
def quick():
    """Settings that do not wait."""
    return Settings(workers=2, retries=4, timeout_s=5.0, backoff_s=0.0)
