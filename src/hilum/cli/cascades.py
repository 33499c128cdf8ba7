"""``hilum cascades``: list, show, check."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})

Name = Annotated[str, typer.Argument(help="Name from `hilum cascades list`, or a TOML file.")]


@app.command("list")
def list_() -> None:
    """List the cascades that come with the package."""
    from hilum.bundles.cascades import available, load

    for name in available():
        cascade = load(name)
        chain = " → ".join(stage.bundle for stage in cascade.stages)
        typer.echo(f"{name}  {cascade.version}  {chain}  {cascade.summary}")
    typer.echo("\nRead with one by its name: hilum read FOLDER --cascade NAME -o OUT")


@app.command()
def show(name: Name) -> None:
    """Print a cascade as it stands, to write one of your own from it."""
    from hilum.bundles.cascades import about

    typer.echo(about(name), nl=False)


@app.command()
def check(name: Name) -> None:
    """Check a cascade and its bundles, and say what it does. Exit status 2 when it is wrong."""
    from hilum.reading.cascade import Chain

    chain = Chain.of(name)
    for at, stage in enumerate(chain.stages, 1):
        where = "everything" if stage.when is None else f"where {stage.when}"
        typer.echo(
            f"{at}. {stage.name}: {stage.bundle}, {len(stage.bundle.card.findings)} findings; "
            f"reads {where}{_bands(stage.abstain)}"
        )
    typer.echo(f"{chain} is sound; digest {chain.digest}")


def _bands(abstain: Mapping[str, tuple[float, float]]) -> str:
    bands = [f"{key} from {low:g} to {high:g}" for key, (low, high) in abstain.items()]
    return f"; no decision on {', '.join(bands)}" if bands else ""
