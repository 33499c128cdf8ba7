"""``hilum ensemble``: several runs → one bundle."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hilum.bundles.card import Result


class Way(StrEnum):
    """How networks become one."""

    mean = "mean"
    weights = "weights"
    one_each = "one-each"


def ensemble(
    runs: Annotated[list[Path], typer.Argument(help="Folders of finished runs of `hilum train`.")],
    *,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="A new folder, or a path that ends in .hilum.")
    ],
    how: Annotated[
        Way,
        typer.Option(
            help="The mean of log-odds; one network with the mean of the weights; or each run for "
            "the findings that it asks."
        ),
    ] = Way.mean,
    folds: Annotated[
        bool, typer.Option("--folds", help="The fold networks of one run instead of several runs.")
    ] = False,
    data: Annotated[
        Path | None, typer.Option(help="The pack that the runs learnt from, if they did from one.")
    ] = None,
    name: Annotated[
        str, typer.Option(help="Of the bundle.  [default: that of the first run, and how]")
    ] = "",
    version: Annotated[str, typer.Option(help="Of the bundle.")] = "0.1.0",
    summary: Annotated[str, typer.Option(help="One sentence for the card.")] = "",
) -> None:
    """Make one bundle of several runs, calibrated and measured anew.

    Radiographs that any member learnt from are never used to measure it.
    """
    from hilum.errors import MissingExtra, RunError

    try:
        from hilum.training.ensemble import Told, make_ensemble
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"Ensembles need {error.name}; install it with: pip install 'hilum[train]'"
        ) from error
    if folds and how is not Way.mean:
        raise RunError("--folds takes the mean of log-odds; leave --how out.")
    made = make_ensemble(
        runs,
        out,
        how="folds" if folds else how.value,
        data=data,
        told=Told(name, version, summary),
        tell=typer.echo,
    )
    for row in made.bundle.card.results:
        if row.is_mean:
            typer.echo(f"{row.metric}, {row.split}: {_number(row)}")
    alone = ", ".join(f"{name} {size / 1e6:.1f}" for name, size in made.member_sizes.items())
    typer.echo(f"Bundle: {out}, {made.size / 1e6:.1f} MB (alone: {alone} MB)")
    if made.networks > 1:
        typer.echo(f"Each radiograph goes through {made.networks} networks, one after the other.")
    typer.echo(f"Read with it: hilum read RADIOGRAPHS -o out --bundle {out}")


def _number(row: Result) -> str:
    if row.value is None:
        return f"undefined ({row.note})"
    signed = "+.3f" if "above" in row.metric else ".3f"
    if row.low is None or row.high is None:
        return f"{row.value:{signed}}"
    return f"{row.value:{signed}} ({row.low:{signed}} to {row.high:{signed}})"
