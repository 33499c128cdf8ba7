"""`hilum train`: a recipe and a folder of radiographs → a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train(
    recipe: Annotated[Path, typer.Argument(help="Recipe in TOML, such as recipes/chest14.toml.")],
    data: Annotated[
        Path, typer.Option(help="Folder that the recipe's table and images are relative to.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the run.")],
    weights: Annotated[
        Path, typer.Option(help="Folder of the weights to start from (safetensors).")
    ] = Path(),
) -> None:
    """Train a network and leave a bundle that `hilum read --bundle` can use.

    The same command goes on where an earlier run of it stopped.
    """
    from rich.console import Console
    from rich.table import Table

    from hilum.domain import finding
    from hilum.errors import MissingExtra

    try:
        from hilum.training.recipe import load_recipe
        from hilum.training.run import train as run
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"Training needs {error.name}; install it with: pip install 'hilum[train]'"
        ) from error
    bundle = run(load_recipe(recipe), data=data, weights=weights, out=out)
    console = Console()
    table = Table(title=f"{bundle}: AUROC out of fold, with 95 % intervals by patient")
    table.add_column("finding")
    stratum = sorted({r.metric for r in bundle.card.results if r.metric.startswith("AUROC within")})
    metrics = ["AUROC", *stratum]
    for name in ("positives", *metrics):
        table.add_column(name, justify="right")
    folded = [r for r in bundle.card.results if "out of fold" in r.split]
    for key in (*bundle.card.keys, None):
        rows = {r.metric: r for r in folded if r.finding == key and r.metric in metrics}
        cells = [_cell(rows[m].value, rows[m].low, rows[m].high) for m in metrics]
        count = "" if key is None else str(rows["AUROC"].positives)
        table.add_row(finding(key).name if key else "mean", count, *cells)
    console.print(table)
    console.print(f"Bundle: {bundle.location}")
    console.print(f"Read with it: hilum read RADIOGRAPHS -o out --bundle {bundle.location}")


def _cell(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return "undefined"
    return f"{value:.3f}" if low is None else f"{value:.3f} ({low:.3f}–{high:.3f})"
