"""Words on a PDF without a font file: which of the reader's own fonts shows which letter.

Latin letters are Helvetica's. Chinese, Japanese and Korean ones come from the fonts of Adobe's
character collections, which every PDF reader has or replaces (ISO 32000-1, 9.7.5.2); nothing is
embedded.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import groupby
from typing import Any

_MARKED = re.compile(r"LATIN (CAPITAL|SMALL) LETTER ([A-Z]) WITH .*")
_FIRST_WIDE = 0x2E80  # radicals of Chinese characters, and what follows them

LATIN, LATIN_BOLD = "Helvetica", "Helvetica-Bold"
_TRADITIONAL = "MSung-Light-CNS"
_BY_CODEC = (
    ("cp1252", ""),
    ("big5", _TRADITIONAL),
    ("gbk", "STSong-Light"),
    ("shift_jis", "HeiseiMin-W3"),
    ("euc_kr", "HYSMyeongJo-Medium"),
)
"""Which letters a font has, told by a codec of the same letters; the first that fits is taken."""


@cache
def register() -> None:
    """Make the fonts known to reportlab, once a process."""
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.pdfbase.pdfmetrics import registerFont

    for name in ("STSong-Light", "HeiseiMin-W3", "HYSMyeongJo-Medium"):
        registerFont(UnicodeCIDFont(name))
    # reportlab pairs this font with a map to simplified Chinese, which shows other characters.
    traditional: Any = UnicodeCIDFont("MSung-Light")
    traditional.encodingName = "UniCNS-UCS2-H"
    traditional.name = traditional.fontName = _TRADITIONAL
    registerFont(traditional)


def runs(text: str, *, bold: bool = False) -> Iterator[tuple[str, str]]:
    """A text as pieces of one font each: (font, piece).

    A Latin letter that no font has loses its marks; anything else becomes "?".

    Example:
        >>> list(runs("氣胸 0.87"))
        [('MSung-Light-CNS', '氣胸'), ('Helvetica', ' 0.87')]
        >>> list(runs("Łódź"))
        [('Helvetica', 'Lódz')]
    """
    latin = LATIN_BOLD if bold else LATIN
    shown = (_shown(letter) for letter in text)
    for font, pieces in groupby(shown, lambda one: one[0]):
        yield font or latin, "".join(letter for _, letter in pieces)


@cache
def _shown(letter: str) -> tuple[str, str]:
    """The font of one letter, "" for Latin, and what is written for it."""
    for codec, font in _BY_CODEC if letter.isprintable() else ():
        try:
            letter.encode(codec)
        except UnicodeEncodeError:
            continue
        if not font or ord(letter) >= _FIRST_WIDE:
            return font, letter
    plain = _MARKED.fullmatch(unicodedata.name(letter, ""))
    if plain is None:
        return "", "?"
    return "", plain[2] if plain[1] == "CAPITAL" else plain[2].lower()


def width(text: str, size: float, *, bold: bool = False) -> float:
    """Points that a text takes on one line."""
    from reportlab.pdfbase.pdfmetrics import stringWidth

    return sum(stringWidth(piece, font, size) for font, piece in runs(text, bold=bold))


def lines(text: str, size: float, wide: float) -> list[str]:
    """A text broken into lines that fit; between words, or anywhere in Chinese."""
    made: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in _words(paragraph):
            if not line or width(line + word.rstrip(), size) <= wide:
                line += word
                continue
            made.append(line.rstrip())
            line = word
        while width(line, size) > wide and len(line) > 1:  # a word longer than a line
            cut = next(n for n in range(len(line) - 1, 0, -1)
                       if n == 1 or width(line[:n], size) <= wide)  # fmt: skip
            made.append(line[:cut])
            line = line[cut:]
        made.append(line.rstrip())
    return made


def _words(text: str) -> Iterator[str]:
    """Pieces that stay together, each with the blank behind it."""
    piece = ""
    for letter in text:
        wide = ord(letter) >= _FIRST_WIDE
        if piece and (wide or piece[-1] == " " or ord(piece[-1]) >= _FIRST_WIDE) and letter != " ":
            yield piece
            piece = ""
        piece += letter
    if piece:
        yield piece


def shortened(text: str, size: float, wide: float, *, bold: bool = False) -> str:
    """A text that fits on one line, its end cut where it is too long."""
    if width(text, size, bold=bold) <= wide:
        return text
    while text and width(text + "…", size, bold=bold) > wide:
        text = text[:-1]
    return text.rstrip() + "…"
