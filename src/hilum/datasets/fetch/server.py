"""Requests to a web server, and what its answers say (RFC 9110).

No address and no header is ever part of a message: both may hold a token.
"""

from __future__ import annotations

import base64
import netrc
import os
import re
import ssl
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import (
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    SSLError,
    TimeoutError,  # noqa: A004
)
from urllib3.util import parse_url

from hilum.datasets.fetch.wanted import check_url, shown
from hilum.errors import FetchError

CHUNK = 1024**2
MAX_REDIRECTS = 10
_MOVED = (301, 302, 303, 307, 308)
_LATER = (408, 425, 429, 500, 502, 503, 504)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_CONTENT_RANGE = re.compile(
    r"bytes\s+(?:([0-9]{1,18})-([0-9]{1,18})|\*)/([0-9]{1,18}|\*)", re.IGNORECASE
)


class Broken(Exception):
    """A request came to nothing, and another try may do better.

    Attributes:
        wait_s: how long the server asks to wait; 0 where it does not say.
    """

    def __init__(self, why: str, wait_s: float = 0.0) -> None:
        super().__init__(why)
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class Settings:
    """How to fetch.

    Attributes:
        workers: files at a time.
        retries: tries in a row that bring nothing, after which a file is given up.
        timeout_s: seconds without a byte, after which a try is given up.
        backoff_s: wait before the second try; doubled for each after it, up to a minute.
        headers: (name, value), sent to the host of the address and to no other that it leads to.
    """

    workers: int = 2
    retries: int = 6
    timeout_s: float = 60.0
    backoff_s: float = 1.0
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Remote:
    """A file as the server describes it.

    Attributes:
        url: where it was found in the end.
        size: bytes; None where the server does not say.
        etag: its version, as sent.
        modified: when it was last modified, as sent.
        name: as the server calls it.
        packed: the packing in which it travels although none was asked for: "gzip", …
        page: whether a web page comes.
    """

    url: str = field(repr=False)
    size: int | None
    etag: str | None
    modified: str | None
    name: str | None
    packed: str
    page: bool

    @property
    def validator(self) -> str | None:
        """What tells versions apart byte by byte: a strong ETag, a date (RFC 9110 13.1.5)."""
        return validator_of(self.etag, self.modified)


def validator_of(etag: str | None, modified: str | None) -> str | None:
    """A strong ETag, else the date; None where there is neither."""
    return etag if etag and not etag.startswith("W/") else modified


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered.

    Attributes:
        status: 200, 206 or 416.
        remote: the whole file.
        span: first and last byte that are sent, of a 206 that says so.
        length: bytes of the body; None where the server does not say.
    """

    status: int
    remote: Remote
    span: tuple[int, int] | None
    length: int | None
    _body: urllib3.BaseHTTPResponse = field(repr=False)

    def chunks(self) -> Iterator[bytes]:
        """The body, as it comes.

        Raises:
            Broken: it ends before its length, or nothing comes any more.
        """
        with _broken(urlsplit(self.remote.url).hostname or ""):
            while data := self._body.read1(CHUNK, decode_content=False):
                yield data


class Server:
    """Web servers, asked by several threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._managers: dict[str, urllib3.PoolManager] = {}
        self._live: set[urllib3.BaseHTTPResponse] = set()
        self._lock = threading.Lock()

    @contextmanager
    def get(
        self, url: str, *, start: int = 0, end: int | None = None, validator: str | None = None
    ) -> Generator[Answer]:
        """Ask for a file or a part of it.

        Args:
            url: its address.
            start: first byte.
            end: last byte; None for all that follow.
            validator: of the version of which a part is wanted; of another version the
                server sends the whole (If-Range).

        Raises:
            Broken: no answer, or one that asks to come again.
            FetchError: an answer that another try will not change.
        """
        headers: dict[str, str] = {}
        if start or end is not None:
            headers["Range"] = f"bytes={start}-{'' if end is None else end}"
            if validator:
                headers["If-Range"] = validator
        body, url = self._follow(url, headers)
        with self._lock:
            self._live.add(body)
        try:
            yield _answer(body, url)
        finally:
            with self._lock:
                self._live.discard(body)
            body.close()

    def stop(self) -> None:
        """End what is being received, from another thread."""
        with self._lock:
            for body in self._live:
                with suppress(ValueError, RuntimeError, OSError):  # it has ended by itself
                    body.shutdown()

    def close(self) -> None:
        """Close all connections."""
        for manager in self._managers.values():
            manager.clear()

    def _follow(self, url: str, headers: dict[str, str]) -> tuple[urllib3.BaseHTTPResponse, str]:
        asked = urlsplit(url)
        for _ in range(MAX_REDIRECTS):
            body = self._request(url, headers, given=_origin(url) == _origin(asked.geturl()))
            target = body.headers.get("location")
            if body.status not in _MOVED or not target:
                return body, url
            body.close()
            before, url = url, urljoin(url, target)
            check_url(url)
            if urlsplit(before).scheme == "https" and urlsplit(url).scheme != "https":
                raise FetchError(
                    f"{shown(before)} leads from https to plain http, where anyone on the way can "
                    "change the file; it is not followed. Ask those who run the server."
                )
        raise FetchError(
            f"{shown(asked.geturl())} leads on and on, more than {MAX_REDIRECTS} times: a login "
            "page may be behind it. Open it in a browser."
        )

    def _request(
        self, url: str, headers: dict[str, str], *, given: bool
    ) -> urllib3.BaseHTTPResponse:
        sent = {"User-Agent": f"hilum/{version('hilum')}", "Accept-Encoding": "identity"}
        sent |= _from_netrc(url)
        for name, value in self._settings.headers if given else ():
            sent = {k: v for k, v in sent.items() if k.lower() != name.lower()} | {name: value}
        with _broken(urlsplit(url).hostname or ""):
            return self._manager(url).request(
                "GET",
                url,
                headers=sent | headers,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )

    def _manager(self, url: str) -> urllib3.PoolManager:
        """Connections, through a proxy where the environment names one for this host."""
        parts = urlsplit(url)
        proxy = getproxies().get(parts.scheme, "")
        if proxy and proxy_bypass(parts.netloc):
            proxy = ""
        with self._lock:
            if proxy not in self._managers:
                self._managers[proxy] = self._connections(proxy)
            return self._managers[proxy]

    def _connections(self, proxy: str) -> urllib3.PoolManager:
        options = {
            "timeout": urllib3.Timeout(
                connect=min(30.0, self._settings.timeout_s), read=self._settings.timeout_s
            ),
            "retries": False,
            "maxsize": self._settings.workers,
            "cert_reqs": "CERT_REQUIRED",
        }
        if not proxy:
            return urllib3.PoolManager(**options)
        login = parse_url(proxy).auth
        headers = urllib3.make_headers(proxy_basic_auth=login) if login else None
        return urllib3.ProxyManager(proxy, proxy_headers=headers, **options)


