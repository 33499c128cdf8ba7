"""How long `hilum explore` takes over ChestX-ray14's table, and the memory that it holds."""

from __future__ import annotations

import itertools
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.machine import watched
from benchmarks.measure import Times
from benchmarks.options import Options, shared
from benchmarks.results import Mark, Section, Table
from hilum.domain import LabelTable

ROUNDS = 5
LIMIT_S, LIMIT_MB = 5.0, 600
EVERY_S = 0.02
ENDINGS = (".parquet", ".csv")
TITLE = "Exploring 112,120 images"


def run(options: Options) -> Section:
    """Measure."""
    from hilum.datasets.collections import COLLECTIONS
    from hilum.datasets.table import save

    labels = shared() / "labels"
    if not (labels / "Data_Entry_2017_v2020.csv.gz").is_file():
        return Section("explore", TITLE, skipped=f"no label tables at {labels.name}/.")
    variants = COLLECTIONS.resolve("chestxray14").variants
    table = next(iter(variants.values())).read(labels)
    places = {ending: options.folder / f"explore{ending}" for ending in ENDINGS}
    for place in places.values():
        save(table, place)
    numbers = itertools.count()
    taken: dict[str, list[float]] = {ending: [] for ending in ENDINGS}
    peaks: dict[str, list[float]] = {ending: [] for ending in ENDINGS}
    for turn in range(-1, options.rounds(ROUNDS)):
        for ending, place in places.items():
            seconds, peak = _explore(place, options.folder / f"explore-{next(numbers)}")
            if turn >= 0:
                taken[ending].append(seconds)
                peaks[ending].append(peak / 1e6)
    times = {ending: Times(tuple(seconds)) for ending, seconds in taken.items()}
    cold, _ = _explore(places[ENDINGS[0]], options.folder / "explore-cold", cache=options.folder)
    return Section(
        "explore",
        TITLE,
        marks=tuple(
            mark
            for ending in ENDINGS
            for mark in _marks(ending, times[ending], statistics.median(peaks[ending]))
        ),
        tables=(
            Table(
                f"Whole process ({options.rounds(ROUNDS)} rounds in turns, after one to warm up):",
                ("table", "ms", "peak MB"),
                [[f"`{e}`", str(times[e]), _ends(peaks[e])] for e in ENDINGS],
            ),
        ),
        notes=_notes(table, cold),
    )


def _notes(table: LabelTable, cold: float) -> tuple[str, str]:
    what = (
        f"`hilum explore TABLE -o OUT` over {len(table):,} images × {len(table.findings)} "
        f"findings with boxes, split, view, sex, age and sizes: page, figures as PNG and SVG, CSV "
        f"and JSON; without images."
    )
    fonts = (
        f"The very first run on a machine lets matplotlib make its list of fonts: {cold:.1f} s for "
        f"`{ENDINGS[0]}`, once."
    )
    return what, fonts


def _explore(table: Path, out: Path, *, cache: Path | None = None) -> tuple[float, int]:
    """Seconds and peak bytes of one run.

    Args:
        table: to explore.
        out: a new folder.
        cache: an empty folder for what matplotlib keeps; what it has already when None.
    """
    hilum = str(Path(sys.executable).with_name("hilum"))
    kept = {} if cache is None else {"MPLCONFIGDIR": str(cache / "matplotlib")}
    begun = time.perf_counter()
    process = subprocess.Popen(
        [hilum, "explore", str(table), "-o", str(out)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | kept,
    )
    with watched(process.pid, EVERY_S) as peak:
        _, errors = process.communicate()
    seconds = time.perf_counter() - begun
    if process.returncode:
        raise RuntimeError(f"hilum explore ended with {process.returncode}:\n{errors}")
    return seconds, peak[0]


def _marks(ending: str, times: Times, peak: float) -> tuple[Mark, Mark]:
    reason = "see the table; a busy machine makes it longer."
    return (
        Mark(f"`hilum explore` of a `{ending}` ≤ {LIMIT_S:g} s", f"{times.median:.2f} s",
             times.median <= LIMIT_S, reason),
        Mark(f"its peak memory ≤ {LIMIT_MB} MB", f"{peak:.0f} MB", peak <= LIMIT_MB,
             "see the table."),
    )  # fmt: skip


def _ends(values: list[float]) -> str:
    return f"{statistics.median(values):.0f} ({min(values):.0f}–{max(values):.0f})"
