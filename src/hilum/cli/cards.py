"""A bundle's card in the terminal."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.table import Table

    from hilum.bundles import Bundle, Card
    from hilum.bundles.card import Result, Verdict

SHORT = 3
"""Findings up to which numbers of groups are shown a finding; of more their mean alone."""


ABREAST = 4
"""Metrics in one table; of more there are several."""

MEAN = "mean"

ELSEWHERE = "Elsewhere: nothing was learnt from where these come from"


def print_card(bundle: Bundle) -> None:
    """Print a card: what it is for, what it learnt from, how good it is, what audits said."""
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
    for digest in dict.fromkeys(part.split_digest for part in card.data if part.split_digest):
        console.print(f"Digest of the split: {digest}")
    console.print(f"Digest of the card: {bundle.digest}")
    if card.structures:
        console.print(f"Draws: {', '.join(card.structures)}")
    if card.heatmap_boxes:
        console.print(
            f"Boxes from heatmaps: {', '.join(card.heatmap_boxes.keys)} "
            f"({escape(card.heatmap_boxes.rule)})"
        )
    if card.findings:
        console.print(_findings(card))
    here = [row for row in card.results if not row.elsewhere and not row.group]
    away = [row for row in card.results if row.elsewhere and not row.group]
    for title, rows in (("Measured", here), (ELSEWHERE, away)):
        for table in _results(title, rows):
            console.print(table)
    groups = [row for row in card.results if row.group]
    many = len(card.findings) > SHORT
    title = "Groups, the mean of all findings (each finding with --json)" if many else "Groups"
    for table in _results(title, [row for row in groups if row.is_mean or not many]):
        console.print(table)
    for asked_of, lines in groupby(card.verdicts, lambda row: row.asked_of):
        console.print(_verdicts(asked_of, list(lines)))


def _input(card: Card) -> str:
    spec = card.preprocessing
    cut = f", cropped to the {spec.crop} first" if spec.crop else ""
    return f"{spec.size[0]} × {spec.size[1]} px, {spec.fit}, {spec.channels} channel(s){cut}"


def _table(title: str, headings: Sequence[str]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(title), title_justify="left")
    for heading in headings:
        table.add_column(heading)
    return table


def _findings(card: Card) -> Table:
    from hilum.domain import finding

    headings = ("finding", "positives", "prevalence", "calibration", "operating point")
    table = _table("Findings", headings)
    for row in card.findings:
        table.add_row(
            finding(row.key).name,
            "–" if row.positives is None else f"{row.positives:,}",
            "–" if row.prevalence is None else f"{row.prevalence:.3f}",
            row.calibration.method + ("" if row.calibration.trusted else ", uncalibrated"),
            f"{row.operating_point.threshold:.3f} ({row.operating_point.rule})",
        )
    return table


def _results(title: str, rows: Sequence[Result]) -> list[Table]:
    """One table a split, findings or groups down and metrics across; then what is of no finding."""
    from rich.markup import escape

    tables: list[Table] = []
    of_findings = [row for row in rows if row.finding or row.is_mean]
    for split in dict.fromkeys(row.split for row in of_findings):
        here = [row for row in of_findings if row.split == split]
        cells = {(*_place(row), row.metric): _in_a_cell(row) for row in here}
        levels = ", ".join(f"{level:.0%}" for level in sorted({row.level for row in here}))
        first = ("group", "finding") if here[0].group else ("finding",)
        places = _without_mean_of_one(dict.fromkeys(map(_place, here)))
        for metrics in _fitting(list(dict.fromkeys(row.metric for row in here))):
            headings = (*first, *map(escape, metrics))
            table = _table(f"{title}: {split} ({levels} intervals)", headings)
            for place in places:
                numbers = (cells.get((*place, metric), "–") for metric in metrics)
                table.add_row(*map(escape, place[-len(first) :]), *numbers)
            tables.append(table)
    others = [row for row in rows if not (row.finding or row.is_mean)]
    if others:
        table = _table(title, ("metric", "split", "value", "interval"))
        for row in others:
            table.add_row(escape(row.metric), escape(row.split), *_number(row))
        tables.append(table)
    return tables


def _fitting(metrics: list[str]) -> list[list[str]]:
    """Metrics that stand side by side."""
    return [metrics[at : at + ABREAST] for at in range(0, len(metrics), ABREAST)]


def _place(row: Result) -> tuple[str, str]:
    return row.group, _name(row.finding)


def _without_mean_of_one(places: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Groups and findings; the mean is left out where it is one finding's own number."""
    kept = list(places)
    count = Counter(group for group, _ in kept)
    return [(group, name) for group, name in kept if name != MEAN or count[group] != 2]


def _verdicts(asked_of: str, rows: Sequence[Verdict]) -> Table:
    from rich.markup import escape

    asked = [row for row in rows if row.outcome != "not asked"]
    left = f"; {len(rows) - len(asked)} questions not asked: --json" * (len(asked) < len(rows))
    table = _table(f"Audit of {asked_of}{left}", ("outcome", "question", "number", "seen"))
    for row in asked:
        number = "–"
        if row.value is not None:
            ends = "" if row.low is None else f" ({row.low:.3f}–{row.high:.3f})"
            number = f"{row.unit} {row.value:.3f}{ends}"
        table.add_row(row.outcome, escape(row.title), escape(number), escape(row.words))
    return table


def _name(key: str | None) -> str:
    from hilum.domain import finding

    return MEAN if key is None else finding(key).name


def _in_a_cell(row: Result) -> str:
    if row.value is None:
        return "undefined"
    ends = row.low is not None and row.high is not None
    return f"{row.value:.3f}" + (f" ({row.low:.3f}–{row.high:.3f})" if ends else "")


def _number(row: Result) -> tuple[str, str]:
    ends = row.low is not None and row.high is not None
    return (
        "undefined" if row.value is None else f"{row.value:.3f}",
        f"{row.low:.3f}–{row.high:.3f} ({row.level:.0%})" if ends else "–",
    )
