"""One file → one picture on the disk and the facts about it; the same in every engine."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_128, xxh3_128_hexdigest

from hilum.datasets.convert.options import Options
from hilum.datasets.convert.whole import write_whole
from hilum.domain import Radiograph, View
from hilum.errors import IntakeError
from hilum.imaging import FoundFile, checks, isolate_decoders, load, read
from hilum.imaging.depth import read_full_depth
from hilum.imaging.encode import encode_jpeg, encode_png, to_bytes
from hilum.imaging.encode16 import encode_htj2k, encode_png16

OLDEST = 90.0
"""Ages above 89 tell a person apart (45 CFR 164.514(b)(2)(i)(C)): all are written as 90."""

NAME_DIGITS = 16

Pixels = NDArray[np.uint8 | np.uint16]


@dataclass(frozen=True, slots=True)
class Request:
    """One file to convert.

    Attributes:
        file: where it lies.
        source: its absolute path, that of its archive with the member's name behind it.
        state: text that changes with the file's size or time of change.
        folder: where the picture goes, below ``images``; "" for ``images`` itself.
        options: what it shall be.
        images: the absolute folder ``images`` of the destination; None to write nothing.
        data: its bytes, where they had to be loaded already.
        apart: whether decoders run in processes of their own.
    """

    file: FoundFile
    source: str
    state: str
    folder: str
    options: Options
    images: Path | None
    data: bytes | None = field(default=None, repr=False)
    apart: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one file.

    Attributes:
        source: as in the request.
        state: as in the request.
        size: bytes of the source.
        seconds: that it took.
        digest: XXH3-128 of the source's bytes, in hex.
        uid: SOP Instance UID; "" without.
        image: path below ``images``, POSIX; "" where it was refused or left out.
        bytes: of the picture's file.
        row: what the manifest tells of the picture; nothing of it names a patient.
        code: why it was refused or left out; "" where it was converted.
        message: the same in words.
        trace: places in the code, for an error in Hilum itself.
        stop: why no file can be written any more; ends the run.
    """

    source: str
    state: str
    size: int = 0
    seconds: float = 0.0
    digest: str = ""
    uid: str = ""
    image: str = ""
    bytes: int = 0
    row: dict[str, Any] = field(default_factory=dict[str, Any])
    code: str = ""
    message: str = ""
    trace: str = ""
    stop: str = ""


def work(request: Request) -> Result:
    """Convert one file.

    The name is the start of the XXH3-128 of the file's bytes: the same file has the same name
    wherever it lies and whoever converts it.

    Returns:
        What became of it; a file that is no radiograph is a result with a code, no error.
    """
    begun = time.perf_counter()
    isolate_decoders(request.apart)
    blank = Result(request.source, request.state)
    try:
        data = load(request.file) if request.data is None else request.data
    except IntakeError as error:
        return replace(blank, code=error.code, message=str(error))
    known = replace(blank, size=len(data), digest=xxh3_128_hexdigest(data))
    try:
        result, encoded = _converted(request, data, known)
    except IntakeError as error:
        result, encoded = replace(known, code=error.code, message=str(error)), b""
    if encoded and request.images is not None:
        try:
            _write(request.images, result.image, encoded)
        except OSError as error:
            return replace(result, image="", stop=_stopped(error))
    return replace(result, seconds=time.perf_counter() - begun)


def _converted(request: Request, data: bytes, known: Result) -> tuple[Result, bytes]:
    options = request.options
    if options.bits == "keep":
        kept = read_full_depth(request.file, data=data, longest_px=options.size)
        radiograph, pixels = kept.radiograph, kept.pixels
        depth = {"bits": kept.bits, "modality_slope": kept.slope,
                 "modality_intercept": kept.intercept}  # fmt: skip
    else:
        radiograph = read(request.file, data=data, longest_px=options.size, mend=options.mend)
        pixels, depth = to_bytes(radiograph.pixels), {"bits": 8}
    known = replace(known, uid=radiograph.source.instance_uid)
    row = _row(radiograph, pixels) | depth
    if options.drop_blurred:
        facts = checks.measure(_to_be_checked(request, data, radiograph))
        row |= {"sharpness": round(facts.sharpness, 4), "detail": round(facts.detail, 4)}
        if any(note.code == "blurred" for note in checks.flags(facts)):
            said = (
                f"Left out as blurred: sharpness {facts.sharpness:.2f} (blurred up to "
                f"{checks.BLURRED_SHARPNESS}), detail {facts.detail:.2f} (up to "
                f"{checks.BLURRED_DETAIL})."
            )
            return replace(known, code="blurred", message=said, row=row), b""
    encoded = _encoded(pixels, options)
    name = f"{known.digest[:NAME_DIGITS]}{options.suffix}"
    image = f"{request.folder}/{name}" if request.folder else name
    return replace(known, image=image, bytes=len(encoded), row=row), encoded


def _to_be_checked(request: Request, data: bytes, radiograph: Radiograph) -> NDArray[np.float32]:
    """The picture at the size at which the thresholds of blur hold."""
    size = request.options.size
    if size is None or size >= checks.WORK_PX:
        return radiograph.pixels
    mend = request.options.mend
    return read(request.file, data=data, longest_px=checks.WORK_PX, mend=mend).pixels


def _encoded(pixels: Pixels, options: Options) -> bytes:
    if options.format == "jpeg":
        return encode_jpeg(pixels, quality=options.quality)
    if options.format == "htj2k":
        return encode_htj2k(pixels)
    return encode_png16(pixels) if pixels.dtype == np.uint16 else encode_png(pixels)


def _row(radiograph: Radiograph, pixels: Pixels) -> dict[str, Any]:
    """What may be shared: no text that a header or a name could have brought in."""
    source, taken = radiograph.source, radiograph.acquisition
    spacing: dict[str, Any] = {}
    if taken.spacing_mm is not None:
        scale = source.shape[0] / pixels.shape[0], source.shape[1] / pixels.shape[1]
        spacing = {
            "spacing_rows_mm": taken.spacing_mm[0] * scale[0],
            "spacing_columns_mm": taken.spacing_mm[1] * scale[1],
            "spacing_at": taken.spacing_at,
        }
    age = taken.age_years
    return {
        "width_px": pixels.shape[1],
        "height_px": pixels.shape[0],
        "source_width_px": source.shape[1],
        "source_height_px": source.shape[0],
        "source_format": source.format,
        "view": "" if taken.view is View.UNKNOWN else str(taken.view),
        "age_years": None if age is None else min(age, OLDEST),
        "sex": taken.sex or "",
        "notes": sorted({note.code for note in radiograph.notes}),
        "pixels": _pixel_digest(pixels),
        **spacing,
    }


def _pixel_digest(pixels: Pixels) -> str:
    shape = "x".join(map(str, pixels.shape))
    digest = xxh3_128(f"{shape} {pixels.dtype.str} ".encode())
    digest.update(np.ascontiguousarray(pixels).view(np.uint8).data)
    return digest.hexdigest()[:NAME_DIGITS]


def _write(images: Path, image: str, data: bytes) -> None:
    """Write a file that appears whole or not at all."""
    if not images.is_dir():  # never made here: a machine of a cluster may not see the destination
        raise FileNotFoundError(2, os.strerror(2))
    target = images / image
    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, data)


def _stopped(error: OSError) -> str:
    return f"{error.strerror or type(error).__name__} (on {socket.gethostname()})"
