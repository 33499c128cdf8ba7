"""Names that are safe to write: as files below the output folder, and as cells of a spreadsheet."""

from __future__ import annotations

import hashlib
import unicodedata

_RESERVED = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$"]
    + [f"{port}{n}" for port in ("com", "lpt") for n in "0123456789¹²³"]
)
_LONGEST_BYTES = 150  # leaves room for ".pleural_thickening.jpg" below the 255 of most file systems
_FORMULA = tuple("=+-@\t\r\n'＝＋－＠")


def file_stem(name: str) -> str:
    """A file name without extension for the pictures of one image.

    Folders are joined by two underscores. Whatever could leave the folder, is reserved on some
    system or is too long is replaced, and then a hash of the whole name is added, so that two
    images never share a picture.

    Args:
        name: path of the image, relative to the folder that was read.

    Example:
        >>> file_stem("ward/00000032_001.png")
        'ward__00000032_001.png'
        >>> file_stem("../x.png")
        '_____x.png~ee921a2e7d2e'
    """
    flat = "__".join(_part(part) for part in name.split("/"))
    flat = _cut(flat, _LONGEST_BYTES)
    if flat.replace("__", "/") == name:
        return flat
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{flat}~{digest[:12]}"


def _part(part: str) -> str:
    kept = "".join(c if _harmless(c) else "_" for c in unicodedata.normalize("NFC", part))
    if set(kept) <= {"."} or kept.split(".")[0].strip().casefold() in _RESERVED:
        return "_" + kept.replace(".", "_")
    if kept.startswith(".") or kept[-1] in ". ":
        return "_" + kept.strip(". ")
    return kept


def _harmless(c: str) -> bool:
    # Categories: letters, marks and numbers; not controls, lone surrogates or direction overrides.
    return unicodedata.category(c)[0] in "LMN" or c in "-_.+=@,()[]{} !$&'"


def _cut(text: str, longest: int) -> str:
    return text.encode("utf-8")[:longest].decode("utf-8", "ignore")


def cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula.

    One apostrophe is put before a text that begins with ``= + - @``, their full-width forms, a
    tab, a line break or an apostrophe; taking one leading apostrophe away gives the text back.

    Example:
        >>> cell("=1+1.png"), cell("chest.png")
        ("'=1+1.png", 'chest.png')
    """
    return f"'{text}" if text.startswith(_FORMULA) else text


def uncell(text: str) -> str:
    """The text that :func:`cell` was given."""
    return text.removeprefix("'")
