"""``hilum convert``: a collection → pictures of one size and format under made-up names."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Generator, Iterable, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.errors import HilumError, RunError

if TYPE_CHECKING:
    from hilum.datasets.convert import Estimate, Options, Plan, Summary
    from hilum.datasets.convert.plan import Classes
    from hilum.datasets.convert.work import Request, Result
    from hilum.domain import LabelTable

INTERRUPTED = 130
FEW = 30
"""So few files are converted before an estimate would be worth anything."""


def convert(
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="SRC...",
            help="DICOM, PNG, JPEG or TIFF files; folders, ZIP or TAR archives of them.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Argument(
            metavar="DST",
            help="Folder for the pictures: new, empty, or of an earlier run, which goes on.",
            show_default=False,
        ),
    ],
    *,
    size: Annotated[
        str,
        typer.Option(help="Longest side in pixels, never enlarged; 0 or full keeps the size."),
    ] = "1024",
    format_: Annotated[
        str, typer.Option("--format", help="png, jpeg, or htj2k (without loss).")
    ] = "png",
    bits: Annotated[
        str,
        typer.Option(
            help="8: grey levels through window and VOI LUT. keep: the stored depth, without "
            "window (PNG and HTJ2K)."
        ),
    ] = "8",
    quality: Annotated[int, typer.Option(help="Of JPEG, 1 to 100.")] = 95,
    layout: Annotated[
        str,
        typer.Option(
            help="flat: one folder; tree: the source's folders under numbers; class: a folder a "
            "class."
        ),
    ] = "flat",
    class_: Annotated[
        list[str] | None,
        typer.Option(
            "--class",
            metavar="NAME",
            help="A class that is no finding of Hilum's, such as normal. May be repeated.",
        ),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(help="CSV with the classes, instead of the source's folders."),
    ] = None,
    image_column: Annotated[
        str, typer.Option(help="Column of the table with the images' file names.")
    ] = "image",
    class_column: Annotated[
        str | None, typer.Option(help="Column of the table with the classes.")
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="Label table of the sources; private/labels.csv becomes that of the pictures."
        ),
    ] = None,
    drop_blurred: Annotated[
        bool, typer.Option("--drop-blurred", help="Leave out blurred pictures; a table lists them.")
    ] = False,
    mend: Annotated[
        bool,
        typer.Option(
            "--mend",
            help="Put right what a picture shows beyond doubt to be wrong in its header.",
        ),
    ] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes.  [default: processors]")
    ] = None,
    engine: Annotated[str, typer.Option(help="local, or ray (needs hilum\\[cluster]).")] = "local",
    address: Annotated[
        str | None,
        typer.Option(help="Of a Ray cluster; without it Ray is started on this machine."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell how many files, how long, how much disk.")
    ] = False,
) -> None:
    """Convert a collection to pictures of one size and format, de-identified.

    Exit status: 0 all were converted; 1 some were refused, and private/refused.csv says why; 2 the
    run could not start or go on; 130 stopped by Ctrl-C. The same command goes on.
    """
    if engine == "local":
        from hilum.datasets.forking import begin

        begin("hilum.datasets.convert.work")  # it imports what workers need while this one does
    from hilum.cli.progress import progress
    from hilum.datasets.convert import Options, estimate, plan, run, start

    options = Options(
        size=_size(size),
        format=format_,  # type: ignore[arg-type]  (checked there)
        bits=bits,  # type: ignore[arg-type]
        quality=quality,
        layout=layout,  # type: ignore[arg-type]
        drop_blurred=drop_blurred,
        mend=mend,
    )
    known = None
    if labels is not None:
        from hilum.datasets.table import load

        known = load(labels)
    classes, classes_by = _classes(options, table, image_column, class_column, class_ or [])
    planned = plan(sources, out, options, classes=classes, classes_by=classes_by)
    count = len(planned.todo)
    workers = min(workers or _processors(), max(1, count))
    typer.echo(_found(planned))
    ready = start(engine, workers=workers, address=address, work=guarded)
    with ready if count else nullcontext(_nothing) as started:
        expect = partial(_expect, out=out, workers=workers)
        if dry_run:
            if count:
                expect(estimate(planned, started, workers=workers))
            return
        with progress(count, doing="Converting", done="converted") as advance:
            summary = run(
                planned,
                started,
                advance=advance,
                expect=expect if count >= FEW else None,
                workers=workers,
            )
    _say(summary, planned)
    if known is not None:
        _say_labels(known, out)
    if not summary.complete:
        raise typer.Exit(INTERRUPTED)
    if summary.refused or planned.unlistable:
        raise typer.Exit(1)


def _nothing(requests: Iterable[Request]) -> Generator[Result]:
    """The engine where nothing is left: no process needs to start."""
    yield from ()


def guarded(request: Request) -> Result:
    """Convert one file; an unexpected error becomes a refusal, so that it costs one row."""
    from hilum.datasets.convert.work import Result, work

    try:
        return work(request)
    except HilumError:
        raise
    except Exception as error:
        # The message of an error may quote the header, hence a patient: only places are kept.
        kind = type(error).__name__
        message = f"Hilum failed on this file ({kind}); where is in failures.log. Please report it."
        trace = "".join(traceback.format_tb(error.__traceback__))
        return Result(request.source, request.state, code="failed", message=message, trace=trace)


def _size(text: str) -> int | None:
    if text.casefold() in ("0", "full"):
        return None
    if not text.isdigit():
        raise typer.BadParameter(f"{text!r} is no number of pixels", param_hint="--size")
    return int(text)


def _classes(
    options: Options, table: Path | None, image: str, column: str | None, known: Sequence[str]
) -> tuple[Classes | None, str]:
    """What gives each file its class, and that in words."""
    from hilum.datasets.convert import from_folders, from_labels

    if options.layout != "class":
        if table or column or known:
            raise RunError("--table, --class-column and --class go with --layout class.")
        return None, ""
    said = f", also {' '.join(sorted(known))}" if known else ""
    if table is None:
        return (lambda files, _: from_folders([file.name for file in files], known)), (
            f"folders{said}"
        )
    if column is None:
        raise RunError("--table needs --class-column: the column that holds the classes.")
    from hilum.datasets.source import read_columns

    cells = read_columns(table, [image, column])
    labels = dict(zip(cells[image].tolist(), cells[column].tolist(), strict=True))
    by = partial(from_labels, labels=labels, known=known)
    return (lambda _, paths: by(paths)), f"column {column} of a table{said}"


def _found(planned: Plan) -> str:
    done = planned.files - len(planned.todo)
    text = f"{planned.files:,} {_files(planned.files)} found"
    if done:
        text += f", {done:,} of them done before"
    text += f"; {len(planned.todo):,} to convert, {_bytes(planned.size)}."
    if planned.passed_over:
        text += f" {planned.passed_over:,} passed over (not DICOM, PNG, JPEG or TIFF by name)."
    return text


def _expect(expected: Estimate, out: Path, workers: int) -> None:
    """Say what the rest will take, and stop where it does not fit."""
    from hilum.cli.progress import duration

    typer.echo(
        f"About {duration(expected.seconds)} with {workers} "
        f"{'worker' if workers == 1 else 'workers'} and {_bytes(expected.bytes)} of disk, by "
        f"{expected.tried} {_files(expected.tried)} tried; {_bytes(expected.free)} free."
    )
    if expected.missing:
        raise RunError(
            f"{out} has {_bytes(expected.free)} free: about {_bytes(expected.missing)} are "
            "missing. Make room, choose another folder, or a smaller --size."
        )


def _say(summary: Summary, planned: Plan) -> None:
    rate = summary.done / max(summary.seconds, 1e-3)
    out = planned.out
    if summary.done:
        typer.echo(
            f"Converted {summary.converted:,} of {summary.done:,} files in "
            f"{summary.seconds:.1f} s ({rate:.1f} a second); {_bytes(summary.bytes_in)} in, "
            f"{_bytes(summary.bytes_out)} out."
        )
    typer.echo(f"{summary.pictures:,} pictures in {out / 'images'}; {out / 'manifest.csv'}.")
    if summary.same_bytes:
        typer.echo(f"{summary.same_bytes:,} sources are copies of others, byte by byte.")
    if summary.same_pixels:
        typer.echo(
            f"{summary.same_pixels:,} pictures have the pixels of others: column same_pixels_as."
        )
    if summary.codes["blurred"]:
        typer.echo(f"{summary.codes['blurred']:,} left out as blurred, as asked.")
    if summary.refused:
        typer.echo(f"NOT converted: {summary.refused:,}")
        for code, count in summary.codes.most_common():
            if code != "blurred":
                typer.echo(f"  {count:>8,}  {code}")
    if summary.codes:
        typer.echo(f"Why is in {out / 'private' / 'refused.csv'}.")
    if planned.unlistable:
        shown = ", ".join(planned.unlistable[:3])
        typer.echo(
            f"NOT listed: {len(planned.unlistable)} folders that may hold radiographs ({shown}); "
            "mend their permissions."
        )
    typer.echo(
        f"{out / 'private'} leads back to the sources: keep it to yourself. Text that is burned "
        "into a picture stays in it."
    )
    if not summary.complete:
        left = len(planned.todo) - summary.done
        typer.echo(f"Stopped with {left:,} left; the same command goes on.", file=sys.stderr)


def _say_labels(table: LabelTable, out: Path) -> None:
    from hilum.datasets.convert.labels import LABELS, save_labels
    from hilum.domain.text import first_few

    rows, missing = save_labels(table, out)
    typer.echo(f"{rows:,} pictures with labels: {out / LABELS}.")
    if missing:
        typer.echo(f"{len(missing):,} images of the table have no picture: {first_few(missing)}.")


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def _files(count: int) -> str:
    return "file" if count == 1 else "files"


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
