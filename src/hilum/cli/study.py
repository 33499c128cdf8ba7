"""``hilum study``: many trainings that differ in one lever each → a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hilum.studies.arms import Study
    from hilum.studies.running import Bench

app = typer.Typer(no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})

STOPPED = 75
"""Exit status of a study that was asked to stop and can go on (EX_TEMPFAIL of sysexits.h)."""

Name = Annotated[str, typer.Argument(help="Name from `hilum study list`, or a study's folder.")]
Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="Folder of the study; runs/NAME if left out."),
]
Data = Annotated[Path, typer.Option(help="Folder of the recipe's table and images.")]


@app.command("list")
def list_(name: Annotated[str, typer.Argument(help="A study, to list its arms.")] = "") -> None:
    """List studies, or the arms of one."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from hilum.studies.arms import load_study, studies

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="bold")
    for one in () if name else studies():
        study = load_study(one)
        facts = f"{len(study.arms)} arms, {len(study.seeds)} seeds, from the recipe {study.recipe}"
        table.add_row(
            one, Text.assemble(f"{study.title}. {study.about.strip()}", "\n", (facts, "dim"))
        )
    if name:
        study = load_study(name)
        for arm in study.arms:
            against = study.against(arm)
            held = f", against {against}" if against not in ("", arm.name) else ""
            facts = f"{arm.study}, {arm.lever}{held}"
            table.add_row(arm.name, Text.assemble(arm.why, "\n", (facts, "dim")))
    Console(highlight=False).print(table)


@app.command()
def run(
    name: Name,
    *,
    data: Data,
    weights: Annotated[Path, typer.Option(help="Folder of the weights to start from.")] = Path(),
    out: Out = None,
    only: Annotated[str, typer.Option(help="Arms, separated by commas.  [default: all]")] = "",
    seeds: Annotated[
        str, typer.Option(help="Seeds, separated by commas.  [default: the study's]")
    ] = "",
    time_limit: Annotated[
        str, typer.Option(help="Stop cleanly after this time, such as 8h or 90m.")
    ] = "",
) -> None:
    """Run a study's arms and write its table; the same command goes on where it stopped."""
    from hilum.cli.train import Stopping, seconds
    from hilum.errors import MissingExtra, RecipeError, Stopped

    try:
        from hilum.studies.arms import load_study
        from hilum.studies.running import Bench, run_study
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"Studies need {error.name}; install it with: pip install 'hilum[train,analyse]'"
        ) from error
    study = load_study(name)
    try:
        numbers = [int(one) for one in seeds.split(",")] if seeds else None
    except ValueError:
        raise RecipeError(f"--seeds {seeds!r}: write whole numbers, such as 0,1,2.") from None
    folder = out or Path("runs") / study.name
    stopping = Stopping(seconds(time_limit) if time_limit else None)
    bench = Bench(data, weights, folder, stopping, typer.echo)
    try:
        with stopping:
            wanted = [one for one in only.split(",") if one]
            run_study(study, bench, only=wanted, seeds=numbers)
    except Stopped as why:
        typer.echo(str(why))
        raise typer.Exit(STOPPED) from why
    _write(study, bench)


@app.command()
def table(
    name: Name,
    *,
    data: Data,
    out: Out = None,
    page: Annotated[
        Path | None,
        typer.Option(help="Put the tables into this page too, between its marks for the study."),
    ] = None,
) -> None:
    """Write the table of what a study has done so far; nothing is computed anew."""
    from hilum.studies.arms import load_study
    from hilum.studies.running import Bench

    study = load_study(name)
    _write(study, Bench(data, Path(), out or Path("runs") / study.name), page)


def _write(study: Study, bench: Bench, page: Path | None = None) -> None:
    from hilum.studies.forest import forest
    from hilum.studies.results import results_of
    from hilum.studies.sheet import into_page, summary, write

    results = results_of(study, bench)
    files = write(results, bench.out, forest(results))
    if page is not None:
        into_page(page, results)
        files += write(results, page.parent, forest(results), only=(".svg", ".csv", ".json"))
    typer.echo(summary(results))
    typer.echo(f"Written: {', '.join(map(str, files))}")
