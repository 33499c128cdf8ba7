"""``hilum split``: a label table → parts that share no patient and no picture."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hilum.errors import LabelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hilum.datasets.leaks import Pictures
    from hilum.domain import LabelTable, Split


def split(
    table: Annotated[
        Path, typer.Argument(help="Label table, as `hilum datasets table` writes it.")
    ],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the split; new or empty.")],
    parts: Annotated[
        str,
        typer.Option(
            metavar="PART=SHARE,…", help="Shares of the images; with --time, of the patients."
        ),
    ] = "train=70,tune=10,test=20",
    folds: Annotated[
        int | None, typer.Option(min=2, help="So many folds instead of parts.")
    ] = None,
    column: Annotated[
        str | None, typer.Option(help="Take the parts that this column of the table names.")
    ] = None,
    lists: Annotated[
        str | None,
        typer.Option(metavar="PART=FILE,…", help="Take these lists of images, one a line."),
    ] = None,
    leave_out: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="A split for each value of this column, such as source: it is the test part.",
        ),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Earlier patients first, by date, days or visit."),
    ] = None,
    spread: Annotated[
        str,
        typer.Option(metavar="COLUMN,…", help="Spread these evenly too, such as view,sex,source."),
    ] = "",
    survival: Annotated[
        str,
        typer.Option(
            metavar="FINDING,COLUMN", help="Spread the time to an event, such as death,days."
        ),
    ] = "",
    seed: Annotated[int, typer.Option(help="Decides everything that is drawn.")] = 0,
    images: Annotated[
        Path | None,
        typer.Option(help="Folder of the images: search near-duplicate pictures between parts."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Images read at a time.  [default: processors]")
    ] = None,
) -> None:
    """Divide a label table by patient, findings spread evenly.

    Near-duplicate pictures (crops, copies with a border, other contrast) stay in one part where
    Hilum chooses the parts; in parts that are given, they are an error that names the pairs.
    """
    import numpy as np

    from hilum.datasets.saved_split import How, check_free, save_split
    from hilum.datasets.split import by_time, divide, leave_one_out
    from hilum.datasets.table import load

    if len([x for x in (folds, column, lists, leave_out, time) if x is not None]) > 1:
        raise LabelError("Choose one of --folds, --column, --lists, --leave-out and --time.")
    check_free(out)
    loaded = load(table)
    draws = not (column or lists or leave_out or time)
    method, options = "shares", dict[str, Any]()
    pictures: Pictures | None = None
    made: dict[str, Split] = {}
    if draws:
        shares = {f"fold {i}": 1.0 for i in range(folds)} if folds else _shares(parts)
        options = {"parts": shares, "seed": seed, "spread": spread, "survival": survival}
        also = _also(loaded, spread, survival)
        pictures = None if images is None else _pictures(loaded, images, workers)
        together = None if pictures is None else pictures.groups
        rng = np.random.default_rng(seed)
        made[""] = divide(loaded, shares, rng, together=together, spread=also)
    elif column:
        made[""] = _by_values(loaded, column)
        method = f"column {column}"
    elif lists:
        made[""] = _by_files(loaded, lists)
        method, options = "lists", {"files": lists}
    elif leave_out:
        made = leave_one_out(loaded, leave_out)
        method = f"one value of {leave_out} left out"
    elif time:
        shares = _shares(parts)
        made[""] = by_time(loaded, shares, time)
        method, options = f"time, by {time}", {"parts": shares}
    if images is not None and not draws:
        pictures = _pictures(loaded, images, workers)
    if pictures is not None:
        _write_pairs(pictures, out)
        for one in made.values():
            pictures.check(one)
    searched = "kept together" if draws else "none between parts"
    how = How(method, options, "not searched" if pictures is None else searched)
    for name, one in made.items():
        save_split(one, loaded, how, out / name if name else out)
        _show(loaded, one, name)
    if pictures is None:
        typer.echo("Pictures were not compared: give --images to search for near-duplicates.")
    typer.echo(f"Split: {out}")


def _pictures(table: LabelTable, folder: Path, workers: int | None) -> Pictures:
    from hilum.cli.progress import steps
    from hilum.datasets.leaks import compare
    from hilum.domain.text import first_few

    words = {
        "read": "Reading",
        "describe": "Describing",
        "search": "Searching",
        "align": "Aligning",
    }
    with steps(words) as tell:
        found = compare(table, folder, workers=workers or os.cpu_count() or 1, progress=tell)
    typer.echo(
        f"{len(found.pairs):,} pairs of near-duplicate pictures, {len(found.between_patients):,} "
        f"of them between two patients."
    )
    if found.unread:
        named = [f"{table.images[row]}: {why}" for row, why in found.unread.items()]
        typer.echo(
            f"Not compared: {len(named):,} of {len(table):,} images: "
            f"{first_few(named, quoted=False)}"
        )
    return found


def _write_pairs(pictures: Pictures, out: Path) -> None:
    """All pairs, so that a person may look at them, also where the split is refused for them."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / "duplicates.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["first", "second", "same_patient", "score", "differences"])
        for pair in pictures.pairs:
            same = pictures.patients[pair.first] == pictures.patients[pair.second]
            names = (pictures.images[pair.first], pictures.images[pair.second])
            rows.writerow(
                [*names, "yes" if same else "no", f"{pair.score:.3f}", " ".join(pair.relations)]
            )
    if pictures.pairs:
        typer.echo(f"Near-duplicates: {path}")


