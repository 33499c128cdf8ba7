"""``hilum lungs``: where the lungs lie: masks, boxes, crops and overlays."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from hilum.cli.read import INTERRUPTED
from hilum.errors import RunError


def lungs(
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="DICOM, PNG, JPEG or TIFF files; folders, ZIP or TAR archives of them; a DICOMDIR."
        ),
    ],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results; new or empty.")],
    crop: Annotated[
        bool, typer.Option("--crop", help="Write the radiographs cut to the lungs, as PNG.")
    ] = False,
    overlay: Annotated[
        bool, typer.Option("--overlay", help="Write pictures with the outlines, to look at.")
    ] = False,
    margin: Annotated[
        float,
        typer.Option(
            min=0.0, max=1.0, help="Left around the lungs, a share of the longer side of their box."
        ),
    ] = 0.05,
    bundle: Annotated[
        str, typer.Option(help="Name from `hilum bundles list`, a folder or a .hilum file.")
    ] = "lungs",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Radiographs at a time.  [default: processors]")
    ] = None,
) -> None:
    """Find the lungs on radiographs: masks, boxes and, where asked for, crops and overlays.

    Exit status: 0 lungs were found on all; 1 not on some, and boxes.csv says why; 2 the run could
    not start; 130 stopped by Ctrl-C, and boxes.csv holds what was finished.
    """
    from hilum.cli.progress import progress
    from hilum.imaging import find_files
    from hilum.reading import read_many
    from hilum.reading.lungs import LungReader
    from hilum.report.lungs import LungFolder

    found = find_files(paths)
    inside = out.resolve()
    files = [file for file in found.files if not file.path.resolve().is_relative_to(inside)]
    if not files:
        where = ", ".join(str(path) for path in paths)
        raise RunError(f"No radiographs in {where}: no DICOM, PNG, JPEG or TIFF file was found.")
    reader = LungReader.of(bundle)
    folder = LungFolder(out, crop=crop, overlay=overlay, margin=margin).open()
    complete = False
    try:
        with progress(len(files), doing="Finding lungs", done="looked at") as advance:
            many = min(workers or os.cpu_count() or 1, len(files))
            for _ in read_many(files, reader, workers=many, finish=folder.write):
                advance()
        complete = True
    except KeyboardInterrupt:
        typer.echo("Stopping: writing what is finished …", err=True)
    outcomes = folder.finished(file.name for file in files)
    table = folder.finish([outcome.row for outcome in outcomes])
    against = Counter(code for outcome in outcomes for code in outcome.codes)
    used = sum(not outcome.codes for outcome in outcomes)
    status = 0 if complete else INTERRUPTED
    if against or found.unlistable:
        status = status or 1
    typer.echo(f"Lungs on {used} of {len(outcomes)} radiographs; boxes: {table}")
    if found.passed_over:
        typer.echo(f"{found.passed_over} files passed over (not DICOM, PNG, JPEG or TIFF by name).")
    if found.unlistable:
        typer.echo(f"NOT listed: {len(found.unlistable)} folders; mend their permissions.")
    if against:
        reasons = ", ".join(f"{count} {code}" for code, count in against.most_common())
        typer.echo(
            f"NOT used: {len(outcomes) - used} ({reasons}); why is in {table}. "
            f"Exit status {status}."
        )
    if not complete:
        typer.echo(
            f"Stopped with {len(files) - len(outcomes)} of {len(files)} left. {out} keeps what was "
            "finished, and no run goes on in it: to look at the rest, give the same command "
            "another folder with -o."
        )
    raise typer.Exit(status)
