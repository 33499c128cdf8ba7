"""Every transfer syntax and colour model in use: files encoded here, read back, and compared.

Lossless ones come back to the bit, lossy ones within a bound that each case states. What Hilum
reads is compared with decoders of other makers too: gdcm, pylibjpeg-openjpeg, pydicom and dcmtk.
"""

from __future__ import annotations

import itertools
import shutil
import subprocess
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.uid import UID
from rle.utils import encode_pixel_data

from hilum import imaging
from hilum.domain import Radiograph
from hilum.errors import UnsupportedImage

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
RLE = "1.2.840.10008.1.2.5"
JPEG, EXTENDED = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"
P14, SV1 = "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"
LS, LS_NEAR = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"
J2K, J2K_LOSSY = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"
HTJ2K, HTJ2K_RPCL, HTJ2K_LOSSY = (f"1.2.840.10008.1.2.4.20{last}" for last in (1, 2, 3))

ROWS, COLUMNS = 67, 51  # odd: frames of 8 bits need a byte of padding

Pixels = NDArray[Any]


def grey_of(bits: int, *, signed: bool = False) -> Pixels:
    """A smooth picture with noise, from the lowest to the highest stored value."""
    y, x = np.mgrid[0:ROWS, 0:COLUMNS]
    wave = 0.5 + 0.45 * np.sin(x / 9) * np.cos(y / 11)
    noise = np.random.default_rng(4).normal(0, 0.005, wave.shape)
    top = 2**bits - 1
    stored = np.clip(np.rint((wave + noise) * top), 0, top).astype(np.int64)
    stored[0, :2] = 0, top
    kind = f"{'i' if signed else 'u'}{1 if bits <= 8 else 2}"
    return (stored - (2 ** (bits - 1) if signed else 0)).astype(kind)


def colour_of(columns: int = COLUMNS, *, depth: int = 8) -> Pixels:
    """A smooth colour picture; no colour lies at the edge of what YBR can hold."""
    y, x = np.mgrid[0:ROWS, 0:columns]
    waves = [0.5 + 0.2 * np.sin(x / 9 + turn) * np.cos(y / 11) for turn in (0, 1.5, 3)]
    return np.rint(np.stack(waves, 2) * (2**depth - 1)).astype(f"u{depth // 8}")


@dataclass(frozen=True)
class Case:
    """One way to store a picture.

    Attributes:
        name: of the case.
        syntax: Transfer Syntax UID.
        stored: what is stored: [rows, columns] or RGB [rows, columns, 3].
        encode: array → the bytes of one frame.
        bits: Bits Stored.
        photometric: Photometric Interpretation.
        bound: how far a stored value may be off; 0 for lossless.
        in_words: samples of 8 bits lie in 16-bit words, OW (PS3.5 8.1.1, Annex D).
        header: elements beside the usual ones.
    """

    name: str
    syntax: str
    stored: Pixels
    encode: Callable[[Pixels], bytes]
    bits: int = 8
    photometric: str = "MONOCHROME2"
    bound: float = 0.0
    in_words: bool = False
    header: dict[str, Any] = field(default_factory=dict)

    @property
    def native(self) -> bool:
        return self.syntax in (IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN)

    @property
    def signed(self) -> bool:
        return self.stored.dtype.kind == "i"


