"""``hilum subset``: a label table → a smaller one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.errors import LabelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hilum.domain import LabelTable


def subset(
    table: Annotated[
        Path, typer.Argument(help="Label table, as `hilum datasets table` writes it.")
    ],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Label table to write: .csv, .parquet.")],
    split: Annotated[
        Path | None, typer.Option(help="Take rows of this split alone (see --part).")
    ] = None,
    part: Annotated[str, typer.Option(help="The part of --split.")] = "train",
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=VALUE", help="Take rows with this value alone. May be repeated."
        ),
    ] = None,
    findings: Annotated[str, typer.Option(metavar="KEY,…", help="Take these findings alone.")] = "",
    at_least: Annotated[
        int | None, typer.Option(min=1, help="Leave out findings present on fewer images.")
    ] = None,
    balanced: Annotated[
        bool, typer.Option("--balanced", help="As many images of each class as the rarest has.")
    ] = False,
    cap: Annotated[
        int | None, typer.Option(min=1, help="With --balanced: at most so many.")
    ] = None,
    images: Annotated[
        int | None, typer.Option(min=1, help="So many images, with the shares of --shares.")
    ] = None,
    shares: Annotated[
        str,
        typer.Option(
            metavar="KEY=SHARE,…", help="With --images: share of each class, such as mass=0.2."
        ),
    ] = "",
    labels: Annotated[
        float | None,
        typer.Option(help="Keep the labels of this share of the images; the rest is unlabelled."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides everything that is drawn.")] = 0,
) -> None:
    """Choose rows, findings or labels; steps are taken in the order in which they stand here."""
    import numpy as np

    from hilum.datasets import subset as choose
    from hilum.datasets.saved_split import load_split
    from hilum.datasets.table import load, save

    if (cap is not None and not balanced) or (bool(shares) != (images is not None)):
        raise LabelError("--cap goes with --balanced, --shares with --images.")
    if balanced and images is not None:
        raise LabelError("Choose one of --balanced and --images.")
    rng = np.random.default_rng(seed)
    chosen = whole = load(table)
    if split is not None:
        parts = load_split(split, chosen).parts
        if part not in parts:
            raise LabelError(f"The split has no part {part!r}; it has {list(parts)}.")
        chosen = chosen.rows(parts[part])
    for condition in where or ():
        chosen = chosen.rows(_that_have(chosen, condition))
    if findings:
        chosen = chosen.select([key.strip() for key in findings.split(",")])
    if at_least is not None:
        chosen = choose.at_least(chosen, at_least)
    if balanced:
        chosen = chosen.rows(choose.balanced(chosen, rng, cap=cap))
    if images is not None:
        chosen = chosen.rows(choose.proportional(chosen, _shares(shares), images, rng))
    if labels is not None:
        chosen = choose.few_labels(chosen, labels, rng)
    save(chosen, out)
    for key, found in choose.classes(chosen).items():
        typer.echo(f"{len(found):>9,}  {key}")
    typer.echo(
        f"{len(chosen):,} of {len(whole):,} images, {len(np.unique(chosen.patients)):,} patients, "
        f"{len(chosen.findings)} findings: {out}"
    )


def _that_have(table: LabelTable, condition: str) -> NDArray[np.int64]:
    import numpy as np

    column, _, value = condition.partition("=")
    values = table.column(column)
    try:
        wanted = value if values.dtype.kind == "T" else float(value)
    except ValueError:
        raise LabelError(f"{condition!r}: column {column!r} holds numbers.") from None
    rows = np.flatnonzero(values == wanted)
    if not len(rows):
        raise LabelError(f"No row has {condition!r}.")
    return rows


def _shares(text: str) -> dict[str, float]:
    shares: dict[str, float] = {}
    for item in text.split(","):
        key, _, share = item.partition("=")
        try:
            shares[key.strip()] = float(share)
        except ValueError:
            raise LabelError(
                f"--shares {text!r}: wanted are shares such as mass=0.2,no_finding=0.5."
            ) from None
    return shares
