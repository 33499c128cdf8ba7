"""A DICOM file to a PNG on one core, against the usual chain of notebooks and against dcmtk."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from benchmarks.chains import EVERY_S
from benchmarks.material import dicom_files
from benchmarks.measure import Side, Times, Worker, command, interleave, ratio, worker
from benchmarks.options import Options
from benchmarks.results import Mark, Section, Table
from hilum.imaging import encode_png, read

TITLE = "Intake: DICOM to PNG"
ROUNDS = 11
LONGEST_PX = 1024
WINDOW = (2048.0, 4096.0)

SYNTAXES = {
    "explicit": "plain",
    "rle": "RLE",
    "jpeg-lossless": "JPEG lossless",
    "jpeg-ls": "JPEG-LS",
    "deflated": "deflated",
    "jpeg-2000": "JPEG 2000",
    "htj2k": "HTJ2K",
}
"""Transfer syntaxes as ``hilum.imaging.write_dicom`` names them → in words."""

COMMON = ("explicit", "rle", "jpeg-lossless", "jpeg-ls", "deflated")
COMPRESSED = ("rle", "jpeg-lossless", "jpeg-ls", "jpeg-2000", "htj2k")

OURS, USUAL, DCMTK = "Hilum", "usual chain", "dcmtk"
APART, INSIDE = "decoders apart", "decoders in the process"

AGAINST = {USUAL: 4.0, DCMTK: 2.5}
"""How many times as long they should take to 1024 px, over the common transfer syntaxes."""
J2K_AGAINST_USUAL = 1.4
HTJ2K_AGAINST_J2K = 8.0
FULL_SIZE = 10.0
COST_OF_APART = 1.05
SIZE = 1.25
"""Bytes of a PNG over those of OpenCV's default for the same picture."""
WORKER_MB = 250

Found = Mapping[str, Mapping[str, Times]]
"""Transfer syntax → side → times."""


def run(options: Options) -> Section:
    """Measure."""
    missing = [name for name in ("pydicom", "PIL", "gdcm") if find_spec(name) is None]
    if missing:
        return Section(
            "intake", TITLE, skipped=f"{', '.join(missing)} not installed: `make bench` does it."
        )
    files = dicom_files(
        options.folder / "intake", options.size, SYNTAXES, alike=True, window=WINDOW
    )
    out, rounds = options.folder / "intake.png", options.rounds(ROUNDS)
    with one_core(), ExitStack() as stack:
        start = stack.enter_context
        ours = start(worker("benchmarks.chains:hilum_chain", True))
        inside = start(worker("benchmarks.chains:hilum_chain", False))
        usual = start(worker("benchmarks.chains:usual_chain"))
        small = {
            name: interleave(_small(name, file, out, ours, usual), repeat=rounds)
            for name, file in files.items()
        }
        large = {
            name: interleave(
                {OURS: ours.side(str(files[name]), str(out)),
                 USUAL: usual.side(str(files[name]), str(out))},
                repeat=rounds,
            )
            for name in COMMON
        }  # fmt: skip
        apart = {
            name: interleave(
                {APART: ours.side(str(files[name]), str(out), LONGEST_PX),
                 INSIDE: inside.side(str(files[name]), str(out), LONGEST_PX)},
                repeat=rounds,
            )
            for name in COMPRESSED
        }  # fmt: skip
    sizes = {name: png_sizes(files[name], LONGEST_PX) for name in ("explicit", "jpeg-2000")}
    peak = _worker_peak(options, files, out)
    return Section(
        "intake",
        TITLE,
        marks=(
            *(_against(small, side) for side in AGAINST),
            _jpeg2000(small),
            _htj2k(small),
            _size(sizes["explicit"]),
            _full_size(large),
            _apart(apart),
            _memory(peak, options.links),
        ),
        tables=(
            _table(f"To a PNG of {LONGEST_PX} px, ms ({rounds} rounds in turns):", small, OURS),
            _table("To a PNG of full size, ms:", large, OURS),
            _table(f"Decoders in a process of their own, to {LONGEST_PX} px, ms:", apart, INSIDE),
        ),
        notes=_notes(options.size, peak is None),
    )


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this process, and what it starts meanwhile, on one core (Linux)."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def png_sizes(file: Path, longest_px: int) -> tuple[int, int]:
    """Bytes of Hilum's PNG, and of OpenCV's default for the same picture."""
    pixels = read(file, longest_px=longest_px).pixels
    data = encode_png(pixels)
    same = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if same is None or same.shape != pixels.shape:
        raise RuntimeError("the PNG does not hold the picture that was read")
    done, theirs = cv2.imencode(".png", same)
    if not done:
        raise RuntimeError("OpenCV writes no PNG")
    return len(data), len(theirs)


