"""The bad inputs of the intake table, made by code: what each file is, and what must come out.

Numbers are those of the table of fifty cases that a reader of radiographs must survive. Case 40
(the same instance with other pixels) needs several files and a run: ``tests/report`` and
``tests/flows`` have it, ``test_archive.py`` more of case 34. Cases 45 to 50 are no files. Grey
levels of case 27 are held against a float oracle in ``test_grey_everywhere.py``.
"""

from __future__ import annotations

import io
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pydicom

from hilum import imaging, phantoms
from hilum.errors import (
    DamagedFile,
    IntakeError,
    InvalidHeader,
    NotAnImage,
    UnsafeArchive,
    UnsupportedImage,
)
from hilum.imaging.write import TRANSFER_SYNTAXES

NAME, NUMBER = "Roesler^Jadwiga", "MRN-47110815"
TELLING = ("ROESLER", "JADWIGA", "47110815")
"""Parts of the patient's name and number in every DICOM file here; nothing may tell them."""

ROWS, COLUMNS = 60, 50
NOISE = np.random.default_rng(5).integers(0, 4096, (ROWS, COLUMNS)).astype(np.uint16)
y, x = np.mgrid[0:ROWS, 0:COLUMNS]
SMOOTH = (2000 + 1500 * np.sin(x / 9) * np.cos(y / 11)).astype(np.uint16)
GREY8 = (SMOOTH >> 4).astype(np.uint8)
ANYTHING = np.random.default_rng(6).bytes(65536)
RED = np.full((ROWS, COLUMNS, 3), (255, 0, 0), np.uint8)

