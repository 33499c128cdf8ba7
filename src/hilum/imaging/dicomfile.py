"""Bytes → header and undecoded pixel data of a DICOM file (PS3.10 7.1, PS3.5 7.1)."""

from __future__ import annotations

import logging
import re
import struct
import threading
import warnings
import zlib
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import imagecodecs
from pydicom import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag

from hilum.domain import Note
from hilum.errors import DamagedFile, InvalidHeader, NotAnImage, UnsupportedImage
from hilum.imaging import spare
from hilum.imaging.limits import FREE_BYTES, MAX_FILE_BYTES, MAX_RATIO

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
UNDEFINED_LENGTH = 0xFFFFFFFF

PARSE_ERRORS = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    EOFError,
    AssertionError,
    NotImplementedError,
    RecursionError,
    MemoryError,
    OSError,  # the file lies in memory: a sequence that breaks off
    struct.error,
    BytesLengthException,
    InvalidDicomError,
)
"""What pydicom raises on headers that are cut, overwritten or hostile."""

_UID = re.compile(r"[0-9.]{1,64}")

_deflate_decode: Callable[..., Any] = imagecodecs.deflate_decode  # its types know no arrays
_one_at_a_time = threading.Lock()


@dataclass(frozen=True, slots=True, eq=False)
class DicomFile:
    """A parsed header and where its pixels lie.

    Attributes:
        dataset: elements before Pixel Data.
        syntax: Transfer Syntax UID.
        pixels: the value of Pixel Data; None where the file has none.
        length: its declared length; :data:`UNDEFINED_LENGTH` when encapsulated.
        vr: its value representation, "OB" or "OW".
        notes: what is odd about the file's structure.
    """

    dataset: Dataset
    syntax: str
    pixels: memoryview | None
    length: int
    vr: str
    notes: tuple[Note, ...]

    @property
    def encapsulated(self) -> bool:
        """Whether Pixel Data is a sequence of fragments (PS3.5 A.4)."""
        return self.length == UNDEFINED_LENGTH


