"""What lies in a ZIP or TAR archive, and the bytes of one member; nothing is written to disk.

A member is listed first and read when its turn comes, so that a run knows its files, their names
and their order before it begins, and ``--resume`` knows which are done. Members of a ZIP archive
and of a plain TAR archive are read from where they lie, in any order, by any thread, without
looking at the table of contents again. A compressed TAR archive has no such places: it is unpacked
once to list it, which also finds out whether it is whole, and once more to read it, from front to
back (:class:`InOrder`), with members that are not wanted passed by. That is two passes whatever the
number of members and of threads, and memory for one member at a time; keeping the members of the
first pass would need the disk, and starting from the front for each would be quadratic.

A name in an archive never becomes a path. What may be dangerous is not read: names that lead
outside, links, passwords, archives within, and members that would fill the memory.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hilum.errors import DamagedFile, IntakeError, UnsafeArchive
from hilum.imaging import tararchive, ziparchive
from hilum.imaging.limits import MAX_MEMBERS
from hilum.imaging.member import BreaksOff, Entry, Member, refused_by_system, too_many

SUFFIXES = (
    ".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz",
)  # fmt: skip
"""Archives that are read, by name."""

_DRIVE = re.compile(r"[A-Za-z]:")
_LONGEST_PART, _MOST_PARTS = 128, 16


@dataclass(frozen=True, slots=True)
class Contents:
    """What was found in an archive.

    Attributes:
        found: (name, member, why it is not to be read or None), in the archive's order; names are
            unique, POSIX, below the archive's own, and safe to show.
        passed_over: number of members that do not look like radiographs.
        problem: what is wrong with the archive as a whole; ``found`` holds what can be read still.
    """

    found: tuple[tuple[str, Member, IntakeError | None], ...]
    passed_over: int
    problem: IntakeError | None


def is_archive_name(name: str) -> bool:
    """Whether a file in a folder is taken for an archive by its name."""
    return name.lower().endswith(SUFFIXES)


def kind_of(path: Path) -> str | None:
    """What archive a file is by its first bytes: "zip", "tar", "gz", "bz2" or "xz"; None if none.

    Raises:
        OSError: the system refuses the file.
    """
    with path.open("rb") as file:
        head = file.read(512)
    if head[128:132] == b"DICM":
        return None
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return "zip"
    for kind, magic in (("gz", b"\x1f\x8b"), ("bz2", b"BZh"), ("xz", b"\xfd7zXZ\x00")):
        if head.startswith(magic):
            return kind
    return "tar" if tararchive.is_header(head) else None


def contents(path: Path, name: str, choose: Callable[[str], bool | None]) -> Contents:
    """List an archive.

    Args:
        path: the archive.
        name: of the archive, which those of its members begin with.
        choose: says of a base name whether its file may be a radiograph; None where that is told
            by its first bytes.

    Returns:
        The members that may be radiographs or that are refused; never an error.
    """
    found: list[tuple[str, Member, IntakeError | None]] = []
    passed_over, problem = 0, None
    results: set[str] = set()
    names = UniqueNames()
    try:
        for number, entry in enumerate(_entries(path)):
            if number >= MAX_MEMBERS:
                raise too_many()
            parts = _safe(entry.name)
            if parts[-2:] == [".hilum", "run.json"]:
                results.add("/".join([name, *parts[:-2], ""]))
            why = _problem(entry)
            if _is_hidden(parts) or not _is_wanted(entry, why, choose(parts[-1])):
                passed_over += 1
            else:
                found.append((names.free("/".join([name, *parts])), entry.member, why))
    except IntakeError as error:
        problem = DamagedFile(str(error)) if isinstance(error, BreaksOff) else error
        found = found if isinstance(error, BreaksOff) else []
    except OSError as error:
        problem, found = refused_by_system(error), []
    if results:
        kept = [one for one in found if not one[0].startswith(tuple(results))]
        found, passed_over = kept, passed_over + len(found) - len(kept)
    return Contents(tuple(found), passed_over, problem)


class UniqueNames:
    """Gives names that were not given before, by a number before the suffix."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._counts: dict[str, int] = {}

    def take(self, name: str) -> None:
        """Give this name to none."""
        self._taken.add(name)

    def free(self, name: str) -> str:
        """The name, or one like it that is free."""
        candidate = name
        if name in self._taken:
            path, count = PurePosixPath(name), self._counts.get(name, 1)
            while candidate in self._taken:
                count += 1
                candidate = path.with_name(f"{path.stem}-{count}{path.suffix}").as_posix()
            self._counts[name] = count
        self._taken.add(candidate)
        return candidate


class InOrder:
    """Loads members of compressed TAR archives that are asked for in the archive's order.

    One archive is kept open, at the end of the last member; going back means to start again. Not
    for several threads at once, but for :meth:`stop`.
    """

    def __init__(self) -> None:
        self._path: Path | None = None
        self._stream: tararchive.Unpacked | None = None
        self._stopped = False

    def load(self, path: Path, member: Member) -> bytes:
        """A member's bytes.

        Raises:
            IntakeError: the archive was cut, changed or damaged; or it was told to stop.
        """
        if not isinstance(member, tararchive.TarMember):
            return member.load(path)
        if self._stream is None or path != self._path or self._stream.tell() > member.at:
            self.close()
            self._path, self._stream = path, tararchive.Unpacked(path, member.packing)
        if self._stopped:
            self._stream.stop()
        try:
            return member.load_from(self._stream)
        except IntakeError:
            self.close()
            raise

    def stop(self) -> None:
        """End what is being loaded by an error; called by another thread."""
        self._stopped = True
        if self._stream is not None:
            self._stream.stop()

    def close(self) -> None:
        """Close the archive."""
        if self._stream is not None:
            self._stream.close()
        self._stream = None


def _entries(path: Path) -> Iterator[Entry]:
    kind = kind_of(path)
    if kind == "zip":
        return ziparchive.entries(path)
    if kind is None:
        raise DamagedFile(
            "The file is no ZIP or TAR archive, though its name says so; copy it again from its "
            "source."
        )
    return tararchive.entries(path, "" if kind == "tar" else kind)


def _safe(name: str) -> list[str]:
    """Parts of a relative path without steps upwards, drives, or what cannot be shown."""
    shown = name
    if not name.isprintable():
        shown = "".join(letter if letter.isprintable() else "_" for letter in name)
    shown = _DRIVE.sub("", shown.replace("\\", "/"), count=1) if _leads_out(name) else shown
    parts = [part for part in shown.split("/") if part not in ("", ".", "..")]
    return [part[-_LONGEST_PART:] for part in parts[-_MOST_PARTS:]] or ["unnamed"]


def _leads_out(name: str) -> bool:
    return (
        name.startswith("/")
        or "\\" in name
        or _DRIVE.match(name) is not None
        or ".." in name.split("/")
    )


def _is_hidden(parts: list[str]) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in parts)


def _problem(entry: Entry) -> IntakeError | None:
    if _leads_out(entry.name):
        return UnsafeArchive(
            "The member's name is absolute or holds '..', a drive or a backslash, so that it could "
            "be written outside of a folder; it is not read. Pack it again under a plain name."
        )
    if entry.problem is None and entry.name.lower().endswith(SUFFIXES):
        return UnsafeArchive("The member is an archive within an archive; unpack it first.")
    return entry.problem


def _is_wanted(entry: Entry, why: IntakeError | None, chosen: bool | None) -> bool:
    if why is not None:
        return chosen is True or why is not entry.problem
    if chosen is None:
        return entry.begins()[128:] == b"DICM"
    return chosen
