"""``hilum inspect``: what is in a file or an archive, and what intake would do with it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from hilum.imaging import FileList, Inspection


@dataclass(frozen=True, slots=True)
class _Listing:
    """An archive or a DICOMDIR, and what was found in it."""

    path: Path
    found: FileList

    @property
    def error(self) -> bool:
        return any(file.problem for file in self.found)


def inspect(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="DICOM, PNG, JPEG or TIFF files; ZIP or TAR archives, or one file in one: "
            "study.zip/1.dcm; a DICOMDIR.",
            show_default=False,
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    mend: Annotated[
        bool, typer.Option("--mend", help="Show what `hilum read --mend` would put right.")
    ] = False,
) -> None:
    """Show what is in a file and what intake would do with it; patient data is masked.

    Of an archive, the names of its files are shown as results would call them.

    Exit status 1 when a file cannot be read as a radiograph.
    """
    from rich.console import Console

    from hilum import imaging

    found = [_listing(file) or imaging.inspect(file, mend=mend) for file in files]
    if as_json:
        print(json.dumps([_as_dict(one) for one in found], indent=2, ensure_ascii=False))
    else:
        console = Console()
        for one in found:
            if isinstance(one, _Listing):
                _show_listing(one, console)
            else:
                _show(one, console)
    if any(one.error for one in found):
        raise typer.Exit(1)


def _listing(path: Path) -> _Listing | None:
    from hilum.imaging import FoundFile, find_files

    if not path.is_file():
        return None
    found = find_files([path])
    return None if found.files == (FoundFile(path, path.name),) else _Listing(path, found)


def _show_listing(one: _Listing, console: Console) -> None:
    from rich.markup import escape

    console.rule(escape(one.path.name), align="left")
    for file in _files(one):
        size = "?" if file["bytes"] is None else f"{file['bytes']:,}"
        console.print(f"{size:>14}  {escape(file['name'])}", highlight=False, soft_wrap=True)
        if file["error"] is not None:
            code, message = file["error"]["code"], escape(file["error"]["message"])
            console.print(
                f"{'':>14}  [bold red]Not read ({code}):[/] {message}",
                highlight=False,
                soft_wrap=True,
            )
    refused = sum(1 for file in one.found if file.problem)
    console.print(
        f"{len(one.found) - refused} files would be tried, {refused} not read, "
        f"{one.found.passed_over} passed over.",
        highlight=False,
    )


def _files(one: _Listing) -> list[dict[str, Any]]:
    return [
        {
            "name": file.name,
            "bytes": file.bytes,
            "error": {"code": file.problem.code, "message": str(file.problem)}
            if file.problem
            else None,
        }
        for file in one.found
    ]


def _show(one: Inspection, console: Console) -> None:
    from rich.markup import escape
    from rich.table import Table

    console.rule(escape(one.name), align="left")
    if one.rows:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for title in ("Tag", "Keyword", "VR", "Value"):
            table.add_column(title, overflow="fold")
        for row in one.rows:
            table.add_row(row.tag, escape(row.keyword), row.vr, escape(row.value))
        console.print(table)
    console.print(f"{one.bytes:,} bytes, {one.format or 'no picture'}", highlight=False)
    if one.error is not None:
        code, message = one.error
        console.print(f"[bold red]Not read ({code}):[/] {escape(message)}", highlight=False)
        return
    assert one.radiograph is not None
    facts = one.radiograph.acquisition
    rows, columns = one.radiograph.shape
    console.print(
        f"[bold green]Read:[/] {rows} × {columns} px, {escape(one.grey)}", highlight=False
    )
    if facts.spacing_mm:
        down, across = facts.spacing_mm
        where = "the header does not tell whether in the patient or at the detector"
        at = f", {where}" if facts.spacing_at == "unknown" else f" at the {facts.spacing_at}"
        console.print(f"Spacing {down:g} × {across:g} mm{at}", highlight=False, soft_wrap=True)
    for note in one.notes:
        mark = "[yellow]Warning:[/]" if note.warning else "Note:"
        console.print(f"{mark} {escape(note.message)} ({note.code})", highlight=False)


def _as_dict(one: Inspection | _Listing) -> dict[str, Any]:
    if isinstance(one, _Listing):
        return {
            "name": one.path.name,
            "files": _files(one),
            "passed_over": one.found.passed_over,
        }
    return {
        "name": one.name,
        "format": one.format,
        "bytes": one.bytes,
        "read": one.error is None,
        "error": {"code": one.error[0], "message": one.error[1]} if one.error else None,
        "shape": one.shape,
        "grey": one.grey,
        "notes": [
            {"code": note.code, "message": note.message, "warning": note.warning}
            for note in one.notes
        ],
        "header": [
            {"tag": row.tag, "keyword": row.keyword, "vr": row.vr, "value": row.value}
            for row in one.rows
        ],
    }
