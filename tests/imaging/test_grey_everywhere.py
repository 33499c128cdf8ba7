"""Every combination of what a header can say of grey levels, against the float oracle.

2 photometric interpretations × 2 signs × 10 depths × 4 modality transforms × 8 values of interest
× 3 presentation shapes × 2 paddings: 7,680 files, each laid down byte by byte by this module.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from hilum import imaging

from . import oracle
from .oracle import Cells, Table

EXACT = 1e-6
"""Rounding of float32; one grey level of 8 bits is 4e-3."""

ROWS, COLUMNS = 32, 64

DEPTHS = (
    (8, 8, 7),
    (16, 8, 7),
    (16, 8, 15),
    (16, 10, 9),
    (16, 10, 12),
    (16, 12, 11),
    (16, 12, 15),
    (16, 14, 13),
    (16, 14, 15),
    (16, 16, 15),
)
"""Bits Allocated, Bits Stored, High Bit."""

RESCALES = {"no rescale": None, "2.5 x - 1024": (2.5, -1024.0), "-0.75 x + 300.5": (-0.75, 300.5)}
MODALITIES = (*RESCALES, "Modality LUT")
FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
VOI_TABLES = {
    "VOI LUT, 8 bits in bytes": (8, True),
    "VOI LUT, 8 bits in words": (8, False),
    "VOI LUT, 12 bits": (12, False),
    "VOI LUT, 16 bits": (16, False),
}
VALUES_OF_INTEREST = ("none", *FUNCTIONS, *VOI_TABLES)
SHAPES = ("", "IDENTITY", "INVERSE")


@dataclass(frozen=True)
class Depth:
    """One way to lay down stored values."""

    allocated: int
    cells: Cells

    @property
    def range(self) -> range:
        """All stored values."""
        half = 2 ** (self.cells.bits - 1)
        return range(-half, half) if self.cells.signed else range(2 * half)

    def ramp(self) -> list[int]:
        """Cells of 256 values over the whole range, both ends among them, 8 times each."""
        steps = np.linspace(self.range.start, self.range.stop - 1, 256).round().astype(int)
        shift = (self.cells.high_bit or 0) + 1 - self.cells.bits
        return [(int(v) << shift) % 2**self.allocated for v in np.tile(steps, 8)]


def element(tag: int, vr: str, value: bytes) -> bytes:
    """One element, explicit and little-endian (PS3.5 7.1.2)."""
    value += (b"\0" if vr in ("OB", "OW", "UI", "SQ") else b" ") * (len(value) % 2)
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode())
    if vr in ("OB", "OW", "SQ"):
        return head + struct.pack("<HI", 0, len(value)) + value
    return head + struct.pack("<H", len(value)) + value


def words(tag: int, vr: str, *values: int) -> bytes:
    return element(tag, vr, struct.pack(f"<{len(values)}H", *(v % 65536 for v in values)))


def table_item(table: Table, vr: str, *, in_bytes: bool) -> bytes:
    """An item of a LUT sequence (PS3.3 C.11.1.1)."""
    first, entries, bits = table
    data = bytes(entries) if in_bytes else np.asarray(entries, "<u2").tobytes()
    item = words(0x00283002, vr, len(entries), first, bits) + element(0x00283006, "OW", data)
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item


@dataclass(frozen=True)
class Header:
    """What a file says of its grey levels."""

    depth: Depth
    photometric: str
    shape: str
    rescale: tuple[float, float] | None
    modality_lut: Table | None
    window: tuple[float, float, str] | None
    voi_lut: Table | None
    voi_signed: bool
    voi_in_bytes: bool
    padding: tuple[int, int] | None

    def file(self, cells: list[int]) -> bytes:
        """A whole file, elements in order."""
        signed = "SS" if self.depth.cells.signed else "US"
        meta = element(0x00020010, "UI", b"1.2.840.10008.1.2.1")
        parts = [
            bytes(128) + b"DICM",
            words(0x00020000, "UL", len(meta), 0) + meta,
            element(0x00080060, "CS", b"DX"),
            words(0x00280002, "US", 1),
            element(0x00280004, "CS", self.photometric.encode()),
            words(0x00280010, "US", ROWS),
            words(0x00280011, "US", COLUMNS),
            words(0x00280100, "US", self.depth.allocated),
            words(0x00280101, "US", self.depth.cells.bits),
            words(0x00280102, "US", self.depth.cells.high_bit or 0),
            words(0x00280103, "US", int(self.depth.cells.signed)),
        ]
        if self.padding:
            parts.append(words(0x00280120, signed, self.padding[0]))
            parts.append(words(0x00280121, signed, self.padding[1]))
        if self.window:
            parts.append(element(0x00281050, "DS", f"{self.window[0]:.2f}".encode()))
            parts.append(element(0x00281051, "DS", f"{self.window[1]:.2f}".encode()))
        if self.rescale:
            parts.append(element(0x00281052, "DS", str(self.rescale[1]).encode()))
            parts.append(element(0x00281053, "DS", str(self.rescale[0]).encode()))
        if self.window:
            parts.append(element(0x00281056, "CS", self.window[2].encode()))
        if self.modality_lut:
            item = table_item(self.modality_lut, signed, in_bytes=False)
            parts.append(element(0x00283000, "SQ", item))
        if self.voi_lut:
            vr = "SS" if self.voi_signed else "US"
            item = table_item(self.voi_lut, vr, in_bytes=self.voi_in_bytes)
            parts.append(element(0x00283010, "SQ", item))
        if self.shape:
            parts.append(element(0x20500020, "CS", self.shape.encode()))
        wide = self.depth.allocated == 16
        stored = np.asarray(cells, "<u2" if wide else "u1").tobytes()
        parts.append(element(0x7FE00010, "OW" if wide else "OB", stored))
        return b"".join(parts)

    @property
    def codes(self) -> list[str]:
        """The notes that are due."""
        due: list[str] = []
        if (self.shape, self.photometric) in (
            ("INVERSE", "MONOCHROME2"),
            ("IDENTITY", "MONOCHROME1"),
        ):
            due.append("polarity-contradiction")
        return due if self.window or self.voi_lut else [*due, "no-window"]


def headers(depth: Depth, photometric: str) -> Iterator[tuple[str, Header]]:
    """All that can be said of one depth and photometric interpretation, each with its name."""
    stored = depth.range
    share = len(stored) // 32
    padding = (stored.start, stored.start + share)
    for modality, voi in itertools.product(MODALITIES, VALUES_OF_INTEREST):
        rescale = RESCALES.get(modality)
        modality_lut = None
        if modality == "Modality LUT":  # shorter than the range, at both ends
            modality_lut = some_table(depth.range, 16, seed=1)
        values = [
            oracle.modality(v, rescale=rescale or (1.0, 0.0), table=modality_lut)
            for v in ((stored.start, stored.stop - 1) if modality_lut is None else stored[::97])
        ]
        low, high = min(values), max(values)
        at = round(low + 0.4 * (high - low), 2), round(0.3 * (high - low), 2)
        window = (*at, voi) if voi in FUNCTIONS else None
        voi_lut, in_bytes = None, False
        signed = low < 0  # PS3.3 C.11.2.1.1: SS where modality values may be negative
        if voi in VOI_TABLES:
            bits, in_bytes = VOI_TABLES[voi]
            ends = max(-32768, int(low)), min(32768 if signed else 65536, int(high) + 1)
            voi_lut = some_table(range(*ends), bits, seed=2)
        for shape, padded in itertools.product(SHAPES, (None, padding)):
            name = f"{modality}; VOI {voi}; shape {shape or 'absent'}; padding {padded}"
            yield name, Header(
                depth, photometric, shape, rescale, modality_lut, window, voi_lut, signed,
                in_bytes, padded,
            )  # fmt: skip


def some_table(inputs: range, bits: int, seed: int) -> Table:
    """Rising, over the middle of the inputs."""
    entries = min(3000, 3 * len(inputs) // 4)
    rng = np.random.default_rng(seed)
    values = np.sort(rng.integers(0, 2**bits, entries)).tolist()
    return inputs.start + (len(inputs) - entries) // 2, values, bits


def wanted(header: Header, cells: list[int]) -> np.ndarray:
    """What the oracle sees."""
    how = header.depth.cells
    rescale = header.rescale or (1.0, 0.0)
    ends = None
    if header.window is None and header.voi_lut is None:
        ends = range_without_window(header, cells)
    once = {
        cell: oracle.grey(
            cell,
            how,
            photometric=header.photometric,
            shape=header.shape,
            rescale=rescale,
            modality_lut=header.modality_lut,
            voi_window=header.window,
            voi_lut=header.voi_lut,
            voi_ends=ends,
            padding=header.padding,
        )
        for cell in set(cells)
    }
    return np.array([once[cell] for cell in cells]).reshape(ROWS, COLUMNS)


def range_without_window(header: Header, cells: list[int]) -> tuple[float, float]:
    """No clause tells: all of 8 bits as they are, else the middle 99 % of the picture."""
    if header.depth.cells.bits == 8 and header.rescale is None and header.modality_lut is None:
        return header.depth.range.start, header.depth.range.stop - 1
    low, high = header.padding or (1, 0)
    values = [
        oracle.modality(value, rescale=header.rescale or (1.0, 0.0), table=header.modality_lut)
        for value in (oracle.stored_value(cell, header.depth.cells) for cell in cells)
        if not low <= value <= high
    ]
    return oracle.quantile(values, 5), oracle.quantile(values, 995)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
@pytest.mark.parametrize(
    ("allocated", "bits", "high_bit"), DEPTHS, ids=[f"{b}of{a}high{h}" for a, b, h in DEPTHS]
)
def test_every_header(tmp_path: Path, photometric, signed, allocated, bits, high_bit):
    depth = Depth(allocated, Cells(bits, signed, high_bit))
    cells = depth.ramp()
    path = tmp_path / "x.dcm"
    seen = 0
    for name, header in headers(depth, photometric):
        path.unlink(missing_ok=True)  # some file systems write at once where they overwrite
        path.write_bytes(header.file(cells))
        got = imaging.read(path)
        away = float(np.abs(got.pixels - wanted(header, cells)).max())
        assert away < EXACT, f"{name}: {255 * away:.3f} grey levels of 255 off"
        # A ramp is no radiograph: what is doubted of its header is not looked at here.
        codes = [note.code for note in got.notes if not note.code.endswith("-doubtful")]
        assert sorted(codes) == sorted(header.codes), name
        inverted = oracle.shown_inverted(header.photometric, header.shape)
        assert ("inverted" in got.acquisition.grey) is inverted, name
        assert header.window is None or header.window[2] in got.acquisition.grey, name
        seen += 1
    assert seen == len(MODALITIES) * len(VALUES_OF_INTEREST) * len(SHAPES) * 2
