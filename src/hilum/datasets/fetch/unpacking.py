"""An archive → a folder of its files: all of it or nothing, and never outside.

What may be dangerous is known by :mod:`hilum.imaging.archive`, as for ``hilum read``. Files are
written into a hidden folder beside, which gets its name when it is whole; a run that is ended goes
on in it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from glob import escape
from pathlib import Path, PurePosixPath

from hilum.datasets.fetch.partial import sync_folder, told
from hilum.errors import FetchError, IntakeError
from hilum.imaging.archive import SUFFIXES, InOrder, contents
from hilum.imaging.member import Member

MARK = ".hilum-unpacked.json"
"""In a folder: of which archive it is the whole."""

_WRITING, _UNPACKING = ".hilum-writing", ".unpacking-"


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What became of an archive.

    Attributes:
        folder: where its files are.
        files: how many were written.
        bytes: of them.
        left_out: (name, why) of members that had better not be unpacked: links, names that lead
            outside, passwords, archives within, bombs.
        passed_over: hidden files and the like.
        archive_bytes: size of the archive.
    """

    folder: Path
    files: int
    bytes: int
    left_out: tuple[tuple[str, str], ...]
    passed_over: int
    archive_bytes: int


def folder_of(archive: Path) -> Path | None:
    """Where an archive is unpacked to: beside it, without its suffix; None for other files.

    Example:
        >>> folder_of(Path("data/images_001.tar.gz")).name
        'images_001'
    """
    suffixes = sorted(SUFFIXES, key=len, reverse=True)
    found = next((s for s in suffixes if archive.name.lower().endswith(s)), None)
    name = archive.name[: -len(found)].rstrip(". ") if found else ""
    return archive.with_name(name) if name else None


def unpacked_before(archive: Path, folder: Path) -> Unpacked | None:
    """What an earlier run made of an archive, which may be gone since.

    Args:
        archive: need not exist.
        folder: where it was unpacked to.

    Returns:
        None where that folder is missing.

    Raises:
        FetchError: the folder is there, but is not the whole of this archive as it is now.
    """
    if not folder.exists():
        return None
    try:
        kept = json.loads((folder / MARK).read_text("utf-8"))
        left_out = tuple((name, why) for name, why in kept["left_out"])
        known = kept["archive"] == archive.name
        now = archive.stat() if archive.exists() else None
        if known and (now is None or (now.st_size, now.st_mtime_ns) == tuple(kept["of"])):
            return Unpacked(
                folder, kept["files"], kept["bytes"], left_out, kept["passed_over"], kept["of"][0]
            )
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise FetchError(
        f"{folder} is there already and was not unpacked from {archive.name} as it is now; move it "
        "away."
    )


def unpack(
    archive: Path, folder: Path, *, watch: Callable[[int, int], None] = lambda _done, _all: None
) -> Unpacked:
    """Unpack an archive, or go on where an earlier run stopped.

    Args:
        archive: ZIP or TAR, plain or compressed.
        folder: is made; it appears when all is in it.
        watch: is told how many files of how many are written.

    Returns:
        What was written and what was not. Of an archive that was unpacked before, what was said
        then; it need not exist any more.

    Raises:
        UnsafeArchive: it is a bomb as a whole.
        IntakeError: it is cut, damaged or no archive; nothing is written.
        FetchError: the folder is something else, or the disk has too little room.
    """
    before = unpacked_before(archive, folder)
    if before is not None:
        return before
    found = contents(archive, archive.name, lambda _name: True)
    if found.problem is not None:
        raise type(found.problem)(f"{archive.name} was not unpacked. {found.problem}")
    status = archive.stat()
    of = [status.st_size, status.st_mtime_ns]
    names = [(name[len(archive.name) + 1 :], member, why) for name, member, why in found.found]
    left_out = [(name, str(why)) for name, _, why in names if why is not None]
    wanted = [(name, member) for name, member, why in names if why is None]
    if not wanted:
        why = f" {left_out[0][0]}: {left_out[0][1]}" if left_out else ""
        raise FetchError(f"{archive.name} holds no file that can be unpacked.{why}")
    with told(folder):
        key = hashlib.sha256(repr([archive.name, *of]).encode()).hexdigest()[:12]
        new = folder.with_name(f".{folder.name}{_UNPACKING}{key}")
        folder.parent.mkdir(parents=True, exist_ok=True)
        _check_disk(archive, new, wanted)
        _make(new, folder)
        wanted, clashes = _apart(wanted, new)
        left_out += clashes
        for done, _ in enumerate(_write(archive, new, wanted), 1):
            watch(done, len(wanted))
        result = Unpacked(
            folder,
            len(wanted),
            sum(member.size for _, member in wanted),
            tuple(left_out),
            found.passed_over,
            of[0],
        )
        _finish(new, result, archive.name, of)
    return result


