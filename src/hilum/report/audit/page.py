"""Writes an audit: the page ``index.html``, figures, CSV and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from markupsafe import Markup

import hilum
from hilum.audit import Audit, Table
from hilum.domain import finding
from hilum.report.audit.figures import figures
from hilum.report.drawing import Drawn, can_draw, keep_figures
from hilum.report.results_folder import ResultsFolder
from hilum.report.templating import asset, environment

PAGE = "index.html"
SCHEMA = "hilum.audit/1"
ROWS = 80
"""Rows of a table that the page shows."""

COLUMNS = {
    "model": "Model",
    "within": "Within sources",
    "source": "Source alone",
    "metadata": "Age, sex, view",
    "border": "Border alone",
    "hidden": "Lungs hidden",
    "whole": "Probe, whole picture",
}
"""Numbers of a standing that the page shows, and what they are called."""


def write(audit: Audit, folder: Path | ResultsFolder) -> Path:
    """Write everything about an audit into a folder.

    Args:
        audit: what was found.
        folder: new, empty, or of an earlier audit, whose files are replaced; or one that was opened
            before the work began.

    Returns:
        The page, ``index.html``. Without matplotlib it has no figure.

    Raises:
        RunError: the folder holds other files, or the disk refuses.
    """
    if isinstance(folder, Path):
        with ResultsFolder.open(folder, "audit") as opened:
            return write(audit, opened)
    for name, table in audit.tables.items():
        folder.write_csv(f"{name}.csv", table.header, table.rows)
    folder.write_text("audit.json", as_json(audit))
    drawn = keep_figures(figures(audit), folder, "Auditing") if can_draw() else {}
    folder.write_text(PAGE, _page(audit, drawn))
    folder.finish()
    return folder.path / PAGE


def as_json(audit: Audit) -> str:
    """Everything but rows that name images, as JSON; a number that is undefined is null."""
    value = {
        "schema": SCHEMA,
        "hilum": hilum.__version__,
        "title": audit.title,
        "model": audit.model or None,
        "images": audit.images,
        "patients": audit.patients,
        "source": audit.source or None,
        "sources": dict(audit.sources),
        "verdicts": [asdict(line) for line in audit.lines],
        "findings": [asdict(standing) for standing in audit.standings],
        "notes": list(audit.notes),
        "facts": dict(audit.facts),
        "tables": {
            name: [dict(zip(table.header, row, strict=True)) for row in table.rows]
            for name, table in audit.tables.items()
            if not table.private and name not in ("verdicts", "results")
        },
    }
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def _page(audit: Audit, drawn: Mapping[str, Drawn]) -> str:
    shown: dict[str, Table] = {
        name: table
        for name, table in audit.tables.items()
        if not table.private and table.rows and name not in ("verdicts", "results")
    }
    columns = {
        name: words
        for name, words in COLUMNS.items()
        if any(getattr(s, name) is not None for s in audit.standings)
    }
    if not any(s.refused for s in audit.standings) and "model" in columns:
        same = all(s.model == s.whole for s in audit.standings)
        columns = {k: v for k, v in columns.items() if not (same and k == "whole")}
    return (
        environment()
        .get_template("audit.html.j2")
        .render(
            a=audit,
            pictures=drawn,
            shown=shown,
            columns=columns,
            finding=finding,
            cell=_cell,
            rows=ROWS,
            version=hilum.__version__,
            style=Markup(  # noqa: S704  our own files
                asset("style.css")
                + asset("explore.css")
                + asset("run.css")
                + asset("evaluation.css")
                + asset("audit.css")
            ),
        )
    )


def _cell(value: object) -> str:
    """A cell of a table, short.

    Example:
        >>> _cell(0.12345), _cell(1200), _cell(None)
        ('0.123', '1,200', '–')
    """
    if value is None:
        return "–"
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
