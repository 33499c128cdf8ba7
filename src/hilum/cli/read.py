"""``hilum read``: files, folders and archives → findings, heatmaps, tables and a page."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.errors import BundleError, RunError

if TYPE_CHECKING:
    from hilum.imaging import FileList, FoundFile
    from hilum.reading import CascadeReader, Reader
    from hilum.reading.rounds import Plan
    from hilum.report.folder import Boxed, Entered
    from hilum.report.record import Drawn

INTERRUPTED = 130

_M_ARENA_MAX = -8
"""mallopt(3)."""

BYTES_PER_IMAGE = 250_000
"""An allowance for one image: preview, overlays of a few findings, journal.

Previews of 20 real radiographs of 512 px took 29 kB on average; of 768 px they take about twice
that, and so does each overlay.
"""
BYTES_PER_BOXES = 750_000
"""For a picture with boxes, a PNG: of 20 real radiographs of 512 px 215 kB on average, of 768 px
about twice that."""
BYTES_ALWAYS = 20_000_000


def read(
    context: typer.Context,
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="DICOM, PNG, JPEG or TIFF files; folders, ZIP or TAR archives of them; a DICOMDIR."
        ),
    ],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results; new or empty.")],
    bundle: Annotated[
        str | None,
        typer.Option(
            help="Name from `hilum bundles list`, a folder or a .hilum file.  [default: chest14]"
        ),
    ] = None,
    cascade: Annotated[
        str | None,
        typer.Option(
            help="Read with a chain of bundles instead: name from `hilum cascades list`, or a TOML "
            "file."
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Radiographs at a time.  [default: processors]")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an earlier run into this folder stopped.")
    ] = False,
    prevalence: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FINDING=SHARE",
            help="Share of radiographs with a finding where these come from, such as "
            "pneumonia=0.05; probabilities are restated for it. May be repeated.",
        ),
    ] = None,
    mend: Annotated[
        bool,
        typer.Option(
            "--mend",
            help="Put right what a picture shows beyond doubt to be wrong in its header (polarity, "
            "bits, byte order, window, spacing); notes say what. Without it warnings do.",
        ),
    ] = False,
    reduced: Annotated[
        bool,
        typer.Option(
            "--reduced",
            help="Decode JPEG 2000 at a lower resolution where 1,024 px are left: three times "
            "faster, edges off by some grey levels. Needs hilum\\[reduced].",
        ),
    ] = False,
    runtime: Annotated[
        str,
        typer.Option(
            help="What runs the network: onnxruntime, or openvino, which takes about half of the "
            "network's time on many processors (needs hilum\\[openvino])."
        ),
    ] = "onnxruntime",
    boxes: Annotated[
        bool,
        typer.Option(
            "--boxes",
            help="Draw boxes around what is found, and say in which zone of the lungs they lie; "
            "boxes.csv holds them. For bundles that draw boxes.",
        ),
    ] = False,
    no_heatmaps: Annotated[bool, typer.Option("--no-heatmaps", help="Draw no heatmaps.")] = False,
    rounds: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="Look at each radiograph several times and put it together: ten, or another of "
            "`hilum rounds --list`, or a TOML file.",
        ),
    ] = None,
    join: Annotated[
        str | None,
        typer.Option(
            help="How rounds are put together: mean, vote, maximum, trimmed or weighted.  "
            "\\[default: as the rounds say, or mean]"
        ),
    ] = None,
    abstain_above: Annotated[
        float | None,
        typer.Option(
            help="Make no decision on a finding whose probability differs more than this between "
            "rounds (standard deviation)."
        ),
    ] = None,
) -> None:
    """Read radiographs: findings, heatmaps, tables and a report page.

    Exit status: 0 all were read; 1 some were not, and refused.csv says why; 2 the run could not
    start or go on; 130 stopped by Ctrl-C, and --resume goes on.
    """
    from hilum.cli.progress import progress
    from hilum.imaging import find_files
    from hilum.reading import CascadeReader, Reader, read_many
    from hilum.reading.rounds import said_of
    from hilum.report.folder import OutputFolder

    if cascade is not None and bundle is not None:
        raise typer.BadParameter(
            "a cascade names its bundles itself: give one of --bundle and --cascade",
            param_hint="--cascade",
        )
    plan = _plan(rounds, join, abstain_above)
    _share_one_heap()
    found = find_files(paths)
    files = _outside(found.files, out)
    passed_over = _passed_over(found, paths, out)
    if not files:
        raise _nothing_found(found, paths, out)
    workers = min(workers or _processors(), len(files))
    of = Reader.of if cascade is None else CascadeReader.of
    reader = of(
        cascade or bundle or "chest14",
        threads=max(1, _processors() // workers),
        prevalence=_prevalences(prevalence or []),
        heatmaps=not no_heatmaps,
        keep_radiograph=True,
        reduced=reduced,
        mend=mend,
        runtime=runtime,
        rounds=plan,
        boxes=boxes,
    )
    with OutputFolder.open(
        out,
        bundle=reader if isinstance(reader, CascadeReader) else reader.bundle,
        prevalence=reader.prevalence,
        intake=" ".join(
            ["--mend"] * mend + ["--reduced"] * reduced + ([said_of(plan)] if plan else [])
        ),
        boxes=boxes,
        resume=resume,
    ) as folder:
        todo = folder.left(files)
        _check_disk(out, len(todo), boxes=boxes)
        begun = time.monotonic()
        guard = _Guard(out / "failures.log", folder.draw, debug=_debug(context))
        complete = False
        try:
            with progress(len(todo)) as advance:
                for drawn in read_many(
                    todo, reader, workers=workers, finish=folder.draw, guard=guard
                ):
                    folder.add(drawn)
                    advance()
            complete = True
        except KeyboardInterrupt:
            typer.echo("Stopping: writing what is finished …", err=True)
        page = folder.finish(complete=complete, passed_over=passed_over)
        entered, refused, in_part = folder.entered(), folder.refused(), folder.in_part()
        found_boxes = folder.boxes() if boxes else None
    _say(entered, done=len(files) - len(todo), seconds=time.monotonic() - begun)
    if found_boxes is not None:
        _say_boxes(found_boxes)
    if passed_over:
        typer.echo(
            f"{passed_over} {_files(passed_over)} passed over (not DICOM, PNG, JPEG or TIFF by "
            f"name)."
        )
    status = 0 if complete else INTERRUPTED
    if refused or in_part or found.unlistable:
        status = status or 1
        _say_left_out(refused, in_part, found.unlistable, out=out, status=status)
    typer.echo(f"Page: {page}")
    _say_failed(reader)
    if not complete:
        left = len(todo) - entered.files
        typer.echo(f"Stopped with {left} left; the same command with --resume goes on.")
    raise typer.Exit(status)


class _Guard:
    """Notes which file a result comes from; turns an unexpected error from one into a refusal.

    The traceback is kept in a log. Errors that would meet every file (the disk, the bundle) end
    the run.
    """

    def __init__(self, log: Path, draw: Callable[..., Drawn], *, debug: bool) -> None:
        self._log, self._draw, self._debug = log, draw, debug

    def __call__(self, work: Callable[[FoundFile], Drawn], file: FoundFile) -> Drawn:
        from hilum.report.origin import origin

        before = origin(file)  # a file that changes while it is read is not done
        return replace(self._drawn(work, file), origin=before)

    def _drawn(self, work: Callable[[FoundFile], Drawn], file: FoundFile) -> Drawn:
        from hilum.domain import Note, Refusal

        try:
            return work(file)
        except (RunError, BundleError):
            raise
        except Exception as error:
            kind = type(error).__name__
            # The message of an error may quote the header, hence a patient: only places are kept.
            trace = "".join(traceback.format_tb(error.__traceback__))
            with self._log.open("a", encoding="utf-8", errors="backslashreplace") as log:
                log.write(f"{file.name}: {kind}\n{trace}\n")
            if self._debug:
                traceback.print_exception(error)
            message = (
                f"Hilum failed on this file ({kind}); where is in {self._log.name}. "
                f"Please report it."
            )
            return self._draw(Refusal(file.name, "intake", (Note("failed", message),)))


def _share_one_heap() -> None:
    """Let threads take memory from one heap: glibc gives each its own, and each keeps its most.

    Pictures are few and large, so threads hardly wait for each other. Elsewhere nothing is done.
    """
    if sys.platform == "linux" and platform.libc_ver()[0] == "glibc":
        import ctypes

        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def _outside(files: tuple[FoundFile, ...], out: Path) -> list[FoundFile]:
    """Files that do not lie in the output folder: its pictures are no radiographs to read."""
    inside = out.resolve()
    held = {path: path.resolve().is_relative_to(inside) for path in {file.path for file in files}}
    return [file for file in files if not held[file.path]]


def _passed_over(found: FileList, paths: list[Path], out: Path) -> int:
    """What was left alone, without this run's own folder, which counts as one once it is begun."""
    begun = (out / ".hilum" / "run.json").is_file()
    own = begun and any(out.resolve().is_relative_to(path.resolve()) for path in paths)
    return max(0, found.passed_over - own)


