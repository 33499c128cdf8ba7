"""The files of a bundle, in a folder or in one ``.hilum`` file, behind one small interface.

A ``.hilum`` file is a zip whose members are stored, not compressed. It is read in memory and never
extracted: no member can land outside a folder, and none can grow when it is read.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from hilum.errors import BundleError

CARD = "card.json"
SUFFIX = ".hilum"
LARGEST_CARD = 4 << 20
"""Bytes of a card; a real one holds some tens of thousands."""
LARGEST_FILE = 2 << 30
"""Bytes of any other file: what an ONNX graph without external data can hold."""
MOST_FILES = 64


def names(location: Path) -> tuple[str, ...]:
    """The files of a bundle, sorted; hidden files are no part of it.

    Raises:
        BundleError: the location is no bundle, or is a ``.hilum`` file of a forbidden kind.
    """
    if location.is_dir():
        found = [p.name for p in location.iterdir() if not p.name.startswith(".")]
    else:
        with _open(location) as archive:
            found = archive.namelist()
    if len(found) > MOST_FILES:
        raise BundleError(f"{location} holds {len(found)} files, a bundle at most {MOST_FILES}")
    return tuple(sorted(found))


def read(location: Path, file: str) -> bytes:
    """The bytes of one file.

    Raises:
        BundleError: no such file, or one larger than a bundle may hold.
    """
    most = LARGEST_CARD if file == CARD else LARGEST_FILE
    if location.is_dir():
        path = location / file
        if not path.is_file():
            raise BundleError(f"{location} has no file {file!r}")
        _check_size(location, file, path.stat().st_size, most)
        return path.read_bytes()
    with _open(location) as archive:
        if file not in archive.namelist():
            raise BundleError(f"{location} has no file {file!r}")
        _check_size(location, file, archive.getinfo(file).file_size, most)
        try:
            return archive.read(file)
        except (zipfile.BadZipFile, EOFError) as error:
            raise BundleError(f"{location}: {file!r} is damaged ({error})") from error


def write(files: Mapping[str, bytes], out: Path) -> None:
    """Write a folder, or one file when ``out`` ends in ``.hilum``: whole or not at all.

    Raises:
        BundleError: ``out`` exists.
    """
    if out.exists():
        raise BundleError(f"{out} exists; remove it or choose another name")
    out.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        if out.suffix == SUFFIX:
            _write_archive(files, part / out.name)
            (part / out.name).replace(out)
        else:
            inner = part / out.name
            inner.mkdir()
            for name, data in files.items():
                _write_file(inner / name, data)
            inner.rename(out)
    finally:
        shutil.rmtree(part)


def replace_card(location: Path, card: bytes, files: Mapping[str, bytes]) -> None:
    """Put another card into a bundle: the old one stands there until the new one is whole.

    Args:
        location: a folder or a ``.hilum`` file.
        card: the bytes of the new one.
        files: every other file by name.

    Raises:
        BundleError: it cannot be written there.
    """
    part = location / f".{CARD}" if location.is_dir() else location.with_name(f".{location.name}")
    try:
        if location.is_dir():
            _write_file(part, card)
            part.replace(location / CARD)
        else:
            _write_archive({**files, CARD: card}, part)
            part.replace(location)
    except OSError as error:
        raise BundleError(f"{location}: the card cannot be written ({error.strerror})") from error
    finally:
        part.unlink(missing_ok=True)


def _write_file(path: Path, data: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _write_archive(files: Mapping[str, bytes], path: Path) -> None:
    with path.open("wb") as stream:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
            for name in sorted(files):  # one date for all: the same bundle, the same bytes
                member = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
                member.external_attr = 0o644 << 16
                archive.writestr(member, files[name])
        stream.flush()
        os.fsync(stream.fileno())


def _open(location: Path) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(location)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, NotImplementedError) as error:
        raise BundleError(
            f"{location} is no bundle: expected a folder with {CARD}, or a {SUFFIX} file ({error})"
        ) from error
    faults = _faults(archive.infolist())
    if faults:
        archive.close()
        raise BundleError(f"{location} is no bundle: {'; '.join(faults)}")
    return archive


def _faults(members: list[zipfile.ZipInfo]) -> list[str]:
    faults: list[str] = []
    seen: set[str] = set()
    for member in members[: MOST_FILES + 1]:
        name = member.filename
        if "/" in name or "\\" in name or name.startswith(".") or not name:
            faults.append(f"member {name!r} is no plain file name")
        elif name in seen:
            faults.append(f"member {name!r} stands twice")
        elif stat.S_ISLNK(member.external_attr >> 16):
            faults.append(f"member {name!r} is a link")
        elif member.compress_type != zipfile.ZIP_STORED or (
            member.compress_size != member.file_size
        ):
            faults.append(f"member {name!r} is compressed; members must be stored")
        seen.add(name)
    return faults


def _check_size(location: Path, file: str, size: int, most: int) -> None:
    if size > most:
        raise BundleError(f"{location}: {file!r} has {size:,} bytes, at most {most:,} are read")
