"""Peak memory of `hilum read` over few and over many files."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import CORES, tree_bytes
from benchmarks.material import SYNTAXES, dicom_files, reading_bundle
from benchmarks.options import Options
from benchmarks.results import Mark, Section, Table

ROUNDS = 1
LIMIT_MB = 400
SAME = 1.1
"""Up to this ratio two peaks count as the same."""
EVERY_S = 0.02


@dataclass(frozen=True, slots=True)
class Run:
    """One reading run.

    Attributes:
        peak_mb: largest memory of the process and all that it started, in 10⁶ bytes.
        seconds: from start to end.
    """

    peak_mb: float
    seconds: float


def run(options: Options) -> Section:
    """Measure."""
    title = "Memory of a reading run"
    if not Path("/proc/self/smaps_rollup").exists():
        return Section("memory", title, skipped="this system does not tell what a process holds.")
    files = dicom_files(options.folder / "files", options.size)
    bundle, said = reading_bundle(options.bundle, files["explicit"], options.folder)
    if bundle is None:
        return Section("memory", title, skipped=f"{said}.")
    found: dict[int, list[Run]] = {count: [] for count in options.files}
    for turn in range(options.rounds(ROUNDS)):
        for count, runs in found.items():
            folder = _folder(options.folder / f"memory-{count}", list(files.values()), count)
            out = options.folder / f"memory-{count}-out-{turn}"
            runs.append(_read(folder, out, bundle))
    few, many = (statistics.median(r.peak_mb for r in found[n]) for n in options.files)
    return Section(
        "memory",
        title,
        marks=(
            _mark(few, options.files[0]),
            _mark(many, options.files[1]),
            Mark(
                f"the same for {options.files[0]:,} and for {options.files[1]:,} files",
                f"{many / few:.2f} ×",
                many / few <= SAME,
                f"more than {SAME} × counts as growth.",
            ),
        ),
        tables=(
            Table(
                f"Whole runs ({options.rounds(ROUNDS)} of each, in turns):",
                ("files", "peak MB", "seconds", "files a second"),
                [_row(count, runs) for count, runs in found.items()],
            ),
        ),
        notes=_notes(options.size, said),
    )


def _notes(size: tuple[int, int], said: str) -> tuple[str, str]:
    syntaxes = ", ".join(SYNTAXES.values())
    files = (
        f"`hilum read FOLDER --workers {CORES}` ({said}): links to five drawn chests of "
        f"{size[0]} × {size[1]} px, one in each of {syntaxes}; tables, heatmaps and page are "
        "written."
    )
    peak = (
        "Peak: the most that the process and its decoder processes held together, looked at every "
        f"{1000 * EVERY_S:.0f} ms: what they share with each other counts once, libraries whole; "
        "MB of 10⁶ bytes."
    )
    return files, peak


def _folder(folder: Path, files: list[Path], count: int) -> Path:
    if not folder.exists():
        folder.mkdir()
        for number in range(count):
            os.link(files[number % len(files)], folder / f"{number:05}.dcm")
    return folder


def _read(folder: Path, out: Path, bundle: str) -> Run:
    hilum = str(Path(sys.executable).with_name("hilum"))
    line = [hilum, "read", str(folder), "-o", str(out)]
    line += ["--bundle", bundle, "--workers", str(CORES)]
    return watch(line, out.parent / f"{out.name}.log")


def watch(line: list[str], log_path: Path) -> Run:
    """Run a command and look at its memory all the while.

    Args:
        line: the command.
        log_path: where its output goes.
    """
    begun, peak = time.monotonic(), 0
    with log_path.open("w+") as log:
        process = subprocess.Popen(line, stdout=log, stderr=log)
        while True:
            ended, status = os.waitpid(process.pid, os.WNOHANG)
            if ended:
                break
            peak = max(peak, tree_bytes(process.pid))
            time.sleep(EVERY_S)
        seconds = time.monotonic() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            log.seek(0)
            raise RuntimeError(f"{line} ended with {process.returncode}:\n{log.read()}")
    return Run(peak / 1e6, seconds)


def _mark(peak: float, count: int) -> Mark:
    what = f"peak ≤ {LIMIT_MB} MB over {count:,} files"
    reason = "see the table; the base is Python with its libraries and the network."
    return Mark(what, f"{peak:.0f} MB", peak <= LIMIT_MB, reason)


def _row(count: int, runs: list[Run]) -> list[str]:
    peaks = [run.peak_mb for run in runs]
    seconds = statistics.median(run.seconds for run in runs)
    ends = f" ({min(peaks):.0f}–{max(peaks):.0f})" if len(peaks) > 1 else ""
    return [
        f"{count:,}",
        f"{statistics.median(peaks):.0f}{ends}",
        f"{seconds:.1f}",
        f"{count / seconds:.1f}",
    ]
