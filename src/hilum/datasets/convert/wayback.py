"""The way from a source to its picture, for tables that name sources."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from hilum.datasets.convert import journal
from hilum.domain.text import first_few
from hilum.errors import LabelError, RunError

PRIVATE = "private"
JOURNAL = "journal.jsonl"


class BySuffix:
    """Finds paths by their ends.

    Args:
        paths: POSIX.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self._by_name: dict[str, list[str]] = {}
        for path in paths:
            self._by_name.setdefault(path.rpartition("/")[2], []).append(path)

    def all(self, end: str) -> list[str]:
        """The paths that end in these parts: "a/b/1.png" ends in "1.png" and in "b/1.png"."""
        parts = PurePosixPath(end.replace("\\", "/")).parts
        candidates = self._by_name.get(parts[-1], []) if parts else []
        return [path for path in candidates if PurePosixPath(path).parts[-len(parts) :] == parts]

    def one(self, end: str) -> str | None:
        """The only path that ends so; None without.

        Raises:
            LabelError: several do.
        """
        found = self.all(end)
        if len(found) > 1:
            raise LabelError(
                f"{len(found)} files may be the image {end!r}; name it with its folder, as in "
                f"{'/'.join(PurePosixPath(found[0]).parts[-2:])!r}."
            )
        return found[0] if found else None


def images_of(out: Path) -> dict[str, str]:
    """Every converted source and its picture.

    Args:
        out: the destination of a conversion.

    Returns:
        Absolute path of the source → path of its picture below ``out``, POSIX.

    Raises:
        RunError: the folder holds no conversion, or its private part is missing.
    """
    path = out / PRIVATE / JOURNAL
    if not path.exists():
        raise RunError(f"{out} holds no {PRIVATE}/{JOURNAL}, so the way from its sources is lost.")
    return {p.source: f"images/{p.image}" for p in journal.places(path) if p.image}


def output_names(out: Path, images: Sequence[str]) -> list[str | None]:
    """The pictures of images that a table names by the path of the source, or by the end of it.

    Args:
        out: the destination of a conversion.
        images: such as "00000001_000.png" or "images_001/images/00000001_000.png".

    Returns:
        Paths below ``out``, POSIX; None for an image that was refused, left out or not among the
        sources.

    Raises:
        LabelError: several different pictures may be meant by one image.
        RunError: the folder holds no conversion.
    """
    known = images_of(out)
    by_suffix = BySuffix(known)
    names: list[str | None] = []
    unclear: list[str] = []
    for image in images:
        found = {known[source] for source in by_suffix.all(image)}
        if len(found) > 1:
            unclear.append(image)
        names.append(next(iter(found), None))
    if unclear:
        raise LabelError(
            f"{len(unclear)} images may each be several files: {first_few(unclear)}. Name them "
            "with their folders."
        )
    return names