def _small(name: str, file: Path, out: Path, ours: Worker, usual: Worker) -> dict[str, Side]:
    sides: dict[str, Side] = {OURS: ours.side(str(file), str(out), LONGEST_PX)}
    if name != "htj2k" or _reads_htj2k():
        sides[USUAL] = usual.side(str(file), str(out), LONGEST_PX)
    line = dcmtk(name, file, out)
    if line is not None:
        sides[DCMTK] = command(lambda: line)
    return sides


def dcmtk(syntax: str, file: Path, out: Path) -> list[str] | None:
    """dcmtk's command for a PNG of 1024 px; None where it cannot read the file or is not there."""
    if syntax in ("jpeg-2000", "htj2k"):
        return None
    program = shutil.which("dcml2pnm" if syntax == "jpeg-ls" else "dcmj2pnm")
    if program is None:
        return None
    height = ["+Syv", str(LONGEST_PX)]  # the width follows
    return [program, "+on", "+Wi", "1", *height, str(file), str(out)]


def _reads_htj2k() -> bool:
    """Whether pydicom has a decoder for it here."""
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.uid import HTJ2KLossless

    return get_decoder(HTJ2KLossless).is_available


def _worker_peak(options: Options, files: Mapping[str, Path], out: Path) -> float | None:
    """The most that reader and decoder process held, 10⁶ bytes; None where nobody tells."""
    if not Path("/proc/self/smaps_rollup").exists():
        return None
    folder = options.folder / "intake-many"
    folder.mkdir(exist_ok=True)
    several, links = list(files.values()), list[str]()
    for number in range(options.links):
        link = folder / f"{number:05}.dcm"
        if not link.exists():
            os.link(several[number % len(several)], link)
        links.append(str(link))
    with worker("benchmarks.chains:hilum_worker", True) as reading:
        _, (count, peak) = reading(links, str(out), LONGEST_PX)
    if count != options.links:
        raise RuntimeError(f"{count} of {options.links} files were read")
    return peak


def _ratios(found: Found, slow: str, fast: str, names: tuple[str, ...]) -> dict[str, float]:
    return {
        SYNTAXES[name]: ratio(found[name][slow], found[name][fast]).of_medians
        for name in names
        if slow in found[name]
    }


def _listed(ratios: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.2f} ×" for name, value in ratios.items())


def _against(found: Found, side: str) -> Mark:
    least = AGAINST[side]
    what = f"{side} takes ≥ {least:g} × as long as Hilum to {LONGEST_PX} px, whichever syntax"
    ratios = _ratios(found, side, OURS, COMMON)
    if len(ratios) < len(COMMON):
        return Mark(what, f"{side} is not installed", None)
    slow = [name for name, value in ratios.items() if value < least]
    return Mark(what, _listed(ratios), not slow, f"less for {', '.join(slow)}.")


def _jpeg2000(found: Found) -> Mark:
    got = ratio(found["jpeg-2000"][USUAL], found["jpeg-2000"][OURS])
    what = f"{USUAL} takes ≥ {J2K_AGAINST_USUAL:g} × as long as Hilum, JPEG 2000"
    why = "both wait for the decoder, which is much the same."
    return Mark(what, str(got), got.of_medians >= J2K_AGAINST_USUAL, why)


