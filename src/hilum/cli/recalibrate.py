"""``hilum recalibrate``: a bundle and a local sample → a new version of the bundle."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hilum.errors import BundleError, EvaluationError, LabelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.table import Table

    from hilum.bundles import Bundle
    from hilum.domain import LabelTable
    from hilum.evaluation import Measure
    from hilum.export.recalibration import Recalibrated, Recalibration


TIMID = 1.5
"""Calibration slope above which a sample looks like one that the network learnt from."""


class How(StrEnum):
    """What is fitted."""

    auto = "auto"
    shift = "shift"
    temperature = "temperature"
    platt = "platt"
    beta = "beta"
    isotonic = "isotonic"


def recalibrate(
    bundle: Annotated[
        str, typer.Argument(help="Name from `hilum bundles list`, a folder or a .hilum file.")
    ],
    predictions: Annotated[
        Path | None,
        typer.Argument(
            help="What the bundle said of the sample: the folder of `hilum read`, or a CSV or "
            "Parquet file of its probabilities.",
            show_default=False,
        ),
    ] = None,
    *,
    labels: Annotated[Path, typer.Option(help="Label table of the sample.")],
    columns: Annotated[
        str,
        typer.Option(
            metavar="MAP|COLLECTION",
            help="What the labels' columns mean: a column map (.toml), or a collection.",
        ),
    ] = "",
    out: Annotated[
        Path, typer.Option("--out", "-o", help="A new folder, or a path that ends in .hilum.")
    ],
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of the radiographs, to be read first, in place of PREDICTIONS."),
    ] = None,
    part: Annotated[
        str, typer.Option(metavar="PART", help="Only rows of this part of the labels' split.")
    ] = "",
    method: Annotated[
        How,
        typer.Option(
            help="What is fitted; auto takes what the sample can carry, by cross-validation."
        ),
    ] = How.auto,
    unmentioned: Annotated[
        Literal["left-out", "absent"], typer.Option(help="Findings that a label does not mention.")
    ] = "left-out",
    sample: Annotated[
        str, typer.Option(help="Where the sample comes from, in words for the card.")
    ] = "",
    name: Annotated[str, typer.Option(help="Of the new bundle.  [default: that of BUNDLE]")] = "",
    version: Annotated[
        str, typer.Option(help="Of the new bundle.  [default: the second number one higher]")
    ] = "",
    seed: Annotated[int, typer.Option(min=0, help="Of folds and draws.")] = 0,
    workers: Annotated[
        int | None, typer.Option(min=1, help="With --data: radiographs at a time.")
    ] = None,
) -> None:
    """Fit a bundle's calibration anew on a local sample, and write a new version of it.

    The network must not have learnt from the sample. Operating points move along, so that
    decisions stay as they are. What is gained is measured on patients that the calibration was not
    fitted on.

    Exit status: 0 done; 1 done, but findings keep their old calibration or radiographs were not
    read; 2 nothing was written.
    """
    import numpy as np
    from rich.console import Console

    from hilum.bundles import load
    from hilum.datasets.label_files import read_label_file
    from hilum.domain import Policy
    from hilum.export import recalibration

    if (predictions is None) == (data is None):
        raise LabelError("Give PREDICTIONS, or --data FOLDER to read the radiographs; one of both.")
    if out.exists():
        raise BundleError(f"{out} exists; remove it or choose another path with -o")
    asked = recalibration.Asked(
        method=method.value,
        name=name,
        version=version,
        sample=sample,
        policy=Policy(unmentioned=0.0 if unmentioned == "absent" else None),
        seed=seed,
    )
    old = load(bundle)
    whole = read_label_file(labels, columns)
    rows = _rows(whole, part)
    table = whole.rows(rows)
    if data is not None:
        logits, unread = _read(old, table, data, workers)
    else:
        assert predictions is not None
        logits, unread = _said(old, predictions, table), 0
    _warn(old, whole, rows[np.isfinite(logits).all(1)])
    found = recalibration.recalibrate(old, logits, table, asked)
    console = Console(highlight=False)
    if found.changed:
        console.print(_shown(found))
    kept = [one for one in found.each if one.calibrator is None]
    for one in kept:
        said = one.reason if one.reason.endswith("?") else f"{one.reason}."
        console.print(f"{one.finding} keeps its calibration: {said}", soft_wrap=True)
    for one in found.changed:
        for line in _told(one):
            console.print(line, soft_wrap=True)
    if not found.changed:
        raise EvaluationError(
            "Nothing was written: every finding keeps its calibration, for the reasons above."
        )
    new = found.save(out)
    typer.echo(
        f"Bundle: {out}, {new}; recalibrated for {len(found.changed)} of {len(found.each)} "
        f"findings on {found.images:,} images of {found.patients:,} patients."
    )
    if unread:
        typer.echo(f"NOT read: {unread:,} radiographs of the sample. Exit status 1.")
    if unread or kept:
        raise typer.Exit(1)


def _rows(table: LabelTable, part: str) -> NDArray[np.int64]:
    import numpy as np

    if not part:
        return np.arange(len(table))
    asked = {"val": "tune", "valid": "tune"}.get(part, part)
    rows = np.flatnonzero(table.column("split") == asked)
    if not len(rows):
        raise LabelError(f"No row of the labels is of the part {part!r}.")
    return rows


def _said(old: Bundle, predictions: Path, table: LabelTable) -> NDArray[np.float64]:
    import numpy as np

    from hilum.datasets.predictions import read_predictions
    from hilum.export.recalibration import check_read_by, logits_of

    if predictions.is_dir():
        check_read_by(old, predictions)
    given = read_predictions(predictions)
    if given.out_of_fold:
        raise LabelError(
            f"{predictions.name} is a run, whose out-of-fold predictions its own calibration was "
            f"fitted on; take radiographs that it has not seen."
        )
    logits, how = logits_of(old, given, table)
    if how:
        typer.echo(f"Images were matched by {how}.")
    lost = int(np.isnan(logits).any(1).sum())
    if lost:
        typer.echo(
            f"{lost:,} of {len(logits):,} images of the labels lack a prediction of some finding, "
            f"and are left out."
        )
    return logits


def _read(
    old: Bundle, table: LabelTable, data: Path, workers: int | None
) -> tuple[NDArray[np.float64], int]:
    from hilum.cli.progress import steps
    from hilum.export.recalibration import logits_of, uncalibrated
    from hilum.reading import Reader
    from hilum.reading.predict import predict

    plain = uncalibrated(old)
    reader = Reader.of(plain, heatmaps=False)
    with steps({"reading": "Reading"}) as tell:
        given = predict(
            reader,
            table,
            data,
            workers=min(workers or _processors(), len(table)),
            tell=lambda done, total: tell("reading", done, total),
        )
    return logits_of(plain, given, table)[0], len(given.refused)


def _warn(old: Bundle, table: LabelTable, rows: NDArray[np.int64]) -> None:
    """Say what is known of the network having learnt from the sample."""
    import numpy as np

    from hilum.datasets.predictions.learnt import learnt_from

    taken = np.zeros(len(table), np.bool_)
    taken[rows] = True
    if any(learnt_from(old.card, table, taken, tuned_on_tune=False)):
        typer.echo(
            "Warning: the sample holds train or tune rows of a split. If the network learnt from "
            "them, or its checkpoint was chosen by them, it does better on them than on new "
            "radiographs, and this calibration will be too sure: take --part test, or others.",
            err=True,
        )


def _shown(found: Recalibration) -> Table:
    from rich.table import Table

    table = Table(title="Before → after, on patients that were not fitted on", title_justify="left")
    for heading in ("finding", "method", "with", "Brier", "ECE", "slope", "log loss", "threshold"):
        table.add_column(heading)
    for one in found.changed:
        assert one.change is not None
        assert one.moved is not None
        before, after = one.change.before, one.change.after
        table.add_row(
            one.finding,
            one.method,
            f"{one.with_finding:,} of {one.patients:,}",
            f"{_number(before.brier.value)} → {_number(after.brier.value)}",
            f"{_number(before.ece.value)} → {_number(after.ece.value)}",
            f"{_number(before.slope.value)} → {_number(after.slope.value)}",
            _signed(one.change.difference.log_loss),
            f"{one.moved.before:.3f} → {one.moved.after:.3f}",
        )
    return table


def _told(one: Recalibrated) -> list[str]:
    """What is worth a sentence."""
    assert one.change is not None
    assert one.moved is not None
    lines: list[str] = []
    gain, slope = one.change.difference.log_loss, one.change.before.slope
    if gain.low is not None and gain.high is not None and gain.high >= 0:
        what = "it is WORSE on other patients" if gain.low > 0 else "no gain is certain"
        lines.append(f"{one.finding}: {what}; log loss changes by {_signed(gain)}.")
    if slope.low is not None and slope.low > TIMID:
        lines.append(
            f"{one.finding}: the old probabilities are far too timid here (slope {slope}), as they "
            f"are on radiographs that a network learnt from: has it seen this sample?"
        )
    if slope.value is not None and slope.value < 0:
        lines.append(
            f"{one.finding}: the higher the probability, the FEWER have it here (slope {slope}): "
            f"do the labels speak of the same finding, and of these images?"
        )
    if one.ties:
        lines.append(
            f"{one.finding}: isotonic steps tie {one.ties} different logits of the sample, so "
            f"that AUROC may change."
        )
    if one.moved.changed:
        lines.append(f"{one.finding}: {one.moved.changed} decisions change on the sample.")
    return lines


def _signed(number: Measure) -> str:
    if number.value is None:
        return "undefined"
    ends = number.low is not None and number.high is not None
    return f"{number.value:+.3f}" + (f" ({number.low:+.3f} to {number.high:+.3f})" if ends else "")


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
