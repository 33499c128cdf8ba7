"""Copies of radiographs among others: how many are found, what is mistaken for one, how long."""

from __future__ import annotations

import csv
import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.copies import KINDS, TURNED, Change, changed
from benchmarks.options import Options, shared
from benchmarks.results import Mark, Section, Table
from hilum import similarity
from hilum.evaluation import wilson
from hilum.similarity import Pair

TITLE = "Near-duplicates"
SEED = 31
ORIGINALS = {"nih14, several visits": 120, "nih14, one visit": 80, "paediatric": 60, "ieee8023": 60}
"""How many radiographs of which kind are copied."""

TRIALS = ((1, 40), (1, 60), (1, 80), (1, 100), (2, 40), (5, 100))
"""Seeds and numbers of radiographs that first trials drew of all: their patients are left out."""

TURNED_ORIGINALS = 100
MANY = 100_000
PLANTED = 2000
"""Copies among the many."""

MINUTES = 10.0
RECALL, PRECISION = 0.99, 0.99
ASKED_FOR = {kind: changes for kind, changes in KINDS.items() if "quality 10" not in kind}
"""All but compression that blurs what is compared: it is measured, and no mark."""

NOTES = """
{originals} radiographs were copied, each in every way; all {radiographs} were searched for the
copies. Many originals are of patients with several radiographs, whose other visits are the hardest
to tell from a copy. Copies on which features, alignment and the threshold were chosen are of other
patients. The scores of the radiographs among themselves were seen, of all of them: the threshold
lies above each.

A wrong pair is one of a copy with a radiograph other than its own. Pairs of one original hang
together: the intervals are as if they did not.

Crop: so much of the length of each side is cut off, anywhere; 30 % leaves half of the area. Border:
so much is put around, black, white or grey. Words: white or black, of random size and place.

pHash: area-averaged to 32 × 32, cosine transform, the lowest 8 × 8 against their median; its median
distance from the manifest's `phash64` is {apart} bits. The first row allows as many bits as leave
the share of wrong pairs no larger than Hilum's, or none.

The many: the radiographs, {planted} of the copies above, and for the rest mixtures: two
radiographs, each bent at random by some per cent of the side, one passing smoothly into the other.
As each radiograph is in dozens of mixtures, many places look alike; whether that is as hard as
radiographs are, the candidates a picture tell. Memory is that of the whole process,
without mapped files.
"""

Rows = Sequence[Mapping[str, str]]
Thumbs = NDArray[np.uint8]
Hashes = NDArray[np.uint64]


@dataclass(slots=True)
class Watch:
    """When each step began, and how much it had to do."""

    began: dict[str, float] = field(default_factory=dict[str, float])
    totals: dict[str, int] = field(default_factory=dict[str, int])

    def __call__(self, step: str, done: int, total: int) -> None:
        """What ``hilum.similarity.Options.progress`` is told."""
        self.began.setdefault(step, time.monotonic())
        self.totals[step] = total

    def seconds(self, end: float) -> dict[str, float]:
        """Of each step."""
        ends = [*list(self.began.values())[1:], end]
        return {step: to - at for (step, at), to in zip(self.began.items(), ends, strict=True)}


@dataclass(frozen=True, slots=True)
class Copies:
    """Copies and what they are of.

    Attributes:
        of: the number of the original of each.
        kinds: what was done, of each.
        thumbs: uint8 [copies, side, side].
        hashes: uint64 [copies], pHash.
    """

    of: list[int]
    kinds: list[str]
    thumbs: Thumbs
    hashes: Hashes


