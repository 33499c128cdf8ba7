"""Damage files at random and hand them to intake: it must read or refuse, and never fall.

Mutant ``i`` is made from the seed and ``i`` alone, so that any one can be made again (``--only``).
Each goes through ``imaging.read`` and ``imaging.inspect`` in a worker process that is watched. It
fails when the worker dies or takes too long; when anything but an IntakeError is raised; when grey
levels are not finite or not in [0, 1]; when a file is opened for writing outside the scratch
folder; and when the patient's name or number stands in what is told of the file.

Usage: python scripts/fuzz_intake.py --mutants 100000 --seed 1 --real ../shared/dicom --out OUT.json
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import resource
import struct
import sys
import tempfile
import time
import traceback
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pydicom

from hilum import imaging, phantoms
from hilum.domain import Radiograph
from hilum.errors import HilumError, IntakeError
from hilum.imaging.write import TRANSFER_SYNTAXES

SECONDS = 10.0
"""A mutant that takes longer hangs."""

NAME, NUMBER = "Roesler^Jadwiga", "MRN-47110815"
TELLING = ("ROESLER", "JADWIGA", "47110815")

SMALL_BYTES = 40_000
SIZE = (80, 72)
LIBRARIES = (
    "hilum", "pydicom", "imagecodecs", "pylibjpeg-rle", "numpy", "opencv-python-headless",
)  # fmt: skip

Bytes = bytearray
REDUCED = find_spec("PIL") is not None


@dataclass(frozen=True, slots=True)
class Original:
    """A whole file that mutants are made of."""

    name: str
    data: bytes


# --- whole files


def originals(real: Path | None = None) -> list[Original]:
    """Small files of every kind that intake reads, always the same, and real ones where given."""
    with tempfile.TemporaryDirectory() as folder:
        found = [*_drawn_dicom(Path(folder)), *_drawn_pictures()]
        if real is not None:
            found += _real(real, Path(folder))
    return found


def _chest() -> np.ndarray:
    """A drawn chest, uint16 with 12 bits."""
    drawn = phantoms.draw_chest(np.random.default_rng(7), size=(320, 288)).pixels
    small = cv2.resize(np.asarray(drawn, np.float32), SIZE[::-1], interpolation=cv2.INTER_AREA)
    return np.rint(np.clip(small, 0, 1) * 4095).astype(np.uint16)


def _drawn_dicom(folder: Path) -> Iterator[Original]:
    chest = _chest()
    eight = (chest >> 4).astype(np.uint8)
    rgb = np.dstack([eight, eight[::-1], eight[:, ::-1]])
    whole = {"patient_name": NAME, "patient_id": NUMBER, "age": "045Y", "sex": "F"}
    twelve = {**whole, "bits_stored": 12, "window": (2048, 4096)}
    plain = {"explicit", "implicit", "big-endian", "rle", "deflated"}
    ramp = (0, list(range(0, 4096, 16)) * 16, 12)
    palette: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for colour in ("Red", "Green", "Blue"):
        palette[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        palette[f"{colour}PaletteColorLookupTableData"] = np.arange(256, dtype="<u2").tobytes()

    def written(name: str, stored: np.ndarray, facts: dict[str, Any]) -> Original:
        return Original(name, imaging.write_dicom(folder / "x", stored, **facts).read_bytes())

    for syntax in TRANSFER_SYNTAXES:
        low = syntax == "jpeg"
        facts = {**(whole if low else twelve), "transfer_syntax": syntax}
        yield written(f"dicom-{syntax}", eight if low else chest, facts)
        if not low and syntax != "jpeg-extended":
            signed = chest.astype(np.int16) - 2048
            yield written(f"dicom-{syntax}-signed", signed, {**facts, "window": (0, 4096)})
        if syntax in plain:
            frames = np.stack([chest, chest[::-1]])
            yield written(f"dicom-{syntax}-frames", frames, facts)
            facts = {**whole, "photometric": "RGB", "transfer_syntax": syntax}
            yield written(f"dicom-{syntax}-rgb", rgb, facts)
    tables = {"voi_lut": ramp, "rescale": (2, -10), "photometric": "MONOCHROME1"}
    yield written("dicom-voi-lut", chest, {**whole, "bits_stored": 12, **tables})
    facts = {"modality_lut": ramp, "window": [(100, 200), (5, 6)], "voi_function": "SIGMOID"}
    yield written("dicom-modality-lut", chest, {**whole, "bits_stored": 12, **facts})
    yield written("dicom-palette", eight, {**whole, "overrides": palette})
    yield written("dicom-padding", chest, {**whole, "bits_stored": 12, "padding": (0, 20)})


def _drawn_pictures() -> Iterator[Original]:
    chest = _chest()
    eight = (chest >> 4).astype(np.uint8)
    sixteen = (chest.astype(np.uint32) * 16).astype(np.uint16)
    rgb = np.dstack([eight, eight[::-1], eight[:, ::-1]])
    kinds: dict[str, tuple[str, np.ndarray, tuple[int, ...]]] = {
        "png": (".png", eight, ()),
        "png-16": (".png", sixteen, ()),
        "png-rgb": (".png", rgb, ()),
        "png-rgba": (".png", np.dstack([rgb, eight]), ()),
        "jpeg": (".jpg", eight, ()),
        "jpeg-rgb": (".jpg", rgb, ()),
        "jpeg-progressive": (".jpg", rgb, (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)),
        "jpeg-restarts": (".jpg", eight, (cv2.IMWRITE_JPEG_RST_INTERVAL, 3)),
        "tiff": (".tiff", eight, (cv2.IMWRITE_TIFF_COMPRESSION, 1)),
        "tiff-16-lzw": (".tiff", sixteen, (cv2.IMWRITE_TIFF_COMPRESSION, 5)),
        "tiff-rgb-deflated": (".tiff", rgb, (cv2.IMWRITE_TIFF_COMPRESSION, 8)),
        "tiff-packbits": (".tiff", eight, (cv2.IMWRITE_TIFF_COMPRESSION, 32773)),
        "tiff-float": (".tiff", (chest / np.float32(4095)).astype(np.float32), ()),
    }
    for name, (suffix, pixels, options) in kinds.items():
        yield Original(name, cv2.imencode(suffix, pixels, options)[1].tobytes())


def _real(folder: Path, scratch: Path) -> Iterator[Original]:
    """Small real files as they are; of larger ones the header with a small picture."""
    for file in sorted(folder.glob("*.dcm")):
        if file.stat().st_size <= SMALL_BYTES:
            yield Original(f"real-{file.stem[:16]}", file.read_bytes())
            continue
        dataset = pydicom.dcmread(file, stop_before_pixels=True)
        dataset.Rows, dataset.Columns = SIZE
        bits = int(dataset.BitsStored)
        high = int(dataset.BitsAllocated) // 8
        stored = (_chest() >> max(0, 12 - bits)).astype(f"<u{high}")
        dataset.PixelData = stored.tobytes()
        dataset["PixelData"].VR = "OW"
        dataset.file_meta.TransferSyntaxUID = TRANSFER_SYNTAXES["explicit"]
        dataset.save_as(scratch / "real", implicit_vr=False, little_endian=True)
        yield Original(f"real-{file.stem[:16]}", (scratch / "real").read_bytes())


# --- damage


def mutant(originals: Sequence[Original], seed: int, number: int) -> tuple[bytes, str]:
    """Make one mutant and say how it was made."""
    rng = np.random.default_rng((seed, number))
    original = originals[int(rng.integers(len(originals)))]
    data = Bytes(original.data)
    words = [original.name]
    for _ in range(int(rng.choice((1, 1, 1, 2, 2, 3, 5)))):
        damage = DAMAGES[int(rng.integers(len(DAMAGES)))]
        other = originals[int(rng.integers(len(originals)))]
        data = damage(data, rng, other.data)
        words.append(damage.__name__.strip("_"))
    if data[:4] == b"\x89PNG" and rng.random() < 0.7:
        data = _with_right_sums(data)
        words.append("with_right_sums")
    return bytes(data), " ".join(words)


def _place(data: Bytes, rng: np.random.Generator) -> int:
    """Anywhere; a third of the time in the first 2 kB, where headers are."""
    end = len(data) if rng.random() < 0.7 else min(len(data), 2048)
    return int(rng.integers(max(1, end)))


def _flip_bits(data: Bytes, rng: np.random.Generator, other: bytes) -> Bytes:
    for _ in range(int(rng.integers(1, 17))):
        if data:
            data[_place(data, rng)] ^= 1 << int(rng.integers(8))
    return data


def _cut(data: Bytes, rng: np.random.Generator, other: bytes) -> Bytes:
    return data[: _place(data, rng)]


def _cut_and_end(data: Bytes, rng: np.random.Generator, other: bytes) -> Bytes:
    kept = data[: _place(data, rng)] + b"\xff\xd9"
    return kept + bytes(len(kept) % 2) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


def _overwrite(data: Bytes, rng: np.random.Generator, other: bytes) -> Bytes:
    at, size = _place(data, rng), int(2 ** rng.uniform(0, 12))
    size = min(size, len(data) - at)
    kind = rng.integers(3)
    data[at : at + size] = (bytes(size), b"\xff" * size, rng.bytes(size))[kind]
    return data


def _insert(data: Bytes, rng: np.random.Generator, other: bytes) -> Bytes:
    at, size, start = _place(data, rng), int(2 ** rng.uniform(0, 12)), int(rng.integers(len(other)))
    block = rng.bytes(size) if rng.random() < 0.3 else other[start : start + size]
    return data[:at] + block + data[at:]


def _remove(data: Bytes, rng: np.random.Generator, other: bytes) -> Bytes:
    at, size = _place(data, rng), int(2 ** rng.uniform(0, 12))
    return data[:at] + data[at + size :]


def _repeat(data: Bytes, rng: np.random.Generator, other: bytes) -> Bytes:
    at, size = _place(data, rng), int(2 ** rng.uniform(1, 9))
    return data[:at] + data[at : at + size] * int(rng.integers(2, 40)) + data[at + size :]


def _swap_blocks(data: Bytes, rng: np.random.Generator, other: bytes) -> Bytes:
    one, two = sorted((_place(data, rng), _place(data, rng)))
    size = min(two - one, len(data) - two, 256)
    first, second = data[one : one + size], data[two : two + size]
    data[one : one + size], data[two : two + size] = second, first
    return data


def _splice(data: Bytes, rng: np.random.Generator, other: bytes) -> Bytes:
    """Header of one, pixels of the other."""
    mark = struct.pack("<HH", 0x7FE0, 0x0010)
    here, there = data.find(mark), other.find(mark)
    if here < 0 or there < 0:
        here, there = _place(data, rng), int(rng.integers(len(other)))
    return data[:here] + other[there:]


_EXTREME = (0, 1, 2, 3, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF, 0x10000, 0x7FFFFFFF,
            0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)  # fmt: skip


def _extreme_number(data: Bytes, rng: np.random.Generator, other: bytes) -> Bytes:
    at, value = _place(data, rng), int(rng.choice(_EXTREME))
    width, order = int(rng.choice((1, 2, 4))), "<" if rng.random() < 0.5 else ">"
    mask = (1 << 8 * width) - 1
    number = struct.pack(order + {1: "B", 2: "H", 4: "I"}[width], value & mask)
    data[at : at + width] = number[: max(0, len(data) - at)]
    return data


_VRS = (b"AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL "
        b"UN UR US UT UV ZZ").split()  # fmt: skip
_LONG = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"UC", b"UN", b"UR", b"UT"))


def _elements(data: Bytes) -> list[int]:
    """Where elements of Explicit VR Little Endian begin."""
    at, found = 132 if data[128:132] == b"DICM" else 0, list[int]()
    while at + 8 <= len(data) and bytes(data[at + 4 : at + 6]) in _VRS:
        found.append(at)
        if bytes(data[at + 4 : at + 6]) in _LONG:
            (length,) = struct.unpack("<I", data[at + 8 : at + 12].ljust(4, b"\0"))
            at += 12 + (0 if length == 0xFFFFFFFF else length)
        else:
            at += 8 + int.from_bytes(data[at + 6 : at + 8], "little")
    return found


def _element(data: Bytes, rng: np.random.Generator) -> int | None:
    found = _elements(data)
    return found[int(rng.integers(len(found)))] if found else None


def _wrong_length(data: Bytes, rng: np.random.Generator, other: bytes) -> Bytes:
    at = _element(data, rng)
    if at is None:
        return _extreme_number(data, rng, other)
    wide = bytes(data[at + 4 : at + 6]) in _LONG
    place, width = (at + 8, 4) if wide else (at + 6, 2)
    (old,) = struct.unpack("<I", bytes(data[place : place + width]).ljust(4, b"\0"))
    near = old + int(rng.integers(-64, 65))
    value = near if rng.random() < 0.6 else int(rng.choice(_EXTREME))
    data[place : place + width] = struct.pack("<Q", value & 0xFFFFFFFF)[:width]
    return data


def _wrong_vr(data: Bytes, rng: np.random.Generator, other: bytes) -> Bytes:
    at = _element(data, rng)
    if at is None:
        return _flip_bits(data, rng, other)
    data[at + 4 : at + 6] = _VRS[int(rng.integers(len(_VRS)))]
    return data


def _wrong_tag(data: Bytes, rng: np.random.Generator, other: bytes) -> Bytes:
    one, two = _element(data, rng), _element(data, rng)
    if one is None or two is None or data[one : one + 2] == b"\x10\x00":  # the patient's
        return _swap_blocks(data, rng, other)
    data[one : one + 4] = data[two : two + 4]
    return data


def _wrong_value(data: Bytes, rng: np.random.Generator, other: bytes) -> Bytes:
    at = _element(data, rng)
    if at is None:
        return _overwrite(data, rng, other)
    wide = bytes(data[at + 4 : at + 6]) in _LONG
    begin = at + (12 if wide else 8)
    length = int.from_bytes(data[at + 8 : at + 12] if wide else data[at + 6 : at + 8], "little")
    length = min(length, len(data) - begin, 64)
    text = (
        b"-1",
        b"1e309",
        b"NaN",
        b"999999999999",
        b"0",
        b"\\\\\\",
        b"=CMD()",
        b"../../x",
        b"\xff",
    )
    value = text[int(rng.integers(len(text)))] if rng.random() < 0.5 else rng.bytes(length)
    data[begin : begin + length] = value.ljust(length, b" ")[:length]
    return data


def _copy_element(data: Bytes, rng: np.random.Generator, other: bytes) -> Bytes:
    """An element of another file, in between."""
    theirs, at = _elements(Bytes(other)), _element(data, rng)
    if at is None or len(theirs) < 2:
        return _insert(data, rng, other)
    which = int(rng.integers(len(theirs) - 1))
    return data[:at] + other[theirs[which] : theirs[which + 1]] + data[at:]


def _marker(data: Bytes, rng: np.random.Generator, other: bytes) -> Bytes:
    """Another marker in a codestream, or another length behind one."""
    places = np.flatnonzero(np.frombuffer(bytes(data[:-4]), np.uint8) == 0xFF)
    if not len(places):
        return _flip_bits(data, rng, other)
    at = int(places[int(rng.integers(len(places)))])
    if rng.random() < 0.5:
        data[at + 1] = int(rng.integers(0x40, 0x100))
    else:
        data[at + 2 : at + 4] = rng.bytes(2)
    return data


def _in_the_header_of_pixels(data: Bytes, rng: np.random.Generator, other: bytes) -> Bytes:
    """Bytes of the first hundred behind the start of a codestream."""
    starts = [at for mark in (b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\xe0\x7f\x10\x00")
              if (at := data.rfind(mark)) >= 0]  # fmt: skip
    at = max(starts, default=0)
    for _ in range(int(rng.integers(1, 4))):
        place = at + int(rng.integers(2, 130))
        if place < len(data):
            data[place] = int(rng.integers(256))
    return data


DAMAGES: tuple[Callable[[Bytes, np.random.Generator, bytes], Bytes], ...] = (
    _flip_bits, _cut, _cut_and_end, _overwrite, _insert, _remove, _repeat, _swap_blocks, _splice,
    _extreme_number, _wrong_length, _wrong_vr, _wrong_tag, _wrong_value, _copy_element, _marker,
    _in_the_header_of_pixels,
)  # fmt: skip


def _with_right_sums(data: Bytes) -> Bytes:
    """Mend the checksums of a PNG's chunks, so that what was damaged reaches the decoder."""
    at = 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        end = at + 8 + length
        if end + 4 > len(data):
            break
        data[end : end + 4] = struct.pack(">I", zlib.crc32(data[at + 4 : end]))
        at = end + 4
    return data