def _htj2k(found: Found) -> Mark:
    """Times of two syntaxes come from different rounds: medians are compared."""
    fast = found["htj2k"][OURS].median
    same = found["jpeg-2000"][OURS].median / fast
    theirs = found["jpeg-2000"][USUAL].median / fast
    what = f"the same picture in JPEG 2000 takes Hilum ≥ {HTJ2K_AGAINST_J2K:g} × as long as HTJ2K"
    got = f"{same:.2f} ×; the {USUAL}'s JPEG 2000 takes {theirs:.2f} × as long as Hilum's HTJ2K"
    why = f"HTJ2K takes {1000 * fast:.0f} ms, of which not all is decoding."
    return Mark(what, got, same >= HTJ2K_AGAINST_J2K, why)


def _size(sizes: tuple[int, int]) -> Mark:
    ours, theirs = sizes
    what = f"PNG of {LONGEST_PX} px ≤ {SIZE:g} × the bytes of OpenCV's default"
    got = f"{ours / theirs:.2f} × ({ours / 1000:,.0f} against {theirs / 1000:,.0f} kB)"
    return Mark(what, got, ours <= SIZE * theirs, "it is written for speed.")


def _full_size(found: Found) -> Mark:
    got = ratio(found["explicit"][USUAL], found["explicit"][OURS])
    what = f"{USUAL} takes ≥ {FULL_SIZE:g} × as long as Hilum to a PNG of full size (plain file)"
    return Mark(what, str(got), got.of_medians >= FULL_SIZE, "see the table.")


def _apart(found: Found) -> Mark:
    what = f"decoders in a process of their own cost ≤ {COST_OF_APART - 1:.0%}"
    apart, inside = (
        sum(times[side].median for times in found.values()) for side in (APART, INSIDE)
    )
    each = _listed(_ratios(found, APART, INSIDE, COMPRESSED))
    got = f"{apart / inside - 1:+.1%} over all ({each})"
    why = "bytes and samples are copied once more, and two processes take turns."
    return Mark(what, got, apart <= COST_OF_APART * inside, why)


def _memory(peak: float | None, links: int) -> Mark:
    what = f"one worker ≤ {WORKER_MB} MB over {links:,} files"
    if peak is None:
        return Mark(what, "this system does not tell", None)
    why = "most is the picture and its samples, in the reader and in the decoder."
    return Mark(what, f"{peak:.0f} MB, with its decoder process", peak <= WORKER_MB, why)


def _table(caption: str, found: Found, fast: str) -> Table:
    rows = [
        [SYNTAXES[name], side, str(taken), "" if side == fast else str(ratio(taken, times[fast]))]
        for name, times in found.items()
        for side, taken in times.items()
    ]
    return Table(caption, ("file", "side", "ms", f"as long as {fast}"), rows)


def _notes(size: tuple[int, int], no_memory: bool) -> tuple[str, ...]:
    files = (
        f"A drawn chest of {size[0]} × {size[1]} px with a detector's noise, 12 of 16 bits, a "
        "window; the same picture in every transfer syntax. All on one core, one thread."
    )
    ours = (
        f"Hilum: `read(path, longest_px={LONGEST_PX})`, without it for full size, and "
        "`encode_png`; decoders in a process of their own; shrunk by area."
    )
    usual = (
        "Usual chain: pydicom's `dcmread`, `pixel_array` (with the decoder that pydicom prefers "
        "among gdcm, Pillow and pylibjpeg), `apply_modality_lut`, `apply_voi_lut`, least to most "
        "as 8 bits, Pillow's `resize` with LANCZOS, `save`. A process that is warm, as Hilum's."
    )
    theirs = (
        "dcmtk: `dcmj2pnm` (`dcml2pnm` for JPEG-LS) `+on +Wi 1 +Syv 1024`, a new process for each "
        f"file as it is meant to be used; {_dcmtk_version()}. It reads no JPEG 2000."
    )
    memory = (
        f"Memory: one worker over links to these files, each read to {LONGEST_PX} px; the most "
        "that the reader and its decoder process held together (what both share counts once, "
        f"libraries whole), looked at every {1000 * EVERY_S:.0f} ms; MB of 10⁶ bytes."
    )
    return (files, ours, usual, theirs) if no_memory else (files, ours, usual, theirs, memory)


def _dcmtk_version() -> str:
    program = shutil.which("dcmj2pnm")
    if program is None:
        return "not installed here"
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    words = done.stdout.split()
    return f"version {words[2].lstrip('v')}" if len(words) > 2 else "of unknown version"
