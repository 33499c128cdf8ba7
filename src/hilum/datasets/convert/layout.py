"""Where each picture goes below ``images``."""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from hilum.errors import RunError
from hilum.imaging import FoundFile


def source_path(file: FoundFile) -> str:
    """The absolute path of a file; of a member, that of its archive with the member's name behind.

    Links are not followed. It is what ``hilum read`` takes for this file.
    """
    path = Path(os.path.abspath(file.path))  # noqa: PTH100  (resolve() would follow links)
    if file.member is None:
        return path.as_posix()
    parts, above = PurePosixPath(file.name).parts, path.parts
    count = next(
        (n for n in range(1, len(parts)) if parts[:n] == above[-n:]),  # the archive's own name
        1,
    )
    return "/".join([path.as_posix(), *parts[count:]])


def made_up_tree(
    files: Sequence[FoundFile], sources: Sequence[str], known: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """The folders of the source under numbers.

    Numbers follow the order of digests of the folders' paths, so that their order tells nothing of
    the names; a folder that has its number keeps it.

    Args:
        files: what is converted.
        sources: their absolute paths.
        known: absolute path of a folder → its number, from an earlier run.

    Returns:
        The folder of each file, such as "0007/0012"; and all folders with their numbers.
    """
    chains = [_above(file, source) for file, source in zip(files, sources, strict=True)]
    new = {place: name for chain in chains for place, name in chain if place not in known}
    order = sorted(new, key=lambda place: (_digest(new[place]), place))
    first = 1 + max(map(int, known.values()), default=0)
    numbers = dict(known) | {place: f"{first + n:04}" for n, place in enumerate(order)}
    return ["/".join(numbers[place] for place, _ in chain) for chain in chains], numbers


def _above(file: FoundFile, source: str) -> list[tuple[str, str]]:
    """(absolute path, path below the folder that was given) of the folders above a file."""
    relative = PurePosixPath(file.name)
    depth = len(relative.parts) - 1
    absolute = list(PurePosixPath(source).parents)[:depth]
    names = list(relative.parents)[:depth]
    pairs = zip(reversed(absolute), reversed(names), strict=False)
    return [(place.as_posix(), name.as_posix()) for place, name in pairs]


def _digest(name: str) -> bytes:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()


def read_numbers(path: Path) -> dict[str, str]:
    """Folders and their numbers, as :func:`numbers_csv` wrote them.

    Raises:
        RunError: the file is damaged.
    """
    if not path.exists():
        return {}
    rows = list(csv.reader(io.StringIO(path.read_text("utf-8", "surrogateescape"))))
    if any(len(row) != 2 or not row[0].isdigit() for row in rows[1:]):
        raise RunError(
            f"{path} is damaged, so folders would get other names; convert to another folder."
        )
    return {row[1]: row[0] for row in rows[1:]}


def numbers_csv(numbers: Mapping[str, str]) -> bytes:
    """Folders and their numbers as CSV."""
    text = io.StringIO()
    rows = sorted((number, place) for place, number in numbers.items())
    csv.writer(text, lineterminator="\n").writerows([("folder", "source"), *rows])
    return text.getvalue().encode("utf-8", "surrogateescape")
