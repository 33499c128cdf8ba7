"""The files of a pack, and what is in them.

======================  ============================================================================
``pack.json``           size, fit, the tables that were packed, digests of the files below
``shard-000000.u8`` …   pixels, a byte each, row by row, one picture behind the other
``index.npy``           one :data:`ENTRY` a picture: where its pixels are, and the way to its source
``names.txt``           the table's name of each picture, a line each, in the order of the index
``labels.csv``          the label table of the pictures, a row each, in the order of the index
``refused.csv``         images of the table that could not be read, and why
======================  ============================================================================

The number of entries in the head of ``index.npy`` is what counts: it is written after everything
that it counts has reached the disk, so bytes behind it are of a run that was stopped.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.domain.text import Text, text
from hilum.errors import PackError, RunError

FORMAT = "hilum.pack/1"

FITS = ("short-side", "squash", "letterbox", "centre-crop")
"""How pictures come to their size; the last three as in a bundle's preprocessing."""

FACTS, INDEX, NAMES = "pack.json", "index.npy", "names.txt"
LABELS, REFUSED, LOCK = "labels.csv", "refused.csv", ".lock"

SHARD_BYTES = 1 << 30
"""A shard holds at most so much, unless a single picture is larger."""

ENTRY = np.dtype(
    [
        ("shard", "<u4"),
        ("offset", "<u8"),
        ("height", "<u4"),
        ("width", "<u4"),
        ("crc32", "<u4"),
        ("to_source", "<f8", (6,)),
        ("source_height", "<u4"),
        ("source_width", "<u4"),
        ("source_bytes", "<u8"),
        ("source_crc32", "<u4"),
    ]
)
"""One picture: its shard and the offset of its first pixel there, its size in pixels, CRC-32 of its
pixels; the map (a, b, tx, c, d, ty) from its points to those of the image file, its size in pixels,
the file's bytes and their CRC-32."""


@dataclass(frozen=True, slots=True)
class PackSpec:
    """What the pictures of a pack are.

    Attributes:
        size: (rows, columns); for "short-side" both are the length of the shorter side.
        fit: "short-side" keeps the whole picture in its proportions: its shorter side gets the
            size; it is never enlarged, and its longer side is at most twice the size. "squash",
            "letterbox" and "centre-crop" are those of a bundle's preprocessing.
        crop: in words, what was cut out before that, and by what; empty for whole pictures.
    """

    size: tuple[int, int]
    fit: str
    crop: str = ""

    def __post_init__(self) -> None:
        if self.fit not in FITS:
            raise RunError(f"fit {self.fit!r} is unknown; give one of {', '.join(FITS)}.")
        if not all(16 <= side <= 4096 for side in self.size):
            raise RunError(f"size {self.size}: give 16 to 4,096 px.")
        if self.fit == "short-side" and self.size[0] != self.size[1]:
            raise RunError(f"size {self.size}: the shorter side has one length.")
        if self.fit == "short-side" and self.crop:
            raise RunError("short-side keeps whole pictures; a crop needs one of the other fits.")

    def __str__(self) -> str:
        high, wide = self.size
        cut = f", {self.crop}" if self.crop else ""
        return f"{high if high == wide else f'{high} × {wide}'} px, {self.fit}{cut}"

    @property
    def equal(self) -> bool:
        """Whether all pictures have the same size."""
        return self.fit != "short-side"

    @property
    def most_bytes(self) -> int:
        """What a picture takes at most."""
        high, wide = self.size
        return high * wide if self.equal else 2 * high * wide


@dataclass(frozen=True, slots=True)
class Packed:
    """A table that was packed.

    Attributes:
        digest: of the label table.
        images: its rows.
        done: whether the run came to its end.
        hilum: version that decoded.
    """

    digest: str
    images: int
    done: bool
    hilum: str


