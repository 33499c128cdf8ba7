"""``hilum bundles``: list, show, verify, make."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from hilum.bundles import Bundle, Card

app = typer.Typer(no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})

Name = Annotated[
    str, typer.Argument(help="Name from `hilum bundles list`, a folder or a .hilum file.")
]


@app.command("list")
def list_() -> None:
    """List the bundles that come with the package."""
    from hilum.bundles import available, load

    names = available()
    if not names:
        typer.echo("No bundles come with this installation.")
    for name in names:
        card = load(name).card
        typer.echo(f"{name}  {card.version}  {_gives(card)}  {card.summary}")


@app.command()
def show(
    name: Name,
    json: Annotated[bool, typer.Option("--json", help="Print card.json as it is.")] = False,
) -> None:
    """Print a bundle's card: findings, use, training data, measured results."""
    from hilum.bundles import load

    bundle = load(name)
    if json:
        typer.echo(bundle.card.model_dump_json(by_alias=True, indent=1))
        return
    _print_card(bundle)


@app.command()
def verify(path: Name) -> None:
    """Check a bundle's card and the digest of every file. Exit status 1 when something is wrong."""
    from hilum.bundles import load
    from hilum.bundles import verify as faults_of

    faults = faults_of(path)
    for fault in faults:
        typer.echo(fault)
    if faults:
        raise typer.Exit(1)
    bundle = load(path)
    files = len(bundle.card.files) + 1
    typer.echo(f"{bundle} is sound: {files} files, digest of the card {bundle.digest}")


@app.command()
def make(
    onnx: Annotated[Path, typer.Option(help="The graph, one file without external data.")],
    card: Annotated[Path, typer.Option(help="The card in TOML; see docs/bundles.md.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="A new folder, or a path that ends in .hilum.")
    ],
) -> None:
    """Make a bundle from a network of your own, and check that it does what its card says."""
    from hilum.export.make import make as make_bundle

    bundle = make_bundle(onnx, card, out)
    if bundle.card.findings:
        typer.echo(f"{bundle} is in {out}; read with it: hilum read FOLDER -o OUT --bundle {out}")
    else:
        typer.echo(f"{bundle} is in {out}; it draws {', '.join(bundle.card.structures)}")


def _gives(card: Card) -> str:
    findings, structures = len(card.findings), len(card.structures)
    parts = [f"{findings} findings"] * bool(findings) + [f"{structures} masks"] * bool(structures)
    return ", ".join(parts)


def _print_card(bundle: Bundle) -> None:
    from rich.console import Console
    from rich.markup import escape

    card = bundle.card
    console = Console(highlight=False)
    console.print(f"[bold]{bundle}[/bold]  {escape(card.summary)}")
    console.print(f"For: {escape(card.intended_use)}")
    for use in card.not_for:
        console.print(f"Not for: {escape(use)}")
    console.print(f"Licence: {escape(card.licence)}")
    if card.network:
        console.print(f"Network: {escape(card.network)}")
    console.print(f"Input: {_input(card)}")
    for part in card.start:
        console.print(f"Began with: {escape(part.name)} ({escape(part.licence)})")
    for part in card.data:
        console.print(
            f"Learnt from: {escape(part.name)}, {part.images:,} images ({escape(part.licence)})"
        )
    console.print(f"Digest of the card: {bundle.digest}")
    if card.structures:
        console.print(f"Draws: {', '.join(card.structures)}")
    if card.findings:
        console.print(_findings(card))
    if card.results:
        console.print(_results(card))


def _input(card: Card) -> str:
    spec = card.preprocessing
    return f"{spec.size[0]} × {spec.size[1]} px, {spec.fit}, {spec.channels} channel(s)"


def _findings(card: Card) -> Table:
    from rich.table import Table

    from hilum.domain import finding

    table = Table(title="Findings", title_justify="left")
    for heading in ("finding", "positives", "prevalence", "calibration", "operating point"):
        table.add_column(heading)
    for row in card.findings:
        table.add_row(
            finding(row.key).name,
            "–" if row.positives is None else f"{row.positives:,}",
            "–" if row.prevalence is None else f"{row.prevalence:.3f}",
            row.calibration.method + ("" if row.calibration.trusted else ", uncalibrated"),
            f"{row.operating_point.threshold:.3f} ({row.operating_point.rule})",
        )
    return table


def _results(card: Card) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table(title="Measured", title_justify="left")
    for heading in ("metric", "finding", "split", "value", "interval"):
        table.add_column(heading)
    for row in card.results:
        ends = row.low is not None and row.high is not None
        table.add_row(
            escape(row.metric),
            row.finding or ("mean" if row.is_mean else "–"),
            escape(row.split),
            "undefined" if row.value is None else f"{row.value:.3f}",
            f"{row.low:.3f}–{row.high:.3f} ({row.level:.0%})" if ends else "–",
        )
    return table
