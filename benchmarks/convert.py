"""A folder of DICOM files to PNG with two workers, against two pools that do the same; memory."""

from __future__ import annotations

import os
import shlex
import shutil
import statistics
import sys
from collections.abc import Callable
from importlib.util import find_spec
from itertools import count
from multiprocessing import Pool
from pathlib import Path

from benchmarks.chains import usual_chain
from benchmarks.intake import COMMON, DCMTK, LONGEST_PX, SYNTAXES, USUAL, WINDOW, dcmtk
from benchmarks.machine import CORES
from benchmarks.material import dicom_files
from benchmarks.measure import command, interleave, ratio
from benchmarks.memory import EVERY_S, SAME, Run, watch
from benchmarks.options import Options
from benchmarks.results import Mark, Section, Table

TITLE = "Converting a folder"
ROUNDS = 5
OURS = "Hilum"
SMALL_RUN = 100
"""Files in the smaller of the two runs whose memory is compared."""

AGAINST = {USUAL: 4.0, DCMTK: 2.5}
"""How many times as long as Hilum they should take."""


def run(options: Options) -> Section:
    """Measure."""
    missing = [name for name in ("pydicom", "PIL", "gdcm") if find_spec(name) is None]
    if missing:
        return Section(
            "convert", TITLE, skipped=f"{', '.join(missing)} not installed: `make bench` does it."
        )
    few, many = options.converted
    made = dicom_files(options.folder / "intake", options.size, COMMON, alike=True, window=WINDOW)
    files = _each_its_own(options.folder / "convert", made, few)
    rounds = options.rounds(ROUNDS)
    sides = {
        OURS: command(_ours(files.parent, options.folder)),
        USUAL: command(_usual(files.parent, options.folder)),
    }
    theirs = _dcmtk(files.parent, options.folder)
    if theirs is not None:
        sides[DCMTK] = command(theirs)
    found = interleave(sides, repeat=rounds)
    peaks = {
        number: _peak(options.folder, list(made.values()), number)
        for number in (min(few, SMALL_RUN), many)
        if Path("/proc/self/smaps_rollup").exists()
    }
    rows = [
        [side, f"{few / times.median:.1f}", str(times),
         "" if side == OURS else str(ratio(times, found[OURS]))]
        for side, times in found.items()
    ]  # fmt: skip
    caption = f"{few} files, {CORES} at a time, to a PNG of {LONGEST_PX} px ({rounds} rounds):"
    tables = [Table(caption, ("side", "files a second", "ms for all", "as long as Hilum"), rows)]
    if peaks:
        tables.append(
            Table(
                "Memory of the command and all its processes:",
                ("files", "peak MB", "seconds"),
                [[f"{n:,}", f"{r.peak_mb:.0f}", f"{r.seconds:.1f}"] for n, r in peaks.items()],
            )
        )
    return Section(
        "convert",
        TITLE,
        marks=(*(_against(found, side) for side in AGAINST), _flat(peaks)),
        tables=tuple(tables),
        notes=_notes(options.size),
    )


def usual(folder: str, out: str) -> None:
    """pydicom and Pillow in a pool of two processes, as most scripts do it."""
    Path(out).mkdir()
    files = sorted(Path(folder).iterdir())
    pairs = [(str(path), f"{out}/{path.stem}.png") for path in files]
    with Pool(CORES, initializer=_begin) as pool:
        pool.starmap(_one, pairs, chunksize=1)


_chain: list[Callable[..., int]] = []


def _begin() -> None:
    _chain.append(usual_chain())


def _one(path: str, out: str) -> int:
    return _chain[0](path, out, LONGEST_PX)


def _each_its_own(folder: Path, made: dict[str, Path], number: int) -> Path:
    """Copies that differ in a byte of the preamble, which no header holds; the last of them."""
    folder.mkdir(exist_ok=True)
    path = folder
    for index in range(number):
        syntax = COMMON[index % len(COMMON)]
        path = folder / f"{index:05}-{syntax}.dcm"
        if not path.exists():
            data = bytearray(made[syntax].read_bytes())
            data[:8] = index.to_bytes(8, "big")
            path.write_bytes(data)
    return path