def write(path: Path, case: Case, frames: Sequence[bytes] | None = None, **how: Any) -> Path:
    """Write a case; ``frames`` instead of its own, ``how`` for the encapsulation."""
    whole = case.stored.ndim == 3
    dataset = Dataset()
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    dataset.SOPInstanceUID = "2.25.1"
    dataset.Modality = "DX"
    dataset.SamplesPerPixel = 3 if whole else 1
    dataset.PhotometricInterpretation = case.photometric
    if whole:
        dataset.PlanarConfiguration = 0
    dataset.Rows, dataset.Columns = case.stored.shape[:2]
    dataset.BitsAllocated = 8 * case.stored.dtype.itemsize
    dataset.BitsStored, dataset.HighBit = case.bits, case.bits - 1
    dataset.PixelRepresentation = int(case.signed)
    if case.photometric.startswith("MONO"):
        dataset.WindowCenter = 0 if case.signed else 2 ** (case.bits - 1)
        dataset.WindowWidth = 2**case.bits
    if frames is not None:
        dataset.NumberOfFrames = len(frames)
    for keyword, value in case.header.items():
        setattr(dataset, keyword, value)
    frames = [case.encode(case.stored)] if frames is None else frames
    if case.native:
        data = b"".join(frames)
        dataset.PixelData = data + b"\0" * (len(data) % 2)
    elif how.pop("extended", False):
        data, table, lengths = encapsulate_extended(list(frames))
        dataset.PixelData = data
        dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths = table, lengths
    else:
        dataset.PixelData = encapsulate(list(frames), **how)
    in_words = dataset.BitsAllocated == 16 or case.in_words
    dataset["PixelData"].VR = "OW" if case.native and in_words else "OB"
    dataset["PixelData"].is_undefined_length = not case.native
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(case.syntax)
    dataset.save_as(
        path,
        implicit_vr=case.syntax == IMPLICIT,
        little_endian=case.syntax != BIG_ENDIAN,
        enforce_file_format=True,
    )
    return path


def luma(rgb: Pixels) -> Pixels:
    """ITU-R BT.601, in [0, 1]."""
    return rgb @ np.array([0.299, 0.587, 0.114]) / np.iinfo(rgb.dtype).max


def ybr(rgb: Pixels) -> Pixels:
    """PS3.3 C.7.6.3.1.2, YBR_FULL; float, not rounded."""
    r, g, b = np.moveaxis(rgb.astype(np.float64), 2, 0)
    return np.stack(
        [
            0.2990 * r + 0.5870 * g + 0.1140 * b,
            -0.1687 * r - 0.3313 * g + 0.5000 * b + 128,
            0.5000 * r - 0.4187 * g - 0.0813 * b + 128,
        ],
        2,
    )


def by_eight(values: Pixels) -> bytes:
    return np.rint(values).astype(np.uint8).tobytes()


def half_colour(values: Pixels) -> bytes:
    """YBR_FULL_422: Y1 Y2 CB CR for two pixels, colours of the first (PS3.3 C.7.6.3.1.2)."""
    pairs = np.rint(values).astype(np.uint8).reshape(ROWS, -1, 2, 3)
    return np.stack(
        [pairs[:, :, 0, 0], pairs[:, :, 1, 0], pairs[:, :, 0, 1], pairs[:, :, 0, 2]], 2
    ).tobytes()


def partial(rgb: Pixels) -> bytes:
    """YBR_PARTIAL_422 of PS3.3-2011: black at 16, white at 235, colours from 16 to 240."""
    full = ybr(rgb)
    scaled = np.concatenate(
        [16 + full[..., :1] * 219 / 255, 128 + (full[..., 1:] - 128) * 224 / 255], 2
    )
    return half_colour(scaled)


def little(pixels: Pixels) -> bytes:
    return pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()


def big(pixels: Pixels) -> bytes:
    return pixels.astype(pixels.dtype.newbyteorder(">")).tobytes()


def swapped(pixels: Pixels) -> bytes:
    """Bytes two by two in big-endian words (PS3.5 7.3)."""
    data = pixels.tobytes()
    return np.frombuffer(data + b"\0" * (len(data) % 2), "<u2").astype(">u2").tobytes()


def planes(rgb: Pixels) -> bytes:
    return np.ascontiguousarray(np.moveaxis(rgb, 2, 0)).tobytes()


def runs(pixels: Pixels) -> bytes:
    """RLE Lossless (PS3.5 Annex G)."""
    samples = pixels.shape[2] if pixels.ndim == 3 else 1
    return bytes(
        encode_pixel_data(
            little(pixels),
            byteorder="<",
            rows=pixels.shape[0],
            columns=pixels.shape[1],
            samples_per_pixel=samples,
            bits_allocated=8 * pixels.dtype.itemsize,
        )
    )