@contextmanager
def _broken(host: str) -> Generator[None]:
    """Turn what goes wrong on the way into a :class:`Broken`, or an error where trying is vain."""
    try:
        yield
    except SSLError as error:
        cause = error.args[0] if error.args else None
        if isinstance(cause, ssl.SSLCertVerificationError):
            raise FetchError(
                f"{host} cannot prove that it is {host}: {cause.verify_message}. Nothing is "
                "fetched from it. Where a proxy of your institution stands between, set "
                "SSL_CERT_FILE to its certificate."
            ) from None
        raise Broken(f"the encrypted connection to {host} failed") from None
    except NameResolutionError:
        raise Broken(f"no host of the name {host} is known here; are you online?") from None
    except NewConnectionError as error:  # a TimeoutError by name
        why = "was refused" if "refused" in str(error) else "could not be made"
        raise Broken(f"the connection to {host} {why}") from None
    except TimeoutError:
        raise Broken(f"{host} sent nothing for too long") from None
    except HTTPError:
        raise Broken(f"the connection to {host} was broken off") from None


def _answer(body: urllib3.BaseHTTPResponse, url: str) -> Answer:
    headers = body.headers
    if body.status not in (200, 206, 416):
        raise _refusal(body, url)
    length = _number(headers.get("content-length"))
    if "chunked" in headers.get("transfer-encoding", "").lower():
        length = None
    span, size = None, length
    if body.status != 200:
        size = None
        found = _CONTENT_RANGE.fullmatch(headers.get("content-range", "").strip())
        if found:
            size = _number(found[3])
            span = (int(found[1]), int(found[2])) if found[1] else None
    disposition = Message()
    disposition["content-disposition"] = headers.get("content-disposition", "")
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    packed = headers.get("content-encoding", "").strip().lower()
    remote = Remote(
        url=url,
        size=size,
        etag=headers.get("etag"),
        modified=headers.get("last-modified"),
        name=disposition.get_filename(),
        packed="" if packed in ("identity", "aws-chunked") else packed,  # S3 shows how it came in
        page=body.status != 416 and kind in ("text/html", "application/xhtml+xml"),
    )
    return Answer(body.status, remote, span, length, body)


def _refusal(body: urllib3.BaseHTTPResponse, url: str) -> Exception:
    status, where = body.status, shown(url)
    if status in _LATER:
        return Broken(f"the server answers {status}", _wait(body.headers.get("retry-after")))
    if status in (401, 403, 407):
        return FetchError(
            f"{where}: the server answers {status}: the file is behind a login, or the link has "
            "expired. Log in with a browser and download it by hand, or pass --header "
            "'Authorization: …', or put the host into ~/.netrc (used for https alone)."
        )
    if status in (404, 410):
        return FetchError(
            f"{where}: the server answers {status}: no such file. Check the address on the "
            "collection's own page."
        )
    return FetchError(f"{where}: the server answers {status}; open the address in a browser.")


def _wait(text: str | None) -> float:
    """Seconds of a Retry-After (RFC 9110 10.2.3)."""
    if text is None:
        return 0.0
    seconds = _number(text)
    if seconds is not None:
        return float(seconds)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return 0.0


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"[0-9]{1,18}", text.strip()) else None


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}[parts.scheme]


def _from_netrc(url: str) -> dict[str, str]:
    """The login for a host, where ~/.netrc (or $NETRC) has one and the way there is safe."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    path = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
    if (parts.scheme != "https" and host not in _LOOPBACK) or not path.is_file():
        return {}
    try:
        found = netrc.netrc(str(path)).authenticators(host)
    except (netrc.NetrcParseError, OSError, UnicodeDecodeError) as error:
        line = getattr(error, "lineno", None)
        raise FetchError(
            f"The file of logins {path} cannot be read{f' (line {line})' if line else ''}; mend it."
        ) from None
    if found is None:
        return {}
    login = f"{found[0]}:{found[2] or ''}".encode()
    return {"Authorization": f"Basic {base64.b64encode(login).decode('ascii')}"}
