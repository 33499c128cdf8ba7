"""Headers made to hurt: deep nesting, lengths that lie, colour models, twisted tables."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from hilum import imaging
from hilum.errors import DamagedFile, IntakeError, InvalidHeader, UnsupportedImage
from hilum.imaging.limits import check_size
from hilum.imaging.tables import table_from

STORED = np.arange(64 * 48, dtype=np.uint16).reshape(64, 48)


def written(path: Path) -> bytes:
    return imaging.write_dicom(path / "x.dcm", STORED, window=(1500, 3000)).read_bytes()


def spliced(path: Path, element: bytes) -> Path:
    """Put an element before Modality (0008,0060)."""
    data = written(path)
    at = data.index(struct.pack("<HH2s", 0x0008, 0x0060, b"CS"))
    file = path / "x.dcm"
    file.write_bytes(data[:at] + element + data[at:])
    return file


def test_sequences_nested_5000_deep(tmp_path: Path):
    begin = struct.pack("<HH2sHI", 0x0008, 0x0051, b"SQ", 0, 0xFFFFFFFF)
    item = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    ends = struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    file = spliced(tmp_path, (begin + item) * 5000 + ends * 5000)
    with pytest.raises(DamagedFile, match="RecursionError"):
        imaging.read(file)


@pytest.mark.parametrize("length", [0xFFFFFFFE, 0xFFFFFFFF, 10**9])
def test_elements_longer_than_the_file(tmp_path: Path, length: int):
    file = spliced(tmp_path, struct.pack("<HH2sHI", 0x0008, 0x0051, b"UT", 0, length))
    with pytest.raises(IntakeError, match=r"no Pixel Data|cannot be parsed"):
        imaging.read(file)


def test_a_name_that_swallows_what_follows(tmp_path: Path):
    file = spliced(tmp_path, struct.pack("<HH2sH", 0x0008, 0x0050, b"PN", 65535))
    with pytest.raises(IntakeError, match=r"no Pixel Data|cannot be parsed|missing"):
        imaging.read(file)


def test_fragments_that_lie(tmp_path: Path):
    file = imaging.write_dicom(tmp_path / "x.dcm", STORED, transfer_syntax="jpeg-ls")
    data = file.read_bytes()
    at = data.rindex(struct.pack("<HH", 0xFFFE, 0xE000))
    file.write_bytes(data[: at + 4] + struct.pack("<I", 10**9) + data[at + 8 :])
    with pytest.raises(DamagedFile, match="fragment of Pixel Data needs"):
        imaging.read(file)
    file.write_bytes(data[:at] + b"\x00\x01\x02\x03" + data[at + 4 :])
    with pytest.raises(DamagedFile, match="where an item was expected"):
        imaging.read(file)


def test_a_palette_is_shown_as_grey(tmp_path: Path):
    stored = np.repeat(np.arange(64, dtype=np.uint8)[:, None], 48, axis=1)
    grey = np.arange(256, dtype=np.uint16) * 257
    facts: dict[str, object] = {}
    for colour in ("Red", "Green", "Blue"):
        facts[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        facts[f"{colour}PaletteColorLookupTableData"] = grey.tobytes()
    facts["PhotometricInterpretation"] = "PALETTE COLOR"
    got = imaging.read(imaging.write_dicom(tmp_path / "x.dcm", stored, overrides=facts))
    assert np.abs(got.pixels - stored / 255).max() < 0.005
    assert got.chroma == 0.0


def test_ybr_is_undone(tmp_path: Path):
    ybr = np.empty((40, 40, 3), np.uint8)
    ybr[:] = (76, 85, 255)  # red
    file = imaging.write_dicom(
        tmp_path / "x.dcm",
        ybr,
        photometric="RGB",
        overrides={"PhotometricInterpretation": "YBR_FULL"},
    )
    got = imaging.read(file)
    assert got.pixels.mean() == pytest.approx(0.299, abs=0.01)
    assert got.chroma == 1.0


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
