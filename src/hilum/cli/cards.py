"""A bundle's card in the terminal."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from hilum.bundles import Bundle, Card
    from hilum.bundles.card import Result, Verdict

SHORT = 3
"""Findings up to which numbers of groups are shown a finding; of more their mean alone."""


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
    if card.findings:
        console.print(_findings(card))
    here = [row for row in card.results if not row.elsewhere and not row.group]
    away = [row for row in card.results if row.elsewhere and not row.group]
    if here:
        console.print(_results("Measured", here))
    if away:
        console.print(_results("Elsewhere: nothing was learnt from where these come from", away))
    groups = [row for row in card.results if row.group]
    if groups:
        console.print(_groups(card, groups))
    for asked_of, lines in groupby(card.verdicts, lambda row: row.asked_of):
        console.print(_verdicts(asked_of, list(lines)))


def _input(card: Card) -> str:
    spec = card.preprocessing
    return f"{spec.size[0]} × {spec.size[1]} px, {spec.fit}, {spec.channels} channel(s)"


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


def _results(title: str, rows: Sequence[Result]) -> Table:
    from rich.markup import escape

    table = _table(title, ("metric", "finding", "split", "value", "interval"))
    for row in rows:
        table.add_row(escape(row.metric), _whose(row), escape(row.split), *_number(row))
    return table


def _groups(card: Card, rows: Sequence[Result]) -> Table:
    from rich.markup import escape

    many = len(card.findings) > SHORT
    title = "Groups: the mean of all findings; each finding with --json" if many else "Groups"
    table = _table(title, ("group", "metric", "finding", "split", "value", "interval"))
    for row in rows:
        if many and not row.is_mean:
            continue
        cells = (escape(row.group), escape(row.metric), _whose(row), escape(row.split))
        table.add_row(*cells, *_number(row))
    return table


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


def _whose(row: Result) -> str:
    return row.finding or ("mean" if row.is_mean else "–")


def _number(row: Result) -> tuple[str, str]:
    ends = row.low is not None and row.high is not None
    return (
        "undefined" if row.value is None else f"{row.value:.3f}",
        f"{row.low:.3f}–{row.high:.3f} ({row.level:.0%})" if ends else "–",
    )
