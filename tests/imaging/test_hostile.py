"""Headers made to hurt: deep nesting, lengths that lie, colour models, twisted tables."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from hilum import imaging
from hilum.errors import InvalidHeader, UnsupportedImage
from hilum.imaging.limits import check_size
from hilum.imaging.tables import table_from

STORED = np.arange(64 * 48, dtype=np.uint16).reshape(64, 48)


@pytest.mark.parametrize(
    ("descriptor", "data", "words"),
    [
        ((256, 0), b"", "2 values, not 3"),
        ((256, 0, 7), b"\0" * 512, "entries of 7 bits"),
        ((256, 0, 16), b"\0" * 100, "256 entries and holds 50"),
        ((4, 0, 8), struct.pack("<4H", 1, 2, 3, 300), "beyond its 8 bits"),
    ],
)
def test_tables_that_leave_grey_undefined(descriptor, data, words):
    with pytest.raises(InvalidHeader, match=words):
        table_from(descriptor, data, signed=False, name="VOILUTSequence")


def test_tables_of_one_byte_an_entry():
    table = table_from((4, 65534, 8), bytes([9, 8, 7, 6]), signed=True, name="LUT")
    assert (table.first, table.values.tolist()) == (-2, [9, 8, 7, 6])


def test_sizes_at_the_limits():
    check_size(32, 32)
    check_size(10_000, 10_000)
    with pytest.raises(UnsupportedImage, match="31 × 500"):
        check_size(31, 500)
    with pytest.raises(UnsupportedImage, match="million"):
        check_size(10_000, 10_001)
    with pytest.raises(InvalidHeader, match="at least 1"):
        check_size(-1, 50)


@pytest.mark.parametrize(
    ("centre", "width"), [(b"\\2048 ", b"4096\\9 "), (b"2048\\1 ", b"\\4096 "), (b"\\", b"1\\")]
)
def test_a_window_whose_first_value_is_empty_is_left_out(
    tmp_path: Path, centre: bytes, width: bytes
):
    file = imaging.write_dicom(tmp_path / "x.dcm", STORED, window=[(1500, 3000), (1600, 3100)])
    data = file.read_bytes()
    for element, odd in ((0x1050, centre), (0x1051, width)):
        at = data.index(struct.pack("<HH2s", 0x0028, element, b"DS"))
        (length,) = struct.unpack("<H", data[at + 6 : at + 8])
        value = odd + b" " * (len(odd) % 2)
        data = data[: at + 6] + struct.pack("<H", len(value)) + value + data[at + 8 + length :]
    file.write_bytes(data)
    got = imaging.read(file)
    assert "window-incomplete" in {note.code for note in got.notes}
    assert "percentile" in got.acquisition.grey


@pytest.mark.parametrize("element", [0x00080060, 0x00180015, 0x00200020, 0x00080070, 0x00081090])
@pytest.mark.parametrize("swallowed", [2, 40, 90, 200])
def test_a_damaged_length_takes_no_name_into_the_results(
    tmp_path: Path, element: int, swallowed: int
):
    file = imaging.write_dicom(tmp_path / "x.dcm", STORED, window=(1500, 3000))
    data = file.read_bytes()
    name = struct.pack("<HH2sH", 0x0010, 0x0010, b"PN", 14) + b"Roe^Jane^12345"
    tag = struct.pack("<HH", element >> 16, element & 0xFFFF)
    value = b"X" + name * (1 + swallowed // len(name)) + b"\x00"
    value += b" " * (len(value) % 2)
    for vr in (b"CS", b"LO"):
        at = data.find(tag + vr)
        if at >= 0:
            break
    begin = at if at >= 0 else data.index(struct.pack("<HH2s", 0x0028, 0x0002, b"US"))
    after = begin
    if at >= 0:
        after += 8 + struct.unpack("<H", data[at + 6 : at + 8])[0]
    vr = vr if at >= 0 else b"CS"
    file.write_bytes(data[:begin] + tag + vr + struct.pack("<H", len(value)) + value + data[after:])
    got = imaging.read(file)
    told = f"{got.acquisition} {got.source} {got.notes}".upper()
    assert "ROE" not in told
    assert "12345" not in told
    assert "header-value-left-out" in {note.code for note in got.notes}


def test_a_manufacturer_is_told(tmp_path: Path):
    facts = {"Manufacturer": "Fuji Photo Film Co., ltd.", "ManufacturerModelName": "DX-Ü 7"}
    got = imaging.read(imaging.write_dicom(tmp_path / "x.dcm", STORED, overrides=facts))
    assert got.acquisition.manufacturer == "Fuji Photo Film Co., ltd."
    assert "header-value-left-out" not in {note.code for note in got.notes}
