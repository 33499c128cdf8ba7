"""Paths → files that may be radiographs, each under a name of its own."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hilum.errors import RunError

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
        path: where it lies.
        name: unique among the files found, POSIX, relative to the folder that was given; a file
            given directly keeps its base name.
    """

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class FileList:
    """Files in a settled order; iterate over it, or take ``files``.

    Attributes:
        files: sorted by name within each path that was given.
        passed_over: number of files in walked folders that do not look like radiographs, and of
            folders there that hold the results of an earlier run.
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


def find_files(paths: Sequence[Path | str]) -> FileList:
    """Find files that may be radiographs.

    A file that is named directly is always taken. In a folder, walked with its subfolders in
    sorted order, files are taken by suffix (:data:`IMAGE_SUFFIXES`), when they have none or a
    number for one, as hospital exports do, or when their first bytes are DICOM's; hidden files,
    DICOMDIR and sidecars are passed over. A folder reached twice through links is walked once; one
    that holds the results of an earlier run is not walked: its pictures are no radiographs.

    Args:
        paths: files and folders.

    Returns:
        The files, each once, under unique names, and how many were passed over.

    Raises:
        RunError: a path does not exist, or a folder that was given cannot be listed.

    Example:
        >>> from pathlib import Path
        >>> find_files([Path(__file__)]).files[0].name
        'files.py'
    """
    found: list[tuple[Path, Path, str]] = []  # file, root, name below the root
    unlistable: list[str] = []
    passed_over = 0
    for root in map(Path, paths):
        if root.is_dir():
            for path in _walk(root, set(), barred := []):
                if _may_be_image(path):
                    found.append((path, root, path.relative_to(root).as_posix()))
                else:
                    passed_over += 1
            if root in barred:
                raise RunError(f"The folder {root} cannot be listed; check that you may read it.")
            unlistable.extend(path.relative_to(root).as_posix() for path in barred)
        elif root.exists():
            found.append((root, root.parent, root.name))
        else:
            raise RunError(f"{root} does not exist; give files or folders that do.")
    return FileList(_with_unique_names(found), passed_over, tuple(unlistable))


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
        elif entry.is_file():  # no sockets, no pipes, no links that lead nowhere
            yield Path(entry.path)


def _may_be_image(path: Path) -> bool:
    name, suffix = path.name, path.suffix.lower()
    if name.startswith(".") or path.is_dir():
        return False
    if suffix in IMAGE_SUFFIXES:
        return True
    if suffix and not _NUMERIC.fullmatch(suffix):
        return _begins_as_dicom(path)
    return name.lower() not in _NO_SUFFIX_BUT_NO_IMAGE


def _begins_as_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:  # no image by its name, and nothing more can be told of it
        return False


def _with_unique_names(found: Sequence[tuple[Path, Path, str]]) -> tuple[FoundFile, ...]:
    """Give each file one name: its own, where two clash below their root's name, then counted."""
    once: dict[Path, tuple[Path, str]] = {}
    for path, root, name in found:
        once.setdefault(_absolute(path), (root, name))
    counts: dict[str, int] = {}
    for _, name in once.values():
        counts[name] = counts.get(name, 0) + 1
    taken = {name for name, count in counts.items() if count == 1}
    files: list[FoundFile] = []
    for path, (root, name) in once.items():
        unique = name
        if counts[name] > 1:
            unique = _free((PurePosixPath(_absolute(root).name) / name).as_posix(), taken)
            taken.add(unique)
        files.append(FoundFile(path, unique))
    return tuple(files)


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100  (resolve() would follow links)


def _free(name: str, taken: set[str]) -> str:
    path, candidate, count = PurePosixPath(name), name, 1
    while candidate in taken:
        count += 1
        candidate = path.with_name(f"{path.stem}-{count}{path.suffix}").as_posix()
    return candidate
