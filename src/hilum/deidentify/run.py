"""Many files → a folder of clean ones."""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hilum.datasets.convert.layout import source_path
from hilum.deidentify import folder, pseudonyms
from hilum.deidentify.rules import PIXELS, Pixels, Rules
from hilum.deidentify.work import Request, Result, work
from hilum.errors import IntakeError, RunError
from hilum.imaging import InOrder, find_files, load
from hilum.lock import held

Work = Callable[[Request], Result]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What is to be done.

    Attributes:
        out: the folder to fill.
        facts: what decides the files' bytes.
        requests: all files that were found, in a settled order.
        todo: those that earlier runs have not finished.
        sources: absolute path of each, by its key.
        passed_over: files that do not look like radiographs.
        unlistable: folders that the system does not let be listed.
    """

    out: Path
    facts: dict[str, Any]
    requests: tuple[Request, ...]
    todo: tuple[Request, ...]
    sources: dict[str, str]
    passed_over: int
    unlistable: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of the files.

    Attributes:
        files: that were found.
        done: that this run took on.
        now: of those, files that were cleaned.
        cleaned: that the folder holds now, copies of each other once.
        blacked: of those, files in which something was blacked.
        codes: sources that were refused, by code.
        seconds: that this run took.
        complete: whether every file had its turn.
    """

    files: int
    done: int
    now: int
    cleaned: int
    blacked: int
    codes: Counter[str]
    seconds: float
    complete: bool


def plan(
    sources: Sequence[Path | str], out: Path | str, rules: Rules, *, pixels: Pixels = "clean"
) -> Plan:
    """Find the files and what is left of them; nothing is written.

    Args:
        sources: files, folders, archives, DICOMDIRs.
        out: the folder to fill: new, empty, or of an earlier run with the same rules and secret.
        rules: what is kept of headers.
        pixels: what becomes of text in the pixels: "clean", "refuse" or "leave".

    Raises:
        RunError: no files; a folder within another; the folder holds something else.
    """
    if pixels not in PIXELS:
        raise RunError(f"pixels {pixels!r} is unknown; give one of {', '.join(PIXELS)}.")
    out, paths = Path(out), [Path(source) for source in sources]
    _apart(paths, out)
    facts = {"rules": rules.facts(), "pixels": pixels, "secret": pseudonyms.check(rules.secret)}
    folder.check(out, facts)
    found = find_files(paths)
    if not found.files:
        raise RunError(
            f"No DICOM, PNG, JPEG or TIFF file was found among {found.passed_over} files."
        )
    requests: list[Request] = []
    names: dict[str, str] = {}
    for number, file in enumerate(found.files, 1):
        file = replace(file, path=Path(os.path.abspath(file.path)))  # noqa: PLW2901, PTH100
        source = source_path(file)
        key = pseudonyms.key(rules.secret, f"{source}\x00{_state(file.path)}")
        names[key] = source
        requests.append(Request(file, number, key, rules, pixels, out / folder.FILES))
    done = folder.entries(out)
    todo = tuple(
        request for request in requests
        if request.key not in done or not folder.finished(out, done[request.key])
    )  # fmt: skip
    return Plan(
        out, facts, tuple(requests), todo, names, found.passed_over, len(found.unlistable)
    )  # fmt: skip


def deidentify(
    sources: Sequence[Path | str],
    out: Path | str,
    rules: Rules,
    *,
    pixels: Pixels = "clean",
    crosswalk: Path | None = None,
    workers: int = 1,
) -> Summary:
    """Write clean copies of files; go on where an earlier run into ``out`` stopped.

    Args:
        sources: files, folders, archives, DICOMDIRs.
        out: the folder to fill.
        rules: what is kept of headers.
        pixels: what becomes of text in the pixels.
        crosswalk: a CSV outside of ``out`` that says which source became which file.
        workers: files at a time.

    Raises:
        RunError: the run cannot start or go on.
    """
    return run(plan(sources, out, rules, pixels=pixels), crosswalk=crosswalk, workers=workers)


def run(
    planned: Plan,
    *,
    crosswalk: Path | None = None,
    workers: int = 1,
    advance: Callable[[], None] | None = None,
    work: Work = work,
) -> Summary:
    """Do what is planned, and write the tables. Ctrl-C ends it in good order.

    Args:
        planned: from :func:`plan`.
        crosswalk: see :func:`deidentify`.
        workers: files at a time.
        advance: called after each file.
        work: what is done with each file.

    Raises:
        RunError: the folder cannot be written, or another run writes into it; what is done is
            kept.
    """
    begun, complete, done, now = time.monotonic(), False, 0, 0
    out = planned.out
    if crosswalk is not None and crosswalk.resolve().is_relative_to(out.resolve()):
        raise RunError(
            f"{crosswalk} leads back to the patients, and {out} is to be shared; put it elsewhere."
        )
    try:
        folder.begin(out, planned.facts)
        with held(out / folder.STATE / "lock", out):
            folder.check(out, planned.facts)  # another run may have begun it meanwhile
            journal = folder.Journal(out)
            try:
                for result in _results(planned, work, workers):
                    if result.stop:
                        raise OSError(0, result.stop)
                    journal.append(result)
                    done, now = done + 1, now + bool(result.file)
                    if advance is not None:
                        advance()
                complete = True
            except KeyboardInterrupt:
                pass
            finally:
                journal.close()
            settled = _settled(planned)
            folder.write_tables(out, list(folder.entries(out).values()), settled)
            if crosswalk is not None:
                folder.write_crosswalk(crosswalk, [(planned.sources[e["key"]], e) for e in settled])
    except OSError as error:
        raise RunError(
            f"Stopped: {out} cannot be written ({error.strerror or type(error).__name__}). {done} "
            f"files of this run are done and kept, {len(planned.todo) - done} are left; make room "
            "or mend the folder, then run the same command again."
        ) from error
    every = folder.entries(out).values()
    files = {entry["file"]: entry for entry in every if entry["file"]}
    return Summary(
        files=len(planned.requests),
        done=done,
        now=now,
        cleaned=len(files),
        blacked=sum(bool(entry["row"]["blacked"]) for entry in files.values()),
        codes=Counter(entry["code"] for entry in settled if not entry["file"]),
        seconds=time.monotonic() - begun,
        complete=complete,
    )


def _settled(planned: Plan) -> list[dict[str, Any]]:
    """What became of the files that were found, under the numbers that they have now."""
    known = folder.entries(planned.out)
    return [
        known[request.key] | {"number": request.number}
        for request in planned.requests
        if request.key in known
    ]


def _results(planned: Plan, work: Work, workers: int) -> Iterator[Result]:
    """Results in the order of the files, few of them at a time in memory."""
    in_order = InOrder()
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(max_workers=workers) as pool:
        try:
            for request in planned.todo:
                waiting.append(pool.submit(work, _loaded(request, in_order)))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
            in_order.close()


def _loaded(request: Request, in_order: InOrder) -> Request:
    """A request with the bytes of a member of an archive that is read in its order."""
    if not request.file.in_order:
        return request
    try:
        return replace(request, data=load(request.file, in_order))
    except IntakeError as error:
        return replace(request, file=replace(request.file, problem=error))


def _state(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return "missing"
    return f"{status.st_size} {status.st_mtime_ns}"


def _apart(sources: Sequence[Path], out: Path) -> None:
    inside = out.resolve()
    for source in sources:
        place = source.resolve()
        if inside.is_relative_to(place) or place.is_relative_to(inside):
            raise RunError(
                f"{out} and the source {source} lie within each other, so that clean files would "
                "be taken for sources; choose a folder elsewhere."
            )