def run(options: Options) -> Section:
    """Measure."""
    folder = options.data or shared() / "radiographs"
    if not (folder / "manifest.csv").is_file():
        return Section(
            "similarity", TITLE, skipped="no radiographs (`--data`, or `$HILUM_SHARED`)."
        )
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    cv2.setNumThreads(1)
    seen = _many(lambda i: _seen(_picture(folder, rows, i)), range(len(rows)))
    thumbs, hashes = np.stack([t for t, _ in seen]), np.array([h for _, h in seen], np.uint64)

    chosen = _originals(rows)
    copies = _copied(folder, rows, chosen, KINDS)
    pairs = similarity.between(thumbs, copies.thumbs)
    hits, wrong = _sorted(pairs, copies)
    kin = sum(
        rows[p.first]["patient_id"] == rows[copies.of[p.second]]["patient_id"]
        for p in pairs
        if copies.of[p.second] != p.first
    )
    turned = _copied(folder, rows, chosen[:: max(1, len(chosen) // TURNED_ORIGINALS)], TURNED)
    turns = similarity.between(thumbs, turned.thumbs, similarity.Options(turned=True))
    turn_hits, turn_wrong = _sorted(turns, turned)
    plain = _by_hash(hashes, copies, wrong / max(1, len(pairs)))

    watch = Watch()
    real = similarity.near_duplicates(thumbs, similarity.Options(progress=watch, threshold=0.5))
    mixed = _timed(options.folder / "many.npy", thumbs, copies)

    asked = [k in ASKED_FOR for k in copies.kinds]
    found = wilson(int((hits & asked).sum()), int(np.sum(asked)))
    right = wilson(int(hits.sum()), int(hits.sum()) + wrong)
    minutes = mixed.minutes
    return Section(
        "similarity",
        TITLE,
        marks=(
            Mark(f"{MANY:,} pictures in ≤ {MINUTES:g} minutes on two cores, from thumbnails",
                 f"{minutes:.1f} min ({mixed.processor_minutes:.1f} min of processor time)",
                 minutes <= MINUTES, "see the steps; others used the processors at that time."),
            Mark(f"≥ {RECALL:.0%} of the copies are found, JPEG of quality 10 apart", _share(found),
                 (found.value or 0) >= RECALL, "see the table of kinds."),
            Mark(f"≥ {PRECISION:.0%} of the pairs are right",
                 f"{_share(right)}; of {wrong} wrong ones {kin} are two exposures of one patient",
                 (right.value or 0) >= PRECISION, "see the notes."),
        ),
        tables=(
            _kind_table(copies, hits, plain),
            _turned_table(turned, turn_hits, turn_wrong),
            _hash_table(plain, pairs, hits, wrong),
            _score_table(rows, real, watch.totals["align"]),
            mixed.table(watch.totals["align"] / len(rows)),
        ),
        notes=_notes(rows, hashes),
    )  # fmt: skip


# Material


def _picture(folder: Path, rows: Rows, number: int) -> NDArray[np.uint8]:
    grey = cv2.imread(str(folder / rows[number]["file"]), cv2.IMREAD_GRAYSCALE)
    return np.asarray(grey, np.uint8)


def _seen(grey: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
    return similarity.thumbnail(grey), phash(grey)


def _many(work: Callable[[int], tuple], items: Sequence[int]) -> list[tuple]:
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(work, items, chunksize=16))


def reported(patient: str) -> bool:
    """Thresholds were chosen on the other half of the patients."""
    return hashlib.sha256(patient.encode()).digest()[0] % 2 == 1


def _originals(rows: Rows) -> list[int]:
    visits = Counter(row["patient_id"] for row in rows)
    groups: dict[str, list[int]] = {name: [] for name in ORIGINALS}
    tried = {
        rows[i]["patient_id"]
        for seed, count in TRIALS
        for i in np.random.default_rng(seed).choice(len(rows), count, replace=False).tolist()
    }
    for number, row in enumerate(rows):
        name = row["source"]
        if name == "nih14":
            name += ", several visits" if visits[row["patient_id"]] > 1 else ", one visit"
        if name in groups and reported(row["patient_id"]) and row["patient_id"] not in tried:
            groups[name].append(number)
    rng = np.random.default_rng(SEED)
    return sorted(
        int(i)
        for name, numbers in groups.items()
        for i in rng.choice(numbers, ORIGINALS[name], replace=False)
    )


def _copied(
    folder: Path, rows: Rows, originals: Sequence[int], kinds: Mapping[str, Sequence[Change]]
) -> Copies:
    def of(number: int) -> list[tuple[NDArray[np.uint8], int]]:
        grey = _picture(folder, rows, number)
        return [
            _seen(changed(grey, changes, np.random.default_rng([SEED, number, which])))
            for which, changes in enumerate(kinds.values())
        ]

    made = [one for several in _many(of, originals) for one in several]
    return Copies(
        [number for number in originals for _ in kinds],
        [kind for _ in originals for kind in kinds],
        np.stack([thumb for thumb, _ in made]),
        np.array([code for _, code in made], np.uint64),
    )


def phash(grey: NDArray[np.uint8]) -> int:
    """The usual 64-bit pHash: the 8 × 8 lowest cosines of 32 × 32 pixels against their median."""
    small = cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(small)[:8, :8]
    return int.from_bytes(np.packbits(low > np.median(low)).tobytes(), "big")


# What was found


def _sorted(pairs: Sequence[Pair], copies: Copies) -> tuple[NDArray[np.bool_], int]:
    """Which copies were found, and how many pairs are of two different radiographs."""
    hits, wrong = np.zeros(len(copies.of), np.bool_), 0
    for pair in pairs:
        if copies.of[pair.second] == pair.first:
            hits[pair.second] = True
        else:
            wrong += 1
    return hits, wrong


@dataclass(frozen=True, slots=True)
class Hashed:
    """pHash at one threshold: bits that may differ, hits, and wrong pairs."""

    bits: int
    hits: NDArray[np.bool_]
    wrong: int


def _by_hash(hashes: Hashes, copies: Copies, wrong_share: float) -> list[Hashed]:
    """pHash with as few wrong pairs as ours, then with more bits."""
    originals = np.array(copies.of)
    own = np.bitwise_count(hashes[originals] ^ copies.hashes)
    others = np.zeros(65, np.int64)
    for number, code in enumerate(copies.hashes):
        distance = np.bitwise_count(hashes ^ code)
        distance[copies.of[number]] = 64
        others += np.bincount(distance, minlength=65)
    wrong = np.cumsum(others)
    tried = [Hashed(bits, own <= bits, int(wrong[bits])) for bits in range(0, 21, 2)]
    fair = [h for h in tried if h.wrong <= wrong_share * (h.wrong + h.hits.sum())]
    return [fair[-1] if fair else tried[0], *[h for h in tried if h.bits in (4, 8, 12)]]


def _share(measure) -> str:
    if measure.value is None:
        return f"undefined: {measure.reason}"
    return f"{measure.value:.2%} ({measure.low:.2%}–{measure.high:.2%})"


def _rate(hits: NDArray[np.bool_]) -> str:
    return _share(wilson(int(hits.sum()), len(hits)))


def _kind_table(copies: Copies, hits: NDArray[np.bool_], plain: Sequence[Hashed]) -> Table:
    rows = []
    for kind in KINDS:
        these = np.array([k == kind for k in copies.kinds])
        rows.append(
            [kind, str(int(these.sum())), _rate(hits[these]), f"{plain[0].hits[these].mean():.1%}"]
        )
    rows.append(["all", str(len(hits)), _rate(hits), f"{plain[0].hits.mean():.1%}"])
    caption = "Copies found among all radiographs (Wilson's 95 % interval):"
    same = f"pHash, ≤ {plain[0].bits} bits"
    return Table(caption, ("copy", "asked", "found", same), rows)


def _turned_table(copies: Copies, hits: NDArray[np.bool_], wrong: int) -> Table:
    rows = [
        [kind, str(copies.kinds.count(kind)), _rate(hits[[k == kind for k in copies.kinds]])]
        for kind in TURNED
    ]
    caption = f"With `turned=True`, and {wrong} wrong pairs:"
    return Table(caption, ("copy", "asked", "found"), rows)


def _hash_table(
    plain: Sequence[Hashed], pairs: Sequence[Pair], hits: NDArray[np.bool_], wrong: int
) -> Table:
    def row(name: str, found: NDArray[np.bool_], bad: int) -> list[str]:
        right = int(found.sum())
        return [name, _rate(found), f"{bad:,}", _share(wilson(right, right + bad))]

    rows = [row(f"Hilum, score ≥ {similarity.THRESHOLD:g}", hits, wrong)]
    rows += [row(f"pHash, ≤ {h.bits} bits", h.hits, h.wrong) for h in plain]
    header = ("search", "copies found", "wrong pairs", "pairs that are right")
    return Table("Against a plain 64-bit pHash, the same pictures:", header, rows)


def _score_table(rows: Rows, pairs: Sequence[Pair], aligned: int) -> Table:
    def counts(least: float) -> list[str]:
        high = [p for p in pairs if p.score >= least]
        same = [p for p in high if rows[p.first]["patient_id"] == rows[p.second]["patient_id"]]
        return [f"{least:g}", str(len(same)), str(len(high) - len(same))]

    caption = (
        f"The {len(rows):,} radiographs themselves, of which {_visits(rows):,} pairs are of one "
        f"patient; {aligned:,} candidates were aligned:"
    )
    header = ("score ≥", "pairs of one patient", "pairs of two")
    return Table(caption, header, [counts(x) for x in (similarity.THRESHOLD, 0.85, 0.8, 0.7, 0.6)])


def _visits(rows: Rows) -> int:
    patients = Counter(row["patient_id"] for row in rows)
    return sum(n * (n - 1) // 2 for n in patients.values())


# Many


@dataclass(frozen=True, slots=True)
class Timed:
    """What the search among many took.

    Attributes:
        seconds: of each step.
        minutes: in all.
        processor_minutes: of all threads.
        aligned: candidates.
        found: planted copies found.
        planted: how many there are.
        mixed: pairs with a mixture.
        wrong: pairs of two exposures among the radiographs and the planted copies.
        memory_mb: the most that the process held, files aside.
    """

    seconds: Mapping[str, float]
    minutes: float
    processor_minutes: float
    aligned: int
    found: int
    planted: int
    mixed: int
    wrong: int
    memory_mb: float | None

    def table(self, real: float) -> Table:
        """The steps, and how hard the material was."""
        memory = (
            "this system does not tell" if self.memory_mb is None else f"{self.memory_mb:,.0f} MB"
        )
        rows = [[f"{step}, s", f"{value:.0f}"] for step, value in self.seconds.items()]
        rows += [
            ["candidates aligned a picture", f"{self.aligned / MANY:.2f}"],
            ["the same of the radiographs alone", f"{real:.2f}"],
            ["planted copies found", _share(wilson(self.found, self.planted))],
            ["pairs with a mixture", f"{self.mixed:,}"],
            ["pairs of two exposures, radiographs and planted copies", f"{self.wrong:,}"],
            ["memory, at most", memory],
        ]
        return Table(f"{MANY:,} thumbnails:", ("", "measured"), rows)


def mixture(one: Thumbs, two: Thumbs, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A picture that never was: two radiographs, each bent, one passing into the other."""
    side = len(one)
    x, y = np.meshgrid(*[np.arange(side, dtype=np.float32)] * 2)

    def smooth(cells: int, scale: float) -> NDArray[np.float32]:
        drawn = (scale * rng.standard_normal((cells, cells))).astype(np.float32)
        return np.asarray(cv2.resize(drawn, (side, side), interpolation=cv2.INTER_CUBIC))

    bent = [
        cv2.remap(p.astype(np.float32), x + smooth(5, 0.03 * side), y + smooth(5, 0.03 * side),
                  cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        for p in (one, two)
    ]  # fmt: skip
    share = 1 / (1 + np.exp(-3 * smooth(3, 1.0)))
    mixed = share * bent[0] + (1 - share) * bent[1]
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def _timed(path: Path, thumbs: Thumbs, copies: Copies) -> Timed:
    """Search radiographs, copies of some, and mixtures of two."""
    rng = np.random.default_rng(SEED)
    planted = sorted(
        int(i)
        for i in rng.choice(
            [i for i, k in enumerate(copies.kinds) if k in ASKED_FOR], PLANTED, replace=False
        )
    )
    shape = (MANY, *thumbs.shape[1:])
    file = np.lib.format.open_memmap(path, "w+", np.uint8, shape)
    file[: len(thumbs)] = thumbs
    file[len(thumbs) : len(thumbs) + PLANTED] = copies.thumbs[planted]
    for number in range(len(thumbs) + PLANTED, MANY):
        one, two = thumbs[number % len(thumbs)], thumbs[rng.integers(len(thumbs))]
        file[number] = mixture(one, two, rng)
    file.flush()
    del file
    many, watch = np.load(path, mmap_mode="r"), Watch()
    begun, used = time.monotonic(), time.process_time()
    with _memory() as held:
        pairs = similarity.near_duplicates(many, similarity.Options(progress=watch, threads=2))
    end = time.monotonic()
    used = time.process_time() - used
    del many
    path.unlink()
    first = len(thumbs)
    of = {first + place: copies.of[i] for place, i in enumerate(planted)}

    def original(number: int) -> int:
        return of.get(number, number)

    right = [p for p in pairs if original(p.first) == original(p.second)]
    mixed = sum(p.second >= first + PLANTED for p in pairs)
    groups = similarity.groups(MANY, right)
    found = sum(int(groups[number]) == int(groups[source]) for number, source in of.items())
    return Timed(
        watch.seconds(end), (end - begun) / 60, used / 60, watch.totals["align"],
        found, PLANTED, mixed, len(pairs) - len(right) - mixed, max(held) / 1e6 if held else None,
    )  # fmt: skip


@contextmanager
def _memory() -> Iterator[list[float]]:
    """The bytes of anonymous memory, now and then (Linux)."""
    held: list[float] = []
    status, done = Path("/proc/self/status"), threading.Event()

    def now() -> float:
        line = next(x for x in status.read_text().splitlines() if x.startswith("RssAnon"))
        return 1024.0 * int(line.split()[1])

    def watch() -> None:
        while not done.wait(0.2):
            held.append(now())

    if not status.exists():
        yield held
        return
    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield held
    finally:
        done.set()
        thread.join()


def _notes(rows: Rows, hashes: Hashes) -> tuple[str, ...]:
    published = np.array([int(row["phash64"], 16) for row in rows], np.uint64)
    facts = {
        "originals": sum(ORIGINALS.values()),
        "radiographs": f"{len(rows):,}",
        "planted": f"{PLANTED:,}",
        "apart": f"{np.median(np.bitwise_count(published ^ hashes)):g}",
    }
    return tuple(" ".join(note.split()) for note in NOTES.format(**facts).strip().split("\n\n"))