Build = Callable[[Path], Path]


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One file and what must become of it.

    Attributes:
        number: in the table.
        name: what is wrong with the file, in a few words.
        build: writes it into a folder and returns its path.
        error: what intake must raise; None where it must read.
        words: a pattern that the error's message must hold.
        notes: codes that intake must note.
        pixels: what must be read, to within ``tolerance``.
        reasons: codes for which the gate must refuse; None where it is not asked.
        flags: codes that the gate must flag or intake must note.
        either: both a reading and an IntakeError will do.
    """

    number: int
    name: str
    build: Build
    error: type[IntakeError] | None = None
    words: str = ""
    notes: frozenset[str] = frozenset()
    pixels: np.ndarray | None = None
    tolerance: float = 1e-6
    reasons: frozenset[str] | None = None
    flags: frozenset[str] = frozenset()
    either: bool = False

    def __str__(self) -> str:
        return f"{self.number:02d} {self.name}"


# --- how files are made


def dicom(folder: Path, stored: np.ndarray = NOISE, /, **facts: Any) -> Path:
    """A file as intake likes it: 12 bits, a window, a patient."""
    facts = {"patient_name": NAME, "patient_id": NUMBER, "age": "045Y"} | facts
    if stored.dtype != np.uint8:
        facts = {"bits_stored": 12, "window": (2048, 4096)} | facts
    return imaging.write_dicom(folder / "x.dcm", stored, **facts)


def made(*stored: np.ndarray, **facts: Any) -> Build:
    """A file of these stored values and facts."""
    return lambda folder: dicom(folder, *stored, **facts)


def changed(change: Callable[[bytes], bytes], /, *stored: np.ndarray, **facts: Any) -> Build:
    """Write a file and change its bytes."""

    def build(folder: Path) -> Path:
        file = dicom(folder, *stored, **facts)
        file.write_bytes(change(file.read_bytes()))
        return file

    return build


def content(data: bytes, name: str = "x.dcm") -> Build:
    """A file of just these bytes."""

    def build(folder: Path) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    return build


def cut(share: float) -> Callable[[bytes], bytes]:
    """Keep a share of the file."""
    return lambda data: data[: int(len(data) * share)]


def replaced(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    """Replace the first occurrence."""

    def change(data: bytes) -> bytes:
        assert old in data
        return data.replace(old, new, 1)

    return change


def before_modality(element: bytes) -> Callable[[bytes], bytes]:
    """Put bytes in front of Modality (0008,0060)."""

    def change(data: bytes) -> bytes:
        at = data.index(struct.pack("<HH2s", 0x0008, 0x0060, b"CS"))
        return data[:at] + element + data[at:]

    return change


def element(tag: int, vr: bytes, length: int) -> bytes:
    """The start of an element in Explicit VR Little Endian."""
    if vr in (b"UT", b"SQ", b"OB", b"UN"):
        return struct.pack("<HH2sHI", tag >> 16, tag & 0xFFFF, vr, 0, length)
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, length)


def without_end_marker(data: bytes) -> bytes:
    """Take the end-of-image marker away, keeping all lengths."""
    at = data.rindex(b"\xff\xd9")
    return data[:at] + b"\x00\x00" + data[at + 2 :]


def shortened(share: float) -> Callable[[bytes], bytes]:
    """Cut the codestream, close it with an end marker, and mend the lengths around it."""

    def change(data: bytes) -> bytes:
        begin, end = _codestream(data)
        size = data.rindex(b"\xff\xd9", begin, end) - begin
        kept = data[begin : begin + int(size * share)].rstrip(b"\xff") + b"\xff\xd9"
        at = kept.find(b"\xff\x90\x00\x0a")  # JPEG 2000: Psot of the only tile-part
        if at > 0:
            kept = kept[: at + 6] + struct.pack(">I", len(kept) - 2 - at) + kept[at + 10 :]
        kept += bytes(len(kept) % 2)
        return data[: begin - 4] + struct.pack("<I", len(kept)) + kept + data[end:]

    return change


def shortened_runs(data: bytes) -> bytes:
    """Cut the last segment of run lengths and mend the lengths around it."""
    begin, end = _codestream(data)
    segments = struct.unpack("<16I", data[begin : begin + 64])
    last = begin + segments[segments[0]]
    kept = data[begin : last + (end - last) // 2]
    kept += bytes(len(kept) % 2)
    return data[: begin - 4] + struct.pack("<I", len(kept)) + kept + data[end:]


def holed(fill: bytes) -> Callable[[bytes], bytes]:
    """Overwrite a fifth of the codestream in its middle."""

    def change(data: bytes) -> bytes:
        begin, end = _codestream(data)
        size = (end - begin) // 5
        at = begin + (end - begin) // 2
        return data[:at] + (fill * (size // len(fill) + 1))[:size] + data[at + size :]

    return change


def _codestream(data: bytes) -> tuple[int, int]:
    """Where the last fragment's bytes begin and end."""
    end = data.rindex(struct.pack("<HHI", 0xFFFE, 0xE0DD, 0))
    item = struct.pack("<HH", 0xFFFE, 0xE000)
    at = data.rindex(item, 0, end)
    while at + 8 + struct.unpack("<I", data[at + 4 : at + 8])[0] != end:
        at = data.rindex(item, 0, at)
    return at + 8, end


def flipped(seed: int) -> Callable[[bytes], bytes]:
    """Flip six bits anywhere."""

    def change(data: bytes) -> bytes:
        rng, broken = np.random.default_rng(seed), bytearray(data)
        for place in rng.integers(0, len(data), 6):
            broken[place] ^= 1 << int(rng.integers(8))
        return bytes(broken)

    return change


def without_pixels(folder: Path) -> Path:
    """A header alone."""
    file = dicom(folder)
    dataset = pydicom.dcmread(file)
    del dataset.PixelData
    dataset.save_as(file)
    return file


def deflate_bomb(folder: Path) -> Path:
    """Some hundred kilobytes that inflate to some hundred megabytes."""
    file = dicom(folder, transfer_syntax="deflated")
    data = file.read_bytes()
    at = data.index(b"1.2.840.10008.1.2.1.99")
    body = pydicom.dcmread(file)  # where the meta information ends
    meta = 132 + 12 + int(body.file_meta.FileMetaInformationGroupLength)
    assert at < meta
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packer.compress(b"")
    block = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    file.write_bytes(data[:meta] + block * 300 + packer.flush())
    return file


