"""``hilum split``: a label table → parts that share no patient and no picture."""

from __future__ import annotations

import csv
import gzip
import os
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hilum.errors import LabelError

PARTS = "train=70,tune=10,test=20"
MOST_SHOWN = 10
"""Parts that are shown a column each."""

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
        str | None,
        typer.Option(
            metavar="PART=SHARE,…",
            help=f"Shares of the images; with --time, of the patients.  [default: {PARTS}]",
        ),
    ] = None,
    folds: Annotated[
        int | None, typer.Option(min=2, help="So many folds instead of parts.")
    ] = None,
    column: Annotated[
        str | None, typer.Option(help="Take the parts that this column of the table names.")
    ] = None,
    lists: Annotated[
        str | None,
        typer.Option(
            metavar="PART=FILE,…", help="Take these lists of images, one a line; also .gz."
        ),
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
    seed: Annotated[
        int | None, typer.Option(help="Decides everything that is drawn.  [default: 0]")
    ] = None,
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

    Exit status: 0 done; 1 done, but some pictures could not be compared; 2 nothing was split.
    """
    import numpy as np

    from hilum.datasets.saved_split import check_free
    from hilum.datasets.split import divide
    from hilum.datasets.table import load

    given = {
        "--folds": folds,
        "--column": column,
        "--lists": lists,
        "--leave-out": leave_out,
        "--time": time,
    }
    chosen = [name for name, value in given.items() if value is not None]
    if len(chosen) > 1:
        raise LabelError("Choose one of --folds, --column, --lists, --leave-out and --time.")
    way = chosen[0] if chosen else ""
    draws = way in ("", "--folds")
    idle = {"--parts": parts is not None and way not in ("", "--time"),
            "--spread": bool(spread) and not draws, "--survival": bool(survival) and not draws,
            "--seed": seed is not None and not draws}  # fmt: skip
    _refuse_idle([name for name, unused in idle.items() if unused], way)
    if workers is not None and images is None:
        raise LabelError("--workers does nothing without --images; leave it out.")
    check_free(out)
    loaded = load(table)
    _warn_of_single_images(loaded)
    if not draws:
        made = _given(loaded, way, str(given[way]), parts or PARTS)
        pictures = None if images is None else _pictures(loaded, images, workers)
    else:
        shares = {f"fold {i}": 1.0 for i in range(folds)} if folds else _shares(parts or PARTS)
        options = {"parts": shares, "seed": seed or 0, "spread": spread, "survival": survival}
        also = _also(loaded, spread, survival)
        pictures = None if images is None else _pictures(loaded, images, workers)
        together = None if pictures is None else pictures.groups
        rng = np.random.default_rng(seed or 0)
        drawn = divide(loaded, shares, rng, together=together, spread=also)
        made = _Made("shares", options, {"": drawn})
    _keep(loaded, made, pictures, out)


@dataclass(frozen=True)
class _Made:
    """Splits by the value that is left out, or one under ""; how, and why images are in none."""

    method: str
    options: Mapping[str, Any]
    splits: Mapping[str, Split]
    left_out: str | None = None
    time: str | None = None


def _given(table: LabelTable, way: str, value: str, parts: str) -> _Made:
    """Splits that the table or its publisher decides."""
    from hilum.datasets.split import by_time, leave_one_out

    if way == "--column":
        return _Made(f"column {value}", {}, {"": _by_values(table, value)})
    if way == "--lists":
        return _Made("lists", {"files": value}, {"": _by_files(table, value)})
    if way == "--leave-out":
        splits = leave_one_out(table, value)
        return _Made(f"one value of {value} left out", {"column": value}, splits, left_out=value)
    shares = _shares(parts)
    split = by_time(table, shares, value)
    return _Made(f"time, by {value}", {"parts": shares}, {"": split}, time=value)


def _keep(table: LabelTable, made: _Made, pictures: Pictures | None, out: Path) -> None:
    """Check, write and show splits."""
    from hilum.datasets.saved_split import How, folder_names, save_split

    treated, compared = "not searched", 0
    if pictures is not None:
        _write_pairs(pictures, out)
        for one in made.splits.values():
            pictures.check(one)
        treated = "kept together" if made.method == "shares" else "none between parts"
        compared = len(table) - len(pictures.unread)
    names = folder_names(made.splits)
    for value, one in made.splits.items():
        told = made.options if made.left_out is None else {**made.options, "value": value}
        place = out if made.left_out is None else out / names[value]
        save_split(one, table, How(made.method, told, treated, compared), place)
        _show(table, one, value)
        _tell_left_out(table, one, made.left_out, made.time)
    if pictures is None:
        typer.echo("Pictures were not compared: give --images to search for near-duplicates.")
    typer.echo(f"Split: {out}")
    if pictures is not None and pictures.unread:
        typer.echo(
            f"{len(pictures.unread):,} images were not compared, so copies of them may stand in "
            f"two parts; split.json says so."
        )
        raise typer.Exit(1)


def _refuse_idle(options: list[str], way: str) -> None:
    if options:
        does = "does" if len(options) == 1 else "do"
        raise LabelError(f"{', '.join(options)} {does} nothing with {way}; leave it out.")


def _warn_of_single_images(table: LabelTable) -> None:
    if len(table) > 1 and len(set(table.patients.tolist())) == len(table):
        typer.echo(
            "Warning: each image is its own patient: a split by patient protects nobody; see "
            "--images."
        )


def _tell_left_out(
    table: LabelTable, split: Split, leave_out: str | None, time: str | None
) -> None:
    """How many images are in no part, and why."""
    from hilum.datasets.split import moments_of

    left = len(table) - sum(len(rows) for rows in split.parts.values())
    if not left:
        return
    why: dict[str, int] = {}
    if leave_out is not None:
        unknown = int((table.column(leave_out) == "").sum())
        why[f"have no {leave_out}"] = unknown
        why["are of test patients, elsewhere"] = left - unknown
    if time is not None:
        known, coarser = moments_of(table, time)
        unknown = len(table) - len(known) - len(coarser)
        why[f"have no {time}"] = unknown
        why[f"have a coarser {time} than others"] = len(coarser)
        why["were made after the end of their patient's part"] = left - unknown - len(coarser)
    said = "; ".join(f"{count:,} {reason}" for reason, count in why.items() if count)
    typer.echo(f"{left:,} images are in no part{': ' + said if said else ''}.")


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
        _check_part("--parts", part.strip(), shares)
        try:
            shares[part.strip()] = float(share)
        except ValueError:
            raise LabelError(
                f"--parts {text!r}: wanted are shares such as train=80,test=20."
            ) from None
    return shares


def _check_part(option: str, part: str, known: Collection[str]) -> None:
    if not part or part in known:
        raise LabelError(f"{option}: every part needs a name of its own, got {part!r}.")


def _by_values(table: LabelTable, column: str) -> Split:
    import numpy as np

    from hilum.datasets.split import MOST_VALUES, by_column
    from hilum.domain.text import coded, first_few

    held = table.column(column)
    if held.dtype == object:
        values = [value for value in coded(held)[0].tolist() if value]
    else:
        known = np.unique(held[np.isfinite(held) & (held >= 0)])
        values = [np.format_float_positional(value, trim="-") for value in known]
    if not 0 < len(values) <= MOST_VALUES:
        raise LabelError(
            f"--column {column}: {len(values):,} values, wanted are 1 to {MOST_VALUES} parts: "
            f"{first_few(values) or 'it is empty'}."
        )
    order = {"train": 0, "tune": 1, "test": 2}
    return by_column(
        table, column, {v: v for v in sorted(values, key=lambda v: (order.get(v, 3), v))}
    )


def _by_files(table: LabelTable, text: str) -> Split:
    from hilum.datasets.split import by_lists

    images = table.images.tolist()
    known = {*images, *(image.rpartition("/")[2] for image in images)}
    lists: dict[str, list[str]] = {}
    for item in text.split(","):
        part, _, file = item.partition("=")
        if not Path(file).is_file():
            raise LabelError(f"--lists {text!r}: no file {file!r}; wanted is PART=FILE,….")
        _check_part("--lists", part.strip(), lists)
        lines = [line.strip() for line in _read_list(Path(file)).splitlines()]
        # Publishers write names with spaces, and names with more behind a space.
        lists[part.strip()] = [s if s in known else s.split()[0] for s in lines if s]
    return by_lists(table, lists)


def _read_list(path: Path) -> str:
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        return raw.decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise LabelError(f"{path.name} is no list of images in UTF-8.") from error


def _show(table: LabelTable, split: Split, name: str) -> None:
    import numpy as np
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from hilum.datasets.saved_split import summary
    from hilum.domain import finding

    facts = {part: summary(table, rows) for part, rows in split.parts.items()}
    shown = Table(title=f"{escape(name) or 'Split'}: digest {split.digest[:12]}")
    many = len(facts) > MOST_SHOWN
    shown.add_column(f"{len(facts)} parts" if many else "")
    for title in ("min", "median", "max") if many else facts:
        shown.add_column(escape(title), justify="right")

    def row(title: str, counts: list[int]) -> None:
        numbers = [min(counts), float(np.median(counts)), max(counts)] if many else counts
        shown.add_row(escape(title), *(f"{number:,.10g}" for number in numbers))

    for what in ("images", "patients"):
        row(what, [fact[what] for fact in facts.values()])
    shown.add_section()
    for key in table.findings:
        row(finding(key).name, [fact["positives"][key] for fact in facts.values()])
    Console().print(shown)
