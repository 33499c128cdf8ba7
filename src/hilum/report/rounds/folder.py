"""Folders that a sweep or a search fills."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hilum.report.drawing import keep_figures
from hilum.report.results_folder import ResultsFolder
from hilum.report.rounds.figures import search_figures, sweep_figures
from hilum.report.rounds.tables import HEADER, csv_rows
from hilum.report.rounds.text import search_text, sweep_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Numbers = Mapping[str, Any]
DRAWS = "A sweep of reading rounds"


def write_sweep(numbers: Numbers, plans: Mapping[str, str], out: Path) -> Path:
    """Write ``sweep.csv``, ``numbers.json``, ``report.md``, figures, and plans as TOML.

    Args:
        numbers: of the sweep.
        plans: name → TOML.
        out: folder, new or of an earlier sweep.

    Returns:
        The report.

    Raises:
        RunError: the folder cannot be written, or holds other files.
        MissingExtra: matplotlib is not installed.
    """
    with ResultsFolder.open(out, "rounds-sweep") as folder:
        folder.write_csv("sweep.csv", HEADER, csv_rows(numbers))
        figures = sweep_figures(numbers)
        text = sweep_text(numbers, list(figures), "figures/{}.svg")
        _write(folder, numbers, plans, figures, f"# Reading rounds: a sweep\n\n{text}\n")
    return out / "report.md"


def write_search(numbers: Numbers, plans: Mapping[str, str], out: Path) -> Path:
    """Write ``numbers.json``, ``report.md``, figures, and the plan that was found as TOML.

    Arguments, return and errors as :func:`write_sweep`.
    """
    with ResultsFolder.open(out, "rounds-search") as folder:
        figures = search_figures(numbers)
        text = search_text(numbers, list(figures), "figures/{}.svg")
        _write(folder, numbers, plans, figures, f"# Reading rounds: a search\n\n{text}\n")
    return out / "report.md"


def _write(
    folder: ResultsFolder,
    numbers: Numbers,
    plans: Mapping[str, str],
    figures: Mapping[str, Callable[[], Figure]],
    text: str,
) -> None:
    folder.write_text("numbers.json", json.dumps(numbers, indent=1, allow_nan=False) + "\n")
    folder.write_text("report.md", text)
    for name, said in plans.items():
        folder.write_text(f"plans/{name}.toml", said)
    keep_figures(figures, folder, DRAWS)
    folder.finish()
