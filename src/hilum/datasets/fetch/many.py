"""Several files: described, named, weighed against the disk, fetched a few at a time."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

from hilum.datasets.fetch.partial import DiskFull
from hilum.datasets.fetch.server import Remote, Server, Settings
from hilum.datasets.fetch.transfer import Job, Patience, describe, digest, transfer
from hilum.datasets.fetch.unpacking import folder_of, unpacked_before
from hilum.datasets.fetch.wanted import Wanted, shown
from hilum.errors import FetchError, HilumError
from hilum.lock import held

LOCK = ".hilum-fetch.lock"

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Step:
    """How far a file is.

    Attributes:
        name: of the file; its address, before its name is known.
        done: bytes that are here; -1 where only a note is given.
        size: of all bytes; None where the server does not say.
        note: what happened, in words; "" for bytes alone.
    """

    name: str
    done: int
    size: int | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What became of a file.

    Attributes:
        url: its address, without what may be secret.
        path: where it is; None where it could not be fetched. An archive that was unpacked may be
            gone.
        state: "fetched"; "present", when it was there before; "unpacked", when an earlier run
            unpacked it and it was removed; "failed", also when it is there and what was to be done
            with it failed.
        verified: whether its checksum was found right.
        bytes: its size.
        notes: what happened on the way.
        error: why it failed.
    """

    url: str
    path: Path | None
    state: Literal["fetched", "present", "unpacked", "failed"]
    verified: bool = False
    bytes: int = 0
    notes: tuple[str, ...] = ()
    error: HilumError | None = None


