"""Paths → files that may be radiographs, each under a name of its own."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath

from hilum.errors import IntakeError, NotAnImage, RunError
from hilum.imaging import archive, dicomdir
from hilum.imaging.member import Member, refused_by_system

IMAGE_SUFFIXES = frozenset({".dcm", ".dicom", ".ima", ".png", ".jpg", ".jpeg", ".tif", ".tiff"})
"""Taken in a walked folder, in any case."""

_NO_SUFFIX_BUT_NO_IMAGE = frozenset(
    {"dicomdir", "version", "lockfile", "license", "licence", "notice", "readme", "makefile",
     "changelog", "authors", "checksums", "sha256sums", "md5sums", "index"}
)  # fmt: skip
_RESULTS = Path(".hilum") / "run.json"
"""What a run leaves in its output folder."""

_NUMERIC = re.compile(r"\.[0-9]+")


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file to read.

    Attributes:
        path: where it lies; for a member, its archive.
        name: unique among the files found, POSIX, relative to the folder that was given; a file
            given directly keeps its base name. A member's name is that of its archive, and below
            that its own, made harmless: ``study.zip/ward/1.dcm``.
        member: where it lies in the archive; None for a file of its own.
        problem: why it is not to be read, known since it was found: a missing file of a DICOMDIR,
            a link in an archive, an archive that is cut.
    """

    path: Path
    name: str
    member: Member | None = None
    problem: IntakeError | None = field(default=None, compare=False)

    @property
    def bytes(self) -> int | None:
        """Its size as far as that is known without reading it."""
        if self.member is not None:
            return self.member.size
        try:
            return self.path.stat().st_size
        except OSError:
            return None

    @property
    def in_order(self) -> bool:
        """Whether it is best loaded in the files' order: :class:`hilum.imaging.InOrder`."""
        return self.problem is None and self.member is not None and self.member.in_order


@dataclass(frozen=True, slots=True)
class FileList:
    """Files in a settled order; iterate over it, or take ``files``.

    Attributes:
        files: sorted by name within each path that was given; members in their archive's order.
        passed_over: number of files in walked folders and archives that do not look like
            radiographs, and of folders there that hold the results of an earlier run.
        unlistable: names of subfolders that the system does not let be listed, relative to the
            folder that was given: what lies in them was not looked for.
    """

    files: tuple[FoundFile, ...]
    passed_over: int = 0
    unlistable: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[FoundFile]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.files)


@dataclass(slots=True)
class _Search:
    """What was found so far: each file with the path that was given, under a name below that."""

    found: list[tuple[Path, FoundFile]] = field(default_factory=list[tuple[Path, FoundFile]])
    unlistable: list[str] = field(default_factory=list[str])
    passed_over: int = 0

    def folder(self, root: Path) -> None:
        before = len(self.found)
        for path in _walk(root, set(), barred := []):
            name = path.relative_to(root).as_posix()
            if not _may_be_image(path):
                self.passed_over += 1
            elif archive.is_archive_name(path.name):
                self.archive(path, root, name)
            else:
                self.found.append((root, FoundFile(path, name)))
        if root in barred:
            raise RunError(f"The folder {root} cannot be listed; check that you may read it.")
        self.unlistable.extend(path.relative_to(root).as_posix() for path in barred)
        if len(self.found) == before and (root / "DICOMDIR").is_file():
            self.passed_over -= 1
            self.dicomdir(root / "DICOMDIR")

    def file(self, path: Path) -> None:
        kind = _container(path)
        if kind == "archive":
            self.archive(path, path.parent, path.name)
        elif kind == "dicomdir":
            self.dicomdir(path)
        else:
            self.found.append((path.parent, FoundFile(path, path.name)))

    def archive(self, path: Path, root: Path, name: str) -> None:
        inside = archive.contents(path, name, _chosen)
        self.found.extend((root, FoundFile(path, *one)) for one in inside.found)
        self.passed_over += inside.passed_over
        if inside.problem is not None:
            self.found.append((root, FoundFile(path, name, problem=inside.problem)))

    def member(self, path: Path) -> None:
        """Take one member by the name that the others of its archive have, too."""
        holder = next((above for above in path.parents if above.is_file()), None)
        if holder is None:
            raise RunError(f"{path} does not exist; give files or folders that do.")
        inside = _Search()
        inside.file(holder)
        name = f"{holder.name}/{path.relative_to(holder).as_posix()}"
        found = [(root, file) for root, file in inside.found if file.name == name]
        if not found:
            raise RunError(f"{holder} holds no {path.relative_to(holder)} that may be an image.")
        self.found.extend(found)

    def dicomdir(self, path: Path) -> None:
        try:
            listed = dicomdir.referenced(path)
        except IntakeError as error:
            self.found.append((path.parent, FoundFile(path, path.name, problem=error)))
            return
        self.found.extend(
            (path.parent, FoundFile(file.path, file.name, problem=file.problem)) for file in listed
        )