def cells_of(pixels: Pixels, bits: int) -> Pixels:
    """Stored values as codestreams without a sign hold them: Bits Stored bits."""
    size = pixels.dtype.itemsize
    return np.ascontiguousarray(pixels).view(f"u{size}") & np.array(2**bits - 1, f"u{size}")


def jpeg(quality: int, **options: Any) -> Callable[[Pixels], bytes]:
    return lambda pixels: imagecodecs.jpeg8_encode(pixels, quality, **options)


def lossless_jpeg(predictor: int, bits: int) -> Callable[[Pixels], bytes]:
    return lambda pixels: imagecodecs.jpeg8_encode(
        cells_of(pixels, bits), lossless=True, predictor=predictor, bitspersample=bits
    )


def jpeg_ls(near: int, bits: int) -> Callable[[Pixels], bytes]:
    return lambda pixels: imagecodecs.jpegls_encode(cells_of(pixels, bits), near)


def j2k(*, level: float = 0, reversible: bool = True, **options: Any) -> Callable[[Pixels], bytes]:
    return lambda pixels: imagecodecs.jpeg2k_encode(
        pixels, level, codecformat="j2k", reversible=reversible, **options
    )


def htj2k(level: float | None = None) -> Callable[[Pixels], bytes]:
    return lambda pixels: imagecodecs.htj2k_encode(
        pixels, level, reversible=level is None, rgb=pixels.ndim == 3
    )


def lossless_cases() -> list[Case]:
    found: list[Case] = []
    for bits, signed in itertools.product((8, 12, 16), (False, True)):
        kind = f"{'signed ' if signed else ''}{bits} bits"
        every = {"stored": grey_of(bits, signed=signed), "bits": bits}
        found += [
            Case(f"implicit, {kind}", IMPLICIT, encode=little, **every),
            Case(f"explicit, {kind}", EXPLICIT, encode=little, **every),
            Case(f"deflated, {kind}", DEFLATED, encode=little, **every),
            Case(f"big-endian, {kind}", BIG_ENDIAN, encode=big, **every),
            Case(f"RLE, {kind}", RLE, encode=runs, **every),
            *(
                Case(f"JPEG lossless P14/{predictor}, {kind}", P14,
                     encode=lossless_jpeg(predictor, bits), **every)
                for predictor in range(2, 8)
            ),
            Case(f"JPEG lossless SV1, {kind}", SV1, encode=lossless_jpeg(1, bits), **every),
            Case(f"JPEG-LS, {kind}", LS, encode=jpeg_ls(0, bits), **every),
            Case(f"JPEG 2000, {kind}", J2K, encode=j2k(bitspersample=bits), **every),
            Case(f"JPEG 2000 without loss as .91, {kind}", J2K_LOSSY,
                 encode=j2k(bitspersample=bits), **every),
            Case(f"HTJ2K, {kind}", HTJ2K, encode=htj2k(), **every),
            Case(f"HTJ2K RPCL, {kind}", HTJ2K_RPCL, encode=htj2k(), **every),
        ]  # fmt: skip
    eight = {"stored": grey_of(8), "in_words": True}
    return [
        *found,
        Case("explicit, 8 bits in words", EXPLICIT, encode=little, **eight),
        Case("big-endian, 8 bits in words", BIG_ENDIAN, encode=swapped, **eight),
    ]