@contextmanager
def quiet() -> Generator[list[Note]]:
    """Turn what pydicom warns of into notes.

    Python's warning filters belong to the process, so one thread at a time passes here: keep to
    the header inside (milliseconds) and decode outside. pydicom logs the same texts, which quote
    values: its log is closed meanwhile.

    Yields:
        A list that holds the notes after the block.
    """
    notes: list[Note] = []
    with _one_at_a_time, _nothing_logged(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield notes
    texts = {str(warning.message) for warning in caught}
    charset = {text for text in texts if "encoding" in text.lower()}
    undecodable = {text for text in charset if "decode" in text.lower()}
    # The texts quote values, which may be a patient's: count them, never repeat them.
    if undecodable:
        notes.append(
            Note("undecodable-text", "Texts in the header do not fit its Specific Character Set; "
                 "letters are missing from them.", warning=False)
        )  # fmt: skip
    if texts - charset:
        count = len(texts - charset)
        values = "1 header value breaks" if count == 1 else f"{count} header values break"
        notes.append(
            Note("header-irregular", f"{values} the standard's rules for its kind (PS3.5 6.2); "
                 "taken as it stands.", warning=False)
        )  # fmt: skip


@contextmanager
def _nothing_logged() -> Generator[None]:
    logger = logging.getLogger("pydicom")
    before = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = before


def open_dicom(data: bytes, tags: Sequence[int] | None = None) -> DicomFile:
    """Parse a header; call inside :func:`quiet`.

    Args:
        data: the whole file.
        tags: elements wanted; None for all.

    Raises:
        DamagedFile: the header breaks off or makes no sense.
        InvalidHeader: Explicit VR under the name of Implicit VR, or the reverse.
        NotAnImage: a DICOMDIR.
        UnsupportedImage: a deflated file that grows beyond 200 times its size and 64 MiB.
    """
    notes: list[Note] = []
    stream = BytesIO(data)
    if data[128:132] == b"DICM":
        stream.seek(132)
    else:
        notes.append(Note("no-preamble", "The file lacks the preamble of PS3.10 7.1; read anyway."))
    try:
        meta = read_dataset(stream, False, True, stop_when=_after_meta)
        media = str(meta.get("MediaStorageSOPClassUID", ""))
        syntax = str(meta.get("TransferSyntaxUID") or "").strip("\x00 ")
        if media == "1.2.840.10008.1.3.10":
            raise NotAnImage("The file is a DICOMDIR, a table of contents; give the images.")
        if not syntax:
            syntax = _guess_syntax(data, stream.tell())
            notes.append(Note("no-transfer-syntax", "Transfer Syntax UID is missing; guessed."))
        if not _UID.fullmatch(syntax):
            raise DamagedFile(
                "Transfer Syntax UID (0002,0010) is no UID (PS3.5 9.1): the header is damaged. "
                "Copy the file again from its source."
            )
        if syntax == DEFLATED:
            data = _inflate(memoryview(data)[stream.tell() :])
            stream = BytesIO(data)
        body = read_dataset(
            stream,
            syntax == IMPLICIT,
            syntax != BIG_ENDIAN,
            stop_when=_at_pixels,
            specific_tags=None if tags is None else [BaseTag(tag) for tag in tags],
        )
    except PARSE_ERRORS as error:
        raise DamagedFile(
            f"The DICOM header cannot be parsed: {_why(error)}. Copy the file again from its "
            "source."
        ) from error
    if body.original_encoding[0] is (syntax != IMPLICIT):  # pydicom found out by itself
        raise InvalidHeader(
            f"The header is written in {'Im' if syntax != IMPLICIT else 'Ex'}plicit VR, its "
            f"Transfer Syntax UID announces the other (PS3.5 A.1, A.2): it was changed by hand, or "
            "by a program that is wrong. Export the file again."
        )
    pixels, length, vr = _pixel_data(data, stream.tell(), little=syntax != BIG_ENDIAN)
    if syntax == DEFLATED and pixels is not None and length != UNDEFINED_LENGTH:
        _check_behind(data[stream.tell() + 12 + length :])
    return DicomFile(body, syntax, pixels, length, vr, tuple(notes))


def _why(error: Exception) -> str:
    """What an administrator should know of an error; its own text may quote a patient's data."""
    if isinstance(error, RecursionError):
        return "its sequences are nested deeper than those of any radiograph"
    if isinstance(error, (EOFError, OSError, struct.error)):
        return "it breaks off within an element: the file was cut, or a length in it is wrong"
    if isinstance(error, (NotImplementedError, KeyError)):
        return "an element has a value representation that PS3.5 6.2 does not know"
    return f"an element makes no sense ({type(error).__name__}), so it was cut or overwritten"


def _after_meta(tag: BaseTag, vr: str | None, length: int) -> bool:
    return tag >> 16 != 2


def _at_pixels(tag: BaseTag, vr: str | None, length: int) -> bool:
    return tag in (0x7FE00008, 0x7FE00009, 0x7FE00010)


def _guess_syntax(data: bytes, at: int) -> str:
    head = data[at : at + 6]
    if len(head) < 6:
        raise DamagedFile("The file ends within its meta information: it was cut. Copy it again.")
    if not (head[4:6].isalpha() and head[4:6].isupper()):
        return IMPLICIT
    return BIG_ENDIAN if head[0] == 0 else EXPLICIT


def _inflate(data: memoryview) -> bytes:
    """Undo the deflation of PS3.5 A.5, up to a cap.

    libdeflate takes half of zlib's time. It needs room for all that comes out, and lets some codes
    pass that make no sense, after which there is too much or too little: what does not end with
    its pixels is zlib's to judge.
    """
    with suppress(imagecodecs.DeflateError), spare.room((spare.BYTES,), "u1") as room:
        out = bytes(_deflate_decode(data, raw=True, out=room))
        if _ends_with_pixels(out):
            return out
    most = min(MAX_FILE_BYTES, max(FREE_BYTES, MAX_RATIO * len(data)))
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        out = inflater.decompress(data, most)
    except zlib.error as error:
        raise DamagedFile(
            "The deflated data set is damaged (PS3.5 A.5). Copy the file again from its source."
        ) from error
    if inflater.unconsumed_tail:
        raise UnsupportedImage(
            f"The deflated data set grows beyond {most // 1024**2} MiB; no radiograph does. Export "
            "the image uncompressed (Explicit VR Little Endian)."
        )
    if not inflater.eof:
        raise DamagedFile("The deflated data set breaks off: the file was cut. Copy it again.")
    return out


def _ends_with_pixels(data: bytes) -> bool:
    """Whether an Explicit VR data set ends where its first Pixel Data (7FE0,0010) does."""
    at = data.find(b"\xe0\x7f\x10\x00O") + 12
    return at >= 12 and at + int.from_bytes(data[at - 4 : at], "little") == len(data)


def _check_behind(data: bytes) -> None:
    """Refuse what follows Pixel Data and is no element: a deflated data set has no checksum.

    Raises:
        DamagedFile: it is something else than padding or digital signatures (PS3.5 7.1, 7.2).
    """
    if data.strip(b"\x00") and data[:4] not in (b"\xfc\xff\xfc\xff", b"\xfa\xff\xfa\xff"):
        raise DamagedFile(
            "The deflated data set is longer than its pixels: part of the file was overwritten. "
            "Copy it again from its source."
        )


def _pixel_data(data: bytes, at: int, *, little: bool) -> tuple[memoryview | None, int, str]:
    """Find the value of Pixel Data (7FE0,0010) without a copy."""
    order = "<" if little else ">"
    if at + 12 > len(data) or struct.unpack(order + "HH", data[at : at + 4]) != (0x7FE0, 0x0010):
        return None, 0, ""
    vr = data[at + 4 : at + 6]
    if vr in (b"OB", b"OW", b"UN") and data[at + 6 : at + 8] == b"\x00\x00":
        (length,) = struct.unpack(order + "I", data[at + 8 : at + 12])
        at += 12
    else:
        vr = b"OW"
        (length,) = struct.unpack(order + "I", data[at + 4 : at + 8])
        at += 8
    end = len(data) if length == UNDEFINED_LENGTH else min(len(data), at + length)
    return memoryview(data)[at:end], length, vr.decode()