# --- what becomes of it


@dataclass(frozen=True, slots=True)
class Outcome:
    """What intake did with one mutant.

    Attributes:
        number: of the mutant.
        made: how it was made.
        what: "read", "read-with-warning", an error's code; "FAILED ..." for what must not be.
        detail: a traceback or what else helps to mend a failure.
    """

    number: int
    made: str
    what: str
    detail: str = ""

    @property
    def failed(self) -> bool:
        """Whether this must not be."""
        return self.what.startswith("FAILED")


def _read_otherwise(file: Path) -> tuple[Radiograph | None, str]:
    """Read a file mended, small and at a low resolution: other code on the same bytes."""
    try:
        radiograph = imaging.read(file, mend=True, longest_px=48, reduced=REDUCED)
    except IntakeError as error:
        return None, str(error)
    return radiograph, ""


def _try(file: Path, written: list[str]) -> tuple[str, str]:  # noqa: PLR0911  (one a fault)
    """Read and inspect one file; the outcome in a word, and detail of what must not be."""
    written.clear()
    try:
        try:
            radiograph = imaging.read(file)
        except IntakeError as error:
            radiograph, what, told = None, error.code, str(error)
        else:
            warned = any(note.warning for note in radiograph.notes)
            what = "read-with-warning" if warned else "read"
            told = f"{radiograph.acquisition} {radiograph.source} {radiograph.notes}"
        seen = imaging.inspect(file)
        small, otherwise = _read_otherwise(file)
    except Exception:  # noqa: BLE001  (whatever it is, it is a finding)
        return "FAILED raised", traceback.format_exc()
    told += repr(seen.error) + repr(seen.rows)
    if (seen.error is None) is not (radiograph is not None):
        return "FAILED inspect differs", f"{what}: {seen.error}"
    if (small is None) is not (radiograph is None):
        return "FAILED mending differs", f"{what}: {otherwise}"
    for pixels in (one.pixels for one in (radiograph, small) if one is not None):
        if not (np.isfinite(pixels).all() and pixels.min() >= 0 and pixels.max() <= 1):
            return "FAILED grey levels", f"{pixels.min()} to {pixels.max()}"
    if any(word in told.upper() for word in TELLING):
        return "FAILED tells the patient", told
    if written:
        return "FAILED wrote elsewhere", " ".join(written)
    return what, ""