def _also(table: LabelTable, spread: str, survival: str) -> NDArray[np.int64]:
    from hilum.datasets.split import cells

    columns = [name.strip() for name in spread.split(",") if name.strip()]
    if not survival:
        return cells(table, columns)
    event, _, column = (name.strip() for name in survival.partition(","))
    if not column:
        raise LabelError("--survival needs a finding and a column, such as death,days.")
    return cells(table, columns, (event, column))


def _shares(text: str) -> dict[str, float]:
    shares: dict[str, float] = {}
    for item in text.split(","):
        part, _, share = item.partition("=")
        try:
            shares[part.strip()] = float(share)
        except ValueError:
            raise LabelError(
                f"--parts {text!r}: wanted are shares such as train=80,test=20."
            ) from None
    return shares


def _by_values(table: LabelTable, column: str) -> Split:
    import numpy as np

    from hilum.datasets.split import by_column

    values = [str(value) for value in np.unique(table.column(column)) if str(value)]
    order = {"train": 0, "tune": 1, "test": 2}
    return by_column(
        table, column, {v: v for v in sorted(values, key=lambda v: (order.get(v, 3), v))}
    )


def _by_files(table: LabelTable, text: str) -> Split:
    from hilum.datasets.split import by_lists

    lists: dict[str, list[str]] = {}
    for item in text.split(","):
        part, _, file = item.partition("=")
        if not Path(file).is_file():
            raise LabelError(f"--lists {text!r}: no file {file!r}; wanted is PART=FILE,….")
        lines = Path(file).read_text(encoding="utf-8").splitlines()
        lists[part.strip()] = [line.split()[0] for line in lines if line.strip()]
    return by_lists(table, lists)


def _show(table: LabelTable, split: Split, name: str) -> None:
    from rich.console import Console
    from rich.table import Table

    from hilum.datasets.saved_split import summary
    from hilum.domain import finding

    facts = {part: summary(table, rows) for part, rows in split.parts.items()}
    shown = Table(title=f"{name or 'Split'}: digest {split.digest[:12]}")
    shown.add_column("")
    for part in facts:
        shown.add_column(part, justify="right")
    for what in ("images", "patients"):
        shown.add_row(what, *(f"{fact[what]:,}" for fact in facts.values()))
    shown.add_section()
    for key in table.findings:
        shown.add_row(finding(key).name, *(f"{f['positives'][key]:,}" for f in facts.values()))
    Console().print(shown)
    left = len(table) - sum(fact["images"] for fact in facts.values())
    if left:
        typer.echo(f"{left:,} images are in no part.")
