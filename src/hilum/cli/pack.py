"""``hilum pack``: a label table and its image files → a pack for training."""

from __future__ import annotations

import os
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.errors import RunError

if TYPE_CHECKING:
    from hilum.datasets.pack.packing import Packing
    from hilum.datasets.pack.picture import Refused, Work
    from hilum.datasets.pack.writer import Picture

INTERRUPTED = 130
FAILURES = "failures.log"


def pack(
    table: Annotated[
        Path,
        typer.Argument(
            help="Label table (.csv, .parquet) as `hilum datasets table` saves it; with --verify a "
            "pack."
        ),
    ],
    *,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder of the pack; new, or to go on with.")
    ] = None,
    size: Annotated[
        int, typer.Option(min=16, max=4096, help="Side of the pictures in pixels.")
    ] = 320,
    fit: Annotated[
        str,
        typer.Option(
            help="short-side keeps the whole picture in its proportions, the shorter side SIZE "
            "long: every network's input can be made of it. squash, letterbox and centre-crop give "
            "the input of one kind of network, SIZE × SIZE, and are fastest to read."
        ),
    ] = "short-side",
    images: Annotated[
        Path | None,
        typer.Option(
            help="Folder that the table's images are relative to.  \\[default: the table's]"
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Radiographs at a time.  \\[default: processors]")
    ] = None,
    append: Annotated[
        bool,
        typer.Option("--append", help="Add the images of this table to those of other tables."),
    ] = False,
    webdataset: Annotated[
        bool,
        typer.Option(
            "--webdataset",
            help="Write WebDataset shards beside it: TAR files of PNG and JSON, for object "
            "storage.",
        ),
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare a pack with its checksums, and nothing else.")
    ] = False,
) -> None:
    """Pack radiographs: decoded once, into memory-mapped shards that training reads fast.

    The same command goes on where an earlier run stopped, however it stopped. Exit status: 0 all
    were packed; 1 some were not, and refused.csv says why, or --verify found damage; 2 the run
    could not start or go on; 130 stopped by Ctrl-C.
    """
    if verify:
        _verify(table)
        return
    if out is None:
        raise RunError("Where shall the pack go? Give its folder with -o.")
    from hilum.datasets import table as tables
    from hilum.datasets.pack import PackSpec
    from hilum.datasets.pack.packing import Packing
    from hilum.transforms.preprocess import LONGEST_PX

    spec = PackSpec((size, size), fit)
    if spec.equal and size > LONGEST_PX:
        raise RunError(
            f"--size {size}: `hilum read` shows networks at most {LONGEST_PX:,} px, so larger "
            f"inputs would only be enlarged; give up to {LONGEST_PX}, or --fit short-side."
        )
    workers = workers or _processors()
    labels = tables.load(table)
    folder = table.parent if images is None else images
    with Packing.open(out, labels, folder, spec=spec, append=append) as packing:
        complete = _fill(packing, workers, len(labels), twice=webdataset)
        packing.finish(complete=complete)
        refused = Counter(one.code for one in packing.refused)
        count = packing.count
    if complete and webdataset and count:
        _write_webdataset(out, workers)
    status = 1 if refused else 0
    if refused:
        reasons = ", ".join(f"{n} {code}" for code, n in refused.most_common())
        typer.echo(
            f"NOT packed: {refused.total():,} ({reasons}); why is in {out / 'refused.csv'}. Exit "
            f"status {status if complete else INTERRUPTED}."
        )
    if not complete:
        typer.echo(f"Stopped; {count:,} pictures are kept, and the same command goes on.")
        raise typer.Exit(INTERRUPTED)
    typer.echo(f"Pack: {out} ({count:,} pictures, {spec}, {_megabytes(out)})")
    raise typer.Exit(status)


def _fill(packing: Packing, workers: int, rows: int, *, twice: bool) -> bool:
    """Decode what is left; whether all had their turn."""
    from hilum.cli.progress import duration, progress
    from hilum.datasets.pack.picture import Refused

    todo = len(packing.todo)
    if not todo:
        typer.echo(f"Nothing left to decode: all {rows:,} images of the table are in the pack.")
        return True
    workers = min(workers, todo)
    expected = packing.estimate(workers)
    packing.check_disk(expected.bytes * (2 if twice else 1))
    took = "" if expected.seconds is None else f", about {duration(expected.seconds)}"
    known = f"; {rows - todo:,} are in the pack already" if rows > todo else ""
    typer.echo(
        f"{todo:,} images to decode: {expected.bytes / 1e6:,.0f} MB{took} with {workers} "
        f"{'worker' if workers == 1 else 'workers'}{known}."
    )
    begun, packed = time.monotonic(), 0
    outcomes = packing.run(workers, _Guard(packing.folder / FAILURES))
    try:
        with progress(todo, doing="Packing", done="packed") as advance:
            for outcome in outcomes:
                packed += not isinstance(outcome, Refused)
                advance()
    except KeyboardInterrupt:
        typer.echo("Stopping: writing what is finished …", err=True)
        return False
    finally:
        outcomes.close()
    seconds = time.monotonic() - begun
    typer.echo(
        f"Packed {packed:,} of {todo:,} images in {seconds:.1f} s "
        f"({todo / max(seconds, 1e-3):.1f} a second)."
    )
    return True


class _Guard:
    """Turns an unexpected error from one image into a refusal; where it came from goes to a log."""

    def __init__(self, log: Path) -> None:
        self._log = log

    def __call__(self, work: Work, name: str) -> Picture | Refused:
        from hilum.datasets.pack.picture import Refused

        try:
            return work(name)
        except RunError:  # no decoder can be started: it would meet every image
            raise
        except Exception as error:
            kind = type(error).__name__
            # The message of an error may quote the header, hence a patient: only places are kept.
            trace = "".join(traceback.format_tb(error.__traceback__))
            with self._log.open("a", encoding="utf-8", errors="backslashreplace") as log:
                log.write(f"{name}: {kind}\n{trace}\n")
            said = f"Hilum failed on this file ({kind}); where is in {self._log.name}. Report it."
            return Refused(name, "failed", said)


def _write_webdataset(out: Path, workers: int) -> None:
    from hilum.cli.progress import progress
    from hilum.datasets.pack import Pack
    from hilum.datasets.pack.webdataset import write_webdataset

    made = Pack.open(out)
    with progress(len(made), doing="Writing shards", done="written") as advance:
        shards = write_webdataset(made, workers=workers, advance=advance)
    total = sum(path.stat().st_size for path in shards)
    typer.echo(f"WebDataset: {shards[0].parent} ({_files(len(shards))}, {total / 1e6:,.0f} MB)")


def _verify(folder: Path) -> None:
    from hilum.cli.progress import progress
    from hilum.datasets.pack import Pack
    from hilum.domain.text import first_few

    made = Pack.open(folder, unfinished=True)
    with progress(len(made), doing="Checking", done="checked") as advance:
        damaged = made.verify(advance)
    if damaged:
        typer.echo(
            f"{folder}: {len(damaged):,} of {len(made):,} pictures or files are damaged: "
            f"{first_few(damaged)}. Copy the pack again, or pack anew."
        )
        raise typer.Exit(1)
    typer.echo(f"{folder}: {len(made):,} pictures ({made.spec}), all as their checksums say.")


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"


def _megabytes(out: Path) -> str:
    total = sum(path.stat().st_size for path in out.glob("shard-*.u8"))
    return f"{total / 1e6:,.0f} MB"


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