def _watch_writing(scratch: Path, written: list[str]) -> None:
    """Note every file that is opened for writing outside a folder."""
    inside = str(scratch)
    flags = os.O_WRONLY | os.O_RDWR | os.O_CREAT

    def heard(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str | bytes) and arguments[2] & flags:
            path = os.fsdecode(arguments[0])
            if path != os.devnull and not path.startswith(inside):
                written.append(path)
        elif event in ("os.mkdir", "os.rename", "os.link", "os.symlink"):
            paths = [os.fsdecode(a) for a in arguments if isinstance(a, str | bytes)]
            written.extend(path for path in paths if not path.startswith(inside))

    sys.addaudithook(heard)


def resident_mib() -> float:
    """Memory of this process; the most so far where the system does not tell more."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return pages * resource.getpagesize() / 1024**2


def _work(numbers: range, seed: int, real: Path | None, scratch: Path, pipe: Connection) -> None:
    """Try mutants one after another; each announces itself first, so that a crash has a name."""
    whole, written = originals(real), list[str]()
    os.chdir(scratch)
    _watch_writing(scratch, written)
    file = scratch / "mutant"
    for number in numbers:
        data, made = mutant(whole, seed, number)
        file.write_bytes(data)
        pipe.send((number, made))
        what, detail = _try(file, written)
        stray = [path.name for path in scratch.iterdir() if path != file]
        if stray:
            what, detail = "FAILED wrote elsewhere", " ".join(stray)
        pipe.send((what, detail, resident_mib(), imaging.decoders_replaced()))
    imaging.close_decoders()
    pipe.close()


@dataclass(slots=True)
class _Worker:
    """A worker process and the numbers that it still has to try."""

    numbers: range
    process: Any = None
    pipe: Any = None
    trying: tuple[int, str] | None = None
    since: float = 0.0
    replaced: int = 0


@dataclass(slots=True)
class Tally:
    """What came out of a run so far."""

    outcomes: Counter[str]
    failures: list[Outcome]
    resident: list[tuple[int, float]]
    replaced: int = 0
    slowest_s: float = 0.0
    slowest: int = -1


def run(
    mutants: int, *, seed: int, workers: int = 1, real: Path | None = None, keep: Path | None = None
) -> Tally:
    """Try mutants 0 to ``mutants`` - 1.

    Args:
        mutants: how many.
        seed: of their making.
        workers: processes at once.
        real: folder with real DICOM files to damage as well.
        keep: folder for the files that failed.
    """
    tally = Tally(Counter(), [], [])
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        crew: list[_Worker] = []
        for which in range(workers):
            place = Path(folder) / str(which)
            place.mkdir()
            crew.append(_Worker(range(which, mutants, workers)))
            _start(crew[-1], context, seed, real, place)
        places = {id(worker): Path(folder) / str(which) for which, worker in enumerate(crew)}
        while any(worker.process for worker in crew):
            for worker in crew:
                if worker.process and not _listen(worker, tally):
                    _bury(worker, tally, keep, places[id(worker)])
                    if worker.numbers:
                        _start(worker, context, seed, real, places[id(worker)])
    return tally


def _start(worker: _Worker, context: Any, seed: int, real: Path | None, place: Path) -> None:
    worker.pipe, theirs = context.Pipe(duplex=False)
    arguments = (worker.numbers, seed, real.resolve() if real else None, place, theirs)
    worker.process = context.Process(target=_work, args=arguments)
    worker.process.start()
    theirs.close()
    worker.trying, worker.since, worker.replaced = None, time.monotonic(), 0


def _listen(worker: _Worker, tally: Tally) -> bool:
    """Take one message; False when the worker ended or hangs."""
    try:
        if not worker.pipe.poll(0.2):
            patience = SECONDS if worker.trying else 120.0  # a start takes longer
            return worker.process.is_alive() and time.monotonic() - worker.since < patience
        message = worker.pipe.recv()
    except EOFError:
        return False
    now = time.monotonic()
    if worker.trying is None:
        worker.trying, worker.since = message, now
        return True
    (number, made), (what, detail, resident, replaced) = worker.trying, message
    if now - worker.since > tally.slowest_s:
        tally.slowest_s, tally.slowest = now - worker.since, number
    tally.outcomes[what] += 1
    if what.startswith("FAILED"):
        tally.failures.append(Outcome(number, made, what, detail))
    tally.replaced += replaced - worker.replaced
    tally.resident.append((number, resident))
    worker.replaced, worker.trying, worker.since = replaced, None, now
    worker.numbers = range(number + worker.numbers.step, worker.numbers.stop, worker.numbers.step)
    return True


def _bury(worker: _Worker, tally: Tally, keep: Path | None, place: Path) -> None:
    """Take note of how a worker ended; what it was trying when it did has failed."""
    worker.process.join(1.0)  # one that crashed ends by itself
    hung = worker.process.is_alive()
    if hung:
        worker.process.kill()
    worker.process.join()
    if worker.trying is not None:
        number, made = worker.trying
        what = "FAILED hangs" if hung else "FAILED crashed"
        detail = f"exit status {worker.process.exitcode}"
        tally.outcomes[what] += 1
        tally.failures.append(Outcome(number, made, what, detail))
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            (keep / f"{number}").write_bytes((place / "mutant").read_bytes())
        worker.numbers = range(number + worker.numbers.step, worker.numbers.stop,
                               worker.numbers.step)  # fmt: skip
    elif worker.numbers:
        raise SystemExit("A worker ended before its first mutant; see its message above.")
    worker.process = None


def report(tally: Tally, *, seed: int, real: Path | None, seconds: float) -> dict[str, Any]:
    """The result as it is written."""
    levels = [level for _, level in sorted(tally.resident)]
    third = max(1, len(levels) // 3)
    parts = (levels[:third], levels[third : 2 * third], levels[2 * third :])
    return {
        "mutants": sum(tally.outcomes.values()),
        "seed": seed,
        "originals": len(originals(real)),
        "real_files": len(list(real.glob("*.dcm"))) if real else 0,
        "seconds": round(seconds),
        "slowest": {"number": tally.slowest, "seconds": round(tally.slowest_s, 2)},
        "outcomes": dict(tally.outcomes.most_common()),
        "decoder_processes_replaced": tally.replaced,
        "resident_mib": {
            name: round(max(part, default=0.0))
            for name, part in zip(("first_third", "second_third", "last_third"), parts, strict=True)
        },
        "failures": [
            {"number": one.number, "made": one.made, "what": one.what, "detail": one.detail[-2000:]}
            for one in tally.failures
        ],
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in LIBRARIES},
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


def show(number: int, *, seed: int, real: Path | None, keep: Path) -> None:
    """Make one mutant again, keep it, and print what becomes of it."""
    data, made = mutant(originals(real), seed, number)
    keep.mkdir(parents=True, exist_ok=True)
    file = keep / str(number)
    file.write_bytes(data)
    print(f"{file}: {made}, {len(data):,} bytes", flush=True)
    print(*_try(file, []), sep="\n")
    try:
        print(imaging.read(file).notes)
    except HilumError as error:
        print(error)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as a command; the exit status is 1 where a mutant failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--mutants", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--real", type=Path, help="folder with real DICOM files")
    parser.add_argument("--out", type=Path, help="write the result as JSON")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-failures"))
    parser.add_argument("--only", type=int, help="make this one mutant again and keep it")
    given = parser.parse_args(arguments)
    if given.only is not None:
        show(given.only, seed=given.seed, real=given.real, keep=given.keep)
        return 0
    begun = time.monotonic()
    tally = run(
        given.mutants, seed=given.seed, workers=given.workers, real=given.real, keep=given.keep
    )
    result = report(tally, seed=given.seed, real=given.real, seconds=time.monotonic() - begun)
    if given.out:
        text = json.dumps(result, indent=2, ensure_ascii=False)
        given.out.write_text(text + "\n", encoding="utf-8")
    for failure in result.pop("failures"):
        print(
            failure["number"], failure["what"], failure["made"], failure["detail"][-160:], sep=": "
        )
    print(json.dumps(result, indent=2, ensure_ascii=False))
    return 1 if tally.failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