@dataclass(frozen=True, slots=True)
class Facts:
    """``pack.json``.

    Attributes:
        spec: what the pictures are.
        tables: that were packed, one after the other.
        files: SHA-256 of index, names, labels and refused images; empty while a run goes on.
    """

    spec: PackSpec
    tables: tuple[Packed, ...] = ()
    files: Mapping[str, str] | None = None

    @property
    def done(self) -> bool:
        """Whether every run came to its end."""
        return all(table.done for table in self.tables)

    def going_on(self, table: Packed) -> Facts:
        """The facts while a table is packed: it stands last."""
        others = [other for other in self.tables if other.digest != table.digest]
        return replace(self, tables=(*others, table), files=None)


def is_pack(folder: Path) -> bool:
    """Whether a folder is a pack, finished or not."""
    return (folder / FACTS).is_file() and (folder / INDEX).is_file()


def read_facts(folder: Path) -> Facts:
    """Read ``pack.json``.

    Raises:
        PackError: there is none, it is damaged, or of another version.
    """
    path = folder / FACTS
    try:
        said: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise PackError(f"{folder} is no pack: it has no {FACTS} ({error.strerror}).") from None
    except ValueError as error:
        raise PackError(f"{path} is damaged; copy the pack again.") from error
    if said.get("format") != FORMAT:
        raise PackError(
            f"{folder} is a pack of the form {said.get('format')!r}, known is {FORMAT!r}: read it "
            "with the Hilum that made it, or pack again."
        )
    try:
        high, wide = said["size"]
        tables = tuple(Packed(**table) for table in said["tables"])
        return Facts(
            PackSpec((high, wide), said["fit"], said.get("crop", "")), tables, said["files"]
        )
    except (KeyError, TypeError, ValueError, RunError) as error:
        raise PackError(f"{path} is damaged; copy the pack again.") from error


def write_facts(folder: Path, facts: Facts, count: int) -> None:
    """Write ``pack.json``; it appears whole or not at all.

    Args:
        folder: of the pack.
        facts: to write.
        count: number of pictures.
    """
    said = {
        "format": FORMAT,
        "size": list(facts.spec.size),
        "fit": facts.spec.fit,
        **({"crop": facts.spec.crop} if facts.spec.crop else {}),
        "pictures": count,
        "tables": [asdict(table) for table in facts.tables],
        "files": facts.files and dict(facts.files),
    }
    write_whole(folder / FACTS, (json.dumps(said, indent=1) + "\n").encode("ascii"))


def shard(number: int) -> str:
    """The name of a shard."""
    return f"shard-{number:06d}.u8"


def read_index(folder: Path) -> NDArray[np.void]:
    """The entries that count.

    Raises:
        PackError: the index is missing, damaged or of another form.
    """
    path = folder / INDEX
    try:
        index = np.array(np.load(path, mmap_mode="r", allow_pickle=False))  # checks the length
    except OSError as error:
        raise PackError(f"{folder} is no pack: it has no {INDEX} ({error.strerror}).") from None
    except (ValueError, EOFError) as error:
        raise PackError(f"{path} is damaged; copy the pack again, or pack again.") from error
    if index.dtype != ENTRY or index.ndim != 1:
        raise PackError(f"{path} is no index of the form {FORMAT!r}; copy the pack again.")
    return index


def read_names(folder: Path, count: int) -> Text:
    """The names of the first pictures.

    Raises:
        PackError: the file is missing, damaged or too short.
    """
    path = folder / NAMES
    try:
        lines = path.read_bytes().split(b"\n", count)
        names = [line.decode("utf-8") for line in lines[:count]]
    except (OSError, UnicodeDecodeError) as error:
        raise PackError(f"{path} is missing or damaged; copy the pack again.") from error
    if len(lines) <= count:
        raise PackError(f"{path} has {len(lines) - 1} names of {count}; copy the pack again.")
    return text(names)


def digests(folder: Path, files: Iterable[str]) -> dict[str, str]:
    """SHA-256 of files of a pack, by name; without those that are missing."""
    found: dict[str, str] = {}
    for name in files:
        if (folder / name).is_file():
            with (folder / name).open("rb") as file:
                found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that appears whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    force_folder(path.parent)


def force_folder(folder: Path) -> None:
    """Bring the names of a folder's files to the disk."""
    if sys.platform == "win32":  # it has no such call
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
