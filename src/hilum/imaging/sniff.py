"""What a file is by its first bytes; names and suffixes are not believed."""

from __future__ import annotations

from typing import Literal

from hilum.domain import Note
from hilum.errors import NotAnImage, UnsupportedImage

Format = Literal["dicom", "png", "jpeg", "tiff"]

_PICTURES: tuple[tuple[bytes, Format], ...] = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
)
_OTHER_PICTURES = (
    (b"BM", "a BMP picture"),
    (b"GIF8", "a GIF picture"),
    (b"\xff\x4f\xff\x51", "a bare JPEG 2000 codestream"),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 file"),
    (b"II+\x00", "a BigTIFF file"),
    (b"MM\x00+", "a BigTIFF file"),
    (b"NRRD", "an NRRD volume"),
    (b"\x89HDF", "an HDF5 file"),
)
_NO_PICTURES = (
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"\x93NUMPY", "a numpy array"),
    (b"SQLite format 3", "a database"),
)


def sniff(data: bytes) -> Format:
    """Tell the format of a file from its bytes.

    Args:
        data: the whole file, or its first 4 kB.

    Returns:
        "dicom", "png", "jpeg" or "tiff". DICOM without its preamble counts as "dicom".

    Raises:
        NotAnImage: it is empty, text, a document, an archive, or nothing known.
        UnsupportedImage: it is a picture of a kind that Hilum does not read.
    """
    if not data:
        raise NotAnImage("The file is empty (0 bytes); copy it again from its source.")
    if data[128:132] == b"DICM":
        return "dicom"
    for magic, kind in _PICTURES:
        if data.startswith(magic):
            return kind
    if _is_bare_dicom(data):
        return "dicom"
    for magic, words in _OTHER_PICTURES:
        if data.startswith(magic):
            raise UnsupportedImage(
                f"The file is {words}; Hilum reads DICOM, PNG, JPEG and TIFF. Convert it first."
            )
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        raise UnsupportedImage("The file is a WebP picture; convert it to PNG first.")
    words = _words(data)
    if "archive" in words:
        raise NotAnImage(
            f"The file is {words}, no radiograph; unpack it. ZIP and TAR archives are read when "
            "they are named directly, and in a folder by their suffix."
        )
    raise NotAnImage(f"The file is {words}, no radiograph; Hilum reads DICOM, PNG, JPEG and TIFF.")


def misnamed(name: str, kind: Format) -> Note | None:
    """Say so where a picture goes under the name of a DICOM file.

    Args:
        name: of the file.
        kind: what it is.
    """
    if kind == "dicom" or not name.lower().endswith((".dcm", ".dicom", ".ima")):
        return None
    return Note("misnamed", f"The file is named like a DICOM file and is a {kind.upper()} picture: "
                "it has no header that tells polarity, window and view.")  # fmt: skip


def _words(data: bytes) -> str:
    for magic, words in _NO_PICTURES:
        if data.startswith(magic):
            return words
    if data[257:262] == b"ustar":
        return "a TAR archive"
    start = data[:1024]
    head = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<!doctype html", b"<html")):
        return "a web page (a failed download?)"
    if not start.strip(b"\x00"):
        return "full of zeros (a failed copy?)"
    if all(byte >= 32 or byte in b"\t\r\n\x0c\x1b" for byte in start):
        return "text"
    return "of no known kind"


def _is_bare_dicom(data: bytes) -> bool:
    """A data set that begins at once: group 0002 or 0008 and a value representation or length."""
    if len(data) < 16:
        return False
    group = data[:2]
    if group in (b"\x02\x00", b"\x08\x00"):
        element = int.from_bytes(data[2:4], "little")
        explicit = data[4:6].isalpha() and data[4:6].isupper()
        return element < 0x3000 and (explicit or int.from_bytes(data[4:8], "little") < 1024)
    return group == b"\x00\x08" and data[4:6].isalpha() and data[4:6].isupper()
