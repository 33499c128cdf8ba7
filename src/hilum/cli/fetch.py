"""``hilum datasets fetch``: files of a collection → a folder, gone on with where it stopped."""

from __future__ import annotations

import itertools
import os
import re
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli.progress import LINE_EVERY_S
from hilum.errors import FetchError

if TYPE_CHECKING:
    from hilum.datasets.convert import Summary
    from hilum.datasets.convert.work import Request, Result
    from hilum.datasets.fetch import Fetched, Wanted

INTERRUPTED = 130
_MOST = 20
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
"""An address; one letter would be a drive."""


Say = Callable[[str], None]
Convert = Callable[[Path, Say], str]


@dataclass(slots=True)
class _Landing:
    """What is done with a file that has come, and what of it deserves a word at the end."""

    unpack: bool
    keep_archives: bool
    convert: Convert | None
    say: Say
    odd: list[str] = field(default_factory=list[str])
    refused: str = ""

    def __call__(self, path: Path) -> None:
        from hilum.datasets.fetch import folder_of, unpack

        folder = folder_of(path) if self.unpack else None
        if folder is not None:
            new = not folder.exists()
            if new:
                self.say(f"{path.name}: unpacking")
            done = unpack(path, folder, watch=_now_and_then(self.say, path.name, "unpacked"))
            if new:
                self.say(f"{path.name}: {done.files:,} files, {_size(done.bytes)}, in {folder}")
            if done.left_out:
                self.odd.append(_left_out(path.name, done.left_out))
            elif not self.keep_archives:
                path.unlink(missing_ok=True)
        if self.convert is not None:
            self.refused = self.convert(folder or path, self.say) or self.refused


def fetch(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="URL...",
            help="Addresses (https://…), and text files that list them: lines "
            "URL \\[sha256:HEX|md5:HEX].",
        ),
    ],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the files.")] = Path(),
    checksums: Annotated[
        list[str] | None,
        typer.Option(
            "--sha256",
            metavar="HEX",
            help="SHA-256 of the file; with several addresses once for each, in their order. "
            "Other files have theirs in a list.",
        ),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=16, help="Files at a time.")] = 2,
    retries: Annotated[
        int, typer.Option(min=0, help="Tries in a row that bring nothing, before giving up.")
    ] = 6,
    timeout: Annotated[
        float, typer.Option(min=1.0, help="Seconds without a byte, before trying again.")
    ] = 60.0,
    header: Annotated[
        list[str] | None,
        typer.Option(
            metavar="'NAME: VALUE'",
            help="Sent to the hosts of the addresses, such as 'Authorization: Bearer …'; others "
            "on this machine may see it: ~/.netrc is safer. May be repeated.",
        ),
    ] = None,
    unpack: Annotated[
        bool,
        typer.Option(
            "--unpack",
            help="Unpack each ZIP or TAR archive into a folder of its name when it has come. "
            "Without it archives stay packed: Hilum reads them as they are.",
        ),
    ] = False,
    keep_archives: Annotated[
        bool,
        typer.Option(
            "--keep-archives/--remove-archives",
            help="What becomes of archives that were unpacked as a whole.",
        ),
    ] = True,
    convert_to: Annotated[
        Path | None,
        typer.Option(help="Convert the radiographs of each file into this folder when it comes."),
    ] = None,
    size: Annotated[
        int, typer.Option(min=32, help="Longest side of converted pictures, in pixels.")
    ] = 1024,
) -> None:
    """Fetch files over the web, and go on where an earlier run stopped.

    Exit status: 0 all are here; 1 some are not, or not all of an archive was unpacked or converted;
    2 nothing could begin, or the disk is full; 130 stopped by Ctrl-C. The same command goes on.
    """
    from hilum.cli.downloads import downloads
    from hilum.datasets.fetch import Settings
    from hilum.datasets.fetch import fetch as fetch_all

    if not keep_archives and not unpack:
        raise FetchError("--remove-archives goes with --unpack: nothing else would be left.")
    wanted = _wanted(sources, checksums or [])
    settings = Settings(
        workers=workers, retries=retries, timeout_s=timeout, headers=_headers(header or [])
    )
    convert = None if convert_to is None else converter(convert_to, size)
    begun = time.monotonic()
    try:
        with downloads() as (watch, say):
            landing = _Landing(unpack, keep_archives, convert, say)
            after = landing if unpack or convert else None
            found = fetch_all(
                wanted, out, settings=settings, landed=after, unpacked=unpack, watch=watch
            )
    except KeyboardInterrupt:
        typer.echo("Stopped; what has come is kept, and the same command goes on.", err=True)
        raise typer.Exit(INTERRUPTED) from None
    odd = landing.odd + [landing.refused] * bool(landing.refused)
    if _say(found, odd, out, time.monotonic() - begun):
        raise typer.Exit(1)


