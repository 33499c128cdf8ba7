"""``hilum subset``: a label table → a smaller one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
    part: Annotated[str | None, typer.Option(help="The part of --split.  [default: train]")] = None,
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
    seed: Annotated[
        int | None, typer.Option(help="Decides everything that is drawn.  [default: 0]")
    ] = None,
) -> None:
    """Choose rows, findings or labels; steps are taken in the order in which they stand here."""
    import numpy as np

    from hilum.datasets import subset as choose
    from hilum.datasets.table import load, save

    draws = balanced or images is not None or labels is not None
    odd = {
        "--cap goes with --balanced, --shares with --images.": (
            (cap is not None and not balanced) or (bool(shares) != (images is not None))
        ),
        "Choose one of --balanced and --images.": balanced and images is not None,
        "--part does nothing without --split; give the split's folder.": (
            part is not None and split is None
        ),
        "--seed does nothing without --balanced, --images or --labels.": (
            seed is not None and not draws
        ),
    }
    if any(odd.values()):
        raise LabelError(next(message for message, wrong in odd.items() if wrong))
    check_output(out, [table])
    rng = np.random.default_rng(seed or 0)
    chosen = whole = load(table)
    if split is not None:
        chosen = _part_of(chosen, split, part or "train")
    for condition in where or ():
        chosen = chosen.rows(_that_have(chosen, condition))
    if findings:
        chosen = chosen.select([key.strip() for key in findings.split(",")])
    if at_least is not None:
        chosen = choose.at_least(chosen, at_least)
    if balanced:
        drawn = choose.balanced(chosen, rng, cap=cap)
        _tell_limit(choose.classes(chosen), cap)
        chosen = chosen.rows(drawn)
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


def _part_of(table: LabelTable, split: Path, part: str) -> LabelTable:
    from hilum.datasets.saved_split import load_split

    parts = load_split(split, table).parts
    if part not in parts:
        raise LabelError(f"The split has no part {part!r}; it has {list(parts)}.")
    return table.rows(parts[part])


def _tell_limit(classes: Mapping[str, Sequence[int] | NDArray[np.int64]], cap: int | None) -> None:
    counts = {key: len(rows) for key, rows in classes.items()}
    rarest = min(counts, key=lambda key: counts[key])
    if cap is not None and cap < counts[rarest]:
        typer.echo(f"{cap:,} of each class, because of --cap.")
    else:
        typer.echo(
            f"{counts[rarest]:,} of each class, because {rarest} has {counts[rarest]:,}; see "
            f"--at-least, --findings."
        )


def check_output(out: Path, inputs: Iterable[Path]) -> None:
    """See that a table can be written where it shall, before any work.

    Raises:
        LabelError: another ending than .csv or .parquet, no such folder, a folder of that name, or
            one of the tables that are read.
    """
    if out.suffix not in (".csv", ".parquet"):
        raise LabelError(f"A label table is saved as .csv or .parquet, not {out.name!r}.")
    if not out.parent.is_dir():
        raise LabelError(f"There is no folder {out.parent} for {out.name}; make it first.")
    if out.is_dir():
        raise LabelError(f"{out} is a folder; name a file for the table.")
    if any(path.exists() and out.exists() and out.samefile(path) for path in inputs):
        raise LabelError(f"{out.name} is one of the tables that are read; choose another name.")


def _that_have(table: LabelTable, condition: str) -> NDArray[np.int64]:
    import numpy as np

    column, equals, value = condition.partition("=")
    if not equals:
        raise LabelError(f"--where {condition!r}: wanted is COLUMN=VALUE.")
    values = table.column(column)
    try:
        wanted = value if values.dtype.kind == "O" else values.dtype.type(float(value))
    except (ValueError, OverflowError):
        raise LabelError(f"{condition!r}: column {column!r} holds numbers.") from None
    rows = np.flatnonzero(values == wanted)
    if not len(rows):
        raise LabelError(f"No row has {condition!r}.")
    return rows


def _shares(text: str) -> dict[str, float]:
    shares: dict[str, float] = {}
    for item in text.split(","):
        key, _, share = item.partition("=")
        if key.strip() in shares:
            raise LabelError(f"--shares names {key.strip()!r} twice.")
        try:
            shares[key.strip()] = float(share)
        except ValueError:
            raise LabelError(
                f"--shares {text!r}: wanted are shares such as mass=0.2,no_finding=0.5."
            ) from None
    return shares
