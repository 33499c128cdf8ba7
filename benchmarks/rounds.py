"""Ten reading rounds against one decoding and ten forward passes, warm, on one core."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.material import dicom_files, reading_bundle
from benchmarks.measure import interleave, ratio, worker
from benchmarks.options import Options
from benchmarks.results import Mark, Section, Table

ROUNDS = 7
MOST = 1.15
"""Times one decoding and ten forward passes that ten rounds may take."""
FORWARDS = 10
BARE = "one decoding and ten forward passes"
TEN = "ten rounds, each on the radiograph"
PREVIOUS = "ten rounds, each on the round before"
BATCH = "one decoding and one batch of ten"
ONCE = "one plain reading"
DOES = (
    "All sides in one process with one thread. Ten rounds: decoding, picture checks, the ten "
    "rounds A to J, the gate, calibration, joining, 14 heatmaps laid back and added."
)
BARELY = (
    "The bare side decodes the same file, fits it once, and runs the same graph ten times on that "
    "input; nothing is checked, calibrated or drawn."
)
SIDES = (BARE, TEN, PREVIOUS, BATCH, ONCE)


def run(options: Options) -> Section:
    """Measure."""
    title = "Reading rounds: ten looks at one radiograph"
    path = dicom_files(options.folder / "files", options.size)["explicit"]
    shipped, said = reading_bundle("chest14", path, options.folder)
    if not shipped:
        return Section("rounds", title, skipped=said)
    rounds = options.rounds(ROUNDS)
    with worker("benchmarks.rounds:sides", str(shipped), 1) as one:
        times = interleave({name: one.side(name, str(path)) for name in SIDES}, repeat=rounds)
    rows = [[name, str(taken), str(ratio(taken, times[BARE]))] for name, taken in times.items()]
    found = ratio(times[TEN], times[BARE])
    return Section(
        "rounds",
        title,
        marks=(
            Mark(
                f"ten rounds take ≤ {MOST} × as long as {BARE}, one core, warm",
                str(found),
                found.of_medians <= MOST,
                "see the table.",
            ),
        ),
        tables=(
            Table(
                f"A drawn DICOM file, ms ({rounds} rounds in turns, after one to warm up):",
                ("side", "ms", f"times {BARE}"),
                rows,
            ),
        ),
        notes=(DOES, BARELY, f"chest14: {said}."),
    )


def sides(bundle: str, threads: int) -> Callable[[str, str], int]:
    """``call(side, path)`` does what the side's name says."""
    import cv2

    from hilum.domain import Reading
    from hilum.imaging import read
    from hilum.reading import Reader
    from hilum.transforms.preprocess import LONGEST_PX, prepare

    cv2.setNumThreads(threads)
    readers = {
        ONCE: Reader.of(bundle, threads=threads),
        TEN: Reader.of(bundle, threads=threads, rounds="ten"),
        PREVIOUS: Reader.of(bundle, threads=threads, rounds="ten-previous"),
    }
    plain = readers[ONCE]

    def bare(path: str, batches: Sequence[int]) -> int:
        import numpy as np

        pixels = read(path, longest_px=LONGEST_PX).pixels
        batch, _ = prepare(pixels, plain.bundle.card.preprocessing)
        for count in batches:
            plain.graph(np.repeat(batch[None], count, axis=0))
        return sum(batches)

    def call(side: str, path: str) -> int:
        if side == BARE:
            return bare(path, [1] * FORWARDS)
        if side == BATCH:
            return bare(path, [FORWARDS])
        return _checked(readers[side].read(path))

    def _checked(item: Any) -> int:
        if not isinstance(item, Reading) or not item.heatmaps:
            raise RuntimeError(f"no reading with heatmaps: {item}")
        return len(item.predictions)

    return call
