"""``hilum demo``: an example study that Hilum draws itself, read like any other."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hilum.errors import RunError

if TYPE_CHECKING:
    from hilum.phantoms import DemoFile
    from hilum.report.record import Drawn

TITLE = "Hilum: a demonstration on drawn pictures"
BANNER = (
    "These pictures are drawn by a program. No patient stands behind them, and what the network "
    "says of them is worth nothing: the page only shows how results look, which files the gate "
    "lets pass, warns of or refuses, and why. To read your own DICOM, PNG, JPEG or TIFF files: "
    "hilum read FOLDER -o RESULTS"
)

SEED = 20
GREY_LEVELS = 4095  # 12 bits, as most detectors have

# What an earlier demonstration left, and nothing else, is replaced.
_FOLDERS = ("study", "previews", "heatmaps")
_FILES = ("readings.csv", "refused.csv", "findings.csv", "readings.json", "report.html")


def demo(
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the study and the results.")
    ] = Path("hilum-demo"),
    bundle: Annotated[
        str, typer.Option(help="Name from `hilum bundles list`, a folder or a .hilum file.")
    ] = "chest14",
) -> None:
    """Read an example study that Hilum draws itself, and show the page.

    Some files are made to be warned of or refused; the exit status is 0 all the same.
    """
    import numpy as np

    from hilum.imaging import find_files
    from hilum.phantoms import demo_study
    from hilum.reading import Reader, read_many
    from hilum.report.folder import OutputFolder

    reader = Reader.of(bundle, keep_radiograph=True)
    typer.echo("Drawing the example study ...")
    study = demo_study(np.random.default_rng(SEED))
    _clear(out, [Path(file.name).stem for file in study])
    with OutputFolder.open(out, bundle=reader.bundle, title=TITLE, banner=BANNER) as folder:
        write_study(study, out / "study")
        typer.echo(f"Reading it with {reader.bundle} ...")
        files = find_files([out / "study"]).files
        drawn: dict[str, Drawn] = {}
        for item in read_many(files, reader, workers=os.cpu_count() or 1, finish=folder.draw):
            folder.add(item)
            drawn[item.name] = item
        page = folder.finish()
    _show(study, drawn)
    typer.echo(f"\nPage: {page}")
    typer.echo("Your own files: hilum read FOLDER -o RESULTS")


def write_study(study: tuple[DemoFile, ...], folder: Path) -> None:
    """Write the files of the example study as DICOM.

    Args:
        study: from :func:`hilum.phantoms.demo_study`.
        folder: made where it is missing.
    """
    import numpy as np

    from hilum.imaging import write_dicom

    folder.mkdir(parents=True, exist_ok=True)
    for file in study:
        grey = np.rint(file.phantom.pixels * GREY_LEVELS).astype(np.uint16)
        stored = GREY_LEVELS - grey if file.facts.get("photometric") == "MONOCHROME1" else grey
        spacing = file.phantom.spacing_mm
        path = write_dicom(
            folder / file.name,
            stored,
            bits_stored=12,
            window=(2048, 4096),
            spacing_mm=(spacing, spacing),
            **file.facts,
        )
        if file.keep < 1:
            whole = path.read_bytes()
            path.write_bytes(whole[: int(len(whole) * file.keep)])


def _clear(out: Path, stems: list[str]) -> None:
    """Remove an earlier demonstration, and nothing else.

    Args:
        out: its folder.
        stems: how the names of its files begin.

    Raises:
        RunError: the folder holds a reading, or files of somebody else.
    """
    if not (out / ".hilum" / "run.json").is_file():
        return
    if TITLE not in (out / ".hilum" / "run.json").read_text("utf-8"):
        raise RunError(
            f"The folder {out} holds results of an earlier reading; choose another with -o."
        )
    found = [path for name in _FOLDERS if (out / name).is_dir() for path in (out / name).iterdir()]
    for path in found:
        if path.is_dir() or not path.name.startswith(tuple(stems)):
            raise RunError(
                f"{path} is not of the demonstration, which would be drawn anew; move it, or "
                "choose another folder with -o."
            )
    for path in found:
        path.unlink()
    for name in _FOLDERS:
        if (out / name).is_dir():
            (out / name).rmdir()
    shutil.rmtree(out / ".hilum")
    for name in _FILES:
        (out / name).unlink(missing_ok=True)


def _show(study: tuple[DemoFile, ...], drawn: dict[str, Drawn]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("File", "Drawn as", "What Hilum says", title="The example study")
    for file in study:
        table.add_row(file.name, file.about, _say(drawn[file.name].record))
    Console().print(table)


def _say(record: dict[str, Any]) -> str:
    if "reasons" in record:
        reasons = "; ".join(reason["message"] for reason in record["reasons"])
        return f"NOT read ({record['stage']}): {reasons}"
    present = [p["finding"] for p in record["predictions"] if p["decision"] == "present"]
    warned = [note["code"] for note in record["notes"] if note["warning"]]
    said = f"read; {', '.join(present) or 'no finding'} at or above the operating point"
    return f"{said}; warned of: {', '.join(warned)}" if warned else said
