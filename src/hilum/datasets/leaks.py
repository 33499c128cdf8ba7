"""Near-duplicate pictures of a table: what must not stand on both sides of a split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.files import find_images
from hilum.datasets.side_by_side import in_order
from hilum.domain import LabelTable, Split
from hilum.domain.text import Text, first_few
from hilum.errors import IntakeError, LeakError
from hilum.imaging import read
from hilum.similarity import Options, Pair, groups, near_duplicates, thumbnail
from hilum.similarity.thumbnails import SIZE_PX

LOOK_PX = 512
"""Longest side at which pictures are read; thumbnails are made of that."""

Progress = Callable[[str, int, int], None]
"""Told the step, how many are done, and of how many."""


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """How the pictures of a table belong together.

    Attributes:
        images: names of the table's images.
        patients: theirs.
        pairs: near-duplicates; first and second are rows of the table.
        groups: int64 [images], the same number for pictures that pairs connect.
        unread: row → why its picture could not be compared.
    """

    images: Text
    patients: Text
    pairs: tuple[Pair, ...]
    groups: NDArray[np.int64]
    unread: dict[int, str]

    @property
    def between_patients(self) -> tuple[Pair, ...]:
        """Pairs of two patients: the same person twice under two names, or a copied picture."""
        return tuple(p for p in self.pairs if self.patients[p.first] != self.patients[p.second])

    def check(self, split: Split) -> None:
        """See that no near-duplicates stand in two parts.

        Raises:
            LeakError: some do; the message names the first few pairs.
        """
        part = np.full(len(self.images), -1)
        for number, rows in enumerate(split.parts.values()):
            part[rows] = number
        names = list(split.parts)
        leaks = [
            f"{self.images[p.first]} ({names[part[p.first]]}) and {self.images[p.second]} "
            f"({names[part[p.second]]}): {', '.join(p.relations)}"
            for p in self.pairs
            if -1 < part[p.first] != part[p.second] > -1
        ]
        leaks += self._indirect(part, names) if not leaks else []
        if leaks:
            raise LeakError(
                f"{len(leaks)} pairs of near-duplicate pictures stand in two parts of the split: "
                f"{first_few(leaks, quoted=False)}. Keep each pair in one part, or leave one out."
            )

    def _indirect(self, part: NDArray[np.int64], names: list[str]) -> list[str]:
        """Copies of a copy that is in no part itself."""
        leaks: list[str] = []
        home: dict[int, int] = {}
        for row in np.flatnonzero(part >= 0).tolist():
            first = home.setdefault(int(self.groups[row]), row)
            if part[first] != part[row]:
                leaks.append(
                    f"{self.images[first]} ({names[part[first]]}) and {self.images[row]} "
                    f"({names[part[row]]}): copies of a third picture"
                )
        return leaks


def compare(
    table: LabelTable, folder: Path, *, workers: int, progress: Progress | None = None
) -> Pictures:
    """Find the near-duplicates among a table's pictures.

    Thumbnails lie in a file meanwhile, 16 kB a picture, so that memory stays small.

    Args:
        table: its images are paths below ``folder``, or names of files somewhere below it.
        folder: of the images.
        workers: pictures at a time.
        progress: told how far it is.

    Returns:
        The pairs; pictures without a file or that cannot be read are named in ``unread``.

    Raises:
        RunError: no such folder, or none of the images in it.
    """
    files = find_images(table, folder)
    tell = progress or (lambda step, done, total: None)

    def look(row: int) -> NDArray[np.uint8] | str:
        path = files.paths[row]
        if path is None:
            return "no file"
        try:
            return thumbnail(read(path, longest_px=LOOK_PX).pixels)
        except IntakeError as error:
            return str(error)

    unread: dict[int, str] = {}
    rows: list[int] = []
    with TemporaryDirectory(prefix="hilum-") as place:
        shape = (len(table), SIZE_PX, SIZE_PX)
        thumbnails = np.memmap(Path(place) / "thumbnails", np.uint8, "w+", shape=shape)
        for row, seen in enumerate(in_order(look, range(len(table)), workers)):
            if isinstance(seen, str):
                unread[row] = seen
            else:
                thumbnails[len(rows)] = seen
                rows.append(row)
            tell("read", row + 1, len(table))
        found = near_duplicates(
            thumbnails[: len(rows)], Options(threads=workers, progress=progress)
        )
        del thumbnails
    together = np.arange(len(table))
    together[rows] = np.array(rows, np.int64)[groups(len(rows), found)] if rows else 0
    pairs = tuple(replace(p, first=rows[p.first], second=rows[p.second]) for p in found)
    return Pictures(table.images, table.patients, pairs, together, unread)