def _ours(folder: Path, place: Path) -> Callable[[], list[str]]:
    numbers = count()
    hilum = str(Path(sys.executable).with_name("hilum"))

    def line() -> list[str]:
        number = next(numbers)
        shutil.rmtree(place / f"ours-{number - 1}", ignore_errors=True)
        out = str(place / f"ours-{number}")
        return [hilum, "convert", str(folder), out, "--workers", str(CORES),
                "--size", str(LONGEST_PX)]  # fmt: skip

    return line


def _usual(folder: Path, place: Path) -> Callable[[], list[str]]:
    out = place / "usual"

    def line() -> list[str]:
        shutil.rmtree(out, ignore_errors=True)
        code = f"from benchmarks.convert import usual; usual({str(folder)!r}, {str(out)!r})"
        return [sys.executable, "-c", code]

    return line


def _dcmtk(folder: Path, place: Path) -> Callable[[], list[str]] | None:
    """``xargs`` over a command a file; None without dcmtk."""
    out, script = place / "dcmtk", place / "dcmtk.txt"
    lines: list[str] = []
    for path in sorted(folder.iterdir()):
        words = dcmtk(path.stem.partition("-")[2], path, out / f"{path.stem}.png")
        if words is None:
            return None
        lines.append(shlex.join(words))
    script.write_text("\n".join([*lines, ""]))

    def line() -> list[str]:
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        return ["xargs", "-a", str(script), "-P", str(CORES), "-L", "1", "env"]

    return line


def _peak(place: Path, made: list[Path], number: int) -> Run:
    folder, out = place / f"convert-{number}", place / f"convert-{number}-out"
    folder.mkdir(exist_ok=True)
    for index in range(number):
        link = folder / f"{index:05}.dcm"
        if not link.exists():
            os.link(made[index % len(made)], link)
    shutil.rmtree(out, ignore_errors=True)
    hilum = str(Path(sys.executable).with_name("hilum"))
    line = [hilum, "convert", str(folder), str(out), "--workers", str(CORES)]
    return watch([*line, "--size", str(LONGEST_PX)], place / f"convert-{number}.log")


def _against(found, side: str) -> Mark:
    least = AGAINST[side]
    how = "pydicom and Pillow in a pool of two" if side == USUAL else "dcmtk under `xargs -P2`"
    what = f"{how} takes ≥ {least:g} × as long as `hilum convert`"
    if side not in found:
        return Mark(what, f"{side} is not installed", None)
    got = ratio(found[side], found[OURS])
    return Mark(what, str(got), got.of_medians >= least, "see the table.")


def _flat(peaks: dict[int, Run]) -> Mark:
    if not peaks:
        return Mark("memory is flat", "this system does not tell", None)
    few, many = peaks
    growth = peaks[many].peak_mb / peaks[few].peak_mb
    what = f"the same memory for {few:,} and for {many:,} files"
    got = f"{growth:.2f} × ({statistics.fmean(r.peak_mb for r in peaks.values()):.0f} MB)"
    return Mark(what, got, growth <= SAME, f"more than {SAME} × counts as growth.")


def _notes(size: tuple[int, int]) -> tuple[str, ...]:
    syntaxes = ", ".join(SYNTAXES[name] for name in COMMON)
    files = (
        f"A drawn chest of {size[0]} × {size[1]} px with a detector's noise, 12 of 16 bits, a "
        f"window; in turns {syntaxes}; every file differs in a byte of its preamble. Whole "
        "commands with their starts, the files in the system's cache."
    )
    ours = (
        f"Hilum: `hilum convert FOLDER OUT --workers {CORES}`: with digests of files and pixels, "
        "journal and tables, which the others do without."
    )
    others = (
        "Usual chain: as in `intake`, in a `multiprocessing.Pool` of two, a file at a time. "
        "dcmtk: as in `intake`, a process a file."
    )
    memory = (
        f"Memory: links to five files, looked at every {1000 * EVERY_S:.0f} ms: what processes "
        "share counts once, libraries whole; MB of 10⁶ bytes."
    )
    return files, ours, others, memory
