"""How long a person waits for a command: a new process every time."""

from __future__ import annotations

import itertools
import sys
from importlib.util import find_spec
from pathlib import Path

from benchmarks.material import dicom_files, reading_bundle
from benchmarks.measure import Side, Times, command, interleave
from benchmarks.options import Options
from benchmarks.results import Mark, Section, Table

ROUNDS = 9
HELP, READ, TORCH, PYTHON = "hilum --help", "hilum read FILE", "import torch", "python -c pass"
MARKS = {HELP: 0.3, READ: 1.5}
"""Seconds that a command should take at most."""


def run(options: Options) -> Section:
    """Measure."""
    file = dicom_files(options.folder / "files", options.size)["explicit"]
    bundle, said = reading_bundle(options.bundle, file, options.folder)
    rounds = options.rounds(ROUNDS)
    times = interleave(_sides(options.folder, file, bundle), repeat=rounds)
    return Section(
        "cold",
        "Cold: a new process each time",
        marks=tuple(_mark(name, times, said) for name in MARKS),
        tables=(
            Table(
                f"ms ({rounds} rounds in turns, after one to warm the disk's cache):",
                ("command", "ms"),
                [[f"`{name}`", str(taken)] for name, taken in times.items()],
            ),
        ),
        notes=_notes(options.size, said),
    )


def _notes(size: tuple[int, int], said: str) -> tuple[str, str]:
    read = (
        f"`hilum read` reads one plain DICOM file of {size[0]} × {size[1]} px ({said}) and writes "
        "tables, heatmaps and the page."
    )
    return read, "`import torch` is what a reader built on torch waits for before it begins."


def _sides(folder: Path, file: Path, bundle: str | None) -> dict[str, Side]:
    hilum = str(Path(sys.executable).with_name("hilum"))
    numbers = itertools.count()

    def read() -> list[str]:
        out = str(folder / f"cold-{next(numbers)}")
        return [hilum, "read", str(file), "-o", out, "--bundle", str(bundle)]

    sides: dict[str, Side] = {
        PYTHON: command(lambda: [sys.executable, "-c", "pass"]),
        HELP: command(lambda: [hilum, "--help"]),
    }
    if bundle is not None:
        sides[READ] = command(read)
    if find_spec("torch") is not None:
        sides[TORCH] = command(lambda: [sys.executable, "-c", "import torch"])
    return sides


def _mark(name: str, times: dict[str, Times], said: str) -> Mark:
    what = f"`{name}` ≤ {MARKS[name]:g} s"
    if name not in times:
        return Mark(what, said, None)
    seconds = times[name].median
    floor = times[PYTHON].median
    reason = f"of {seconds:.2f} s, Python alone takes {floor:.2f} s to start and end."
    return Mark(what, f"{seconds:.2f} s", seconds <= MARKS[name], reason)