def fetch(
    wanted: Sequence[Wanted],
    folder: Path,
    *,
    settings: Settings | None = None,
    landed: Callable[[Path], None] | None = None,
    unpacked: bool = False,
    watch: Callable[[Step], None] = lambda _step: None,
) -> tuple[Fetched, ...]:
    """Fetch files into a folder; what an earlier run began is gone on with.

    Args:
        wanted: what to fetch.
        folder: where to; made where it is missing.
        settings: how.
        landed: called in the calling thread for each file that is there and whole, also when it
            was before, while others are still being fetched. A HilumError that it raises is the
            failure of that file.
        unpacked: let an archive count as there that was unpacked beside itself and removed.
        watch: told how far each file is; called from several threads.

    Returns:
        What became of each, in the order of ``wanted``. A file that cannot be fetched does not
        keep the others from it.

    Raises:
        FetchError: nothing could begin (no file named, two files of one name, too little room),
            or the disk is full.
    """
    if not wanted:
        raise FetchError("There is nothing to fetch: give an address, or a list of them.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FetchError(f"The folder {folder} cannot be made: {error.strerror}.") from None
    with held(folder / LOCK, folder), _crew(settings or Settings(), watch) as crew:
        outcomes: list[Fetched | None] = [None] * len(wanted)
        jobs: dict[int, Job] = {}
        for at, found in crew.each(crew.describe, list(wanted)):
            if isinstance(found, FetchError):
                where = shown(wanted[at].url)
                outcomes[at] = Fetched(where, None, "failed", notes=crew.notes(where), error=found)
            else:
                remote, name = found
                jobs[at] = Job(wanted[at], folder / name, remote)
        jobs = dict(sorted(jobs.items()))
        _check_names(list(jobs.values()))
        _check_disk(folder, list(jobs.values()), unpacked=unpacked)
        for job in jobs.values():
            watch(Step(job.target.name, _here(job.target), job.remote.size))
        numbers = list(jobs)
        work = partial(crew.bring, unpacked=unpacked)
        for at, found in crew.each(work, list(jobs.values())):
            job = jobs[numbers[at]]
            if isinstance(found, FetchError):
                found = Fetched(  # noqa: PLW2901
                    shown(job.wanted.url),
                    None,
                    "failed",
                    notes=crew.notes(job.target.name),
                    error=found,
                )
            elif landed is not None:
                found = _land(found, landed)  # noqa: PLW2901
            outcomes[numbers[at]] = found
    return tuple(outcome for outcome in outcomes if outcome is not None)


def _land(found: Fetched, landed: Callable[[Path], None]) -> Fetched:
    assert found.path is not None
    try:
        landed(found.path)
    except HilumError as error:
        return replace(found, state="failed", error=error)
    return found


class _Crew:
    """Threads that fetch.

    Args:
        settings: how.
        watch: told how far each file is.
        pool: the threads.
    """

    def __init__(
        self, settings: Settings, watch: Callable[[Step], None], pool: ThreadPoolExecutor
    ) -> None:
        self._stop = threading.Event()
        self._server = Server(settings)
        self._settings, self._watch, self._pool = settings, watch, pool
        self._notes: dict[str, list[str]] = {}

    def each(
        self, work: Callable[[_Item], _Result], items: Sequence[_Item]
    ) -> Iterator[tuple[int, _Result | FetchError]]:
        """Do work on items, a few at a time: (number of the item, result), as they are done.

        Raises:
            DiskFull: the others would meet it, too.
        """
        futures = {self._pool.submit(work, item): at for at, item in enumerate(items)}
        for future in as_completed(futures):
            error = future.exception()
            if isinstance(error, FetchError) and not isinstance(error, DiskFull):
                yield futures[future], error
            else:
                yield futures[future], future.result()

    def end(self) -> None:
        """Let the threads come to an end; what is half-fetched stays as it is."""
        self._stop.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._server.stop()
        self._pool.shutdown()
        self._server.close()

    def describe(self, wanted: Wanted) -> tuple[Remote, str]:
        """How the server describes a file, and its name."""
        where = shown(wanted.url)
        return describe(wanted, self._server, self._patience(where, None))

    def bring(self, job: Job, *, unpacked: bool) -> Fetched:
        """Bring a file to where it belongs, unless it is there."""
        name, size, checksum = job.target.name, job.remote.size, job.wanted.checksum
        patience = self._patience(name, size)
        patience.check()
        state: Literal["fetched", "present", "unpacked"] = "fetched"
        folder = folder_of(job.target) if unpacked else None
        if job.target.exists():
            state = "present"
            _compare(job, patience)
        elif folder is not None and (before := unpacked_before(job.target, folder)):
            state, checksum = "unpacked", None
            if size not in (None, before.archive_bytes):
                raise FetchError(
                    f"{folder} was unpacked from a {name} of {before.archive_bytes:,} bytes, and "
                    f"the server has one of {size:,} now; move the folder away to fetch it."
                )
            size = before.archive_bytes
        else:
            at = partial(self._at, name, size)
            transfer(job, self._server, patience, at=at)
        size = size if state == "unpacked" else job.target.stat().st_size
        self._at(name, size, size or 0)
        return Fetched(
            shown(job.wanted.url),
            job.target,
            state,
            verified=checksum is not None,
            bytes=size or 0,
            notes=self.notes(name),
        )

    def notes(self, name: str) -> tuple[str, ...]:
        """What happened to a file on the way."""
        return tuple(self._notes.get(name, ()))

    def _patience(self, name: str, size: int | None) -> Patience:
        def note(text: str) -> None:
            self._notes.setdefault(name, []).append(text)
            self._watch(Step(name, -1, size, text))

        return Patience(self._settings, self._stop, note)

    def _at(self, name: str, size: int | None, done: int) -> None:
        self._watch(Step(name, done, size))


@contextmanager
def _crew(settings: Settings, watch: Callable[[Step], None]) -> Generator[_Crew]:
    crew = _Crew(settings, watch, ThreadPoolExecutor(settings.workers, "fetch"))
    try:
        yield crew
    finally:
        crew.end()


def _compare(job: Job, patience: Patience) -> None:
    """Whether a file that is there is the one that is wanted.

    Raises:
        FetchError: it is not.
    """
    target, checksum, size = job.target, job.wanted.checksum, job.remote.size
    if not target.is_file():
        raise FetchError(f"{target} is there already and is no file; move it away.")
    have = target.stat().st_size
    if checksum is not None:
        found = digest(target, checksum, patience)
        if found != checksum.digest:
            raise FetchError(
                f"{target} is there already, and its {checksum.kind} is {found}, not "
                f"{checksum.digest}; move it away to fetch it, or mend the checksum."
            )
    elif size is None:
        patience.note("it is there; neither length nor checksum is known to compare it by")
    elif have == size:
        patience.note("it is there, as long as on the server; only a checksum could verify it")
    else:
        raise FetchError(
            f"{target} is there already and has {have:,} bytes, that of the server {size:,}; move "
            "it away to fetch it."
        )
    target.with_name(f"{target.name}.part.json").unlink(missing_ok=True)  # killed at the very end


def _check_names(jobs: Sequence[Job]) -> None:
    taken: dict[str, Job] = {}
    clashes: list[str] = []
    for job in jobs:
        name = job.target.name.casefold()
        for one in (name, f"{name}.part", f"{name}.part.json", f"{name}.part.json~"):
            other = taken.setdefault(one, job)
            if other is not job:
                clashes.append(
                    f"{job.target.name} ({shown(other.wanted.url)} and {shown(job.wanted.url)})"
                )
                break
    if clashes:
        more = f" … and {len(clashes) - 3} more" if len(clashes) > 3 else ""
        raise FetchError(
            f"Files of one name cannot lie in one folder: {', '.join(clashes[:3])}{more}. Fetch "
            "them into folders of their own."
        )


def _here(target: Path) -> int:
    """Bytes of a file that are here, whole or not."""
    for path in (target, target.with_name(f"{target.name}.part")):
        if path.is_file():
            return path.stat().st_size
    return 0


def _check_disk(folder: Path, jobs: Sequence[Job], *, unpacked: bool) -> None:
    needed, unknown = 0, 0
    for job in jobs:
        where = folder_of(job.target) if unpacked else None
        if job.target.exists() or (where is not None and where.exists()):
            continue
        needed += max(0, (job.remote.size or 0) - _here(job.target))
        unknown += job.remote.size is None
    free = shutil.disk_usage(folder).free
    if needed > free:
        more = f" (and {unknown} whose size is unknown)" if unknown else ""
        raise FetchError(
            f"What is left to fetch needs {needed / 1e9:,.2f} GB{more}, and {folder} has "
            f"{free / 1e9:,.2f} GB free; make room, or choose another folder with -o."
        )
