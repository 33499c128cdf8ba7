"""Batches from a pack, and from PNG files of the same pixels, on one core."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import Side, Times, interleave, ratio
from benchmarks.options import Options, shared
from benchmarks.results import Mark, Section, Table
from hilum.datasets.pack import Pack, PackSpec
from hilum.datasets.pack.packing import Packing
from hilum.domain import LabelTable
from hilum.domain.text import text
from hilum.imaging import encode_png
from hilum.phantoms import draw_chest

ROUNDS = 5
PX, BATCH, WORKERS = 320, 64, 2
DRAWN, KINDS, GRAIN = 1000, 20, 4.0
"""Where there are no radiographs: so many are drawn, of so many kinds, with a detector's noise."""

OURS, FITTED, PLAIN = "pack", "pack, short-side, fitted", "one memory-mapped .npy"
FILES = "PNG files, cv2.imread"
COLD = "from the disk"
LEAST_RATE, LEAST_RATIO = 5000, 20.0

Read = Callable[[NDArray[np.int64], NDArray[np.uint8]], None]


def run(options: Options) -> Section:
    """Measure."""
    folder = options.folder / "pack"
    folder.mkdir()
    images, what = _images(options.data or shared() / "radiographs", folder / "drawn")
    packing_s = _pack(images, folder / "squash", "squash")
    _pack(images, folder / "short", "short-side")
    pack = Pack.open(folder / "squash")
    _write_files(pack, folder)
    order = np.random.default_rng(0).permutation(len(pack))
    readers = {OURS: _from_pack, FITTED: _from_fitted, PLAIN: _from_plain, FILES: _from_files}
    _check(folder, readers, pack)
    count, rounds = len(pack), options.rounds(ROUNDS)
    del pack  # a page that is mapped stays in memory
    with _one_core():
        warm = interleave(
            {name: _side(folder, reader, order) for name, reader in readers.items()},
            repeat=rounds,
        )
        forget, how = _forgetting(folder)
        cold = interleave(
            {name: _side(folder, readers[name], order, forget) for name in (OURS, FILES)},
            repeat=max(1, rounds // 2),
            warm_up=0,
        )
    return Section(
        "pack",
        "Batches for training",
        marks=_marks(warm, count),
        tables=(
            Table(
                f"{count:,} pictures of {PX} px in a shuffled order, copied into batches of "
                f"{BATCH}, one core ({rounds} rounds):",
                ("side", "images a second", "ms for all", "as long as the pack"),
                [
                    *(_row(name, times, warm[OURS], count) for name, times in warm.items()),
                    *(
                        _row(f"{name}, {COLD}", times, cold[OURS], count)
                        for name, times in cold.items()
                    ),
                ],
            ),
        ),
        notes=_notes(f"{what}; packed at {count / packing_s:.0f} a second", how),
    )


def _notes(what: str, how: str) -> tuple[str, ...]:
    cold = (
        f'"{COLD}": {how} before each round, and the pack is opened anew; else all lies in memory.'
    )
    fitted = f'"{FITTED}": a pack that keeps proportions, brought to {PX} × {PX} px as it is read.'
    plain = f'"{PLAIN}": `numpy.take` of rows of one file, which cannot grow nor check itself.'
    return f"{what} with {WORKERS} workers.", cold, fitted, plain


def _marks(warm: dict[str, Times], count: int) -> tuple[Mark, ...]:
    rate, found = count / warm[OURS].median, ratio(warm[FILES], warm[OURS])
    why = "the machine was busy, or its memory is slow: compare with the plain .npy."
    return (
        Mark(
            f"a pack gives ≥ {LEAST_RATE:,} images a second on one core, warm",
            f"{rate:,.0f} a second",
            rate >= LEAST_RATE,
            why,
        ),
        Mark(
            f"PNG files of the same pixels take ≥ {LEAST_RATIO:g} × as long",
            str(found),
            found.of_medians >= LEAST_RATIO,
            why,
        ),
    )


def _row(name: str, times: Times, ours: Times, count: int) -> list[str]:
    compared = "" if times is ours else str(ratio(times, ours))
    return [name, f"{count / times.median:,.0f}", str(times), compared]


def _images(data: Path, drawn: Path) -> tuple[Path, str]:
    """A folder of radiographs, and what they are in words."""
    if data.is_dir():
        return data, "Real radiographs"
    drawn.mkdir()
    rng = np.random.default_rng(0)
    kinds = [255 * draw_chest(rng, size=(600, 512)).pixels for _ in range(KINDS)]
    for number in range(DRAWN):
        noise = GRAIN * rng.standard_normal(kinds[0].shape, np.float32)
        grey = np.clip(kinds[number % KINDS] + noise, 0, 255).astype(np.uint8)
        (drawn / f"{number}.png").write_bytes(encode_png(grey))
    return drawn, "Drawn radiographs"


def _pack(images: Path, out: Path, fit: str) -> float:
    """Pack all pictures of a folder; the seconds that it took."""
    found = [p for p in images.rglob("*") if p.suffix in (".png", ".jpg", ".jpeg", ".dcm")]
    names = text(sorted(path.relative_to(images).as_posix() for path in found))
    table = LabelTable(names, (), np.zeros((len(names), 0), np.uint8), names)
    begun = time.perf_counter()
    with Packing.open(out, table, images, spec=PackSpec((PX, PX), fit)) as packing:
        for _ in packing.run(WORKERS):
            pass
        packing.finish()
    return time.perf_counter() - begun


def _write_files(pack: Pack, folder: Path) -> None:
    (folder / "png").mkdir()
    plain = np.lib.format.open_memmap(folder / "all.npy", "w+", np.uint8, (len(pack), PX, PX))
    for row, picture in enumerate(pack):
        plain[row] = picture
        cv2.imwrite(str(folder / "png" / f"{row}.png"), picture)
    plain.flush()


def _from_pack(folder: Path) -> Read:
    pack = Pack.open(folder / "squash")
    return lambda rows, out: _nothing(pack.batch(rows, out))


def _from_fitted(folder: Path) -> Read:
    pack = Pack.open(folder / "short")
    return lambda rows, out: _nothing(pack.batch(rows, out, size=(PX, PX), fit="squash"))


def _from_plain(folder: Path) -> Read:
    plain = np.load(folder / "all.npy", mmap_mode="r")
    return lambda rows, out: _nothing(np.take(plain, rows, 0, out))


def _from_files(folder: Path) -> Read:
    def read(rows: NDArray[np.int64], out: NDArray[np.uint8]) -> None:
        for place, row in enumerate(rows.tolist()):
            picture = cv2.imread(f"{folder}/png/{row}.png", cv2.IMREAD_GRAYSCALE)
            assert picture is not None
            out[place] = picture

    return read


def _nothing(_: object) -> None: ...


def _check(folder: Path, readers: dict[str, Callable[[Path], Read]], pack: Pack) -> None:
    """Stop unless the sides give the same pixels."""
    rows = np.arange(min(BATCH, len(pack)))[::-1]
    wanted = np.stack([pack[int(row)] for row in rows])
    for name in (OURS, PLAIN, FILES):
        out = np.zeros_like(wanted)
        readers[name](folder)(rows, out)
        if not np.array_equal(out, wanted):
            raise RuntimeError(f"{name} gives other pixels than the pack")


def _side(
    folder: Path,
    reader: Callable[[Path], Read],
    order: NDArray[np.int64],
    before: Callable[[], None] = lambda: None,
) -> Side:
    def side() -> float:
        before()
        read = reader(folder)
        out = np.zeros((BATCH, PX, PX), np.uint8)
        begun = time.perf_counter()
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            read(rows, out[: len(rows)])
        return time.perf_counter() - begun

    return side


def _forgetting(folder: Path) -> tuple[Callable[[], None], str]:
    """A function that makes the system forget files, and how it does so in words."""
    everything = Path("/proc/sys/vm/drop_caches")
    if os.access(everything, os.W_OK):

        def drop() -> None:
            os.sync()
            everything.write_text("1")

        return drop, "the system's file cache is emptied (`/proc/sys/vm/drop_caches`)"

    def advise() -> None:
        for path in (path for path in folder.rglob("*") if path.is_file()):
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)

    return advise, "the system is advised to forget the files (`posix_fadvise`)"


@contextmanager
def _one_core() -> Iterator[None]:
    before, threads = os.sched_getaffinity(0), cv2.getNumThreads()
    os.sched_setaffinity(0, sorted(before)[:1])
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
        cv2.setNumThreads(threads)
