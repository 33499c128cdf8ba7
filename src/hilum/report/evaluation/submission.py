"""What a submission of prediction strings came to: two files, and words for a terminal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hilum.datasets.submission import Scored
from hilum.report.evaluation.numbers import plain
from hilum.report.results_folder import ResultsFolder

if TYPE_CHECKING:
    from rich.console import Group, RenderableType

HEAD = ("class", "average_precision", "low", "high", "reason", "right", "of")


def write_score(found: Scored, folder: ResultsFolder) -> None:
    """Write ``score.csv``, a row a class and one of their mean, and ``score.json``.

    Raises:
        RunError: the disk refuses.
    """
    rows = [
        (name, m.value, m.low, m.high, m.reason, *found.right.get(name, (None, None)))
        for name, m in found.score.each.items()
    ]
    m = found.score.mean
    rows.append(("mean", m.value, m.low, m.high, m.reason, None, None))
    folder.write_csv("score.csv", HEAD, rows)
    told = {
        "submission": {"name": found.name, "sha256": found.sha256},
        "classes": [dict(zip(HEAD, row, strict=True)) for row in rows[:-1]],
        "mean": dict(zip(HEAD[1:5], rows[-1][1:5], strict=True)),
        "boxes": {"predicted": found.boxes[0], "reference": found.boxes[1]},
        "ids": found.ids,
        "missing": found.score.missing,
        "patients": found.patients,
        "notes": list(found.notes),
    }
    folder.write_text("score.json", json.dumps(told, indent=1) + "\n")


def score_summary(found: Scored) -> Group:
    """A table of the classes, for rich to print."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    table.add_column("class")
    table.add_column("average precision")
    table.add_column("surest word right", justify="right")
    for name, measure in found.score.each.items():
        right = "{} of {}".format(*found.right[name]) if name in found.right else ""
        table.add_row(name, plain(measure) if measure.defined else measure.reason, right)
    table.add_row("mean", plain(found.score.mean), "")
    drawn, reference = found.boxes
    parts: list[RenderableType] = [
        Text(
            f"{found.name}: average precision at an IoU above .5, as VOC 2010 and the challenge "
            f"have it; {drawn:,} boxes against {reference:,} of the reference."
        ),
        table,
    ]
    if found.score.mean.reason:
        parts.append(Text(f"Mean: {found.score.mean.reason}"))
    parts += [Text(f"Note: {note}") for note in found.notes]
    return Group(*parts)
