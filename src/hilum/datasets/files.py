"""Which files of a collection lie on the disk, and where: its tables, and the images of a table."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hilum.domain import LabelTable
from hilum.domain.text import first_few, text
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
    """Find the files of a table: by their path below the folder, else by their name alone.

    Args:
        table: of labels.
        folder: that the paths in the table are relative to.

    Raises:
        RunError: there is no such folder, or none of the files in it.
    """
    if not folder.is_dir():
        raise RunError(f"There is no folder {folder} with images.")
    below, by_name = _walk(folder)
    names = table.images.tolist()
    found = [below.get(name) or by_name.get(Path(name).name) for name in names]
    missing = sum(path is None for path in found)
    if missing == len(found):
        raise RunError(
            f"None of the {len(found):,} images of the table lies in {folder}: {names[0]!r} is "
            f"looked for there, or a file of that name in a folder below. Give the folder that the "
            f"paths in the table start from."
        )
    return Files(tuple(found), missing)


def _walk(folder: Path) -> tuple[dict[str, Path], dict[str, Path | None]]:
    """Files below a folder: by relative path, and by name where that is one file's alone."""
    below: dict[str, Path] = {}
    by_name: dict[str, Path | None] = {}
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        place = Path(root)
        for name in names:
            path = place / name
            below[path.relative_to(folder).as_posix()] = path
            by_name[name] = None if name in by_name else path
    return below, by_name