def lossy_cases() -> list[Case]:
    found: list[Case] = []
    for bits in (8, 12, 16):
        every = {"stored": grey_of(bits), "bits": bits}
        share = 2**bits / 256
        found += [
            Case(f"JPEG-LS near 2, {bits} bits", LS_NEAR, encode=jpeg_ls(2, bits), bound=2,
                 **every),
            Case(f"JPEG 2000, {bits} bits", J2K_LOSSY, bound=2 * share,
                 encode=j2k(level=60, reversible=False, bitspersample=bits), **every),
        ]  # fmt: skip
    found.append(
        Case("JPEG-LS near 2, signed 12 bits", LS_NEAR, grey_of(12, signed=True), jpeg_ls(2, 12),
             bits=12, bound=2)
    )  # fmt: skip
    twelve = jpeg(95, bitspersample=12)
    return [
        *found,
        Case("JPEG baseline", JPEG, grey_of(8), jpeg(95), bound=8),
        Case("JPEG extended, 8 bits", EXTENDED, grey_of(8), jpeg(95), bound=8),
        Case("JPEG extended, 12 bits", EXTENDED, grey_of(12), twelve, bits=12, bound=16),
        Case("JPEG extended, 10 of 12 bits", EXTENDED, grey_of(10), twelve, bits=10, bound=16),
        Case("HTJ2K lossy, 8 bits", HTJ2K_LOSSY, grey_of(8), htj2k(0.002), bound=4),
        Case("HTJ2K lossy, 12 bits", HTJ2K_LOSSY, grey_of(12), htj2k(0.0005), bits=12, bound=64),
        Case("HTJ2K lossy, 16 bits", HTJ2K_LOSSY, grey_of(16), htj2k(0.002), bits=16, bound=512),
    ]


def colour_cases() -> list[Case]:
    rgb, even, deep = colour_of(), colour_of(COLUMNS + 1), colour_of(depth=16)
    planar = {"PlanarConfiguration": 1}
    level = 1.0  # of 255; OpenCV rounds the luma

    def case(name: str, syntax: str, photometric: str, encode: Any, **more: Any) -> Case:
        more = {"stored": rgb, "bound": level} | more
        return Case(name, syntax, encode=encode, photometric=photometric, **more)

    def as_ybr(pixels: Pixels) -> Pixels:
        return np.rint(ybr(pixels)).astype(np.uint8)

    wide = {"stored": deep, "bits": 16}
    some = {"stored": even, "bound": 2.0}
    return [
        case("RGB", EXPLICIT, "RGB", little),
        case("RGB by planes", EXPLICIT, "RGB", planes, header=planar),
        case("RGB 16 bits", EXPLICIT, "RGB", little, **wide),
        case("RGB 16 bits by planes", IMPLICIT, "RGB", planes, header=planar, **wide),
        case("RGB big-endian", BIG_ENDIAN, "RGB", big),
        case("RGB big-endian in words", BIG_ENDIAN, "RGB", swapped, in_words=True),
        case("RGB big-endian 16 bits", BIG_ENDIAN, "RGB", big, **wide),
        case("RGB deflated", DEFLATED, "RGB", little),
        case("RGB RLE", RLE, "RGB", runs),
        case("RGB RLE said to lie by planes", RLE, "RGB", runs, header=planar),
        case("RGB RLE 16 bits", RLE, "RGB", runs, **wide),
        case("RGB JPEG", JPEG, "RGB", jpeg(98, colorspace="RGB", outcolorspace="RGB"), bound=4.0),
        case("RGB JPEG lossless", SV1, "RGB", lossless_jpeg(1, 8)),
        case("RGB JPEG lossless P14", P14, "RGB", lossless_jpeg(4, 8)),
        case("RGB JPEG-LS", LS, "RGB", jpeg_ls(0, 8)),
        case("RGB JPEG-LS near 2", LS_NEAR, "RGB", jpeg_ls(2, 8), bound=3.0),
        case("RGB JPEG 2000", J2K, "RGB", j2k(mct=False)),
        case("RGB JPEG 2000 16 bits", J2K, "RGB", j2k(mct=False), **wide),
        case("YBR_RCT JPEG 2000", J2K, "YBR_RCT", j2k()),
        case("YBR_RCT JPEG 2000 16 bits", J2K, "YBR_RCT", j2k(), **wide),
        case("YBR_ICT JPEG 2000", J2K_LOSSY, "YBR_ICT", j2k(level=60, reversible=False),
             bound=3.0),
        case("YBR_RCT HTJ2K", HTJ2K, "YBR_RCT", htj2k()),
        case("YBR_ICT HTJ2K", HTJ2K_LOSSY, "YBR_ICT", htj2k(0.002), bound=6.0),
        case("YBR_FULL", EXPLICIT, "YBR_FULL", lambda p: as_ybr(p).tobytes(), bound=2.0),
        case("YBR_FULL by planes", EXPLICIT, "YBR_FULL", lambda p: planes(as_ybr(p)),
             bound=2.0, header=planar),
        case("YBR_FULL RLE", RLE, "YBR_FULL", lambda p: runs(as_ybr(p)), bound=2.0),
        case("YBR_FULL_422", EXPLICIT, "YBR_FULL_422", lambda p: half_colour(ybr(p)), **some),
        case("YBR_PARTIAL_422", EXPLICIT, "YBR_PARTIAL_422", partial, **some),
        case("YBR_FULL JPEG", JPEG, "YBR_FULL", jpeg(98, subsampling="444"), bound=4.0),
        case("YBR_FULL_422 JPEG", JPEG, "YBR_FULL_422", jpeg(98, subsampling="422"), bound=4.0),
        case("YBR_FULL_422 JPEG, 420", JPEG, "YBR_FULL_422", jpeg(98, subsampling="420"),
             bound=4.0),
        case("YBR_FULL_422 JPEG extended", EXTENDED, "YBR_FULL_422", jpeg(98, subsampling="422"),
             bound=4.0),
    ]  # fmt: skip


