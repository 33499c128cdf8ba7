"""``hilum datasets``: published collections, folders and foreign tables → label tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli.fetch import fetch
from hilum.errors import LabelError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from hilum.datasets.collection import Collection
    from hilum.datasets.verify import Verification
    from hilum.domain import LabelTable

FOLDERS = "folders"
_WARN = "[yellow]Note:[/]"

app = typer.Typer(no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})
app.command("fetch")(fetch)

Name = Annotated[str, typer.Argument(help="Name from `hilum datasets list`.", show_default=False)]
Folder = Annotated[
    Path, typer.Argument(help="Folder that the collection was unpacked into.", show_default=False)
]
VariantName = Annotated[
    str | None,
    typer.Option(help="Set of labels; `hilum datasets show NAME` lists them. Else the first."),
]


@app.command("list")
def list_() -> None:
    """List the collections that Hilum knows."""
    from rich.console import Console
    from rich.markup import escape

    from hilum.datasets.collections import COLLECTIONS

    table = _plain("name", "images", "collection", "variants", "same pictures as")
    for name in COLLECTIONS:
        collection: Collection = COLLECTIONS.resolve(name)
        counts = [c for v in collection.variants.values() for c in v.counts if c.what == "images"]
        images = f"{max(c.expected for c in counts):,}" if counts else "?"
        table.add_row(name, images, escape(collection.title), ", ".join(collection.variants),
                      ", ".join(collection.same_images_as))  # fmt: skip
    console = Console(highlight=False)
    console.print(table)
    console.print("Anything else: `hilum datasets table` with a column map or `folders`.")


@app.command()
def show(name: Name) -> None:
    """Print what a collection is: citation, licence, where its files lie, labels, counts."""
    from rich.console import Console
    from rich.markup import escape

    from hilum.datasets.collections import COLLECTIONS

    collection: Collection = COLLECTIONS.resolve(name)
    console = Console(highlight=False)
    console.print(f"[bold]{escape(collection.title)}[/bold]  {escape(collection.about)}")
    console.print(f"Cite: {escape(collection.citation)}")
    console.print(f"Licence: {escape(collection.licence)}")
    console.print(f"From: {escape(collection.home)}", soft_wrap=True)
    if collection.same_images_as:
        console.print(f"Same pictures, in whole or in part, as: {_names(collection)}")
    console.print("\n[bold]Files[/bold]")
    console.print(escape(collection.layout.rstrip()), soft_wrap=True)
    for number, (variant_name, variant) in enumerate(collection.variants.items()):
        default = " (taken when none is named)" if number == 0 else ""
        console.print(f"\n[bold]Variant {variant_name}[/bold]{default}: {escape(variant.about)}")
        counts = "; ".join(f"{c.what} {c.expected:,}" for c in variant.counts)
        console.print(f"Published: {escape(counts)}." if counts else "No counts are published.")
    table = _plain("label", "finding")
    for label, key in collection.labels.items():
        why = escape(collection.undecided.get(label, ""))
        table.add_row(escape(label), key or f"none: {why}")
    console.print("\n[bold]Labels[/bold]")
    console.print(table)


@app.command()
def verify(
    name: Name,
    folder: Folder,
    variant: VariantName = None,
    images: Annotated[
        bool, typer.Option("--images", help="Image files must be there too, not labels alone.")
    ] = False,
) -> None:
    """Compare a copy of a collection with the numbers that its publisher states.

    Exit status 1 when something differs, or when there is no number to compare with.
    """
    from rich.console import Console
    from rich.markup import escape

    from hilum.datasets.collections import COLLECTIONS
    from hilum.datasets.verify import verify as compare

    if name == FOLDERS or name.endswith(".toml"):
        raise LabelError(
            f"{name}: verify compares with published numbers, and those of your own data are not "
            "published. `hilum datasets table` checks such a table while it writes it."
        )
    collection: Collection = COLLECTIONS.resolve(name)
    found = compare(collection, folder, variant)
    console = Console(highlight=False)
    _show_counts(console, found)
    _show_notes(console, found.table.notes)
    _show_files(console, found, images=images)
    for told, offenders in (("present on no image", found.empty),
                            ("boxes outside their image", found.outside)):  # fmt: skip
        if offenders:
            console.print(f"[bold red]{len(offenders):,} {told}:[/] {_few(offenders)}")
    if not found.counts:
        others = [escape(n) for n, one in collection.variants.items() if one.counts]
        hint = f"; --variant {' or '.join(others)} has some" if others else ""
        console.print(f"[bold red]Not compared:[/] no counts are published for this variant{hint}.")
        raise typer.Exit(1)
    if found.sound(images=images):
        checked = "labels and images" if images else "labels"
        console.print(f"[bold green]Sound:[/] {checked} of {collection.title} are as published.")
        return
    console.print(f"[bold red]Not sound:[/] this copy of {collection.title} differs.")
    raise typer.Exit(1)


@app.command()
def table(
    source: Annotated[
        str,
        typer.Argument(
            help="Name from `hilum datasets list`, a column map (.toml), or `folders` for a folder "
            "a class.",
            show_default=False,
        ),
    ],
    folder: Annotated[
        Path,
        typer.Argument(
            help="Folder of the data; images in the table are relative to it.", show_default=False
        ),
    ],
    *,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Label table to write: .csv or .parquet.")
    ],
    variant: VariantName = None,
    with_files: Annotated[
        bool,
        typer.Option("--with-files", help="Leave out rows whose image is not in the folder."),
    ] = False,
    classes: Annotated[
        list[str] | None,
        typer.Option(
            "--class",
            metavar="NAME=FINDING",
            help="With `folders`: what a class folder means; `NAME=` leaves it out. May be "
            "repeated.",
        ),
    ] = None,
    patient_pattern: Annotated[
        str,
        typer.Option(
            metavar="REGEX",
            help=r"With `folders`: what in a file's name tells the patient, such as (person\d+)_.",
        ),
    ] = "",
) -> None:
    """Write a label table: what `hilum explore`, `split` and `pack` work on."""
    import numpy as np
    from rich.console import Console
    from rich.markup import escape

    from hilum.datasets.table import save

    if out.suffix not in {".csv", ".parquet"}:
        raise LabelError(f"A label table is saved as .csv or .parquet, not {out.name!r}.")
    if not out.parent.is_dir():
        raise LabelError(f"No folder {out.parent} for {out.name}.")
    if source != FOLDERS and (classes or patient_pattern):
        raise LabelError("--class and --patient-pattern belong to `folders`.")
    _refuse_inputs(out, source, folder)
    read, unlabelled = _read(source, folder, variant, _meanings(classes or []), patient_pattern)
    here = np.array([(folder / image).is_file() for image in read.images.tolist()], np.bool_)
    missing = read.images[~here].tolist()
    if with_files:
        if not here.any():
            raise LabelError(f"None of the {len(read):,} images is in {folder}.")
        notes = read.notes
        read = read.rows(np.flatnonzero(here))
    else:
        notes = read.notes
    save(read, out)
    console = Console(highlight=False)
    _show_table(console, read)
    _show_notes(console, notes)
    if len(missing) == len(here):
        console.print(
            f"{_WARN} None of the images is in {escape(str(folder))}: rows hold names only."
        )
    elif missing:
        whose = "its row holds a name" if len(missing) == 1 else "their rows hold names"
        fate = "left out" if with_files else f"{whose} only"
        have = "image has" if len(missing) == 1 else "images have"
        console.print(f"{_WARN} {len(missing):,} {have} no file, {fate}: {_few(missing)}")
    if unlabelled:
        console.print(f"{_WARN} {_no_row(unlabelled)}")
    console.print(f"Written: {escape(str(out))}, {_many(len(read), 'row')}", soft_wrap=True)


@app.command("join")
def join_(
    tables: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME=TABLE…", help="Label tables, each with a name.", show_default=False
        ),
    ],
    *,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Label table to write: .csv or .parquet.")
    ],
    findings: Annotated[
        str,
        typer.Option(
            metavar="KEY,…",
            help="Take these findings; a wider one (opacity) is told from its kinds.",
        ),
    ] = "",
    same_patients: Annotated[
        str,
        typer.Option(
            metavar="NAME,…",
            help="These tables number the same patients alike, as labels of the same pictures do.",
        ),
    ] = "",
    different_images: Annotated[
        bool,
        typer.Option(
            "--different-images", help="Equal file names in two tables are different pictures."
        ),
    ] = False,
) -> None:
    """Put label tables of several collections into one.

    Names stand before images and patients ("padchest/17"), for patient 17 of one hospital is not
    patient 17 of another. What a collection does not label is unmentioned there, not absent.
    """
    from rich.console import Console
    from rich.markup import escape

    from hilum.cli.subset import check_output
    from hilum.datasets.join import join, roll_up
    from hilum.datasets.table import load, save

    paths: dict[str, Path] = {}
    for item in tables:
        name, equals, path = item.partition("=")
        if not equals or not name or name in paths:
            raise LabelError(f"{item!r}: wanted is NAME=TABLE, each name once.")
        paths[name] = Path(path)
    check_output(out, paths.values())
    same = [name.strip() for name in same_patients.split(",") if name.strip()]
    named = {name: load(path) for name, path in paths.items()}
    joined = join(named, same_patients=same, different_images=different_images)
    if findings:
        joined = roll_up(joined, tuple(key.strip() for key in findings.split(",")))
    save(joined, out)
    console = Console(highlight=False)
    _show_table(console, joined)
    for note in joined.notes:
        console.print(f"{_WARN} {escape(note)}")
    for key, lacking in _one_sided(joined):
        console.print(f"{_WARN} {escape(key)} is one-sided: it is {lacking} on no image.")


def _one_sided(table: LabelTable) -> Iterable[tuple[str, str]]:
    """Findings from which nothing can be learnt, and the state that they lack."""
    from hilum.domain import State

    for at, key in enumerate(table.findings):
        for state, word in ((State.PRESENT, "present"), (State.ABSENT, "absent")):
            if not (table.states[:, at] == state).any():
                yield key, word


def _read(
    source: str,
    folder: Path,
    variant: str | None,
    classes: dict[str, str | None],
    patient_pattern: str,
) -> tuple[LabelTable, Sequence[str]]:
    from hilum.datasets.collections import COLLECTIONS
    from hilum.datasets.column_map import load_map, read_mapped
    from hilum.datasets.folders import read_folders
    from hilum.datasets.verify import files_of, read_variant

    if not folder.is_dir():
        raise LabelError(f"No folder {folder}.")
    if source == FOLDERS or source.endswith(".toml"):
        if variant is not None:
            raise LabelError("--variant belongs to a collection of `hilum datasets list`.")
        if source == FOLDERS:
            return read_folders(folder, classes=classes, patient_pattern=patient_pattern), ()
        return read_mapped(folder, load_map(Path(source))), ()
    collection: Collection = COLLECTIONS.resolve(source)
    read = read_variant(collection, folder, variant)
    return read, sorted(files_of(collection, folder) - set(read.images.tolist()))


def _refuse_inputs(out: Path, source: str, folder: Path) -> None:
    """Refuse an output that would overwrite what is read: the map, its tables, a published one."""
    from hilum.datasets.column_map import load_map
    from hilum.datasets.source import read_header

    inputs: list[Path] = []
    if source.endswith(".toml"):
        asked = load_map(Path(source))
        inputs = [Path(source), folder / asked.table]
        inputs += [folder / asked.boxes.table] if asked.boxes else []
    elif source != FOLDERS and out.suffix == ".csv" and out.is_file():
        inside = out.resolve().is_relative_to(folder.resolve())
        inputs = [out] if inside and not {"image", "patient"} <= {*read_header(out)} else []
    if out.resolve() in {path.resolve() for path in inputs}:
        raise LabelError(
            f"{out} is one of the files that are read; give another name with -o, or it is lost."
        )


def _no_row(files: Sequence[str]) -> str:
    have = "image file has" if len(files) == 1 else "image files have"
    return f"{len(files):,} {have} no row: {_few(files)}"


def _names(collection: Collection) -> str:
    return ", ".join(collection.same_images_as)


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _meanings(classes: Iterable[str]) -> dict[str, str | None]:
    meanings: dict[str, str | None] = {}
    for given in classes:
        name, equals, key = given.partition("=")
        if not equals or not name:
            raise LabelError(f"--class wants NAME=FINDING, not {given!r}.")
        meanings[name] = key or None
    return meanings


def _plain(*titles: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(title, overflow="fold")
    return table


def _few(values: Sequence[str]) -> str:
    from rich.markup import escape

    from hilum.domain.text import first_few

    return escape(first_few(values, quoted=False)) + "."


def _show_counts(console: Console, found: Verification) -> None:
    from rich.markup import escape
    from rich.table import Table

    if not found.counts:
        console.print(f"{_many(len(found.table), 'image')} read.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("counted", "published", "found", ""):
        table.add_column(title, justify="right" if title in {"published", "found"} else "left")
    for count in found.counts:
        verdict = "" if count.same else f"[bold red]{count.found - count.expected:+,}[/]"
        table.add_row(escape(count.what), f"{count.expected:,}", f"{count.found:,}", verdict)
    console.print(table)


def _show_notes(console: Console, notes: Sequence[str]) -> None:
    from rich.markup import escape

    for note in notes:
        console.print(f"{_WARN} {escape(note)}")


def _show_files(console: Console, found: Verification, *, images: bool) -> None:
    rows = len(found.table)
    there = rows - len(found.missing)
    if found.missing:
        mark = "[bold red]Missing:[/]" if images else _WARN
        told = f": {_few(found.missing)}" if there else "."
        have = "has" if len(found.missing) == 1 else "have"
        console.print(
            f"{mark} {len(found.missing):,} of {_many(rows, 'image')} {have} no file here{told}"
        )
    if found.unlabelled:
        console.print(f"{_WARN} {_no_row(found.unlabelled)}")


def _show_table(console: Console, read: LabelTable) -> None:
    import numpy as np
    from rich.table import Table

    from hilum.domain import State, finding

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("finding", "present", "absent", "uncertain", "unmentioned"):
        table.add_column(title, justify="left" if title == "finding" else "right")
    order = (State.PRESENT, State.ABSENT, State.UNCERTAIN, State.UNMENTIONED)
    for at, key in enumerate(read.findings):
        counts = np.bincount(read.states[:, at], minlength=len(State))
        table.add_row(finding(key).name, *(f"{counts[state]:,}" for state in order))
    console.print(table)
    patients = len(np.unique(read.patients))
    drawn = 0 if read.boxes is None else len(read.boxes)
    boxes = "" if read.boxes is None else f", {drawn:,} {'box' if drawn == 1 else 'boxes'}"
    console.print(f"{_many(len(read), 'image')} of {_many(patients, 'patient')}{boxes}")
    console.print(f"Columns: {', '.join(read.columns) or 'none'}", markup=False)
