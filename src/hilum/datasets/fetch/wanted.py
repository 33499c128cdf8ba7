"""What is to be fetched: addresses, checksums, and the names that files get on disk."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from hilum.errors import FetchError

DIGITS = {"sha256": 64, "md5": 32}
"""Checksums that are known, and their hexadecimal digits."""

_LONGEST_NAME = 180
"""Bytes; file systems take 255, and ``.part.json`` comes behind."""

_UNSAFE = re.compile(r'[<>:"|?*\x00-\x1f\x7f]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_SUFFIX = re.compile(r"(\.tar)?\.[A-Za-z0-9]{1,8}$")


@dataclass(frozen=True, slots=True)
class Checksum:
    """What the bytes of a file must add up to.

    Attributes:
        kind: "sha256" or "md5".
        digest: hexadecimal, lower case.
    """

    kind: str
    digest: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.digest}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to fetch.

    Attributes:
        url: its address, http or https. It may hold a token: :func:`shown` is what may be shown.
        checksum: of its bytes, where it is known.
    """

    url: str = field(repr=False)
    checksum: Checksum | None = None

    def __post_init__(self) -> None:
        check_url(self.url)


def shown(url: str) -> str:
    """An address without what may be secret: user, password, query, fragment.

    Example:
        >>> shown("https://me:secret@host.org/a/b.zip?token=1")
        'https://host.org/a/b.zip?…'
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that makes no sense"
    path = "".join(letter if letter.isprintable() else "_" for letter in parts.path)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{path}{'?…' if parts.query else ''}"


def check_url(url: str) -> None:
    """Refuse what is no address of a file on a web server.

    Raises:
        FetchError: another scheme than http and https, no host, a user or password within, or
            signs that no address has.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise FetchError(
            "One of the addresses makes no sense (host or port); copy it again."
        ) from None
    if parts.scheme.lower() not in ("http", "https"):
        raise FetchError(
            f"{parts.scheme or 'no'}: is no way to fetch a file: addresses begin with https:// or "
            "http://. A file that lies on this machine needs no fetching."
        )
    if not host or re.search(r"[\s\x00-\x1f\x7f]", url):
        raise FetchError(f"{shown(url)} is no address: it lacks a host, or holds a blank.")
    if "@" in parts.netloc:
        raise FetchError(
            f"{shown(url)}: the address holds a user or a password, which others can see; put them "
            "into ~/.netrc, or pass --header 'Authorization: …'."
        )


def checksum(text: str) -> Checksum:
    """A checksum as it is written.

    Args:
        text: "sha256:HEX", "md5:HEX", or HEX alone, whose length tells.

    Raises:
        FetchError: it is neither.

    Example:
        >>> checksum("D41D8CD98F00B204E9800998ECF8427E").kind
        'md5'
    """
    kind, colon, digest = text.rpartition(":")
    digest = digest.lower()
    if not colon:
        kind = next((name for name, digits in DIGITS.items() if digits == len(digest)), "")
    kind = kind.lower()
    if DIGITS.get(kind) != len(digest) or not re.fullmatch(r"[0-9a-f]+", digest):
        raise FetchError(
            f"{text[:80]!r} is no checksum: sha256: with 64 hexadecimal digits, or md5: with 32."
        )
    return Checksum(kind, digest)


def read_list(path: Path) -> tuple[Wanted, ...]:
    """Addresses from a text file.

    Args:
        path: lines ``URL [sha256:HEX|md5:HEX]`` in UTF-8; blank lines, and what follows a ``#`` at
            the beginning of a line or behind a blank, say nothing.

    Returns:
        Files in the order of the list.

    Raises:
        FetchError: it cannot be read, or has lines that make no sense: all are counted.
    """
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise FetchError(
            f"The list {path} cannot be read: {why}. (An address begins with https://.)"
        ) from None
    wanted: list[Wanted] = []
    wrong: list[str] = []
    for number, line in enumerate(lines, 1):
        words = re.sub(r"(^|\s)#.*", "", line).split()
        if not words:
            continue
        try:
            if len(words) > 2:
                raise FetchError(f"{len(words)} words; a line is: URL [sha256:HEX|md5:HEX].")
            wanted.append(Wanted(words[0], checksum(words[1]) if words[1:] else None))
        except FetchError as error:
            wrong.append(f"line {number}: {error}")
    if wrong:
        more = f" … and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise FetchError(f"The list {path} cannot be used. {' '.join(wrong[:3])}{more}")
    if not wanted:
        raise FetchError(f"The list {path} holds no address.")
    return tuple(wanted)


def file_name(disposition: str | None, urls: Sequence[str]) -> str:
    """The name that a file gets on disk.

    Args:
        disposition: the name in the server's Content-Disposition, where there is one.
        urls: the address that was asked for, and the one that it led to.

    Returns:
        The server's name, else the last part of the first address that ends in a file name; safe
        on every system: no folders, no leading dots, at most 180 bytes.

    Example:
        >>> file_name(None, ["https://host.org/images/part%2001.tar.gz?token=1"])
        'part 01.tar.gz'
    """
    parts = [unquote(urlsplit(url).path.rstrip("/").rpartition("/")[2]) for url in urls]
    named = [part for part in parts if _SUFFIX.search(part)]
    candidates = [disposition or "", *named, *parts, "download"]
    return next(name for name in map(_safe, candidates) if name)


def _safe(name: str) -> str:
    name = name.replace("\\", "/").rpartition("/")[2]
    name = "".join(letter if letter.isprintable() else "_" for letter in name)
    name = _UNSAFE.sub("_", name).strip(". ")
    if _RESERVED.fullmatch(name):
        name = f"_{name}"
    if len(name.encode()) <= _LONGEST_NAME:
        return name
    found = _SUFFIX.search(name)
    suffix = found.group() if found else ""
    stem = name.removesuffix(suffix).encode()[: _LONGEST_NAME - len(suffix)]
    return stem.decode("utf-8", "ignore") + suffix