def find_files(paths: Sequence[Path | str]) -> FileList:
    """Find files that may be radiographs.

    A file that is named directly is always taken. In a folder, walked with its subfolders in
    sorted order, files are taken by suffix (:data:`IMAGE_SUFFIXES`), when they have none or a
    number for one, as hospital exports do, or when their first bytes are DICOM's; hidden files,
    DICOMDIR and sidecars are passed over. A folder reached twice through links is walked once; one
    that holds the results of an earlier run is not walked: its pictures are no radiographs.

    A ZIP or TAR archive is listed as a folder would be, wherever it is met; in a walked folder it
    is known by its suffix, named directly by its bytes. What must not be unpacked, and an archive
    that is cut, are files with a ``problem``: reading them raises it. A member may be named
    directly, too: ``study.zip/ward/1.dcm``.

    A DICOMDIR that is named directly, or is all that a folder holds, stands for the images that it
    lists below its own folder; those that are missing have a ``problem``.

    Args:
        paths: files, folders, archives, DICOMDIRs.

    Returns:
        The files, each once, under unique names, and how many were passed over.

    Raises:
        RunError: a path does not exist, or a folder that was given cannot be listed.

    Example:
        >>> from pathlib import Path
        >>> find_files([Path(__file__)]).files[0].name
        'files.py'
    """
    search = _Search()
    for root in map(Path, paths):
        if root.is_dir():
            search.folder(root)
        elif root.exists():
            search.file(root)
        else:
            search.member(root)
    files = _with_unique_names(search.found)
    return FileList(files, search.passed_over, tuple(search.unlistable))


def find_file(path: Path | str) -> FoundFile:
    """The one file that a path stands for.

    Args:
        path: a file; an archive or a DICOMDIR with one image; or a member of an archive.

    Raises:
        NotAnImage: it stands for several files, or for none.
        IntakeError: it does not exist.
    """
    path = Path(path)
    if path.is_dir():
        return FoundFile(path, path.name)
    try:
        files = find_files([path]).files
    except RunError as error:
        raise refused_by_system(FileNotFoundError(2, os.strerror(2))) from error
    if len(files) != 1:
        raise NotAnImage(
            f"The file is an archive or a DICOMDIR of {len(files)} images, and one is read here; "
            "`hilum read` reads them all."
        )
    return files[0]


def _walk(folder: Path, seen: set[tuple[int, int]], barred: list[Path]) -> Iterator[Path]:
    """Files, and folders of earlier results; what cannot be listed goes into ``barred``."""
    try:
        status = folder.stat()
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        if (folder / _RESULTS).is_file():
            yield folder
            return
    except OSError:
        barred.append(folder)
        return
    if (status.st_dev, status.st_ino) in seen:
        return
    seen.add((status.st_dev, status.st_ino))
    for entry in entries:
        if entry.is_dir():
            if not entry.name.startswith("."):
                yield from _walk(Path(entry.path), seen, barred)
        elif entry.is_file() or Path(entry.name).suffix.lower() in IMAGE_SUFFIXES:
            yield Path(entry.path)  # a pipe or a link that leads nowhere is refused when it is read


def _container(path: Path) -> str | None:
    try:
        if path.is_file() and archive.kind_of(path):
            return "archive"
        return "dicomdir" if path.is_file() and dicomdir.is_dicomdir(path) else None
    except OSError:  # it is told of when its turn to be read comes
        return None


def _may_be_image(path: Path) -> bool:
    """Whether a file, or an archive that is met, is looked into; not a folder of results."""
    if path.is_dir():
        return False
    if archive.is_archive_name(path.name):
        return not path.name.startswith(".")
    chosen = _chosen(path.name)
    return _begins_as_dicom(path) if chosen is None else chosen


def _chosen(name: str) -> bool | None:
    """Whether a file may be an image by its name; None where its first bytes tell."""
    suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122  (a million members)
    if name.startswith("."):
        return False
    if suffix in IMAGE_SUFFIXES:
        return True
    if len(suffix) > 1 and not _NUMERIC.fullmatch(suffix):
        return None
    return name.lower() not in _NO_SUFFIX_BUT_NO_IMAGE


def _begins_as_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:  # no image by its name, and nothing more can be told of it
        return False


def _with_unique_names(found: Sequence[tuple[Path, FoundFile]]) -> tuple[FoundFile, ...]:
    """Give each file one name: its own, where two clash below their root's name, then counted."""
    once: dict[tuple[str, int], tuple[Path, FoundFile]] = {}
    for one in found:
        file = one[1]
        at = -1 if file.member is None else file.member.at
        once.setdefault((str(_absolute(file.path)), at), one)
    counts: dict[str, int] = {}
    for _, file in once.values():
        counts[file.name] = counts.get(file.name, 0) + 1
    names = archive.UniqueNames()
    for name, count in counts.items():
        if count == 1:
            names.take(name)
    files: list[FoundFile] = []
    for root, file in once.values():
        name = file.name
        if counts[name] > 1:
            name = names.free((PurePosixPath(_absolute(root).name) / name).as_posix())
            file = FoundFile(file.path, name, file.member, file.problem)  # noqa: PLW2901
        files.append(file)
    return tuple(files)


@lru_cache(maxsize=1)  # members of an archive follow each other
def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100  (resolve() would follow links)
