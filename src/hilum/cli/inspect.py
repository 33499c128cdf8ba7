"""``hilum inspect``: what is in a file, and what intake would do with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from hilum.imaging import Inspection


def inspect(
    files: Annotated[
        list[Path], typer.Argument(help="DICOM, PNG, JPEG or TIFF files.", show_default=False)
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Show what is in a file and what intake would do with it; patient data is masked.

    Exit status 1 when a file cannot be read as a radiograph.
    """
    from rich.console import Console

    from hilum import imaging

    found = [imaging.inspect(file) for file in files]
    if as_json:
        print(json.dumps([_as_dict(one) for one in found], indent=2, ensure_ascii=False))
    else:
        console = Console()
        for one in found:
            _show(one, console)
    if any(one.error for one in found):
        raise typer.Exit(1)


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
        console.print(
            f"Spacing {down:g} × {across:g} mm at the {facts.spacing_at}", highlight=False
        )
    for note in one.notes:
        mark = "[yellow]Warning:[/]" if note.warning else "Note:"
        console.print(f"{mark} {escape(note.message)} ({note.code})", highlight=False)


def _as_dict(one: Inspection) -> dict[str, Any]:
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
