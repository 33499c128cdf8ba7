"""``hilum deidentify``: DICOM files and pictures → copies without what identifies a patient."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.errors import HilumError, RunError

if TYPE_CHECKING:
    from hilum.deidentify import Plan, Summary
    from hilum.deidentify.work import Request, Result

INTERRUPTED = 130


def deidentify(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATHS...",
            help="DICOM, PNG, JPEG or TIFF files; folders, ZIP or TAR archives of them.",
            show_default=False,
        ),
    ],
    *,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help="Folder to fill: new, empty, or of an earlier run, which goes on.",
            show_default=False,
        ),
    ],
    secret: Annotated[
        Path,
        typer.Option(
            help="File with the secret that pseudonyms come from: the same secret, the same "
            "pseudonyms.",
            show_default=False,
        ),
    ],
    new_secret: Annotated[
        bool, typer.Option("--new-secret", help="Make the secret; its file must not exist.")
    ] = False,
    pixels: Annotated[
        str,
        typer.Option(
            help="Text burned into the pixels: clean (blacked), refuse (the file), or leave."
        ),
    ] = "clean",
    dates: Annotated[
        str,
        typer.Option(help="remove; shift (by days that are one patient's own); or keep."),
    ] = "remove",
    keep_uids: Annotated[bool, typer.Option("--keep-uids", help="Leave UIDs as they are.")] = False,
    keep_patient: Annotated[
        bool, typer.Option("--keep-patient", help="Keep age (90 at most), sex, size and weight.")
    ] = False,
    keep_device: Annotated[
        bool, typer.Option("--keep-device", help="Keep names and numbers of the machine.")
    ] = False,
    keep_institution: Annotated[
        bool, typer.Option("--keep-institution", help="Keep the hospital's name and address.")
    ] = False,
    keep_descriptions: Annotated[
        bool,
        typer.Option(
            "--keep-descriptions", help="Keep harmless words of descriptions: chest, PA, portable."
        ),
    ] = False,
    safe_private: Annotated[
        bool, typer.Option("--safe-private", help="Keep private elements that are known as safe.")
    ] = False,
    keep_private: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CREATOR:GGGG,EE",
            help="Keep this private element where it is a number or a code. May be repeated.",
        ),
    ] = None,
    crosswalk: Annotated[
        Path | None,
        typer.Option(help="CSV outside of the folder: which source became which file. Keep it."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Files at a time.  [default: processors]")
    ] = None,
) -> None:
    """Write copies of DICOM files and pictures without what identifies a patient.

    Headers by the basic profile of PS3.15 Annex E; text in the pixels is looked for and blacked.
    What cannot be cleaned is refused and not copied.

    Exit status: 0 all were cleaned; 1 some were refused, and refused.csv says why; 2 the run could
    not start or go on; 130 stopped by Ctrl-C. The same command goes on.
    """
    from hilum.cli.progress import progress
    from hilum.deidentify import Rules, make_secret, plan, read_secret, run
    from hilum.deidentify.private import SAFE, named
    from hilum.deidentify.rules import open_to_others

    if secret.resolve().is_relative_to(out.resolve()):
        raise RunError(f"The secret {secret} lies in {out}, which is to be shared; keep it apart.")
    known = make_secret(secret) if new_secret else read_secret(secret)
    try:
        rules = Rules(
            known,
            dates=dates,  # type: ignore[arg-type]  (checked there)
            keep_uids=keep_uids,
            keep_patient=keep_patient,
            keep_device=keep_device,
            keep_institution=keep_institution,
            keep_descriptions=keep_descriptions,
            keep_private=frozenset(map(named, keep_private or ()))
            | (SAFE if safe_private else frozenset()),
        )
        planned = plan(paths, out, rules, pixels=pixels)  # type: ignore[arg-type]
    except HilumError:
        if new_secret:
            secret.unlink()
        raise
    if new_secret:
        typer.echo(f"A new secret is in {secret}: keep it to yourself, and keep it.")
    elif open_to_others(secret):
        typer.echo(f"Others may read {secret}: chmod 600 it.", err=True)
    count = len(planned.todo)
    found, before = len(planned.requests), len(planned.requests) - count
    typer.echo(
        f"{found:,} {_files(found)} found{f', {before:,} of them done before' if before else ''}; "
        f"{count:,} to clean."
        + (f" {planned.passed_over:,} passed over." if planned.passed_over else "")
    )
    with progress(count, doing="Cleaning", done="cleaned") as advance:
        summary = run(
            planned,
            crosswalk=crosswalk,
            workers=min(workers or _processors(), max(1, count)),
            advance=advance,
            work=guarded,
        )
    _say(summary, planned, pixels, crosswalk)
    if not summary.complete:
        raise typer.Exit(INTERRUPTED)
    if summary.codes or planned.unlistable:
        raise typer.Exit(1)


def guarded(request: Request) -> Result:
    """Clean one file; an unexpected error becomes a refusal, so that it costs one row."""
    from hilum.deidentify.work import Result, work

    try:
        return work(request)
    except HilumError:
        raise
    except Exception as error:
        # The message of an error may quote the header, hence a patient: only places are kept.
        at = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{type(error).__name__} at {Path(at.filename).name}:{at.lineno}"
        message = f"Hilum failed on this file ({place}). Please report it."
        return Result(request.key, request.number, code="failed", message=message)


def _say(summary: Summary, planned: Plan, pixels: str, crosswalk: Path | None) -> None:
    out = planned.out
    typer.echo(
        f"Cleaned {summary.now:,} of {summary.done:,} files in "
        f"{summary.seconds:.1f} s; {summary.cleaned:,} in {out / 'files'}, listed in "
        f"{out / 'manifest.csv'}."
    )
    if pixels == "clean":
        typer.echo(
            f"Text was blacked in {summary.blacked:,}: look at them. A letter or two (L, PA) stay, "
            "and so may text that is faint, tiny, slanted or written by hand."
        )
    elif pixels == "leave":
        typer.echo("Text that is burned into the pixels was not looked for.")
    if summary.codes:
        typer.echo(f"REFUSED, and not copied: {summary.codes.total():,}")
        for code, number in summary.codes.most_common():
            typer.echo(f"  {number:>8,}  {code}")
        told = crosswalk or "--crosswalk"
        typer.echo(f"Why is in {out / 'refused.csv'}; which file is which, {told} tells.")
    if planned.unlistable:
        typer.echo(f"NOT listed: {planned.unlistable} folders; mend their permissions.")
    if crosswalk is not None:
        typer.echo(f"{crosswalk} leads back to the patients: keep it to yourself.")
    if not summary.complete:
        left = len(planned.todo) - summary.done
        typer.echo(f"Stopped with {left:,} left; the same command goes on.", file=sys.stderr)


def _files(count: int) -> str:
    return "file" if count == 1 else "files"


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
