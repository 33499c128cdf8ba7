"""What a script found, and the page that keeps it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HEAD = """# Measured

Written by `python -m benchmarks` (see [how](../docs/benchmarks.md)). Times hold for the machine
named in each section; compare ratios. `A (B–C)` is median (least–most).
"""


@dataclass(frozen=True, slots=True)
class Mark:
    """A number that the project set itself.

    Attributes:
        what: the mark, in words.
        got: what was measured, or why it was not.
        met: None when it was not measured.
        reason: why it is not met.
    """

    what: str
    got: str
    met: bool | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the page."""

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Section:
    """What one script found.

    Attributes:
        name: of the script.
        title: heading.
        marks: the marks it measures.
        tables: all numbers.
        notes: what was compared with what, in words.
        skipped: why nothing was measured; "" when it was.
    """

    name: str
    title: str
    marks: tuple[Mark, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    skipped: str = ""


def render(section: Section, circumstances: str) -> str:
    """The section in Markdown.

    Args:
        section: what to write.
        circumstances: when and on what it was measured.
    """
    parts = [f"## {section.title}"]
    if section.skipped:
        parts.append(f"Not measured: {section.skipped}")
        return "\n\n".join(parts)
    parts.append(circumstances)
    if section.marks:
        rows = [[m.what, m.got, _verdict(m)] for m in section.marks]
        parts.append(_table(Table("", ("mark", "measured", "met"), rows)))
    parts += [f"Not met – {m.what}: {m.reason}" for m in section.marks if m.met is False]
    parts += [_table(table) for table in section.tables]
    if section.notes:
        parts.append("\n".join(f"- {note}" for note in section.notes))
    return "\n\n".join(parts)


def write(path: Path, name: str, text: str, *, keep: bool = False) -> None:
    """Put a section into the page, in the place of an earlier one of that name.

    Args:
        path: the page; made when it is not there.
        name: of the section.
        text: from :func:`render`.
        keep: leave an earlier section as it is.
    """
    page = path.read_text("utf-8") if path.exists() else HEAD
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    block = f"{begin}\n{text}\n{end}"
    earlier = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not earlier.search(page):
        page = f"{page.rstrip()}\n\n{block}\n"
    elif not keep:
        page = earlier.sub(lambda _: block, page)
    path.write_text(page, "utf-8")


def _verdict(mark: Mark) -> str:
    if mark.met is None:
        return "not measured"
    return "yes" if mark.met else "**no**"


def _table(table: Table) -> str:
    lines = [f"{table.caption}\n"] if table.caption else []
    lines.append(_row(table.header))
    lines.append(_row(["---"] * len(table.header)))
    lines += [_row(row) for row in table.rows]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '∣') for cell in cells)} |"