def _files(count: int) -> str:
    return "file" if count == 1 else "files"


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _plan(rounds: str | None, join: str | None, abstain_above: float | None) -> Plan | None:
    from hilum.reading.rounds import plan

    if rounds is None:
        if join is not None or abstain_above is not None:
            raise typer.BadParameter(
                "there are no rounds to put together without --rounds",
                param_hint="--join" if join is not None else "--abstain-above",
            )
        return None
    return plan(rounds, join=join, abstain_above=abstain_above)


def _prevalences(given: list[str]) -> dict[str, float]:
    shares: dict[str, float] = {}
    for text in given:
        finding, _, share = text.partition("=")
        try:
            value = float(share)
        except ValueError:
            raise typer.BadParameter(
                f"{text!r} is not of the form FINDING=SHARE, such as pneumonia=0.05",
                param_hint="--prevalence",
            ) from None
        if finding in shares:
            raise typer.BadParameter(f"{finding} is given twice", param_hint="--prevalence")
        shares[finding] = value
    return shares


def _check_disk(out: Path, files: int, *, boxes: bool) -> None:
    each = BYTES_PER_IMAGE + BYTES_PER_BOXES * boxes
    needed, free = BYTES_ALWAYS + files * each, shutil.disk_usage(out).free
    if free < needed:
        raise RunError(
            f"{files} results need about {needed / 1e6:,.0f} MB, and {out} has {free / 1e6:,.0f} "
            f"MB free; make room, or choose another folder with -o."
        )


