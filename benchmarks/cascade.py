"""A cascade on one core, warm: real radiographs and drawn ones, against its bundles one by one."""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.intake import one_core
from benchmarks.material import SYNTAXES, dicom_files, reading_bundle
from benchmarks.measure import Side, Times, interleave, ratio, worker
from benchmarks.memory import watch
from benchmarks.options import Options, shared
from benchmarks.results import Mark, Section, Table
from hilum.bundles.cascades import Cascade, load
from hilum.domain import Refusal
from hilum.errors import CascadeError
from hilum.reading import CascadeReader
from hilum.reading.cascade import Chain

ROUNDS = 5
LIMIT_MS, LIMIT_MB = 150, 500
REAL = 20
"""Real JPEG files that are read."""
REAL_DICOM = {
    "1.2.276.0.7230010.3.1.4.8323329.6904.1517875201.850819.dcm": "JPEG",
    "RG1_JLSN.dcm": "JPEG-LS",
    "RG1_J2KI.dcm": "JPEG 2000",
    "966.dcm": "JPEG 2000 lossless",
}
"""Chests among the real DICOM files → how their pixels are compressed."""
TIMES_READ = 5
"""How often a single file is read in a round: processor time is counted in steps of 10 ms."""
WHOLE_RUN = 40
"""Files of the run of ``hilum read`` whose memory is measured."""

AS_IT_IS, ALL, APART = "the cascade", "the cascade, every stage reads", "its bundles one by one"


