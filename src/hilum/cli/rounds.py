"""``hilum rounds``: reading rounds on labelled radiographs, swept and searched."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from hilum.errors import RunError, Stopped

if TYPE_CHECKING:
    from hilum.domain import LabelTable
    from hilum.reading.rounds.measuring.rows import Rows
    from hilum.reading.rounds.measuring.seeing import Eye
    from hilum.reading.rounds.measuring.sweeping import Options

INTERRUPTED = 130
STORE = "looks.sqlite"


def rounds(
    data: Annotated[Path | None, typer.Argument(help="Folder of the radiographs.")] = None,
    *,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="Label table as `hilum datasets table` saves it; with --columns anyone's CSV, or "
            "the folder of a collection."
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="MAP|COLLECTION",
            help="What the labels' columns mean: a column map (.toml, or columns/radiographs), or "
            "a collection such as chestxray14.",
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=VALUE",
            help="Only rows with that value; may be repeated: values of one column add up.",
        ),
    ] = None,
    bundle: Annotated[
        str, typer.Option(help="Bundle that looks: a name, a folder or a .hilum file.")
    ] = "chest14",
    finding: Annotated[str, typer.Option(help="The finding to decide on.")] = "",
    sweep: Annotated[
        bool,
        typer.Option(
            "--sweep",
            help="Try every transform, pairs in both orders, triples in six, and the sets of "
            "rounds put together in every way.",
        ),
    ] = False,
    search: Annotated[
        bool,
        typer.Option(
            "--search",
            help="Search for looks, their order and numbers on the tune rows by a genetic "
            "algorithm, and report the test rows.",
        ),
    ] = False,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help="Folder for the results; an earlier run in it goes on."),
    ] = Path("rounds"),
    unmentioned: Annotated[
        Literal["left-out", "absent"],
        typer.Option(help="What becomes of a finding that the table does not mention."),
    ] = "left-out",
    tune_share: Annotated[
        float,
        typer.Option(
            min=0.05,
            max=0.95,
            help="Share of patients to tune on, where the table has no column split.",
        ),
    ] = 1 / 3,
    sample: Annotated[
        int, typer.Option(min=0, help="Radiographs that are looked at, by patient; 0 for all.")
    ] = 0,
    population: Annotated[int, typer.Option(min=2, help="Plans a generation.")] = 16,
    generations: Annotated[int, typer.Option(min=1, help="Generations of the search.")] = 8,
    samples: Annotated[int, typer.Option(min=100, help="Draws behind every interval.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")] = 0,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Radiographs at a time.  [default: processors]")
    ] = None,
    runtime: Annotated[
        str, typer.Option(help="What runs the network: onnxruntime or openvino.")
    ] = "onnxruntime",
    page: Annotated[
        Path | None,
        typer.Option(
            help="Markdown page with places <!-- begin rounds/sweep --> and rounds/search to fill; "
            "figures and numbers are put beside it."
        ),
    ] = None,
    show: Annotated[
        str | None,
        typer.Option("--show", metavar="NAME|FILE", help="Print a set of rounds as TOML, and end."),
    ] = None,
    show_list: Annotated[
        bool, typer.Option("--list", help="List transforms and sets of rounds, and end.")
    ] = False,
) -> None:
    """Try reading rounds on labelled radiographs: a sweep, a genetic search.

    The network must have learnt from none of the radiographs. The quality gate is not asked.

    Exit status: 0 done; 1 some radiographs could not be read and are left out; 2 it could not
    start; 130 stopped by Ctrl-C, and the same command goes on.
    """
    if show_list:
        _list()
        return
    if show is not None:
        from hilum.reading.rounds import plan, written

        typer.echo(written(plan(show)), nl=False)
        return
    if not (sweep or search):
        raise RunError("Say what to do: --sweep, --search, or both; or --list, --show NAME.")
    if data is None or labels is None or not finding:
        raise RunError("A sweep or a search needs DATA, --labels and --finding.")
    from hilum.bundles import load
    from hilum.datasets.label_files import read_label_file, rows_where
    from hilum.domain import from_label
    from hilum.reading.rounds.measuring.seeing import Eye
    from hilum.reading.rounds.measuring.sweeping import Options

    key = from_label(finding).key
    eye = Eye.of(load(bundle), runtime=runtime)
    if key not in eye.bundle.card.keys:
        raise RunError(
            f"Bundle {eye.bundle} does not read {key}; it reads {', '.join(eye.bundle.card.keys)}."
        )
    table = rows_where(read_label_file(labels, columns or ""), where or [])
    _warn(eye.bundle.card, table)
    rows = _rows(
        table, data, key, unmentioned=unmentioned, tune_share=tune_share, sample=sample, seed=seed
    )
    options = Options(
        samples=samples,
        seed=seed,
        workers=workers or _processors(),
        population=population,
        generations=generations,
    )
    done = _done(eye, rows, key, options, out, wanted=(sweep, search))
    for name, numbers in done.items():
        _say(name, numbers)
    if page is not None:
        _fill(page, done)
        typer.echo(f"Page: {page}")
    unseen = max(numbers["unseen"] for numbers in done.values())
    if unseen:
        typer.echo(f"NOT read: {unseen} radiographs, left out. Exit status 1.")
        raise typer.Exit(1)


def _done(
    eye: Eye, rows: Rows, key: str, options: Options, out: Path, *, wanted: tuple[bool, bool]
) -> dict[str, Mapping[str, Any]]:
    """Sweep and search as wanted, with their folders; the numbers of each."""
    from hilum.cli.progress import steps
    from hilum.reading.rounds import written
    from hilum.reading.rounds.measuring.searching import search
    from hilum.reading.rounds.measuring.store import LookStore
    from hilum.reading.rounds.measuring.sweeping import Told, sweep
    from hilum.report.rounds import write_search, write_sweep

    done: dict[str, Mapping[str, Any]] = {}
    try:
        with LookStore(out / STORE, eye.network) as store, _stopping() as stop:
            asked = Told(eye, rows, store, key)
            if wanted[0]:
                with steps(_WORDS) as tell:
                    numbers, plans = sweep(asked, options, tell=tell, stop=stop)
                said = {name: written(one) for name, one in plans.items()}
                typer.echo(f"Sweep: {write_sweep(numbers, said, out / 'sweep')}")
                done["sweep"] = numbers
            if wanted[1]:
                with steps(_WORDS) as tell:
                    numbers, best = search(asked, options, tell=tell, stop=stop)
                said = {best.rounds.name: written(best)}
                typer.echo(f"Search: {write_search(numbers, said, out / 'search')}")
                done["search"] = numbers
    except Stopped as stopped:
        typer.echo(f"{stopped} The same command goes on.", err=True)
        raise typer.Exit(INTERRUPTED) from None
    return done


_WORDS = {"look": "Looking", "judge": "Judging", "search": "Generations"}


def _warn(card: Any, table: LabelTable) -> None:
    """Say what is known of the network having learnt from these rows."""
    from hilum.datasets.predictions.learnt import not_known

    for note in not_known(card, table):
        typer.echo(f"Warning: {note}", err=True)


def _rows(
    table: LabelTable,
    data: Path,
    key: str,
    *,
    unmentioned: str,
    tune_share: float,
    sample: int,
    seed: int,
) -> Rows:
    from hilum.domain.labels import Policy
    from hilum.reading.rounds.measuring.rows import rows_of

    policy = Policy(unmentioned=0.0 if unmentioned == "absent" else None)
    return rows_of(table, data, key, policy=policy, tune_share=tune_share, sample=sample, seed=seed)


@contextmanager
def _stopping() -> Iterator[Callable[[], bool]]:
    """A function that tells whether Ctrl-C was pressed; pressed twice it ends at once."""
    pressed: list[int] = []

    def press(number: int, frame: object) -> None:
        del frame
        pressed.append(number)
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, press)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)


def _say(name: str, numbers: Mapping[str, Any]) -> None:
    from hilum.report.rounds.tables import shown

    if name == "sweep":
        best = max(numbers["arms"], key=lambda arm: arm["tune_auroc"])
        plain = next(arm for arm in numbers["arms"] if arm["group"] == "plain")
        typer.echo(
            f"Plain: AUROC {shown(plain['auroc'])}. Best on the tune rows: {best['name']}, on the "
            f"test rows {shown(best['auroc'])}, gained {shown(best['gain'], signed=True)}."
        )
        return
    for side in numbers["sides"]:
        typer.echo(
            f"{side['name']}: AUROC {shown(side['auroc'])}, gained "
            f"{shown(side['gain'], signed=True)}, {1000 * side['seconds']:.0f} ms an image."
        )


def _fill(page: Path, done: Mapping[str, Mapping[str, Any]]) -> None:
    from hilum.report.drawing import drawing, svg
    from hilum.report.rounds.figures import search_figures, sweep_figures
    from hilum.report.rounds.folder import DRAWS
    from hilum.report.rounds.text import search_text, sweep_text
    from hilum.studies.pages import placed, read_page

    ways = {"sweep": (sweep_figures, sweep_text), "search": (search_figures, search_text)}
    text = read_page(page)
    for name, numbers in done.items():
        figures_of, text_of = ways[name]
        figures = figures_of(numbers)
        with drawing(DRAWS):
            for figure, draw in figures.items():
                page.with_name(f"{page.stem}-{figure}.svg").write_bytes(svg(draw()))
        part = text_of(numbers, list(figures), f"{page.stem}-{{}}.svg")
        text = placed(text, f"rounds/{name}", part, page)
        _keep(page.with_name(f"{page.stem}-{name}.json"), numbers)
    page.write_text(text, encoding="utf-8")


def _keep(path: Path, numbers: Mapping[str, Any]) -> None:
    import json

    path.write_text(json.dumps(numbers, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _list() -> None:
    from rich.console import Console
    from rich.table import Table

    from hilum.transforms.rounds import SETS, TRANSFORMS

    made = Table(title="Transforms", title_justify="left")
    for heading in ("name", "parameters", "what it does"):
        made.add_column(heading)
    for name in TRANSFORMS:
        one = TRANSFORMS.resolve(name)
        parameters = "\n".join(
            f"{p.name} {p.least:g} to {p.most:g}: {p.about}" for p in one.parameters
        )
        made.add_row(name, parameters, one.about)
    sets = Table(title="Sets of rounds", title_justify="left")
    for heading in ("name", "rounds", "about"):
        sets.add_column(heading)
    for name in SETS:
        own = SETS.resolve(name)
        sets.add_row(name, str(len(own.rounds)), own.about)
    console = Console()
    console.print(made)
    console.print(sets)


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