def _debug(context: typer.Context) -> bool:
    return bool(context.find_root().params.get("debug"))


def _nothing_found(found: FileList, paths: list[Path], out: Path) -> RunError:
    where = ", ".join(str(path) for path in paths)
    if found.files:
        return RunError(
            f"All radiographs in {where} lie in the output folder {out}; choose another with -o."
        )
    earlier = [path for path in paths if (path / ".hilum" / "run.json").is_file()]
    if earlier:
        return RunError(
            f"{earlier[0]} holds the results of an earlier reading, whose pictures are no "
            "radiographs; give the folder of the radiographs themselves."
        )
    return RunError(
        f"No radiographs in {where}: no DICOM, PNG, JPEG or TIFF file was found"
        f"{f' among {found.passed_over} files' if found.passed_over else ''}."
    )


def _say_left_out(
    refused: Counter[str],
    in_part: Counter[str],
    unlistable: Sequence[str],
    *,
    out: Path,
    status: int,
) -> None:
    """Say what is missing in readings.csv, and what the exit status will be for it."""
    end = f"Exit status {status}."
    if unlistable:
        typer.echo(
            f"NOT listed: {len(unlistable)} folders that may hold radiographs "
            f"({', '.join(unlistable[:3])}); mend their permissions. {end}"
        )
    for what, codes in (("NOT read", refused), ("Read in part, NOT in readings.csv", in_part)):
        if codes:
            reasons = ", ".join(f"{n} {code}" for code, n in codes.most_common())
            typer.echo(
                f"{what}: {codes.total()} ({reasons}); why is in {out / 'refused.csv'}. {end}"
            )


def _say(entered: Entered, *, done: int, seconds: float) -> None:
    before = f"{done} {'was' if done == 1 else 'were'} done before" if done else ""
    if entered.files:
        rate = entered.files / max(seconds, 1e-3)
        typer.echo(
            f"Read {entered.read} of {entered.files} files in {seconds:.1f} s ({rate:.1f} a second)"
            f"{f'; {entered.flagged} with warnings' if entered.flagged else ''}"
            f"{f'; {before}' if before else ''}."
        )
    else:
        typer.echo(f"Nothing left to read: {before}." if before else "Nothing was read.")


def _say_boxes(found: Boxed) -> None:
    from hilum.domain import finding

    if not found.images:
        typer.echo("Boxes: none.")
        return
    kinds = ", ".join(f"{finding(key).name} {n:,}" for key, n in found.kinds.most_common())
    outside = f"; {found.outside:,} mostly outside the lungs" if found.outside else ""
    typer.echo(
        f"Boxes: {found.kinds.total():,} on {found.images:,} of {found.looked:,} radiographs "
        f"({kinds}){outside}."
    )


def _say_failed(reader: Reader | CascadeReader) -> None:
    """Name the bundles whose audit failed: their numbers are read with that in mind."""
    from hilum.reading import CascadeReader

    several = isinstance(reader, CascadeReader)
    bundles = [one.bundle for one in reader.chain.stages] if several else [reader.bundle]
    for bundle in {one.digest: one for one in bundles if one.card.failed}.values():
        titles = dict.fromkeys(one.title for one in bundle.card.failed)
        typer.echo(
            f"{bundle} fails {len(titles)} questions of its audit: {' '.join(titles)} "
            f"See: hilum bundles show {bundle.card.name}",
            err=True,
        )