@dataclass(frozen=True, slots=True)
class Files:
    """Files of one kind.

    Attributes:
        what: in words.
        paths: of those that the cascade reads.
        both: on how many of them every stage reads, as the cascade is.
    """

    what: str
    paths: tuple[str, ...]
    both: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What an image took, round by round.

    Attributes:
        clock: by the clock, other processes on the core included.
        processor: time of the core that the process and its decoders used.
    """

    clock: Times
    processor: Times


def run(options: Options) -> Section:
    """Measure."""
    title = "A cascade on one core"
    try:
        shipped = load(options.cascade)
        Chain.of(shipped)
    except CascadeError as error:
        return Section("cascade", title, skipped=f"{error}.".replace("\n ", ""))
    drawn = {k: str(p) for k, p in dicom_files(options.folder / "files", options.size).items()}
    for_drawn, said = _for_drawn(shipped, Path(drawn["explicit"]), options.folder)
    groups = [(_which(shipped, what, paths), shipped) for what, paths in _real()]
    groups += [
        (_which(for_drawn, f"drawn DICOM, {SYNTAXES[kind]}", [path] * TIMES_READ), for_drawn)
        for kind, path in drawn.items()
    ]
    rows: list[list[str]] = []
    timed: dict[str, dict[str, Taken]] = {}
    peak = 0.0
    with one_core():
        for files, cascade in groups:
            if files.paths:
                found, held = _timed(files, cascade, options.rounds(ROUNDS))
                timed[files.what], peak = found, max(peak, held)
                rows += _rows(files, found)
        whole = _whole_run(groups[0], options.folder) if groups[0][0].paths else None
    plain = f"drawn DICOM, {SYNTAXES['explicit']}"
    marks = [_mark(what, found) for what, found in timed.items() if _is_marked(what, plain)]
    marks.append(_memory_mark(f"{shipped.name}: peak of a warm process ≤ {LIMIT_MB} MB", peak))
    if whole is not None:
        marks.append(_memory_mark(f"`hilum read --cascade`: peak ≤ {LIMIT_MB} MB", whole[0]))
    return Section(
        "cascade",
        title,
        marks=tuple(marks),
        tables=(
            Table(
                f"Warm, one file after the other, ms an image ({options.rounds(ROUNDS)} rounds in "
                "turns, after one to warm up):",
                (
                    "files",
                    "images",
                    "side",
                    "ms by the clock",
                    "ms of the core",
                    "its bundles one by one take",
                ),
                rows,
            ),
        ),
        notes=_notes(shipped, said, options.size, whole),
    )


def cascade_side(cascades: dict[str, dict[str, Any]], threads: int) -> Callable[..., Any]:
    """Hilum: ``call(side, paths)`` reads each file and gives the processor time in seconds.

    ``call("", ())`` gives the largest resident set so far, in 10⁶ bytes.
    """
    import cv2

    from hilum.reading import Reader

    cv2.setNumThreads(threads)
    made = {
        name: CascadeReader.of(Cascade.model_validate(said), threads=threads)
        for name, said in cascades.items()
    }
    alone: dict[str, Reader] = {
        str(reader.bundle): reader for chain in made.values() for reader in chain.readers
    }

    def call(side: str, paths: Sequence[str]) -> float:
        if not side:
            held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # kB, on macOS bytes
            return held / 1e6 if sys.platform == "darwin" else held * 1024 / 1e6
        readers = [made[side]] if side in made else list(alone.values())
        begun = processor_seconds(os.getpid())
        for path in paths:
            for reader in readers:
                if isinstance(reader.read(path), Refusal):
                    raise RuntimeError(f"{path} is refused")
        return processor_seconds(os.getpid()) - begun

    return call


def processor_seconds(pid: int) -> float:
    """Processor time of a process and of those that it started and that still run."""
    facts = Path(f"/proc/{pid}/stat")
    if not facts.exists():  # no Linux: decoders are left out
        return time.process_time()
    fields = facts.read_text("ascii", "replace").rpartition(")")[2].split()
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    tasks = list(Path(f"/proc/{pid}/task").iterdir())
    children = [int(one) for task in tasks for one in (task / "children").read_text().split()]
    return own + sum(processor_seconds(child) for child in children)


def _real() -> list[tuple[str, list[str]]]:
    folder = shared()
    jpegs = sorted((folder / "radiographs" / "nih14").glob("*.jpg"))
    return [
        (
            "real JPEG, 8 bits, 512 px",
            [str(p) for p in jpegs[:: max(1, len(jpegs) // REAL)]][:REAL],
        ),
        *(
            (f"real DICOM, {compressed}", [str(folder / "dicom" / name)] * TIMES_READ)
            for name, compressed in REAL_DICOM.items()
            if (folder / "dicom" / name).is_file()
        ),
    ]


def _which(cascade: Cascade, what: str, paths: Sequence[str]) -> Files:
    """The files that the cascade reads; what its gates refuse costs less and is left out."""
    reader = CascadeReader.of(cascade)
    single = [CascadeReader.of(_every_stage(cascade))]
    read, both = [], 0
    for path in paths:
        item = reader.read(path)
        whole = single[0].read(path)
        if isinstance(item, Refusal) or isinstance(whole, Refusal):
            continue
        if all(step.outcome == "read" for step in whole.steps):
            read.append(path)
            both += all(step.outcome == "read" for step in item.steps)
    return Files(what, tuple(read), both)


def _every_stage(cascade: Cascade) -> Cascade:
    stages = tuple(stage.model_copy(update={"when": None}) for stage in cascade.stages)
    return cascade.model_copy(update={"stages": stages})


def _for_drawn(cascade: Cascade, file: Path, folder: Path) -> tuple[Cascade, str]:
    """The cascade with bundles that read the drawn radiograph."""
    stages, said = [], []
    for stage in cascade.stages:
        (folder / stage.name).mkdir(exist_ok=True)
        where, what = reading_bundle(stage.bundle, file, folder / stage.name)
        stages.append(stage.model_copy(update={"bundle": where or stage.bundle}))
        said.append(f"stage {stage.name} with {what}")
    return cascade.model_copy(update={"stages": tuple(stages)}), "; ".join(said)


def _timed(files: Files, cascade: Cascade, rounds: int) -> tuple[dict[str, Taken], float]:
    sides = {AS_IT_IS: cascade, ALL: _every_stage(cascade)}
    said = {name: one.model_dump(by_alias=True) for name, one in sides.items()}
    used: dict[str, list[float]] = {name: [] for name in (*said, APART)}
    with worker("benchmarks.cascade:cascade_side", said, 1) as held:

        def side(name: str) -> Side:
            def read() -> float:
                seconds, processor_s = held(name, files.paths)
                used[name].append(processor_s / len(files.paths))
                return seconds / len(files.paths)

            return read

        times = interleave({name: side(name) for name in used}, repeat=rounds)
        peak = held("", ())[1]
    taken = {name: Taken(times[name], Times(tuple(used[name][-rounds:]))) for name in times}
    return taken, peak


def _rows(files: Files, taken: dict[str, Taken]) -> list[list[str]]:
    different = len(set(files.paths))
    count = f"{different}, {files.both * different // len(files.paths)} by every stage"
    apart = taken[APART].processor
    return [
        [
            files.what,
            count,
            name,
            str(one.clock),
            str(one.processor),
            "" if name == APART else str(ratio(apart, one.processor)),
        ]
        for name, one in taken.items()
    ]


def _whole_run(group: tuple[Files, Cascade], folder: Path) -> tuple[float, float]:
    """Peak in 10⁶ bytes and seconds of a run of the command over links to real files."""
    files, cascade = group
    study = folder / "cascade-study"
    study.mkdir()
    for at in range(WHOLE_RUN):
        path = Path(files.paths[at % len(files.paths)])
        (study / f"{at:03}{path.suffix}").symlink_to(path)
    (folder / "cascade.toml").write_text(_toml(cascade), "utf-8")
    hilum = str(Path(sys.executable).with_name("hilum"))
    line = [hilum, "read", str(study), "-o", str(folder / "cascade-out"), "--workers", "1"]
    found = watch([*line, "--cascade", str(folder / "cascade.toml")], folder / "cascade.log")
    return found.peak_mb, found.seconds


def _toml(cascade: Cascade) -> str:
    """Every stage reads, so that the run holds both networks."""
    head = f'name = "{cascade.name}"\nversion = "{cascade.version}"\nsummary = "Measured."\n'
    return head + "".join(
        f'[[stage]]\nname = "{stage.name}"\nbundle = "{stage.bundle}"\n' for stage in cascade.stages
    )


def _is_marked(what: str, plain: str) -> bool:
    return what == plain or what.startswith("real")


def _mark(what: str, taken: dict[str, Taken]) -> Mark:
    ms = 1000 * taken[ALL].processor.median
    return Mark(
        f"every stage, {what}: ≤ {LIMIT_MS} ms of one core an image",
        f"{ms:.0f} ms (by the clock {1000 * taken[ALL].clock.median:.0f} ms)",
        ms <= LIMIT_MS,
        f"the bundles one by one take {1000 * taken[APART].processor.median:.0f} ms; what decoding "
        "takes shows where the two differ.",
    )


def _memory_mark(what: str, peak: float) -> Mark:
    reason = "Python with its libraries and the networks."
    return Mark(what, f"{peak:.0f} MB", peak <= LIMIT_MB, reason)


def _notes(
    cascade: Cascade, said: str, size: tuple[int, int], whole: tuple[float, float] | None
) -> tuple[str, ...]:
    chain = " → ".join(stage.bundle.rpartition("/")[2] for stage in cascade.stages)
    image = (
        f"{cascade.name} {cascade.version}: {chain}; one thread, one core (also of decoders). An "
        "image: from the file to all findings with heatmaps, without pictures or page."
    )
    sides = (
        "“Every stage reads”: the same stages without their conditions, the most that an image can "
        "cost. “One by one”: every bundle reads the file by itself, so it is decoded and checked "
        "once a bundle."
    )
    clock = (
        "Marks and ratios are of the time of the core that the process and its decoders used: on a "
        "machine that does nothing else the clock says the same."
    )
    files = (
        f"Drawn: {size[0]} × {size[1]} px, 12 of 16 bits; {said}. Real: ChestX-ray14's images and "
        "DICOM chests, those that every stage's gate lets pass."
    )
    memory = (
        "Peak of a warm process: the largest resident set that the system counted for the process "
        "that holds all these readers, its decoders aside."
    )
    notes = [image, sides, clock, files, memory]
    if whole is not None:
        notes.append(
            f"`hilum read --workers 1` over {WHOLE_RUN} links to the real JPEG files with tables, "
            f"heatmaps and page took {whole[1]:.1f} s from start to end on one core; its peak "
            "counts decoder processes too."
        )
    return tuple(notes)