def converter(to: Path, size: int) -> Convert:
    """What converts the radiographs of a file that has come.

    Args:
        to: folder for the pictures of all files.
        size: longest side in pixels.

    Returns:
        A function of a file, an archive or a folder, and of one that takes lines to show. It
        returns what was refused of all that was
        converted so far, "" for nothing; what holds no radiographs, such as a table of labels, is
        passed by.
    """
    from hilum.cli.convert import guarded
    from hilum.datasets.convert import Options, plan, run, start
    from hilum.imaging import find_files
    from hilum.imaging.archive import is_archive_name
    from hilum.imaging.files import IMAGE_SUFFIXES

    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    options = Options(size=size)

    def convert(source: Path, say: Say) -> str:
        holds_several = source.is_dir() or is_archive_name(source.name)
        if not holds_several and source.suffix.lower() not in IMAGE_SUFFIXES:
            return ""
        if holds_several and not find_files([source]).files:
            return ""
        planned = plan([source], to, options)
        count = len(planned.todo)
        if count:
            say(f"{source.name}: converting {count:,} radiographs")
            tell, done = _now_and_then(say, source.name, "converted"), itertools.count(1)
            with start(workers=min(workers or 1, count), work=guarded) as engine:
                summary = run(planned, engine, advance=lambda: tell(next(done), count))
        else:  # all is done: no process need start
            summary = run(planned, _nothing)
        if not summary.complete:
            raise KeyboardInterrupt
        return _refused(summary, to)

    return convert


def _now_and_then(say: Say, name: str, word: str) -> Callable[[int, int], None]:
    """Tells how many of how many are done, every few seconds."""
    last = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= LINE_EVERY_S:
            last = time.monotonic()
            say(f"{name}: {done:,} of {total:,} {word}")

    return tell


def _nothing(_requests: Iterable[Request]) -> Generator[Result]:
    yield from ()


def _refused(summary: Summary, to: Path) -> str:
    if not summary.refused:
        return ""
    return f"{summary.refused} radiographs were refused; {to / 'private' / 'refused.csv'} says why"


def _wanted(sources: Sequence[str], checksums: Sequence[str]) -> list[Wanted]:
    from hilum.datasets.fetch import Wanted, checksum, read_list

    urls = [source for source in sources if _SCHEME.match(source)]
    if checksums and len(checksums) != len(urls):
        raise FetchError(
            f"{len(checksums)} × --sha256 and {len(urls)} addresses: give one for each address, in "
            "their order, or put them into a list."
        )
    given = iter([checksum(f"sha256:{text.removeprefix('sha256:')}") for text in checksums])
    wanted: list[Wanted] = []
    for source in sources:
        if not _SCHEME.match(source) and not Path(source).exists():
            _refuse_name(source)
        if _SCHEME.match(source):
            wanted.append(Wanted(source, next(given, None)))
        else:
            wanted.extend(read_list(Path(source)))
    return wanted


def _refuse_name(source: str) -> None:
    """Say where a collection is to be had: its publisher wants its terms accepted."""
    from hilum.datasets.collections import COLLECTIONS

    if source in COLLECTIONS:
        collection = COLLECTIONS.resolve(source)
        raise FetchError(
            f"{source} is a collection, not an address: its publisher offers it on "
            f"{collection.home}. Accept its terms there, and give the addresses of its files to "
            f"`hilum datasets fetch`. They belong into one folder so:\n{collection.layout.rstrip()}"
        )


def _headers(given: Sequence[str]) -> tuple[tuple[str, str], ...]:
    headers: list[tuple[str, str]] = []
    for text in given:
        name, colon, value = text.partition(":")
        plain = re.fullmatch(r"[A-Za-z0-9-]+", name) and re.fullmatch(r"[ -~]+", value.strip())
        if not colon or not plain:
            raise FetchError(
                "One --header is not of the form 'NAME: VALUE', such as 'Authorization: Bearer …'."
            )
        headers.append((name, value.strip()))
    return tuple(headers)


def _say(found: Sequence[Fetched], odd: Sequence[str], out: Path, seconds: float) -> bool:
    """Tell what was done; whether something is missing."""
    states = [one.state for one in found]
    fetched = sum(one.bytes for one in found if one.state == "fetched")
    verified = sum(one.verified for one in found)
    parts = [f"{states.count('fetched')} fetched ({_size(fetched)} in {seconds:,.1f} s)"]
    if "present" in states:
        parts.append(f"{states.count('present')} already there")
    if "unpacked" in states:
        parts.append(f"{states.count('unpacked')} unpacked before")
    parts.append(f"{verified} verified by checksum")
    typer.echo(
        f"{len(found)} {'file' if len(found) == 1 else 'files'} → {out}: {', '.join(parts)}."
    )
    failed = [str(one.error) for one in found if one.error is not None]
    _list(f"FAILED: {len(failed)}", failed)
    _list(f"NOT complete: {len(odd)}", odd)
    return bool(failed or odd)


def _list(title: str, texts: Sequence[str]) -> None:
    if texts:
        typer.echo(f"{title}. Exit status 1.")
    for text in texts[:_MOST]:
        typer.echo(f"  {text}")
    if len(texts) > _MOST:
        typer.echo(f"  … and {len(texts) - _MOST} more")


def _left_out(archive: str, left_out: Sequence[tuple[str, str]]) -> str:
    some = "; ".join(f"{name}: {why}" for name, why in left_out[:3])
    more = f" … and {len(left_out) - 3} more" if len(left_out) > 3 else ""
    return f"{archive}: {len(left_out)} members were not unpacked: {some}{more}"


def _size(count: int) -> str:
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if count >= scale:
            return f"{count / scale:,.2f} {unit}"
    return f"{count:,} bytes"
