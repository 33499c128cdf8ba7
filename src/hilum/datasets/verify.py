"""Is a downloaded collection complete, and is it what was published?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hilum.datasets.collection import Collection, Count, Variant
from hilum.domain import LabelTable, State
from hilum.domain.findings import finding
from hilum.errors import LabelError, UnknownName
from hilum.registry import unknown


@dataclass(frozen=True, slots=True)
class Compared:
    """A published number and what was found."""

    what: str
    expected: int
    found: int

    @property
    def same(self) -> bool:
        """Whether they agree."""
        return self.expected == self.found


@dataclass(frozen=True, slots=True, eq=False)
class Verification:
    """What verifying a copy of a collection found.

    Attributes:
        table: as read.
        counts: published numbers and those found.
        files: image files below the folder.
        missing: images of the table without a file.
        unlabelled: paths of image files without a row.
        empty: names of findings that are present on no image.
        outside: images with a box that reaches beyond them, with the box.
    """

    table: LabelTable
    counts: tuple[Compared, ...]
    files: int
    missing: tuple[str, ...]
    unlabelled: tuple[str, ...]
    empty: tuple[str, ...]
    outside: tuple[str, ...]

    def sound(self, *, images: bool) -> bool:
        """Whether there are published numbers, and nothing differs.

        Args:
            images: whether a missing image file is a difference; without, labels alone count.
        """
        same = bool(self.counts) and all(count.same for count in self.counts)
        labels = same and not self.empty and not self.outside
        return labels and not (images and self.missing)


def variant_of(collection: Collection, name: str | None) -> Variant:
    """A collection's variant; the first one when no name is given.

    Raises:
        UnknownName: no such variant; the message lists near matches.
    """
    if name is None:
        return next(iter(collection.variants.values()))
    if name not in collection.variants:
        raise UnknownName(unknown(f"variant of {collection.name}", name, collection.variants))
    return collection.variants[name]


def read_variant(collection: Collection, folder: Path, name: str | None = None) -> LabelTable:
    """Read a collection's labels; the first variant when no name is given.

    Raises:
        LabelError: they cannot be read; the message lists the other variants.
        UnknownName: no such variant.
    """
    chosen = variant_of(collection, name)
    try:
        return chosen.read(folder)
    except LabelError as error:
        others = [n for n, variant in collection.variants.items() if variant is not chosen]
        if not others:
            raise
        own = next(n for n, variant in collection.variants.items() if variant is chosen)
        raise LabelError(f"{error} (Variant {own}; others are {', '.join(others)}.)") from error


def verify(collection: Collection, folder: Path, variant: str | None = None) -> Verification:
    """Compare a copy of a collection with what its publisher states.

    Args:
        collection: which.
        folder: where it lies.
        variant: set of labels; the first one when None.

    Raises:
        LabelError: no such folder, or its labels cannot be read.
        UnknownName: no such variant.
    """
    if not folder.is_dir():
        raise LabelError(f"No folder {folder}.")
    chosen = variant_of(collection, variant)
    table = read_variant(collection, folder, variant)
    here = files_of(collection, folder)
    images = set(table.images.tolist())
    return Verification(
        table=table,
        counts=compare(table, chosen.counts),
        files=len(here),
        missing=tuple(sorted(images - here)),
        unlabelled=tuple(sorted(here - images)),
        empty=_empty(table),
        outside=_outside(table),
    )


def files_of(collection: Collection, folder: Path) -> set[str]:
    """Image files of a collection, as paths relative to its folder."""
    return {
        path.relative_to(folder).as_posix()
        for pattern in collection.files
        for path in folder.glob(pattern)
        if path.is_file()
    }


def compare(table: LabelTable, counts: Sequence[Count]) -> tuple[Compared, ...]:
    """Count what was published."""
    return tuple(Compared(c.what, c.expected, c.found(table)) for c in counts)


def _empty(table: LabelTable) -> tuple[str, ...]:
    present = (table.states == State.PRESENT).any(0)
    return tuple(
        finding(k).name for k, any_ in zip(table.findings, present, strict=True) if not any_
    )


def _outside(table: LabelTable) -> tuple[str, ...]:
    if table.boxes is None or not {"width_px", "height_px"} <= set(table.columns):
        return ()
    width, height = table.columns["width_px"], table.columns["height_px"]
    return tuple(
        f"{table.images[table.boxes.row[at]]}: {table.boxes.xywh[at].round(1).tolist()}"
        for at in np.flatnonzero(table.boxes.outside(width, height)).tolist()
    )
