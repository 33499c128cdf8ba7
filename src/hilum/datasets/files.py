"""Which files of a collection lie on the disk, and where: its tables, and the images of a table."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hilum.domain import LabelTable
from hilum.domain.text import first_few, repeated, text
from hilum.errors import LabelError, RunError


@dataclass(frozen=True, slots=True, eq=False)
class Located:
    """A table and the files that belong to it.

    Attributes:
        table: images are paths relative to the folder where a file was found, names where not.
        missing: names of images without a file.
        unlabelled: paths of files without a row.
    """

    table: LabelTable
    missing: tuple[str, ...]
    unlabelled: tuple[str, ...]


def locate(
    table: LabelTable,
    folder: Path,
    patterns: Sequence[str],
    *,
    name: Callable[[Path], str] = lambda path: path.name,
) -> Located:
    """Find the files of a table.

    Args:
        table: its images are names.
        folder: of the collection.
        patterns: below the folder, such as "images_*/images/*.png".
        name: path relative to the folder → the name that the table has for it.

    Raises:
        LabelError: two files have the name of one image.
    """
    by_name: dict[str, str] = {}
    twice: list[str] = []
    for pattern in patterns:
        for path in folder.glob(pattern):
            if not path.is_file():
                continue
            relative = path.relative_to(folder)
            place = by_name.setdefault(name(relative), relative.as_posix())
            if place != relative.as_posix():
                twice.append(f"{place} and {relative.as_posix()}")
    if twice:
        raise LabelError(f"{len(twice)} images lie in two places: {first_few(sorted(twice))}.")
    names = table.images.tolist()
    places = [by_name.pop(image, "") for image in names]
    return Located(
        table=replace(
            table, images=text([found or own for found, own in zip(places, names, strict=True)])
        ),
        missing=tuple(own for found, own in zip(places, names, strict=True) if not found),
        unlabelled=tuple(sorted(by_name.values())),
    )


def find_table(folder: Path, *names: str) -> Path | None:
    """A published file, under any of its names, also compressed, in the folder or one below it.

    Args:
        folder: of the collection.
        names: file names, or paths relative to the folder; the first that is found is taken.

    Returns:
        Its path; None where there is none.

    Raises:
        LabelError: no such folder, or two folders hold a file of that name.
    """
    if not folder.is_dir():
        raise LabelError(f"No folder {folder}.")
    for name in names:
        for below in ("", "*/"):
            found = [p for end in ("", ".gz") for p in sorted(folder.glob(f"{below}{name}{end}"))]
            if found and len({path.parent for path in found}) > 1:
                places = [path.relative_to(folder).as_posix() for path in found]
                raise LabelError(f"{name} lies in several folders: {first_few(places)}; keep one.")
            if found:
                return found[0]
    return None


def need_table(folder: Path, *names: str) -> Path:
    """Like :func:`find_table`, for a file that cannot be done without.

    Raises:
        LabelError: it is not there; the message lists its names.
    """
    found = find_table(folder, *names)
    if found is None:
        also = f" (also called {', '.join(names[1:])})" if names[1:] else ""
        raise LabelError(
            f"{names[0]}{also} is not in {folder}, nor in a folder below it, nor with .gz."
        )
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Files:
    """Where the images of a table lie.

    Attributes:
        paths: one an image; None where no file was found.
        missing: number of images without a file.
    """

    paths: tuple[Path | None, ...]
    missing: int


def find_images(table: LabelTable, folder: Path) -> Files:
    """Find the files of a table: by their paths below the folder, else all by their names alone.

    Names alone are looked for only where no path of the table leads to a file, and a name finds
    one only if it stands once in the table and once below the folder, so that no row gets the
    picture of another. Linked folders are followed.

    Args:
        table: of labels.
        folder: that the paths in the table are relative to.

    Raises:
        RunError: there is no such folder, or none of the files in it.
    """
    if not folder.is_dir():
        raise RunError(f"There is no folder {folder} with images.")
    names = table.images.tolist()
    found = _only_once([posixpath.normpath(name) for name in names], lambda n: _below(folder, n))
    if names and not any(found):
        by_name = _by_name(folder)
        found = _only_once([name.rpartition("/")[2] for name in names], by_name.get)
    missing = sum(path is None for path in found)
    if names and missing == len(found):
        raise RunError(
            f"None of the {len(found):,} images of the table lies in {folder}: {names[0]!r} is "
            f"looked for there, or a file of that name alone in a folder below. Give the folder "
            f"that the paths in the table start from."
        )
    return Files(tuple(found), missing)


def _only_once(names: list[str], place: Callable[[str], Path | None]) -> list[Path | None]:
    """The file of each name; none where two rows would get the same."""
    twice = set(repeated(names))
    return [None if name in twice else place(name) for name in names]


def _below(folder: Path, name: str) -> Path | None:
    if name.startswith(("/", "../")):
        return None
    path = folder / name
    return path if path.is_file() else None


def _by_name(folder: Path) -> dict[str, Path | None]:
    """Files below a folder, by name: None where several have it."""
    by_name: dict[str, Path | None] = {}
    visited: set[tuple[int, int]] = set()
    for root, folders, names in os.walk(folder, followlinks=True):
        place = Path(root)
        status = place.stat()
        if (status.st_dev, status.st_ino) in visited:
            folders.clear()
            continue
        visited.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            by_name[name] = None if name in by_name else place / name
    return by_name
