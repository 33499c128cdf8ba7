"""PNG, JPEG and TIFF bytes → radiograph."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.domain import Acquisition, Affine, Note, Radiograph, Source
from hilum.errors import DamagedFile, UnsupportedImage
from hilum.imaging import isolation, lies, tiff
from hilum.imaging.codestream import exif_orientation, read_codestream
from hilum.imaging.colour import grey_and_chroma
from hilum.imaging.decode import decode_stream
from hilum.imaging.grey import GreyFacts, look_up, render
from hilum.imaging.limits import check_size
from hilum.imaging.shrink import shrink
from hilum.imaging.sniff import Format


@dataclass(frozen=True, slots=True, eq=False)
class _Picture:
    """A decoded picture before its grey levels are settled.

    Attributes:
        samples: [rows, columns] or [rows, columns, samples].
        depth: bits a sample, as the file says.
        orientation: EXIF orientation, 1 to 8.
        frames: pictures in the file.
        inverted: the lowest value is white (TIFF WhiteIsZero).
    """

    samples: NDArray[np.generic]
    depth: int
    orientation: int = 1
    frames: int = 1
    inverted: bool = False


def read_raster(
    data: bytes,
    name: str,
    kind: Format,
    *,
    longest_px: int | None = None,
    mend: bool = False,
    full_range: bool = False,
) -> Radiograph:
    """Read a PNG, JPEG or TIFF file.

    Eight bits are shown as they are. Sixteen bits that reach the upper half of their range are
    shown from 0 to 65,535; others come from a detector of fewer bits whose depth the file does
    not tell, so percentiles are shown as for a DICOM file without a window, with a warning.

    Args:
        data: the whole file.
        name: kept as the source's name.
        kind: "png", "jpeg" or "tiff".
        longest_px: shrink the picture to this longest side; never enlarged.
        mend: put right a polarity, byte order or sign that the picture shows to be wrong.
        full_range: show sixteen bits from 0 to 65,535 whatever they reach.

    Raises:
        IntakeError: it cannot become a radiograph; the subclass and message say why.
    """
    picture = {"png": _png, "jpeg": _jpeg, "tiff": _tiff}[kind](data)
    notes: list[Note] = []
    samples = _without_alpha(picture.samples, notes)
    samples, inverted = _without_lies(samples, picture.inverted, notes, mend)
    chroma = 0.0
    if samples.ndim == 3:
        grey, chroma = grey_and_chroma(_integers(samples), longest_px)
        words = "luma"
        if chroma:
            notes.append(Note("colour", "A colour picture was turned to grey."))
    else:
        grey, words = _grey(samples, notes, longest_px, full_range)
    if inverted:
        grey, words = np.float32(1.0) - grey, f"{words}, inverted"
    if picture.frames > 1:
        notes.append(
            Note("several-frames", f"The file holds {picture.frames} pictures; the first is read.")
        )
    stored = (int(samples.shape[0]), int(samples.shape[1]))
    larger = Affine.scale(stored[1] / grey.shape[1], stored[0] / grey.shape[0])
    grey, to_stored = _upright(grey, picture.orientation)
    if picture.orientation != 1:
        notes.append(
            Note("orientation", f"Turned as EXIF orientation {picture.orientation} says.",
                 warning=False)
        )  # fmt: skip
    return Radiograph(
        grey,
        Source(name, kind, stored, to_stored.then(larger)),
        Acquisition(bits_stored=picture.depth, grey=words, frames=picture.frames),
        tuple(notes),
        chroma,
    )


def _png(data: bytes) -> _Picture:
    if len(data) < 33 or data[12:16] != b"IHDR":
        raise DamagedFile("The PNG file has no header chunk (IHDR): it was cut or overwritten.")
    columns, rows, depth, colour = struct.unpack(">IIBB", data[16:26])
    check_size(rows, columns)
    if depth == 1 and colour == 0:
        raise UnsupportedImage("The PNG file has two grey levels; a radiograph has hundreds.")
    if b"IEND" not in data[-64:]:
        raise DamagedFile("The PNG file has no end chunk (IEND): it was cut. Copy it again.")
    samples = isolation.decode("png", data, room=rows * columns * 4 * (depth // 8 or 1))
    at = data.find(b"eXIf", 33, 4096)
    orientation = exif_orientation(data[at + 4 : at + 4096]) if at > 0 else 1
    return _Picture(samples, max(depth, 8) if colour != 3 else 8, orientation)


def _jpeg(data: bytes) -> _Picture:
    stream = read_codestream(data)
    check_size(stream.rows, stream.columns)
    if stream.kind == "jpeg-ls":
        raise UnsupportedImage("The file is a bare JPEG-LS codestream; convert it to PNG first.")
    if stream.components not in (1, 3):
        raise UnsupportedImage(f"A JPEG of {stream.components} inks (CMYK) is not read.")
    options = {"outcolorspace": "RGB"} if stream.components == 3 else {}
    samples = decode_stream(stream, stream.kind, **options)
    if stream.precision not in (8, 16):
        # Twelve bits say what full scale is: no guess needed.
        full = np.float32(1 / ((1 << stream.precision) - 1))
        scaled = np.clip(samples.astype(np.float32) * full, 0, 1)
        return _Picture(scaled, stream.precision, stream.orientation)
    return _Picture(samples, stream.precision, stream.orientation)


def _tiff(data: bytes) -> _Picture:
    page = tiff.first_page(data)
    check_size(page.rows, page.columns)
    tiff.check_kind(page)
    room = page.rows * page.columns * max(4, page.samples) * max(1, page.bits // 8)
    samples = np.squeeze(isolation.decode("tiff", data, room=room, asrgb=page.needs_rgb))
    if samples.shape[:2] != (page.rows, page.columns):
        raise DamagedFile(
            f"The TIFF decoder gave {samples.shape}, its header says {page.rows} × {page.columns}."
        )
    if samples.dtype.kind == "f" and not (samples.min() >= 0 and samples.max() <= 1):
        raise UnsupportedImage(
            "A TIFF of floating-point values outside [0, 1] does not say what is black and what "
            "is white; scale it to [0, 1] or to 16 bits."
        )
    return _Picture(samples, page.bits, page.orientation, page.pages, page.white_is_zero)


def _without_alpha(samples: NDArray[np.generic], notes: list[Note]) -> NDArray[np.generic]:
    """Lay transparent pictures on black; drop an alpha channel that hides nothing."""
    if samples.ndim == 2 or samples.shape[2] in (1, 3):
        return samples[..., 0] if samples.ndim == 3 and samples.shape[2] == 1 else samples
    if samples.shape[2] not in (2, 4):
        raise UnsupportedImage(f"Pictures of {samples.shape[2]} samples a pixel are not read.")
    whole = _integers(samples)
    colour, alpha = whole[..., :-1], whole[..., -1:]
    full = np.iinfo(whole.dtype).max
    if int(alpha.min()) < full:
        notes.append(Note("transparent", "Transparent parts of the picture are shown black."))
        share = alpha.astype(np.float32) / np.float32(full)
        colour = np.rint(colour * share).astype(whole.dtype)
    return colour[..., 0] if colour.shape[2] == 1 else colour


def _integers(samples: NDArray[np.generic]) -> NDArray[np.uint8 | np.uint16]:
    if samples.dtype == np.uint8:
        return samples.astype(np.uint8, copy=False)
    if samples.dtype == np.uint16:
        return samples.astype(np.uint16, copy=False)
    if samples.dtype.kind == "f":
        return np.rint(samples.astype(np.float32) * 65535).astype(np.uint16)
    raise UnsupportedImage(f"Samples of type {samples.dtype} are not read; 8 or 16 bits are.")


def _without_lies(
    samples: NDArray[np.generic], inverted: bool, notes: list[Note], mend: bool
) -> tuple[NDArray[np.generic], bool]:
    """Samples and whether the lowest is white, doubted, and mended where that is asked for."""
    if samples.ndim == 3 or samples.dtype.kind != "u" or samples.dtype.itemsize > 2:
        return samples, inverted
    cells = np.ascontiguousarray(_integers(samples))
    facts = GreyFacts(bits=8 * cells.dtype.itemsize, inverted=inverted)
    found = lies.examine(cells, facts, own_voi=True)
    if not mend:
        notes.extend(one.note for one in found)
        return samples, inverted
    cells, facts, said = lies.mend(cells, facts, found)
    notes.extend(said)
    if facts.signed:  # the lowest value becomes 0
        cells = cells ^ cells.dtype.type(1 << (facts.bits - 1))
    return cells, facts.inverted


def _grey(
    samples: NDArray[np.generic], notes: list[Note], longest_px: int | None, full_range: bool
) -> tuple[NDArray[np.float32], str]:
    if samples.dtype.kind == "f":
        grey = np.ascontiguousarray(samples, np.float32)
        return grey if longest_px is None else shrink(grey, longest_px), "as stored"
    cells = np.ascontiguousarray(_integers(samples))
    if cells.dtype == np.uint8:
        return look_up(np.arange(256) / 255, cells, longest_px), "0 to 255"
    highest = int(cells.max())
    if highest >= 32768 or full_range:
        return look_up(np.arange(65536) / 65535, cells, longest_px), "0 to 65535"
    shown = render(cells, GreyFacts(bits=16), longest_px=longest_px)
    notes.append(
        Note(
            "depth-guessed",
            f"A 16-bit file whose brightest pixel is {highest}: its true depth and window are not "
            f"told, so {shown.grey} are shown.",
        )
    )
    return shown.pixels, shown.grey


def _upright(grey: NDArray[np.float32], orientation: int) -> tuple[NDArray[np.float32], Affine]:
    """Turn a picture as EXIF says (CIPA DC-008 4.6.4 A), and give the way back."""
    rows, columns = float(grey.shape[0]), float(grey.shape[1])
    turned, back = {
        1: (grey, ((1, 0, 0), (0, 1, 0))),
        2: (grey[:, ::-1], ((-1, 0, columns), (0, 1, 0))),
        3: (grey[::-1, ::-1], ((-1, 0, columns), (0, -1, rows))),
        4: (grey[::-1], ((1, 0, 0), (0, -1, rows))),
        5: (grey.T, ((0, 1, 0), (1, 0, 0))),
        6: (grey[::-1].T, ((0, 1, 0), (-1, 0, rows))),
        7: (grey[::-1, ::-1].T, ((0, -1, columns), (-1, 0, rows))),
        8: (grey[:, ::-1].T, ((0, -1, columns), (1, 0, 0))),
    }[orientation]
    return np.ascontiguousarray(turned), Affine(back)
