"""Native decoders by name: what runs in a decoder process, and nothing else.

:mod:`hilum.imaging.isolation` runs this file as a script, so it imports nothing of Hilum: such a
process starts in a fifth of a second and takes 35 MB.

The two sides share a piece of memory and speak in lines of JSON: the compressed bytes lie at the
start of the memory, the samples are written behind them.
"""

from __future__ import annotations

import io
import json
import math
import mmap
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

ERRORS = (
    RuntimeError,
    ValueError,
    TypeError,
    NotImplementedError,
    OverflowError,
    IndexError,
    MemoryError,
    OSError,
)
"""What decoders raise on data that they do not understand."""

Data = bytes | memoryview


READY = b"ready\n"
"""What a decoder process says once it can work."""

_RLE_HEADER = 64
RLE_SPARE = 64
"""Some writers pack a few bytes more than the picture has: room for them behind each plane."""

_SPARE_BYTES = 512 * 1024**2
_BYTES_A_BYTE = 16
"""Memory that a decoder may take: so much, and so much a byte of the picture."""


def _rle(
    data: Data, *, planes: int, size: int, out: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8]:
    """RLE Lossless (PS3.5 Annex G) → uint8 [planes, size + RLE_SPARE], the spare with anything.

    Each segment holds one byte plane, the high bytes first, packed as TIFF's PackBits.

    Args:
        data: the frame.
        planes: samples a pixel × bytes a sample.
        size: pixels.
        out: takes the planes.

    Raises:
        ValueError: segments that are missing, out of order, or of another size.
    """
    if len(data) < _RLE_HEADER:
        raise ValueError("the header of 64 bytes breaks off")
    count, *offsets = np.frombuffer(data[:_RLE_HEADER], "<u4").tolist()
    if count != planes:
        raise ValueError(f"{count} segments where {planes} are needed")
    ends = [*offsets[1:planes], len(data)]
    out = np.empty((planes, size + RLE_SPARE), np.uint8) if out is None else out
    for plane, begin, end in zip(out, offsets, ends, strict=False):
        if not _RLE_HEADER <= begin <= end <= len(data):
            raise ValueError("segment offsets out of order")
        found = len(imagecodecs.packbits_decode(data[begin:end], out=plane))  # pyright: ignore[reportArgumentType]
        if found < size:
            raise ValueError(f"a segment holds {found:,} of {size:,} bytes")
    return out


def _jpeg2000(data: Data, *, halvings: int = 0, out: Any = None) -> NDArray[np.generic]:
    """JPEG 2000 and HTJ2K → samples, at a half, a quarter … of the resolution.

    OpenJPEG decodes them; imagecodecs passes no reduced resolution on to it, Pillow does.

    Raises:
        OSError: Pillow cannot decode it so.
    """
    if not halvings:
        return imagecodecs.jpeg2k_decode(data, out=out)  # pyright: ignore[reportArgumentType]
    from PIL import Image
    from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile

    with Image.open(io.BytesIO(data), formats=("JPEG2000",)) as picture:
        assert isinstance(picture, Jpeg2KImageFile)
        picture.reduce = halvings
        return np.asarray(picture)


def _by_imagecodecs(name: str) -> Callable[..., Any]:
    """A decoder of imagecodecs, whose library is loaded when it is called for the first time."""

    def run(data: Data, **options: Any) -> NDArray[np.generic]:
        return getattr(imagecodecs, name)(data, **options)

    return run


CODECS: dict[str, Callable[..., Any]] = {
    "jpeg": _by_imagecodecs("jpeg8_decode"),
    "jpeg-lossless": _by_imagecodecs("jpeg8_decode"),
    "jpeg-ls": _by_imagecodecs("jpegls_decode"),
    "jpeg2000": _jpeg2000,
    "htj2k": _jpeg2000,  # OpenJPH returns half a picture without an error
    "png": _by_imagecodecs("png_decode"),
    "tiff": _by_imagecodecs("tiff_decode"),
    "rle": _rle,
}


def decode(codec: str, data: Data, options: dict[str, Any]) -> NDArray[np.generic]:
    """Decode one picture.

    Args:
        codec: a name in :data:`CODECS`.
        data: the compressed bytes.
        options: of that decoder; "out" takes the samples, where their size is known before.

    Raises:
        one of :data:`ERRORS`: the decoder gives up.
    """
    return np.asarray(CODECS[codec](data, **options))


def serve(descriptor: int) -> None:
    """Answer requests on standard input until it ends.

    Args:
        descriptor: of the shared memory.
    """
    shared = mmap.mmap(descriptor, mmap.PAGESIZE)
    _say(READY)
    for line in sys.stdin.buffer:
        request = json.loads(line)
        if len(shared) != request["size"]:
            shared.close()
            shared = mmap.mmap(descriptor, request["size"])
        _limit(request["room"], request["seconds"])
        answer: dict[str, Any]
        try:
            answer = _answer(shared, request)
        except ERRORS as error:
            answer: dict[str, Any] = {"error": f"{error}" or type(error).__name__}
        answer["resident"] = _pages(1)
        _say(json.dumps(answer).encode() + b"\n")


def _say(line: bytes) -> None:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


def _answer(shared: mmap.mmap, request: dict[str, Any]) -> dict[str, Any]:
    options = request["options"]
    if request["shape"]:  # straight into the shared memory, behind the compressed bytes
        options["out"] = _place(shared, request["at"], request["dtype"], request["shape"])
    with memoryview(shared) as whole, whole[: request["bytes"]] as data:
        samples = decode(request["codec"], data, options)
    if samples is options.get("out"):
        return {"shape": samples.shape, "dtype": samples.dtype.str}
    if samples.nbytes > request["room"]:
        raise ValueError(f"{samples.nbytes:,} bytes of samples, {request['room']:,} were announced")
    np.copyto(_place(shared, request["at"], samples.dtype.str, samples.shape), samples)
    return {"shape": samples.shape, "dtype": samples.dtype.str}


def _place(shared: mmap.mmap, at: int, dtype: str, shape: Sequence[int]) -> NDArray[np.generic]:
    return np.frombuffer(shared, dtype, math.prod(shape), at).reshape(shape)


def _limit(room: int, seconds: float) -> None:
    """Bound memory and processor time from here on; a decoder that exceeds them ends."""
    import resource  # not on Windows, where no decoder process is started

    used = resource.getrusage(resource.RUSAGE_SELF)
    spent = used.ru_utime + used.ru_stime
    bounds = {resource.RLIMIT_CPU: int(spent + seconds) + 2, resource.RLIMIT_CORE: 0}
    if sys.platform == "linux":
        bounds[resource.RLIMIT_AS] = _pages(0) + _SPARE_BYTES + _BYTES_A_BYTE * room
    for which, bound in bounds.items():
        hard = resource.getrlimit(which)[1]
        resource.setrlimit(which, (bound if hard < 0 else min(bound, hard), hard))


def _pages(field: int) -> int:
    """Bytes of address space (0) or resident memory (1) now; 0 where the system does not tell."""
    if sys.platform != "linux":
        return 0
    with open("/proc/self/statm", "rb") as file:  # noqa: PTH123  (pathlib takes 10 ms to import)
        return int(file.read().split()[field]) * mmap.PAGESIZE


if __name__ == "__main__":
    os.chdir("/")
    serve(int(sys.argv[1]))