LOSSLESS, LOSSY, COLOUR = lossless_cases(), lossy_cases(), colour_cases()


def codes(radiograph: Radiograph) -> list[str]:
    """Its notes; what is doubted of a header by the look of a picture is not looked at here."""
    found = [note.code for note in radiograph.notes]
    return [code for code in found if not code.endswith("-doubtful")]


def read_back(file: Path, case: Case) -> Pixels:
    """Stored values that Hilum read, from grey levels: the window shows all of them."""
    got = imaging.read(file)
    assert got.acquisition.transfer_syntax_uid == case.syntax
    assert codes(got) == []
    stored = got.pixels.astype(np.float64) * (2**case.bits - 1)
    assert np.abs(stored - np.rint(stored)).max() < 0.01  # nothing between two stored values
    return np.rint(stored) - (2 ** (case.bits - 1) if case.signed else 0)


def by_name(case: Case) -> str:
    return case.name


@pytest.mark.parametrize("case", LOSSLESS, ids=by_name)
def test_lossless_pixels_come_back_to_the_bit(tmp_path: Path, case: Case):
    got = read_back(write(tmp_path / "x.dcm", case), case)
    assert (got == case.stored).all()


@pytest.mark.parametrize("case", LOSSY, ids=by_name)
def test_lossy_pixels_come_back_within_their_bound(tmp_path: Path, case: Case):
    away = np.abs(read_back(write(tmp_path / "x.dcm", case), case) - case.stored)
    assert 0 < away.max() <= case.bound


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(
    ("syntax", "encode"),
    [(J2K_LOSSY, j2k(level=70, reversible=False)), (HTJ2K_LOSSY, htj2k(0.0005))],
    ids=["JPEG 2000", "HTJ2K"],
)
def test_overshoot_is_clipped_and_not_wrapped(tmp_path: Path, syntax, encode, signed: bool):
    stored = np.full((ROWS, COLUMNS), -2048 if signed else 0, "i2" if signed else "u2")
    stored[20:40, 10:40] += 4095
    raw = imagecodecs.jpeg2k_decode(encode(stored))
    assert raw.max() > stored.max()
    got = imaging.read(write(tmp_path / "x.dcm", Case("edge", syntax, stored, encode, 12)))
    assert np.abs(got.pixels - (stored == stored.max())).max() < 0.05


@pytest.mark.parametrize("case", COLOUR, ids=by_name)
def test_colour_becomes_its_luma(tmp_path: Path, case: Case):
    got = imaging.read(write(tmp_path / "x.dcm", case))
    assert np.abs(got.pixels - luma(case.stored)).max() * 255 <= case.bound
    assert codes(got) == ["colour"]
    assert got.acquisition.photometric == case.photometric
    assert got.chroma > 0.2


