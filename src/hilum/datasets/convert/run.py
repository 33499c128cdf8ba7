"""A conversion from beginning to end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path

from hilum.datasets.convert.estimate import Estimate, drawn_on, free, spread
from hilum.datasets.convert.folder import Destination
from hilum.datasets.convert.options import Options
from hilum.datasets.convert.plan import Classes, Plan, plan
from hilum.datasets.convert.processes import Engine, Work
from hilum.datasets.convert.work import Result, work
from hilum.errors import RunError
from hilum.registry import Registry

ENGINES = Registry(
    "engine",
    [
        ("local", "hilum.datasets.convert.processes:local"),
        ("ray", "hilum.datasets.convert.cluster:cluster"),
    ],
)
"""What does the work: ``engine(work, workers=…, address=…)`` is a context with a function from
requests to results, in any order."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of the files.

    Attributes:
        files: that were found.
        before: finished by earlier runs.
        done: finished by this run.
        converted: of those, files that became a picture.
        seconds: that this run took.
        bytes_in: of the files of this run.
        bytes_out: of the pictures of this run.
        pictures: in the destination now.
        same_bytes: sources there that share a picture with another one.
        same_pixels: pictures there whose pixels are those of another one.
        codes: sources there that were refused or left out, by code.
        complete: whether every file had its turn.
    """

    files: int
    before: int
    done: int
    converted: int
    seconds: float
    bytes_in: int
    bytes_out: int
    pictures: int
    same_bytes: int
    same_pixels: int
    codes: Counter[str]
    complete: bool

    @property
    def refused(self) -> int:
        """Sources that were refused; not those that were left out as asked."""
        return self.codes.total() - self.codes["blurred"]


def start(
    engine: str = "local", *, workers: int, address: str | None = None, work: Work = work
) -> AbstractContextManager[Engine]:
    """Start an engine.

    Args:
        engine: a name in :data:`ENGINES`.
        workers: files at a time.
        address: of a cluster.
        work: what is done with each file; :func:`hilum.datasets.convert.work.work`, or a function
            that calls it and decides what becomes of an unexpected error.

    Raises:
        UnknownName: no such engine.
        RunError: it cannot start.
        MissingExtra: it is not installed.
    """
    return ENGINES.resolve(engine)(work, workers=workers, address=address)


def convert(
    sources: Sequence[Path | str],
    out: Path | str,
    options: Options | None = None,
    *,
    workers: int = 1,
    classes: Classes | None = None,
    engine: str = "local",
) -> Summary:
    """Convert files, folders and archives; go on where an earlier run into ``out`` stopped.

    Args:
        sources: files, folders, archives, DICOMDIRs.
        out: the destination: new, empty, or of an earlier run with the same options.
        options: what the pictures shall be.
        workers: processes.
        classes: gives each file its class, for the layout "class".
        engine: a name in :data:`ENGINES`.

    Raises:
        RunError: the run cannot start or go on.

    Example:
        >>> convert(["study"], "study-512", Options(size=512)).pictures     # doctest: +SKIP
        120
    """
    planned = plan(sources, out, options or Options(), classes=classes)
    with start(engine, workers=workers) as started:
        return run(planned, started)


def run(
    planned: Plan,
    engine: Engine,
    *,
    advance: Callable[[], None] | None = None,
    expect: Callable[[Estimate], None] | None = None,
    workers: int = 1,
) -> Summary:
    """Do what is planned, and write the tables.

    Ctrl-C ends it in good order; the summary says so.

    Args:
        planned: from :func:`plan`.
        engine: from :func:`start`.
        advance: called after each file.
        expect: called with what the rest will take, once a few files, spread over all, are done;
            an error that it raises ends the run.
        workers: of the engine, for that estimate.

    Raises:
        RunError: the destination cannot be written, or the disk is full; what is done is kept, and
            another run goes on from there.
    """
    begun, complete = time.monotonic(), False
    tally = _Tally()
    with Destination(planned.out, planned.facts) as folder:
        try:
            if planned.numbers:
                folder.keep_numbers(planned.numbers)
            first = spread(planned.todo, workers) if expect else []
            taken = {request.source for request in first}
            rest = [request for request in planned.todo if request.source not in taken]
            for part in (first, rest):
                tried: list[Result] = []
                with closing(engine(planned.requests(part))) as results:
                    for result in results:
                        if result.stop:
                            raise _stopped(planned, tally, result.stop)
                        folder.add(result)
                        tally.add(result)
                        if part is first:
                            tried.append(result)
                        if advance is not None:
                            advance()
                if part is first and expect is not None:
                    expect(drawn_on(tried, planned.out, len(rest), workers=workers))
            complete = True
        except KeyboardInterrupt:
            pass
        except OSError as error:
            raise _stopped(planned, tally, error.strerror or type(error).__name__) from error
        try:
            settled = folder.finish()
        except OSError as error:
            raise _stopped(planned, tally, error.strerror or type(error).__name__) from error
    return Summary(
        files=planned.files,
        before=planned.files - len(planned.todo),
        done=tally.done,
        converted=tally.converted,
        seconds=time.monotonic() - begun,
        bytes_in=tally.bytes_in,
        bytes_out=tally.bytes_out,
        pictures=len(settled.pictures),
        same_bytes=sum(settled.times.values()) - len(settled.pictures),
        same_pixels=len(settled.twins),
        codes=settled.codes,
        complete=complete,
    )


@dataclass(slots=True)
class _Tally:
    """What this run has done so far."""

    done: int = 0
    converted: int = 0
    bytes_in: int = 0
    bytes_out: int = 0

    def add(self, result: Result) -> None:
        self.done += 1
        self.converted += bool(result.image)
        self.bytes_in += result.size
        self.bytes_out += result.bytes if result.image else 0


def _stopped(planned: Plan, tally: _Tally, why: str) -> RunError:
    left = len(planned.todo) - tally.done
    mean = tally.bytes_out / tally.converted if tally.converted else 0.0
    missing = max(0, int(mean * left) - free(planned.out))
    need = f" about {missing / 1e6:,.0f} MB more are needed;" if missing else ""
    return RunError(
        f"Stopped: {planned.out} cannot be written ({why}). {tally.done} files of this run are "
        f"done and kept, {left} are left;{need} make room or mend the folder, then run the same "
        "command again."
    )
