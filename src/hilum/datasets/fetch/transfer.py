"""One file: asked for, received, begun again where it broke off, verified."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from hilum.datasets.fetch.partial import Partial, Version, digest_of
from hilum.datasets.fetch.server import Answer, Broken, Remote, Server, Settings
from hilum.datasets.fetch.wanted import Checksum, Wanted, file_name, shown
from hilum.errors import FetchError

LONGEST_PAUSE_S = 60.0
LONGEST_WAIT_S = 600.0
"""A server that asks to wait longer is left for another day."""

_UNTOLD = (
    "the server does not say whether it has changed (no ETag, no Last-Modified), and there is no "
    "checksum to tell"
)


class Stopped(Exception):
    """The run was told to end."""


@dataclass(frozen=True, slots=True)
class Job:
    """A file that is going to be fetched.

    Attributes:
        wanted: address and checksum.
        target: where it goes.
        remote: how the server describes it.
    """

    wanted: Wanted
    target: Path
    remote: Remote


@dataclass(slots=True)
class Patience:
    """How often and for how long one file is waited for.

    Attributes:
        settings: retries and waits.
        stop: set when the run is to end.
        note: is told why there is a wait.
    """

    settings: Settings
    stop: threading.Event
    note: Callable[[str], None]
    _failed: int = field(default=0, init=False)
    _anew: int = field(default=0, init=False)

    def check(self) -> None:
        """End here when the run is to end.

        Raises:
            Stopped: it is.
        """
        if self.stop.is_set():
            raise Stopped

    def moved_on(self) -> None:
        """Forget the tries that failed: bytes came that were not here before."""
        self._failed = 0

    def wait(self, why: Broken, where: str) -> None:
        """Wait before another try.

        Raises:
            FetchError: enough tries were made, or the server asks to wait too long.
            Stopped: the run is to end.
        """
        self.check()
        self._failed += 1
        if self._failed > self.settings.retries:
            raise FetchError(
                f"{where}: {why}. Given up at try {self._failed} that brought nothing; run the "
                "same command later: it goes on."
            )
        pause = min(LONGEST_PAUSE_S, self.settings.backoff_s * 2 ** (self._failed - 1))
        pause = max(pause, why.wait_s)
        if pause > LONGEST_WAIT_S:
            raise FetchError(
                f"{where}: {why} and asks to wait {pause / 60:,.0f} minutes; run the same command "
                "then: it goes on."
            )
        self.note(f"{why}; trying again in {pause:.0f} s")
        if self.stop.wait(pause):
            raise Stopped

    def anew(self, why: str, where: str) -> None:
        """Say that the file is fetched from its beginning again.

        Raises:
            FetchError: that has happened too often.
        """
        self._anew += 1
        if self._anew > self.settings.retries:
            raise FetchError(
                f"{where}: {why}, {self._anew} times. Such a file cannot be fetched piece by "
                "piece: use a better connection, or ask those who run the server."
            )
        self.note(f"{why}: starting anew")


def describe(wanted: Wanted, server: Server, patience: Patience) -> tuple[Remote, str]:
    """Ask the server for one byte, which tells the size and the version of the file.

    HEAD would not do: servers forbid it, answer it wrongly, or sign their links for GET alone.

    Returns:
        The file as the server describes it, and the name that it gets.

    Raises:
        FetchError: there is no such file, or it cannot be had.
        Stopped: the run is to end.
    """
    while True:
        try:
            with server.get(wanted.url, end=0) as answer:
                remote = answer.remote
                refused = answer.status == 416 and remote.size != 0
            if refused:  # not even the first byte: perhaps it knows no parts
                with server.get(wanted.url) as answer:
                    remote = answer.remote
            name = file_name(remote.name, [wanted.url, remote.url])
            _check_kind(remote, name)
            return remote, name
        except Broken as why:
            patience.wait(why, shown(wanted.url))


def transfer(job: Job, server: Server, patience: Patience, *, at: Callable[[int], None]) -> None:
    """Fetch a file to its end, from where an earlier run stopped.

    Args:
        job: what and whereto.
        server: is asked.
        patience: with tries that fail.
        at: is told the number of bytes that are there.

    Raises:
        FetchError: it cannot be fetched, or its checksum is wrong; what is there stays.
        Stopped: the run is to end.
    """
    part = Partial(job.target)
    try:
        pieced = _begin(job, part, patience)
        while True:
            pieced = _receive(job, part, server, patience, at) or pieced
            if job.wanted.checksum is None:
                break
            found = digest(part.path, job.wanted.checksum, patience)
            if found == job.wanted.checksum.digest:
                break
            if not pieced:
                raise _mismatch(job, part, found)
            patience.anew("the checksum is wrong, and it was fetched in pieces", job.target.name)
            part.begin(Version.of(job.wanted.url, job.remote))
        part.finish()
    finally:
        part.close()


def digest(path: Path, checksum: Checksum, patience: Patience) -> str:
    """The digest of a file, of the kind that a checksum has.

    Raises:
        Stopped: the run is to end.
        FetchError: the file cannot be read.
    """
    patience.note(f"verifying {checksum.kind}")
    for found in digest_of(path, checksum.kind):
        patience.check()
        if found is not None:
            return found
    raise AssertionError("the last piece has the digest")


def _begin(job: Job, part: Partial, patience: Patience) -> bool:
    """Settle whether what is there can be gone on with; whether the file comes in pieces."""
    now, before = Version.of(job.wanted.url, job.remote), part.version
    if before is None or part.have == 0:
        part.begin(now)
        return False
    if before.url != now.url:
        patience.anew("it was begun from another address", job.target.name)
    elif _differ(before, now):
        patience.anew("it has changed on the server since it was begun", job.target.name)
    elif not _may_go_on(job, part):
        patience.anew(_UNTOLD, job.target.name)
    elif now.size is not None and part.have > now.size:
        patience.anew("more of it is here than the server has", job.target.name)
    else:
        patience.note(f"going on after {part.have:,} bytes")
        return True
    part.begin(now)
    return False


def _differ(one: Version, other: Version) -> bool:
    """Whether two descriptions are of different versions."""
    sizes = one.size, other.size
    return one.validator != other.validator or (None not in sizes and sizes[0] != sizes[1])


def _receive(
    job: Job, part: Partial, server: Server, patience: Patience, at: Callable[[int], None]
) -> bool:
    """Receive until all is there; whether that took more than one request."""
    name, requests, most, parts_come = job.target.name, 0, part.have, True
    at(part.have)
    while part.version is None or part.have != part.version.size:
        patience.check()
        requests += 1
        try:
            start = part.have if parts_come and _may_go_on(job, part) else 0
            validator = part.version.validator if part.version and start else None
            with server.get(job.wanted.url, start=start, validator=validator) as answer:
                _check_kind(answer.remote, name)
                problem = _misfit(answer, part, start)
                if problem:
                    parts_come = False
                    patience.anew(problem, name)
                    part.begin(Version.of(job.wanted.url, job.remote))
                    continue
                if answer.status == 416:
                    part.settle(part.have)
                    break
                if answer.status == 200:
                    _begin_whole(job, part, answer, patience, start)
                _body(answer, part, patience, at)
                if answer.length is None and answer.span is None:
                    part.settle(part.have)
                    if job.wanted.checksum is None:
                        patience.note(
                            "the server did not say how long it is; only a checksum could tell "
                            "whether it is whole"
                        )
        except Broken as why:
            if part.have > most:
                patience.moved_on()
            most = max(most, part.have)
            patience.wait(why, name)
    return requests > 1


def _may_go_on(job: Job, part: Partial) -> bool:
    """Whether a beginning is worth something: its version can be told, or its bytes verified."""
    return part.version is not None and bool(part.version.validator or job.wanted.checksum)


def _misfit(answer: Answer, part: Partial, start: int) -> str:
    """Why an answer does not go on where the file ends; "" when it does."""
    before, size = part.version, answer.remote.size
    assert before is not None
    if answer.status == 200:
        return ""
    if not start:
        return f"the server answers {answer.status} although the whole was asked for"
    if answer.status == 416:
        whole = size == part.have and before.size is None
        return "" if whole else "the server has no bytes behind those that are here"
    if None not in (size, before.size) and size != before.size:
        return "it has changed on the server meanwhile"
    if answer.remote.etag and before.etag and answer.remote.etag != before.etag:
        return "it has changed on the server meanwhile"
    return _wrong_span(answer, start)


def _wrong_span(answer: Answer, start: int) -> str:
    span, size = answer.span, answer.remote.size
    if span is None or span[0] != start or span[1] < start or (size and span[1] >= size):
        return "the server sends another part than was asked for"
    if answer.length not in (None, span[1] - start + 1):
        return "the server contradicts itself on how much it sends"
    return ""


def _begin_whole(job: Job, part: Partial, answer: Answer, patience: Patience, start: int) -> None:
    """The whole file comes: what is there is dropped, and why is said."""
    now, before = Version.of(job.wanted.url, answer.remote), part.version
    assert before is not None
    if start:
        why = "it has changed on the server"
        if not _differ(before, now):
            why = "the server sends no parts (it ignores Range)"
        patience.anew(why, job.target.name)
    elif part.have:
        patience.anew(_UNTOLD, job.target.name)
    elif now.validator and now.validator == before.validator and _differ(before, now):
        raise Broken(f"the server says {before.size:,} bytes at one time and {now.size:,} later")
    part.begin(now)


def _body(answer: Answer, part: Partial, patience: Patience, at: Callable[[int], None]) -> None:
    """Write what comes."""
    left = answer.length if answer.span is None else answer.span[1] - answer.span[0] + 1
    for data in answer.chunks():
        patience.check()
        kept = data if left is None else data[:left]
        part.write(kept)
        at(part.have)
        if left is not None:
            left -= len(kept)
            if not left:
                return
    if left:
        raise Broken("the connection was broken off")


def _check_kind(remote: Remote, name: str) -> None:
    """Refuse what is something else than the file.

    Raises:
        FetchError: it is a web page, or packed on its way.
    """
    lower = name.lower()
    if remote.page and not lower.endswith((".htm", ".html", ".xhtml")):
        raise FetchError(
            f"{shown(remote.url)}: a web page comes instead of {name}: a login, a licence to agree "
            "to, or a page that holds the link. Open it in a browser; download the file by hand, "
            "or pass --header 'Authorization: …' or 'Cookie: …'."
        )
    own = remote.packed in ("gzip", "x-gzip") and lower.endswith((".gz", ".tgz"))
    if remote.packed and not own:
        raise FetchError(
            f"{shown(remote.url)}: the server packs {name} on its way ({remote.packed[:20]}) "
            "although it was asked not to, so that neither length nor checksum can be told; "
            "download it with a browser."
        )


def _mismatch(job: Job, part: Partial, found: str) -> FetchError:
    return FetchError(
        f"{job.target.name}: its {job.wanted.checksum and job.wanted.checksum.kind} is {found}, "
        f"not {job.wanted.checksum and job.wanted.checksum.digest}. It is kept as "
        f"{part.path.name}: if the checksum was mistyped, run again with the right one and nothing "
        "is fetched twice; if not, remove it and run again."
    )
