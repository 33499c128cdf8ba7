"""A client of a server: ``hilum serve`` over HTTP, with nothing but urllib3.

Example:
    >>> client = Client("https://ward.example", "hilum_…")  # doctest: +SKIP
    >>> reading = client.read("chest.dcm")  # doctest: +SKIP
    >>> reading.present  # doctest: +SKIP
    ('effusion',)
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import urllib3
from urllib3.exceptions import HTTPError, SSLError

import hilum
from hilum.errors import NotAccepted, NotAllowed, NotNow, ServiceError

LONGEST_WAIT_S = 60.0
"""That a server holds one request open."""

AT_ONCE_BYTES = 64_000_000
"""Files of :meth:`Client.upload` are put together into requests of about this size."""

_OLD_S = 300.0
_ANSWER_S = 120.0
_PAUSE_S = 1.0
_NOT_ACCEPTED = (409, 413, 415, 422)


@dataclass(frozen=True, slots=True)
class ServedReading:
    """What a server said of one radiograph.

    Attributes:
        id: of the reading.
        instance, study: ids of the radiograph and its study.
        kind: "reading" or "refusal"; a refusal is no reading, and says nothing of findings.
        bundle: name and version.
        bundle_digest: SHA-256 of its card.
        record: an entry of ``readings.json`` (``hilum.readings/1``).
    """

    id: str
    instance: str
    study: str
    kind: str
    bundle: str
    bundle_digest: str
    record: dict[str, Any]

    @property
    def present(self) -> tuple[str, ...]:
        """Keys of findings at or above their operating point.

        Raises:
            ServiceError: it is a refusal.
        """
        return tuple(p["finding"] for p in self._predictions() if p["decision"] == "present")

    @property
    def probabilities(self) -> dict[str, float]:
        """Finding → probability.

        Raises:
            ServiceError: it is a refusal.
        """
        return {p["finding"]: p["probability"] for p in self._predictions()}

    def _predictions(self) -> list[dict[str, Any]]:
        if self.kind != "reading":
            reasons = " ".join(one["message"] for one in self.record["reasons"])
            raise ServiceError(f"The radiograph was refused, not read: {reasons}")
        return self.record["predictions"]


@dataclass(frozen=True, slots=True)
class Part:
    """What became of one file of a job.

    Attributes:
        name: its number in the upload, from 1; below an archive the path within.
        state: "waiting", "reading", "read", "refused", "failed", "not-accepted" or "deleted".
        code, why: of what was refused, failed or not accepted.
        instance, study: ids; None where there are none.
        reading: what was said; None until it is there, or where it was not asked for.
    """

    name: str
    state: str
    code: str
    why: str
    instance: str | None
    study: str | None
    reading: ServedReading | None


@dataclass(frozen=True, slots=True)
class ServedJob:
    """Work that a server does.

    Attributes:
        id: of the job.
        state: "running", "done" or "failed".
        why: it failed.
        finished: parts of which nothing more will become.
        parts: a file each.
    """

    id: str
    state: str
    why: str
    finished: int
    parts: tuple[Part, ...]


class Client:
    """One server. Threads may share it.

    Args:
        url: of the server, ``https://ward.example``; with a path where a proxy has it under one.
        token: as an administrator of the server made it.
        authority: file of certificates that the server's must come from, PEM; None for the
            system's.
        patience_s: how long a server that says "not now" is asked again.

    Raises:
        ServiceError: the address is none of HTTP, or holds more than a host and a path.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        authority: Path | str | None = None,
        patience_s: float = 60.0,
    ) -> None:
        parts = urlsplit(url)
        plain = not (parts.query or parts.fragment or parts.username or parts.password)
        if parts.scheme not in ("http", "https") or not parts.hostname or not plain:
            raise ServiceError(
                "The server's address is http:// or https://, a host, and a path at most."
            )
        self._url = url.rstrip("/")
        self._patience_s = patience_s
        self._headers = {
            "Authorization": f"Bearer {token}",
            "User-Agent": f"hilum-client/{hilum.__version__}",
            "Accept": "application/json",
        }
        self._connections = urllib3.PoolManager(
            maxsize=8, ca_certs=None if authority is None else str(authority)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._connections.clear()

    def read(
        self, radiograph: Path | str | bytes, *, wait_s: float = 60.0, **told: str
    ) -> ServedReading:
        """Send a radiograph and wait for what is said of it.

        Args:
            radiograph: a file's path, or its bytes.
            wait_s: at most so long.
            told: ``patient_id`` and ``taken`` of a picture that has no header.

        Raises:
            NotAccepted: the server does not take it; ``reason_code`` and message say why.
            NotNow: it is not read yet; the same call again goes on waiting.
            NotAllowed: the token is wrong, or may not.
            ServiceError: the server cannot be reached, or failed on the radiograph.
            OSError: the file cannot be read.
        """
        until = time.monotonic() + wait_s
        files = [_bytes(radiograph)]
        query = {"wait": f"{min(wait_s, LONGEST_WAIT_S):g}"}
        answer = self._post_files(files, told, query)
        if answer.status >= 300:
            raise _error(answer)
        job = _job(_parsed(answer))
        while job.state == "running" and time.monotonic() < until:
            time.sleep(min(_PAUSE_S, max(0.0, until - time.monotonic())))
            job = self.job(job.id, records=True)
        part = job.parts[0]
        if len(job.parts) > 1:
            raise ServiceError("That is an archive of several radiographs; use upload().")
        if part.reading is not None:
            return part.reading
        if part.state in ("waiting", "reading"):
            raise NotNow(f"The radiograph was not read within {wait_s:g} s; it still waits.")
        raise ServiceError(f"The server failed on the radiograph: {part.why}")

    def upload(self, radiographs: Iterable[Path | str | bytes], **told: str) -> list[ServedJob]:
        """Send many: files, or archives of them. What is not accepted is told by its part.

        Args:
            radiographs: paths or bytes; few are held in memory at a time.
            told: ``patient_id`` and ``taken`` of pictures that have no header.

        Returns:
            A job for each request that it took, in order; parts are numbered within each.

        Raises:
            NotNow, NotAllowed, ServiceError, OSError: as of :meth:`read`. What was sent before
                stays, and may be sent again.
        """
        jobs: list[ServedJob] = []
        for files in _in_requests(radiographs):
            answer = self._post_files(files, told, {})
            if answer.status < 300:
                jobs.append(_job(_parsed(answer)))
            elif job := _parsed(answer).get("job"):
                jobs.append(self.job(job))
            else:
                jobs.append(_none_of(_error(answer)))
        return jobs

    def job(self, job: str, *, records: bool = False) -> ServedJob:
        """How far a job has come.

        Args:
            job: its id.
            records: with what was said of each radiograph.

        Raises:
            NotAllowed, NotNow, ServiceError: as of :meth:`read`; there is none.
        """
        query = {"records": "true"} if records else {}
        return _job(self._json("GET", f"/v1/jobs/{_id(job)}", query))

    def wait(self, job: str, *, wait_s: float = 600.0) -> ServedJob:
        """A job with its readings, once all of it is done.

        Raises:
            NotNow: it is not, within so long; and as of :meth:`job`.
        """
        until = time.monotonic() + wait_s
        while True:
            found = self.job(job)
            if found.state != "running":
                return self.job(job, records=True)
            if time.monotonic() >= until:
                raise NotNow(f"{found.finished} of {len(found.parts)} are done after {wait_s:g} s.")
            time.sleep(min(_PAUSE_S, max(0.0, until - time.monotonic())))

    def reading(self, reading: str) -> ServedReading:
        """A reading by its id.

        Raises:
            NotAllowed, NotNow, ServiceError: as of :meth:`read`; there is none.
        """
        return _reading(self._json("GET", f"/v1/readings/{_id(reading)}", {}))

    def instance(self, instance: str) -> dict[str, Any]:
        """A radiograph by its id: state, and ids of its readings; see docs/api.md."""
        return self._json("GET", f"/v1/instances/{_id(instance)}", {})

    def studies(self, *, since: float = 0.0) -> Iterator[dict[str, Any]]:
        """Studies to which something came since a time (seconds since 1970), oldest first."""
        after: str | None = ""
        while after is not None:
            query = {"since": repr(float(since)), "most": "200", "after": after}
            page = self._json("GET", "/v1/studies", query)
            yield from page["studies"]
            after = page["after"]

    def find_studies(
        self, *, uid: str = "", accession: str = "", patient_id: str = ""
    ) -> list[dict[str, Any]]:
        """Studies of a Study Instance UID, an accession number or a patient."""
        wanted = {"uid": uid, "accession": accession, "patient_id": patient_id}
        return self._json("POST", "/v1/studies/search", {}, json.dumps(wanted).encode())["studies"]

    def study(self, study: str) -> dict[str, Any]:
        """A study by its id, with its radiographs; see docs/api.md."""
        return self._json("GET", f"/v1/studies/{_id(study)}", {})

    def delete_study(self, study: str) -> None:
        """Delete a study and all that is kept of it; needs the role ``admin``."""
        self._json("DELETE", f"/v1/studies/{_id(study)}", {})

    def pull(self, place: str, **query: Any) -> ServedJob:
        """Have studies pulled from another DICOM system; :meth:`wait` follows the job.

        Args:
            place: its name in the server's settings.
            query: ``study_uid``, ``accession``, ``patient_id``, ``since``, ``until``,
                ``modalities``, ``every_view``; see docs/api.md.

        Raises:
            NotAllowed, NotNow, ServiceError: as of :meth:`read`; no such place.
        """
        asked = json.dumps({"place": place, "query": query}).encode()
        return _job(self._json("POST", "/v1/pulls", {}, asked))

    def corrections(self) -> bytes:
        """What readers said, as a label table (CSV) for `hilum train` and `hilum evaluate`."""
        return self._asked("GET", "/v1/corrections.csv", {}).data

    def _post_files(
        self, files: list[bytes], told: Mapping[str, str], query: Mapping[str, str]
    ) -> urllib3.BaseHTTPResponse:
        """An answer of 2xx, or one that says why nothing was accepted."""
        fields: list[Any] = [("file", (str(n), data)) for n, data in enumerate(files, 1)]
        body, kind = urllib3.encode_multipart_formdata([*told.items(), *fields])
        return self._asked("POST", "/v1/readings", query, body, kind, also=_NOT_ACCEPTED)

    def _json(
        self, method: str, path: str, query: Mapping[str, str], body: bytes | None = None
    ) -> Any:
        return _parsed(self._asked(method, path, query, body))

    def _asked(
        self, method: str, path: str, query: Mapping[str, str], body: bytes | None = None,
        kind: str = "application/json", also: tuple[int, ...] = (),
    ) -> urllib3.BaseHTTPResponse:  # fmt: skip
        """An answer of 2xx, or ``also``; a server that says "not now" is asked for a while."""
        headers = self._headers if body is None else {**self._headers, "Content-Type": kind}
        url = self._url + path + (f"?{urlencode(query)}" if query else "")
        until = time.monotonic() + self._patience_s
        while True:
            try:
                answer = self._connections.request(
                    method, url, body=body, headers=headers, redirect=False, retries=False,
                    timeout=urllib3.Timeout(connect=10.0, read=_ANSWER_S),
                )  # fmt: skip
            except SSLError:
                raise ServiceError("The server's certificate is not trusted here.") from None
            except HTTPError as error:
                raise ServiceError(
                    f"The server cannot be reached at {self._url} ({type(error).__name__})."
                ) from None
            if 200 <= answer.status < 300 or answer.status in also:
                return answer
            later = _retry_after(answer)
            if later is None or time.monotonic() + later > until:
                raise _error(answer)
            time.sleep(later)


def verify_webhook(
    secret: str, headers: Mapping[str, str], body: bytes, *, now: float | None = None
) -> dict[str, Any]:
    """What a server told by a webhook, once it is sure that the server said so.

    Args:
        secret: of the webhook, as the server's settings have it.
        headers: of the request; names in any case.
        body: as it came, before anything was parsed.
        now: seconds since 1970; the clock's when None.

    Returns:
        The event; see docs/api.md.

    Raises:
        ServiceError: the signature is not right, or more than five minutes old.
    """
    given = {name.lower(): value for name, value in headers.items()}
    timestamp = given.get("hilum-timestamp", "")
    signed = timestamp.encode() + b"." + body
    right = "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(right.encode(), given.get("hilum-signature", "").encode()):
        raise ServiceError("The signature of the webhook is wrong: it is not from that server.")
    if abs((time.time() if now is None else now) - int(timestamp)) > _OLD_S:
        raise ServiceError("The webhook is more than five minutes old: it may be a repetition.")
    return json.loads(body)


def _error(answer: urllib3.BaseHTTPResponse) -> ServiceError:
    try:
        told = answer.json()
        detail, code = str(told["detail"]), str(told["code"])
    except (ValueError, KeyError, TypeError):
        return ServiceError(f"The server answered {answer.status}; is it Hilum?")
    if answer.status in (401, 403):
        return NotAllowed(detail)
    if answer.status in (429, 503):
        return NotNow(detail)
    if answer.status in _NOT_ACCEPTED:
        return NotAccepted(code, detail)
    return ServiceError(detail)


def _parsed(answer: urllib3.BaseHTTPResponse) -> Any:
    try:
        return answer.json()
    except ValueError:
        raise ServiceError("The server did not answer with JSON; is it Hilum?") from None


def _none_of(error: ServiceError) -> ServedJob:
    """What became of one file that was not accepted."""
    code = error.reason_code if isinstance(error, NotAccepted) else error.code
    part = Part("1", "not-accepted", code, str(error), None, None, None)
    return ServedJob("", "done", "", 1, (part,))


def _retry_after(answer: urllib3.BaseHTTPResponse) -> float | None:
    value = answer.headers.get("Retry-After", "")
    return float(value) if answer.status in (429, 503) and value.isdigit() else None


def _bytes(radiograph: Path | str | bytes) -> bytes:
    return radiograph if isinstance(radiograph, bytes) else Path(radiograph).read_bytes()


def _in_requests(radiographs: Iterable[Path | str | bytes]) -> Iterator[list[bytes]]:
    """Files of about :data:`AT_ONCE_BYTES` together; a larger one alone."""
    files: list[bytes] = []
    for radiograph in radiographs:
        data = _bytes(radiograph)
        if files and (sum(map(len, files)) + len(data) > AT_ONCE_BYTES or len(files) == 100):
            yield files
            files = []
        files.append(data)
    if files:
        yield files


def _job(told: Mapping[str, Any]) -> ServedJob:
    parts = tuple(
        Part(
            name=one["name"], state=one["state"], code=one["code"], why=one["why"],
            instance=one["instance"], study=one["study"],
            reading=_reading(one["reading"]) if one["reading"] else None,
        )
        for one in told["parts"]
    )  # fmt: skip
    return ServedJob(told["id"], told["state"], told["why"], told["finished"], parts)


def _reading(told: Mapping[str, Any]) -> ServedReading:
    return ServedReading(
        id=told["id"], instance=told["instance"], study=told["study"], kind=told["kind"],
        bundle=told["bundle"], bundle_digest=told["bundle_digest"], record=told["record"],
    )  # fmt: skip


def _id(text: str) -> str:
    """An id as it may stand in an address.

    Raises:
        ServiceError: it is none.
    """
    if not text or len(text) > 64 or not text.isalnum() or not text.isascii():
        raise ServiceError("That is no id of the server: 32 hexadecimal digits.")
    return text