def png_of(rows: int, columns: int) -> bytes:
    """A PNG header that announces a size, and little behind it."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def picture(suffix: str, pixels: np.ndarray, *options: int) -> bytes:
    """PNG, JPEG or TIFF bytes; RGB in."""
    if pixels.ndim == 3:
        pixels = pixels[..., ::-1]
    return cv2.imencode(suffix, pixels, options)[1].tobytes()


def palette() -> dict[str, Any]:
    """Overrides that make a picture of 8 bits one with a grey palette."""
    facts: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for colour in ("Red", "Green", "Blue"):
        facts[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        entries = np.arange(256, dtype="<u2") * 257
        facts[f"{colour}PaletteColorLookupTableData"] = entries.tobytes()
    return facts


# --- the table


def read(number: int, name: str, build: Build, *notes: str, **more: Any) -> Case:
    """A file that must be read, with at least these notes."""
    return Case(number, name, build, notes=frozenset(notes), **more)


def reject(
    number: int, name: str, build: Build, words: str, error: type[IntakeError] = DamagedFile
) -> Case:
    """A file that must be refused in these words."""
    return Case(number, name, build, error, words)


def _of_the_file() -> Iterator[Case]:
    """Cases 1 to 9: what is no file of its kind, or not all of it."""
    yield reject(1, "an empty file", content(b""), r"empty \(0 bytes\)", NotAnImage)
    for words, data in {
        "text": b"Dear colleague,\n",
        "a PDF document": b"%PDF-1.4 ...",
        "a web page": b"<!DOCTYPE html><html>",
        "full of zeros": bytes(4000),
        "no known kind": b"\x8f\x03\x99\x01" * 20,
    }.items():
        yield reject(2, f"{words}, named .dcm", content(data), words, NotAnImage)
    for words, data in {"GIF": b"GIF89a....", "BMP": b"BM......", "WebP": b"RIFF....WEBP"}.items():
        yield reject(2, f"{words}, named .dcm", content(data), words, UnsupportedImage)
    yield read(2, "a PNG named .dcm", content(picture(".png", GREY8)), "misnamed")
    yield read(2, "a JPEG named .dcm", content(picture(".jpg", GREY8)), "misnamed")
    yield read(3, "no preamble", changed(lambda data: data[132:]), "no-preamble",
               pixels=NOISE / 4095)  # fmt: skip
    for kept in (132, 133, 140, 160, 200, 250):
        words = r"meta information|no Pixel Data|cannot be parsed|is no UID|is cut|was cut"
        yield reject(4, f"meta information cut at byte {kept}",
                     changed(partial(_first, kept)), words, IntakeError)  # fmt: skip
    for syntax in ("explicit", "implicit", "big-endian", "deflated"):
        for share in (0.6, 0.98):
            yield reject(5, f"{syntax} pixels, {share:.0%} of the file",
                         changed(cut(share), transfer_syntax=syntax), "was cut")  # fmt: skip
    yield from _of_codestreams()
    for syntax in ("jpeg-lossless", "jpeg-ls", "jpeg-2000", "htj2k", "rle", "explicit", "implicit"):
        for seed in range(4):
            build = changed(flipped(seed), SMOOTH, transfer_syntax=syntax)
            yield Case(8, f"flipped bits in {syntax}, {seed}", build, either=True)
    yield reject(9, "no pixel data", without_pixels, "no Pixel Data", DamagedFile)


def _first(kept: int, data: bytes) -> bytes:
    return data[:kept]


CODECS = {
    "jpeg": GREY8,
    "jpeg-extended": SMOOTH,
    "jpeg-lossless": NOISE,
    "jpeg-ls": NOISE,
    "jpeg-2000": NOISE,
    "htj2k": NOISE,
}
SHARES = (0.3, 0.5, 0.7, 0.9, 0.97)


def _of_codestreams() -> Iterator[Case]:
    """Cases 6 and 7: half a picture in a whole envelope."""
    cut_words = "end before the last row|no scan|cannot be decoded|break off|marker"
    for syntax, stored in CODECS.items():
        for share in SHARES:
            build = changed(shortened(share), stored, transfer_syntax=syntax)
            yield reject(6, f"{syntax} cut to {share:.0%} and closed", build, cut_words)
        for name, fill in (("zeros", b"\x00"), ("anything", ANYTHING)):
            build = changed(holed(fill), _large(stored), transfer_syntax=syntax)
            words = f"{cut_words}|zeros in a row|more coded bytes"
            yield reject(6, f"{syntax} overwritten with {name}", build, words)
        build = changed(without_end_marker, stored, transfer_syntax=syntax)
        yield reject(7, f"{syntax} without its end", build, "no end-of-image marker")
    build = changed(shortened_runs, transfer_syntax="rle")
    yield reject(6, "run lengths cut", build, "damaged|cannot be decoded|crashed")
    build = changed(holed(b"\x00"), _large(NOISE), transfer_syntax="rle")
    yield reject(6, "run lengths overwritten", build, "damaged|cannot be decoded|crashed")
    half = picture(".jpg", GREY8)[: len(picture(".jpg", GREY8)) * 3 // 5] + b"\xff\xd9"
    yield reject(6, "a JPEG file cut and closed", content(half, "x.jpg"), "end before the last row")
    yield reject(7, "a PNG file without its end",
                 content(picture(".png", GREY8)[:-12], "x.png"), "no end chunk")  # fmt: skip


def _large(stored: np.ndarray) -> np.ndarray:
    """Four times as many rows and columns, so that a fifth of the bytes is more than a block."""
    return np.ascontiguousarray(np.tile(stored, (4, 4)))


def _of_sizes() -> Iterator[Case]:
    """Cases 10 to 18: what the Image Pixel Module may not say."""
    for number, overrides, words, error in (
        (10, {"Rows": 0}, "Rows 0", InvalidHeader),
        (10, {"Columns": 0}, "Columns 0", InvalidHeader),
        (10, {"Rows": None}, "Rows is missing", InvalidHeader),
        (11, {"Rows": 65535, "Columns": 65535}, "million pixels", UnsupportedImage),
        (12, {"Rows": 10}, "at least 32", UnsupportedImage),
        (12, {"Rows": ROWS - 1}, "more|announce", DamagedFile),
        (12, {"Columns": COLUMNS - 2}, "more|announce", DamagedFile),
        (13, {"Rows": ROWS + 1}, "was cut", DamagedFile),
        (15, {"NumberOfFrames": -1}, "Number of Frames -1", InvalidHeader),
        (15, {"NumberOfFrames": 10**9}, "Number of Frames", InvalidHeader),
        (15, {"NumberOfFrames": 4}, "was cut", DamagedFile),
        (17, {"BitsAllocated": 12}, "Bits Allocated 12", InvalidHeader),
        (17, {"BitsAllocated": 32}, "Bits Allocated 32", UnsupportedImage),
        (18, {"BitsStored": 17}, "Bits Stored 17", InvalidHeader),
        (18, {"HighBit": 5}, "High Bit 5", InvalidHeader),
    ):
        name = " ".join(f"{key} {value}" for key, value in overrides.items())
        yield reject(number, name, made(overrides=overrides), words, error)
    yield reject(11, "a PNG of 65535 × 65535 px", content(png_of(65535, 65535), "x.png"),
                 "million pixels", UnsupportedImage)  # fmt: skip
    for syntax in ("jpeg-ls", "jpeg-2000", "jpeg-lossless", "htj2k"):
        build = made(transfer_syntax=syntax, overrides={"Rows": ROWS - 1})
        yield reject(14, f"Rows 59, {syntax} of 60", build, "59 × 50 × 1, the compressed picture")
    build = made(_large(NOISE), transfer_syntax="rle", overrides={"Rows": 4 * ROWS - 1})
    yield reject(
        14, "Rows 239, run lengths of 240", build, "holds|damaged|cannot be decoded|announced"
    )
    frames = np.stack([NOISE, NOISE // 2, NOISE // 3])
    for syntax in ("explicit", "implicit", "rle", "jpeg-ls", "deflated"):
        yield read(16, f"three frames, {syntax}", made(frames, transfer_syntax=syntax),
                   "several-frames", pixels=NOISE / 4095)  # fmt: skip


def _of_grey() -> Iterator[Case]:
    """Cases 19 to 29: what stored values mean."""
    signed = NOISE.astype(np.int16) - 2048
    for syntax in ("explicit", "rle", "jpeg-ls", "jpeg-2000", "big-endian"):
        yield read(19, f"signed pixels, {syntax}",
                   made(signed, transfer_syntax=syntax, window=(0, 4096)),
                   pixels=NOISE / 4095)  # fmt: skip
    overlays = NOISE | np.uint16(0xA000)
    yield read(20, "overlays above Bits Stored", made(overlays), pixels=NOISE / 4095)
    twin = made(4095 - NOISE, photometric="MONOCHROME1")
    yield read(21, "MONOCHROME1 against its twin", twin, pixels=NOISE / 4095)
    for unknown in ("CMYK", "HSV", "SECRET"):
        build = made(overrides={"PhotometricInterpretation": unknown})
        yield reject(22, f"photometric interpretation {unknown}", build, "is not read; expected",
                     UnsupportedImage)  # fmt: skip
    build = made(overrides={"PhotometricInterpretation": None})
    yield reject(22, "no photometric interpretation", build, "polarity", InvalidHeader)
    build = made(overrides={"SamplesPerPixel": 3})
    yield reject(22, "three samples of grey", build, "Samples per Pixel 3", InvalidHeader)
    red = np.full((ROWS, COLUMNS), 0.299)
    yield read(23, "RGB", made(RED, photometric="RGB"), "colour", pixels=red, tolerance=0.003)
    ybr = np.full((ROWS, COLUMNS, 3), (76, 85, 255), np.uint8)
    build = made(ybr, photometric="RGB", overrides={"PhotometricInterpretation": "YBR_FULL"})
    yield read(23, "YBR", build, "colour", pixels=red, tolerance=0.01)
    build = made(GREY8, overrides=palette())
    yield read(23, "a palette", build, "colour", pixels=GREY8 / 255, tolerance=0.005)
    for width in (0, -5, 0.5):
        low, high = int(NOISE.min()), int(NOISE.max())
        yield read(24, f"Window Width {width}", made(window=(100, width)), "window-invalid",
                   pixels=(NOISE - low) / (high - low))  # fmt: skip
    yield read(25, "several windows", made(window=[(2048, 4096), (5, 6)]), "several-windows",
               pixels=NOISE / 4095)  # fmt: skip
    low, high = np.quantile(NOISE, (0.005, 0.995), method="inverted_cdf").astype(float)
    yield read(26, "no window", made(overrides={"WindowCenter": None, "WindowWidth": None}),
               "no-window", pixels=np.clip((NOISE - low) / (high - low), 0, 1))  # fmt: skip
    share = (NOISE - 2048.0) / 1000
    build = made(window=(2048, 1000), voi_function="SIGMOID")
    yield read(27, "SIGMOID", build, pixels=1 / (1 + np.exp(-4 * share)), tolerance=1 / 255)
    build = made(window=(2048, 1000), voi_function="LINEAR_EXACT")
    yield read(27, "LINEAR_EXACT", build, pixels=np.clip(share + 0.5, 0, 1), tolerance=1 / 255)
    square = [entry * entry >> 8 for entry in range(4096)]
    shown = np.asarray(square)[NOISE] / 65535
    yield read(27, "a VOI LUT", made(voi_lut=(0, square, 16)), pixels=shown, tolerance=1 / 255)
    build = made(modality_lut=(0, square, 16), window=(32768, 65536))
    yield read(27, "a Modality LUT", build, pixels=shown, tolerance=1 / 255)
    long = np.minimum(np.arange(65536) * 16, 65535)
    build = made(voi_lut=(0, long.tolist(), 16))  # written as 0 entries
    yield read(28, "a table of 65,536 entries", build, pixels=long[NOISE] / 65535)
    build = changed(replaced(struct.pack("<HHH", 256, 0, 8), struct.pack("<HHH", 4096, 0, 8)),
                    voi_lut=(0, list(range(256)), 8))  # fmt: skip
    words = "4096 entries and holds 256"
    yield reject(28, "a table that is too short", build, words, InvalidHeader)
    for slope in (0, float("nan"), float("inf")):
        build = made(overrides={"RescaleSlope": slope, "RescaleIntercept": 0})
        words = f"Rescale Slope {slope}"
        yield reject(29, f"Rescale Slope {slope}", build, words, InvalidHeader)


def _of_structure() -> Iterator[Case]:
    """Cases 30 to 39 and 44: transfer syntaxes, lengths, character sets, names."""
    uid = {name: text.encode() for name, text in TRANSFER_SYNTAXES.items()}
    build = changed(replaced(uid["jpeg-ls"], b"1.2.840.10008.1.2.4.99"), transfer_syntax="jpeg-ls")
    yield reject(30, "an unknown transfer syntax", build, "is not read", UnsupportedImage)
    build = changed(replaced(uid["jpeg-ls"], uid["jpeg-2000"]), transfer_syntax="jpeg-ls")
    words = "announces jpeg2000, the pixels are jpeg-ls"
    yield reject(31, "JPEG-LS called JPEG 2000", build, words, InvalidHeader)
    build = changed(replaced(uid["rle"], b"1.2.840.10008.1.2.1"), transfer_syntax="rle")
    yield reject(31, "run lengths called plain", build, "contradict", InvalidHeader)
    build = changed(replaced(uid["explicit"], b"1.2.840.10008.1.2.5"), transfer_syntax="explicit")
    yield reject(31, "plain pixels called run lengths", build, "contradict", InvalidHeader)
    build = changed(replaced(uid["explicit"] + b"\0", uid["implicit"] + b"\0\0\0"))
    yield reject(31, "explicit called implicit", build, "written in Explicit VR", InvalidHeader)
    build = changed(replaced(uid["explicit"], b"PATIENT'S OWN UID.."))
    yield reject(31, "a transfer syntax that is no UID", build, "is no UID")
    for syntax in ("big-endian", "deflated", "implicit"):
        yield read(32, syntax, made(transfer_syntax=syntax), pixels=NOISE / 4095)
    yield reject(33, "a deflate bomb", deflate_bomb, "grows beyond", UnsupportedImage)
    begin = element(0x00080051, b"SQ", 0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    ends = struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    build = changed(before_modality(begin * 5000 + ends * 5000))
    yield reject(35, "sequences nested 5,000 deep", build, "nested")
    build = changed(before_modality(element(0x00080050, b"PN", 65535)))
    words = "no Pixel Data|cannot be parsed|missing"
    yield reject(36, "a name that swallows what follows", build, words, IntakeError)
    for length in (0xFFFFFFFE, 0xFFFFFFFF, 10**9):
        build = changed(before_modality(element(0x00080051, b"UT", length)))
        words = "no Pixel Data|cannot be parsed"
        yield reject(37, f"an element of {length:,} bytes", build, words, IntakeError)
    build = changed(fragment_of(10**9), transfer_syntax="jpeg-ls")
    yield reject(37, "a fragment of 1e9 bytes", build, "fragment of Pixel Data needs")
    build = changed(without_items, transfer_syntax="jpeg-ls")
    yield reject(37, "a fragment without its tag", build, "where an item was expected")
    build = changed(replaced(b"ISO_IR 192", b"ISO_IR 999"))
    yield read(38, "an unknown character set", build, "character-set", pixels=NOISE / 4095)
    yield read(38, "emoji in a name", made(patient_name=f"{NAME}\U0001f600"), pixels=NOISE / 4095)
    build = changed(replaced(NAME.encode(), NAME[:-2].encode() + b"\xff\xfe"))
    yield read(38, "a name that is no UTF-8", build, pixels=NOISE / 4095)
    way = "../../../../tmp/hilum-escaped"
    build = changed(lambda data: data.replace(b"2.25.4711", b"../../../"),
                    instance_uid="2.25.4711", patient_id=way, description=way)  # fmt: skip
    yield read(39, "paths in UIDs and numbers", build, "header-value-left-out")
    yield read(39, "a file name that leads out", named("..x..\\..\n=HYPERLINK().dcm"))
    build = changed(replaced(b"CHEST ", b"=1+1  "),
                    overrides={"Manufacturer": "<script>alert(1)</script>"})  # fmt: skip
    yield read(44, "formulas and HTML in headers", build, "header-value-left-out")


def fragment_of(length: int) -> Callable[[bytes], bytes]:
    """Give the last fragment another length."""

    def change(data: bytes) -> bytes:
        at = _codestream(data)[0] - 4
        return data[:at] + struct.pack("<I", length) + data[at + 4 :]

    return change


def without_items(data: bytes) -> bytes:
    """Overwrite the tag of the last fragment."""
    at = _codestream(data)[0] - 8
    return data[:at] + b"\x00\x01\x02\x03" + data[at + 4 :]


def named(name: str) -> Build:
    """A whole file under another name."""
    return lambda folder: dicom(folder).rename(folder / name)


@cache
def chest() -> np.ndarray:
    """A drawn chest, uint16 with 12 bits."""
    drawn = phantoms.draw_chest(np.random.default_rng(0), size=(256, 256)).pixels
    return np.rint(drawn * 4095).astype(np.uint16)


def of_chest(change: Callable[[np.ndarray], np.ndarray] = np.asarray, /, **facts: Any) -> Build:
    """A drawn chest, changed."""
    return lambda folder: dicom(folder, np.ascontiguousarray(change(chest())), **facts)


def _hand(_: np.ndarray) -> np.ndarray:
    drawn = phantoms.draw_hand(np.random.default_rng(0), size=(256, 256)).pixels
    return np.rint(drawn * 4095).astype(np.uint16)


def _lateral(_: np.ndarray) -> np.ndarray:
    drawn = phantoms.draw_lateral(np.random.default_rng(0), size=(256, 256)).pixels
    return np.rint(drawn * 4095).astype(np.uint16)


def _collimated(stored: np.ndarray) -> np.ndarray:
    framed = np.zeros_like(stored)
    framed[60:-10, 10:-10] = stored[60:-10, 10:-10]
    return framed


def _photograph() -> bytes:
    rng = np.random.default_rng(2)
    small = rng.integers(0, 256, (8, 8, 3)).astype(np.uint8)
    return picture(".jpg", cv2.resize(small, (300, 240), interpolation=cv2.INTER_CUBIC))


def _screenshot() -> bytes:
    screen = np.full((400, 640, 3), (236, 236, 236), np.uint8)
    screen[:40] = (0, 90, 180)
    screen[60:380, 20:300] = (chest() >> 4).astype(np.uint8)[:, :, None].repeat(2, 0)[:320, :1]
    screen[100:380, 560:] = (0, 120, 60)
    return picture(".png", screen)


def _of_the_picture() -> Iterator[Case]:
    """Cases 41 to 43: what the gate refuses and flags."""
    for name, build, reason in (
        ("a lateral view", of_chest(_lateral, view="LL"), "lateral"),
        ("a CT slice", of_chest(modality="CT"), "modality"),
        ("a hand", of_chest(_hand, body_part="HAND"), "body-part"),
        ("a blank picture", of_chest(lambda c: c // 400 + 2000), "blank"),
        ("a constant picture", of_chest(lambda c: c * 0 + 1000), "blank"),
        ("a black picture", of_chest(lambda c: c * 0), "blank"),
        ("noise", of_chest(lambda c: np.resize(NOISE, c.shape)), "noise-only"),
        ("a photograph", content(_photograph(), "x.jpg"), "coloured"),
        ("a screenshot", content(_screenshot(), "x.png"), "coloured"),
        ("a strip", of_chest(lambda c: c[:100]), "aspect"),
    ):
        yield Case(41, name, build, reasons=frozenset({reason}))
    for name, build, flag in (
        ("turned by a quarter", of_chest(np.rot90), "turned"),
        ("upside down", of_chest(lambda c: c[::-1, ::-1]), "turned"),
        ("mirrored", of_chest(lambda c: c[:, ::-1], orientation=("R", "F")), "mirrored"),
        ("inverted grey", of_chest(lambda c: 4095 - c), "inverted"),
        ("heavy collimation", of_chest(_collimated), "bordered"),
        ("burned-in text", of_chest(overrides={"BurnedInAnnotation": "YES"}), "burned-in"),
    ):
        yield Case(42, name, build, reasons=frozenset(), flags=frozenset({flag}))
    for name, build, flag in (
        ("a child", of_chest(age="003Y"), "child"),
        ("age missing", of_chest(age=""), "age-unknown"),
        ("an age that is none", _of_no_age, "age-unknown"),
    ):
        yield Case(43, name, build, reasons=frozenset(), flags=frozenset({flag}))


def _of_no_age(folder: Path) -> Path:
    file = of_chest()(folder)
    file.write_bytes(replaced(b"045Y", b"old ")(file.read_bytes()))
    return file


def zipped(name: str, data: bytes = b"", *, link: bool = False) -> Build:
    """A ZIP archive with one member."""

    def build(folder: Path) -> Path:
        member = zipfile.ZipInfo(name)
        member.compress_type = zipfile.ZIP_DEFLATED
        if link:
            member.external_attr = (stat.S_IFLNK | 0o777) << 16
        with zipfile.ZipFile(folder / "x.zip", "w") as archive:
            archive.writestr(member, data)
        return folder / "x.zip"

    return build


def tarred(member: tarfile.TarInfo, data: bytes = b"", *, kept: float = 1.0) -> Build:
    """A TAR archive, packed by gzip, with one member; only a share of it is kept."""

    def build(folder: Path) -> Path:
        member.size = len(data)
        with tarfile.open(folder / "x.tar.gz", "w:gz") as archive:
            archive.addfile(member, io.BytesIO(data))
        whole = (folder / "x.tar.gz").read_bytes()
        (folder / "x.tar.gz").write_bytes(whole[: int(kept * len(whole))])
        return folder / "x.tar.gz"

    return build


def _linked() -> tarfile.TarInfo:
    member = tarfile.TarInfo("x.dcm")
    member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return member


def _of_archives() -> Iterator[Case]:
    """Case 34: archives that would fill the disk or write elsewhere."""
    film = picture(".png", (NOISE >> 4).astype(np.uint8))
    yield read(34, "a radiograph in a ZIP archive", zipped("ward/x.png", film))
    for name, build, words in (
        ("a bomb", zipped("x.dcm", bytes(80 * 1024**2)), "times"),
        ("a name that leads out", zipped("../../x.dcm", film), "outside"),
        ("an absolute name", zipped("/tmp/x.dcm", film), "absolute"),
        ("a link in a ZIP archive", zipped("x.dcm", b"/etc/passwd", link=True), "link"),
        ("a link in a TAR archive", tarred(_linked()), "link"),
        ("an archive in an archive", zipped("x.zip", b"PK\x03\x04"), "unpack|Unpack"),
    ):
        yield reject(34, name, build, words, UnsafeArchive)
    cut = tarred(tarfile.TarInfo("x.png"), film, kept=0.6)  # a row for the member, one for the rest
    yield reject(34, "a cut archive", cut, "of 2 images", NotAnImage)


CASES = (
    *_of_the_file(),
    *_of_sizes(),
    *_of_grey(),
    *_of_structure(),
    *_of_archives(),
    *_of_the_picture(),
)
