"""What a run came to, for a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hilum.bundles.card import Result
from hilum.domain import finding
from hilum.report.run.boxes import box_tables
from hilum.report.run.folder import Run, read_run
from hilum.report.run.page import PAGE, clock

if TYPE_CHECKING:
    from rich.console import Group, RenderableType
    from rich.table import Table

CONCERNS = 10

COLUMNS = 3
"""Numbers of boxes that fit side by side; the page has all."""


def summary(folder: Path) -> Group:
    """AUROC a finding, concerns of the watch, where the bundle and the page are, what comes next.

    Args:
        folder: of the run, finished or not.

    Raises:
        RunError: it is no run's folder, or one of its files is damaged.
        InvalidCard: the bundle's card is damaged.
    """
    from rich.console import Group
    from rich.text import Text

    run = read_run(folder)
    parts: list[RenderableType] = []
    if run.card is None:
        left = f", about {clock(run.seconds_left)} left" if run.seconds_left else ""
        parts.append(
            Text(f"{run.name}: no bundle yet, {run.share_done:.0%} of training done{left}")
        )
    elif run.split:
        parts.append(_table(run))
    elif run.masks:
        parts.append(_of_masks(run))
    if run.card is not None and run.boxed:
        parts.append(_of_boxes(run))
    parts += _concerns(run)
    if run.card is not None:
        bundle = folder / run.name
        parts.append(Text(f"Bundle: {bundle}"))
        if not run.masks:
            boxes = "--boxes " if run.boxed else ""
            parts.append(
                Text(f"Read with it: hilum read RADIOGRAPHS -o out {boxes}--bundle {bundle}")
            )
    else:
        parts.append(Text("The same command goes on where it stopped."))
    if (folder / PAGE).is_file():
        parts.append(Text(f"How it went: {folder / PAGE}"))
    return Group(*parts)


def _table(run: Run) -> Table:
    from rich.table import Table

    assert run.card is not None
    metrics = ["AUROC", *([run.within] if run.within else [])]
    table = Table(title=f"{run.card.name} {run.card.version}: {run.split}, 95 % intervals")
    table.add_column("finding")
    for name in ("positives", *metrics):
        table.add_column(name, justify="right")
    for key in (*run.card.keys, None):
        first = run.result("AUROC", key)
        count = "" if first is None or first.positives is None else f"{first.positives:,}"
        if key is None:
            table.add_section()
        cells = [_cell(run.result(metric, key)) for metric in metrics]
        table.add_row(finding(key).name if key else "mean", count, *cells)
    return table


def _of_masks(run: Run) -> Table:
    from rich.table import Table

    assert run.card is not None
    split, rows = next(iter(run.of_masks().items()), ("nothing measured", []))
    table = Table(title=f"{run.card.name} {run.card.version}: {split}, 95 % intervals")
    table.add_column("masks")
    for name in ("images", "mean"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(row.metric, f"{row.images or 0:,}", _cell(row))
    return table


def _of_boxes(run: Run) -> Table:
    from rich.table import Table

    assert run.card is not None
    split, found = next(iter(box_tables(run.card.results).items()))
    table = Table(title=f"{run.card.name} {run.card.version}: {split}, 95 % intervals")
    table.add_column("boxes")
    metrics = found.metrics[:COLUMNS]
    for name in metrics:
        table.add_column(name, justify="right")
    for key, row in found.rows.items():
        if key is None:
            table.add_section()
        cells = [_cell(row.get(metric)) for metric in metrics]
        table.add_row(finding(key).name if key else "mean", *cells)
    return table


def _cell(row: Result | None) -> str:
    if row is None:
        return "–"
    if row.value is None:
        return "undefined"
    if row.low is None or row.high is None:
        return f"{row.value:.3f}"
    return f"{row.value:.3f} ({row.low:.3f}–{row.high:.3f})"


def _concerns(run: Run) -> list[RenderableType]:
    from rich.text import Text

    lines: list[RenderableType] = []
    open_ = [one for one in run.concerns if not one.over]
    for one in open_[:CONCERNS]:
        epoch, message = one.told[-1]
        said = f" ({one.network}, epoch {epoch}): {message} {one.advice}"
        lines.append(Text.assemble((one.code, "yellow"), said))
    if len(open_) > CONCERNS:
        lines.append(Text(f"… and {len(open_) - CONCERNS} more concerns on the page."))
    if len(open_) < len(run.concerns):
        lines.append(Text(f"Concerns that are over again: {len(run.concerns) - len(open_)}."))
    return lines
