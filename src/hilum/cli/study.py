"""``hilum study``: trainings that differ in one lever, and questions, → tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hilum.studies.arms import Study
    from hilum.studies.questions import Inquiry
    from hilum.studies.running import Bench

app = typer.Typer(no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})

STOPPED = 75
"""Exit status of a study that was asked to stop and can go on (EX_TEMPFAIL of sysexits.h)."""

Name = Annotated[str, typer.Argument(help="Name from `hilum study list`, or a study's folder.")]
Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="Folder of the study; runs/NAME if left out."),
]
Data = Annotated[Path, typer.Option(help="Folder of the study's table and images.")]


@app.command("list")
def list_(
    name: Annotated[str, typer.Argument(help="A study, to list its arms or questions.")] = "",
) -> None:
    """List studies, or the arms or questions of one."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="bold")
    for one, words, facts in _parts(name) if name else _studies():
        table.add_row(one, Text.assemble(words, "\n", (facts, "dim")))
    Console(highlight=False).print(table)


def _studies() -> Iterator[tuple[str, str, str]]:
    from hilum.studies import INQUIRIES
    from hilum.studies.arms import studies
    from hilum.studies.questions import Inquiry

    for name in sorted([*studies(), *INQUIRIES]):
        study = _found(name)
        number = _counted(len(study.seeds), "seed")
        if isinstance(study, Inquiry):
            about = f"{_counted(len(study.questions), 'question')}, {number}"
        else:
            about = f"{_counted(len(study.arms), 'arm')}, {number}, from the recipe {study.recipe}"
        yield name, f"{study.title}. {study.about.strip()}", about


def _parts(name: str) -> Iterator[tuple[str, str, str]]:
    from hilum.studies.questions import Inquiry

    study = _found(name)
    if isinstance(study, Inquiry):
        for one in study.questions:
            yield one.name, f"{one.title}. {one.why}", f"about {one.minutes:g} min on two cores"
        yield "", f"Data: {study.data}", ""
        return
    for arm in study.arms:
        against = study.against(arm)
        held = f", against {against}" if against not in ("", arm.name) else ""
        yield arm.name, arm.why, f"{arm.study}, {arm.lever}{held}"


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")


def _found(name: str) -> Study | Inquiry:
    from hilum.errors import MissingExtra

    try:
        from hilum.studies import INQUIRIES
        from hilum.studies.arms import load_study

        return INQUIRIES.resolve(name) if name in INQUIRIES else load_study(name)
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"Studies need {error.name}; install it with: pip install 'hilum[train,analyse]'"
        ) from error


@app.command()
def run(
    name: Name,
    *,
    data: Data,
    weights: Annotated[Path, typer.Option(help="Folder of the weights to start from.")] = Path(),
    out: Out = None,
    only: Annotated[
        str, typer.Option(help="Arms or questions, separated by commas.  [default: all]")
    ] = "",
    seeds: Annotated[
        str, typer.Option(help="Seeds, separated by commas.  [default: the study's]")
    ] = "",
    time_limit: Annotated[
        str, typer.Option(help="Stop cleanly after this time, such as 8h or 90m.")
    ] = "",
) -> None:
    """Run a study and write its tables; the same command goes on where it stopped."""
    from hilum.cli.train import Stopping, seconds
    from hilum.errors import RecipeError, Stopped

    study = _found(name)
    from hilum.studies.asking import ask
    from hilum.studies.questions import Inquiry
    from hilum.studies.running import Bench, run_study

    try:
        numbers = [int(one) for one in seeds.split(",")] if seeds else None
    except ValueError:
        raise RecipeError(f"--seeds {seeds!r}: write whole numbers, such as 0,1,2.") from None
    stopping = Stopping(seconds(time_limit) if time_limit else None)
    bench = Bench(data, weights, _folder(out, study), stopping, typer.echo)
    wanted = [one for one in only.split(",") if one]
    try:
        with stopping:
            if isinstance(study, Inquiry):
                ask(study, bench, only=wanted, seeds=numbers)
            else:
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
    """Write the tables of what a study has done so far; nothing is computed anew."""
    study = _found(name)
    from hilum.studies.running import Bench

    _write(study, Bench(data, Path(), _folder(out, study)), page)


def _folder(out: Path | None, study: Study | Inquiry) -> Path:
    return out or Path("runs") / study.name


def _write(study: Study | Inquiry, bench: Bench, page: Path | None = None) -> None:
    from hilum.studies.asking import answers, publish
    from hilum.studies.forest import forest
    from hilum.studies.questions import Inquiry
    from hilum.studies.results import results_of
    from hilum.studies.sheet import into_page, summary, write

    if isinstance(study, Inquiry):
        files = publish(study, answers(study, bench.out), page, bench.out)
    else:
        results = results_of(study, bench)
        files = write(results, bench.out, forest(results))
        if page is not None:
            into_page(page, results)
            files += write(results, page.parent, forest(results), only=(".svg", ".csv", ".json"))
        typer.echo(summary(results))
    typer.echo(f"Written: {', '.join(map(str, files))}")