def _make(new: Path, folder: Path) -> None:
    """Make the folder to write into; those of earlier versions of the archive are removed."""
    for old in folder.parent.glob(escape(f".{folder.name}{_UNPACKING}") + "*"):
        if old != new:
            shutil.rmtree(old)
    new.mkdir(exist_ok=True)


def _apart(
    members: list[tuple[str, Member]], new: Path
) -> tuple[list[tuple[str, Member]], list[tuple[str, str]]]:
    """Members that can lie in one folder, and those that another one stands in the way of."""
    fold = str.casefold if new.with_name(new.name.swapcase()).exists() else str
    folders = {fold(str(above)) for name, _ in members for above in PurePosixPath(name).parents}
    wanted: list[tuple[str, Member]] = []
    clashes: list[tuple[str, str]] = []
    for name, member in members:
        if fold(name) in folders:
            clashes.append((name, "Another member has its name, or has it as a folder."))
            continue
        wanted.append((name, member))
        if fold is str.casefold:
            folders.add(fold(name))
    return wanted, clashes


def _check_disk(archive: Path, new: Path, wanted: list[tuple[str, Member]]) -> None:
    needed = sum(member.size for name, member in wanted if not _is_done(new / name, member))
    free = shutil.disk_usage(new.parent).free
    if needed > free:
        raise FetchError(
            f"{archive.name} needs {needed / 1e9:,.2f} GB more to be unpacked, and {new.parent} "
            f"has {free / 1e9:,.2f} GB free. Make room and run the same command again, or leave it "
            "packed: hilum reads archives as they are."
        )


def _write(archive: Path, new: Path, wanted: list[tuple[str, Member]]) -> Iterator[None]:
    """Write each file under another name first, so that none is ever torn."""
    loader, made = InOrder(), {new}
    try:
        for name, member in wanted:
            path = new / name
            if not _is_done(path, member):
                data = _load(loader, archive, name, member)
                if path.parent not in made:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    made.add(path.parent)
                (new / _WRITING).write_bytes(data)
                (new / _WRITING).replace(path)
            yield
    finally:
        loader.close()


def _load(loader: InOrder, archive: Path, name: str, member: Member) -> bytes:
    try:
        return loader.load(archive, member)
    except IntakeError as error:
        raise type(error)(f"{archive.name} was not unpacked. {name}: {error}") from error


def _is_done(path: Path, member: Member) -> bool:
    try:
        return path.stat().st_size == member.size
    except (FileNotFoundError, NotADirectoryError):
        return False


def _finish(new: Path, result: Unpacked, archive: str, of: list[int]) -> None:
    mark = {
        "archive": archive,
        "of": of,
        "files": result.files,
        "bytes": result.bytes,
        "passed_over": result.passed_over,
        "left_out": result.left_out,
    }
    (new / _WRITING).write_text(json.dumps(mark, indent=1), encoding="utf-8")
    (new / _WRITING).replace(new / MARK)
    if hasattr(os, "sync"):
        os.sync()  # one by one, a hundred thousand files would take minutes
    new.replace(result.folder)
    sync_folder(result.folder.parent)