COMPRESSED = [case for case in LOSSLESS if case.bits == 12 and not case.signed and not case.native]


def frames_of(case: Case) -> list[bytes]:
    """The case's picture, then darker ones."""
    return [case.encode(case.stored // share) for share in (1, 2, 3)]


@pytest.mark.parametrize("case", [c for c in LOSSLESS if not c.signed], ids=by_name)
def test_the_first_of_several_frames(tmp_path: Path, case: Case):
    got = imaging.read(write(tmp_path / "x.dcm", case, frames_of(case)))
    assert (np.rint(got.pixels * (2**case.bits - 1)) == case.stored).all()
    assert codes(got) == ["several-frames"]
    assert got.acquisition.frames == 3


@pytest.mark.parametrize("case", COMPRESSED, ids=by_name)
@pytest.mark.parametrize(
    "how",
    [
        {"fragments_per_frame": 1, "has_bot": False},
        {"fragments_per_frame": 3, "has_bot": True},
        {"fragments_per_frame": 3, "has_bot": False},
        {"extended": True},
    ],
    ids=["no table", "fragments and table", "fragments, no table", "extended table"],
)
@pytest.mark.parametrize("several", [False, True], ids=["one frame", "three frames"])
def test_frames_in_fragments(tmp_path: Path, case: Case, how: dict[str, Any], several: bool):
    if case.syntax == RLE and several and how == {"fragments_per_frame": 3, "has_bot": False}:
        pytest.skip("PS3.5 A.4.2: an RLE frame is one fragment, and nothing else tells its end")
    frames = frames_of(case) if several else frames_of(case)[:1]
    got = imaging.read(write(tmp_path / "x.dcm", case, frames, **how))
    assert (np.rint(got.pixels * (2**case.bits - 1)) == case.stored).all()


def palette(path: Path, bits: int, entries: int, **more: Any) -> tuple[Path, Pixels]:
    """A PALETTE COLOR file and the colours that it shows, in [0, 1]."""
    rng = np.random.default_rng(6)
    stored = rng.integers(0, entries + 4, (ROWS, COLUMNS)).astype(f"u{bits // 8}")
    tables = rng.integers(0, 2**16, (3, entries))
    header: dict[str, Any] = {}
    for name, values in zip(("Red", "Green", "Blue"), tables, strict=True):
        header[f"{name}PaletteColorLookupTableDescriptor"] = [entries % 65536, 2, 16]
        header[f"{name}PaletteColorLookupTableData"] = values.astype("<u2").tobytes()
    case = Case("palette", EXPLICIT, stored, little, bits, "PALETTE COLOR", header=header | more)
    index = np.clip(stored.astype(int) - 2, 0, entries - 1)
    return write(path, case), np.moveaxis(tables[:, index], 0, 2) / 65535


@pytest.mark.parametrize(("bits", "entries"), [(8, 200), (8, 256), (16, 3000), (16, 65000)])
def test_a_palette_is_looked_up(tmp_path: Path, bits: int, entries: int):
    file, rgb = palette(tmp_path / "x.dcm", bits, min(entries, 2**bits - 4))
    got = imaging.read(file)
    want = rgb @ np.array([0.299, 0.587, 0.114])
    assert np.abs(got.pixels - want).max() * 255 <= 1.0
    assert codes(got) == ["colour"]
    assert got.acquisition.grey == "palette, luma"


def test_a_segmented_palette_is_refused(tmp_path: Path):
    name = "SegmentedRedPaletteColorLookupTableData"
    file, _ = palette(tmp_path / "x.dcm", 8, 200, **{name: b"\0\0\1\0\0\0"})
    with pytest.raises(UnsupportedImage, match=r"Segmented palettes \(PS3.3 C.7.9.2\)"):
        imaging.read(file)


@pytest.mark.parametrize(
    "syntax",
    [
        "1.2.840.10008.1.2.4.52",  # JPEG Extended, Process 3 and 5, retired
        "1.2.840.10008.1.2.4.92",  # JPEG 2000 Part 2
        "1.2.840.10008.1.2.4.102",  # MPEG-4
        "1.2.840.10008.1.2.4.94",  # JPIP: pixels elsewhere
        "1.3.6.1.4.1.5962.300.1",  # private
    ],
)
def test_others_are_refused_by_name(tmp_path: Path, syntax: str):
    file = write(tmp_path / "x.dcm", Case("other", syntax, grey_of(8), jpeg(95)))
    with pytest.raises(UnsupportedImage, match=f"Transfer Syntax '{syntax}' is not read"):
        imaging.read(file)


# Decoders of other makers

PLUGINS = {
    **dict.fromkeys((JPEG, EXTENDED, P14, SV1, LS, LS_NEAR, J2K, J2K_LOSSY), "gdcm"),
    **dict.fromkeys((HTJ2K, HTJ2K_RPCL, HTJ2K_LOSSY), "pylibjpeg"),
    RLE: "pydicom",
}
"""Decoders of pydicom for each syntax; none of them is one that Hilum takes for it."""

DCMTK = {
    **dict.fromkeys((JPEG, EXTENDED, P14, SV1), "dcmdjpeg"),
    **dict.fromkeys((LS, LS_NEAR), "dcmdjpls"),
    RLE: "dcmdrle",
    **dict.fromkeys((IMPLICIT, DEFLATED, BIG_ENDIAN), "dcmconv"),
}

ROUNDING = {JPEG: 1, EXTENDED: 1, J2K_LOSSY: 1, HTJ2K_LOSSY: 1}
"""How far two decoders of a lossy picture may be apart; ISO 10918-2 allows one level for JPEG."""


def stored_in(cells: Pixels, case: Case) -> Pixels:
    """The stored values of cells, whatever stands above Bits Stored; overshoot is clipped."""
    if case.bound and not case.signed:
        return np.minimum(cells, 2**case.bits - 1).astype(np.int64)
    values = cells.astype(np.int64) & (2**case.bits - 1)
    return values - 2**case.bits * (values >= 2 ** (case.bits - 1)) if case.signed else values


@pytest.mark.parametrize(
    "case",
    [
        case
        for case in (*LOSSLESS, *LOSSY)
        if case.syntax in PLUGINS and (case.syntax != EXTENDED or case.bits == 8)
    ],  # pydicom lets gdcm read no more than 8 bits of JPEG extended
    ids=by_name,
)
def test_as_pydicoms_decoders(tmp_path: Path, case: Case):
    plugin = PLUGINS[case.syntax]
    decoder = pydicom.pixels.get_decoder(UID(case.syntax))
    if plugin not in decoder.available_plugins:
        pytest.skip(f"pydicom has no {plugin} here: pip install 'hilum[bench]'")
    file = write(tmp_path / "x.dcm", case)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of codestreams deeper than Bits Stored
        theirs, _ = decoder.as_array(pydicom.dcmread(file), decoding_plugin=plugin, raw=True)
    away = np.abs(stored_in(theirs, case) - read_back(file, case))
    assert away.max() <= ROUNDING.get(case.syntax, 0)


@pytest.mark.parametrize("case", [c for c in (*LOSSLESS, *LOSSY) if c.syntax in DCMTK], ids=by_name)
def test_as_dcmtk(tmp_path: Path, case: Case):
    command = DCMTK[case.syntax]
    if shutil.which(command) is None:
        pytest.skip(f"no {command} here: apt-get install dcmtk")
    file, plain = write(tmp_path / "x.dcm", case), tmp_path / "plain.dcm"
    explicit = ["+te"] if command == "dcmconv" else []
    subprocess.run([command, *explicit, file, plain], check=True, capture_output=True)
    theirs = pydicom.dcmread(plain)
    kind = f"<u{theirs.BitsAllocated // 8}"
    count = ROWS * COLUMNS
    cells = np.frombuffer(theirs.PixelData, kind, count).reshape(ROWS, COLUMNS)
    away = np.abs(stored_in(cells, case) - read_back(file, case))
    assert away.max() <= ROUNDING.get(case.syntax, 0)
