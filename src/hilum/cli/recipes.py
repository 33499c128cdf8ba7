"""``hilum recipes``: list, show, copy."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})

Name = Annotated[str, typer.Argument(help="Name from `hilum recipes list`.")]


@app.command("list")
def list_() -> None:
    """List the recipes that come with the package."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from hilum import recipes
    from hilum.training.recipe import load_recipe

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="bold")
    for name in recipes.training():
        path = recipes.locate(name)
        said = load_recipe(path).model_dump(mode="json")
        kinds = ", ".join(dict.fromkeys(task["kind"] for task in said["task"]))
        rows, columns = said["input"]["size"]
        network = said["model"]["backbone"] or said["model"]["weights"]
        facts = f"{kinds}; {network}; {rows} × {columns} px"
        table.add_row(name, Text.assemble(recipes.about(path), "\n", (facts, "dim")))
    Console(highlight=False).print(table)
    typer.echo("\nTrain with one by its name: hilum train NAME --data FOLDER -o RUN")
    for kind, names in groupby(recipes.others(), lambda name: name.rpartition("/")[0]):
        typer.echo(f"Not for training, {kind}: {', '.join(names)}")


@app.command()
def show(name: Name) -> None:
    """Print a recipe as it stands, comments with it."""
    from hilum.recipes import locate

    typer.echo(locate(name).read_text(encoding="utf-8"), nl=False)


@app.command()
def copy(
    name: Name,
    destination: Annotated[
        Path | None, typer.Argument(help="File or folder; the recipe's name, here, if left out.")
    ] = None,
) -> None:
    """Write a recipe out to edit; nothing that exists is overwritten."""
    from hilum.errors import RunError
    from hilum.recipes import locate, training

    source = locate(name)
    place = destination or Path(source.name)
    if place.is_dir():
        place /= source.name
    try:
        with place.open("xb") as file:
            file.write(source.read_bytes())
    except FileExistsError:
        raise RunError(
            f"{place} exists already and is left as it is; name another file: "
            f"hilum recipes copy {name} FILE."
        ) from None
    except OSError as error:
        raise RunError(f"{place} cannot be written: {error.strerror}.") from error
    typer.echo(f"Written: {place}")
    if name in training():
        typer.echo(
            "Edit next: [data] says where your table and its columns are and which findings to "
            "learn, [bundle] names what comes out.\n"
            f"Then: hilum train {place} --data FOLDER -o runs/{place.stem}"
        )
