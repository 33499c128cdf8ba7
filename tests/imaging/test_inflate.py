"""The deflated transfer syntax: read by libdeflate as zlib would, and refused in its words."""

import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian

from hilum.errors import HilumError
from hilum.imaging import dicomfile, read, spare, write_dicom
from hilum.imaging.dicomfile import open_dicom, quiet

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path: Path = tmp_path_factory.mktemp("deflated") / "chest.dcm"
    picture = np.cumsum(RNG.integers(0, 3, (96, 80)), axis=1).astype(np.uint16)
    write_dicom(path, picture, bits_stored=12, transfer_syntax="deflated")
    return path.read_bytes()


@pytest.fixture
def by_zlib(monkeypatch: pytest.MonkeyPatch):
    """What zlib alone makes of a file: pixel bytes, or the refusal."""

    def gives_up(data: memoryview, **options: object) -> None:
        raise dicomfile.imagecodecs.DeflateError("test", 1)

    def result(data: bytes) -> object:
        with monkeypatch.context() as patch:
            patch.setattr(dicomfile, "_deflate_decode", gives_up)
            return outcome(data)

    return result


def outcome(data: bytes) -> object:
    try:
        with quiet():
            found = open_dicom(data)
    except HilumError as error:
        return type(error), str(error)
    return None if found.pixels is None else bytes(found.pixels)


def begin(file: bytes) -> int:
    """Where the deflated bytes begin."""
    dataset = dcmread(io.BytesIO(file), stop_before_pixels=True)
    assert dataset.file_meta.TransferSyntaxUID == DeflatedExplicitVRLittleEndian
    return 132 + 12 + dataset.file_meta.FileMetaInformationGroupLength


@pytest.mark.parametrize(
    "change", ["none", "padded", "followed", "cut by 1", "cut by half", "empty"]
)
def test_a_stream_that_is_longer_or_shorter(file: bytes, by_zlib, change: str):
    at = begin(file)
    data = {
        "none": file,
        "padded": file + b"\x00",
        "followed": file + b"something else",
        "cut by 1": file[:-2],
        "cut by half": file[: at + (len(file) - at) // 2],
        "empty": file[:at],
    }[change]
    assert outcome(data) == by_zlib(data)
    assert isinstance(outcome(data), bytes) is (change in ("none", "padded", "followed"))


def test_bytes_that_were_overwritten(file: bytes, by_zlib):
    at, refused = begin(file), 0
    for place in RNG.integers(at, len(file), 300):
        data = bytearray(file)
        data[place] ^= int(RNG.integers(1, 256))
        refused += not isinstance(by_zlib(bytes(data)), bytes)
        assert outcome(bytes(data)) == by_zlib(bytes(data))
    assert refused > 100


def test_what_is_larger_than_the_memory_that_is_kept(file: bytes, by_zlib):
    at = begin(file)
    whole = zlib.decompress(file[at:], -zlib.MAX_WBITS)
    packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    larger = file[:at] + packer.compress(whole + bytes(spare.BYTES)) + packer.flush()
    assert outcome(larger) == by_zlib(larger) == outcome(file)


def test_the_picture_is_the_one_that_was_written(tmp_path: Path, file: bytes):
    path = tmp_path / "chest.dcm"
    path.write_bytes(file)
    plain = tmp_path / "plain.dcm"
    write_dicom(plain, dcmread(path).pixel_array, bits_stored=12)
    assert np.array_equal(read(path).pixels, read(plain).pixels)
