"""Filling a pack from a label table and its image files; a run that was stopped goes on."""

from __future__ import annotations

import os
import shutil
import time
import weakref
import zlib
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Self

from hilum.datasets.pack.labels import read_refused, write_labels, write_refused
from hilum.datasets.pack.layout import (
    FACTS,
    INDEX,
    LABELS,
    LOCK,
    NAMES,
    REFUSED,
    Facts,
    Packed,
    PackSpec,
    digests,
    is_pack,
    read_facts,
    read_index,
    read_names,
    write_facts,
)
from hilum.datasets.pack.picture import PartOf, Refused, Work, decode
from hilum.datasets.pack.writer import Picture, Writer
from hilum.datasets.side_by_side import in_order
from hilum.domain import LabelTable
from hilum.domain.text import first_few
from hilum.errors import LabelError, RunError
from hilum.lock import hold

SAMPLE = 24
"""Images that are decoded to estimate; fewer than eight times as many are packed at once."""

ENTRY_BYTES = 512
"""An allowance for a picture's entry, name and labels."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run will take.

    Attributes:
        images: to be decoded.
        bytes: on the disk.
        seconds: None where there are too few to tell.
    """

    images: int
    bytes: int
    seconds: float | None


class Packing:
    """A pack that is being filled; no other process may write into it meanwhile.

    Attributes:
        folder: of the pack.
        todo: names of the table's images that are not in the pack yet, in the table's order.
        refused: images of this run that could not be read.

    Example:
        >>> with Packing.open(out, table, images, spec=spec) as packing:   # doctest: +SKIP
        ...     for outcome in packing.run(workers=2):
        ...         ...
        ...     packing.finish()
    """

    def __init__(self, folder: Path, table: LabelTable, images: Path, held: int) -> None:
        self.folder, self._table, self._images = folder, table, images
        self._part_of: PartOf | None = None
        self._release = weakref.finalize(self, os.close, held)
        self.refused: list[Refused] = []

    @classmethod
    def open(
        cls,
        folder: Path,
        table: LabelTable,
        images: Path,
        *,
        spec: PackSpec,
        append: bool = False,
        part_of: PartOf | None = None,
    ) -> Self:
        """Begin a pack, or go on with one.

        Args:
            folder: of the pack; new, empty, or a pack of the same pictures.
            table: what to pack; images that the pack holds by name are left as they are.
            images: folder that the table's images are relative to.
            spec: what the pictures shall be.
            append: the pack may hold pictures of other tables.
            part_of: what is cut out of a radiograph; goes with ``spec.crop``.

        Raises:
            RunError: the folder holds something else, pictures of another size, or of another
                table without ``append``; another process writes into it; none of the images is
                there; or images that the pack holds have been changed since.
            LabelError: a name that no list of names can hold.
            PackError: the pack is damaged.
        """
        odd = [name for name in table.images.tolist() if "\n" in name or "\r" in name]
        if odd:
            raise LabelError(f"{len(odd)} image names hold a line break: {first_few(odd)}.")
        if folder.exists() and not folder.is_dir():
            raise RunError(f"{folder} is a file; give a folder with -o.")
        new = not folder.exists()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not is_pack(folder):
                _must_be_free(folder)
            held = hold(folder / LOCK, folder)
        except OSError as error:
            raise RunError(
                f"The pack {folder} cannot be written: {error.strerror}; choose another with -o."
            ) from error
        packing = cls(folder, table, images, held)
        packing._part_of = part_of
        try:
            with _told(folder, "nothing is lost"):
                packing._begin(spec, append)
        except BaseException:
            packing._release()
            if new and not (folder / FACTS).exists():  # nothing was begun
                shutil.rmtree(folder)
            raise
        return packing

    def _begin(self, spec: PackSpec, append: bool) -> None:
        folder, table = self.folder, self._table
        facts = read_facts(folder) if (folder / FACTS).is_file() else Facts(spec)
        now = Packed(table.digest(), len(table), done=False, hilum=version("hilum"))
        _check_facts(folder, facts, spec, now.digest, append)
        held = _names_of(folder)
        known = any(one.digest == now.digest for one in facts.tables)
        _check_same(folder, table, self._images, held, whole=not known)
        self.todo = tuple(name for name in table.images.tolist() if name not in held)
        if self.todo and not any((self._images / name).exists() for name in self.todo):
            raise RunError(
                f"None of the {len(self.todo):,} images is in {self._images}: "
                f"{first_few(self.todo)}; say with --images what folder they are relative to."
            )
        self._facts = facts.going_on(now)
        write_facts(folder, self._facts, len(held))
        self._writer = Writer(folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let other processes write into the folder."""
        try:
            with suppress(OSError):  # told when it came; what was committed stays
                self._writer.close()
        finally:
            self._release()

    @property
    def count(self) -> int:
        """Pictures that are committed, of this and earlier runs."""
        return self._writer.count

    def work(self, name: str) -> Picture | Refused:
        """Decode one image; may be called by several threads at once."""
        cut = () if self._part_of is None else (self._part_of,)
        return decode(self._images, name, self._facts.spec, *cut)

    def estimate(self, workers: int) -> Estimate:
        """What the run will take, from a sample of the images.

        Args:
            workers: images at a time.
        """
        count, most = len(self.todo), self._facts.spec.most_bytes
        if count < 8 * SAMPLE:
            return Estimate(count, count * (most + ENTRY_BYTES), None)
        step = count / (SAMPLE + workers)
        sample = [self.todo[int(at * step)] for at in range(SAMPLE + workers)]
        list(in_order(self.work, sample[:workers], workers))  # decoders start
        begun = time.perf_counter()
        found = list(in_order(self.work, sample[workers:], workers))
        seconds = (time.perf_counter() - begun) / SAMPLE
        sizes = [one.pixels.nbytes for one in found if isinstance(one, Picture)]
        mean = sum(sizes) / len(sizes) if sizes else most
        return Estimate(count, round(count * (mean + ENTRY_BYTES)), count * seconds)

    def check_disk(self, needed: int) -> None:
        """Check that there is room.

        Raises:
            RunError: there is not.
        """
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            raise RunError(
                f"{len(self.todo):,} pictures need about {needed / 1e6:,.0f} MB, and {self.folder} "
                f"has {free / 1e6:,.0f} MB free; make room, or choose another folder with -o."
            )

    def run(
        self, workers: int, guard: Callable[[Work, str], Picture | Refused] | None = None
    ) -> Generator[Picture | Refused]:
        """Decode what is left, and write it in the table's order.

        Args:
            workers: images at a time, at least 1.
            guard: calls the work of one image; may decide what an unexpected error becomes.

        Yields:
            What became of each image, after it is written.

        Raises:
            RunError: the disk refuses; what was done is kept.
        """
        work = self.work if guard is None else partial(guard, self.work)
        outcomes = in_order(work, self.todo, workers)
        try:
            for outcome in outcomes:
                if isinstance(outcome, Refused):
                    self.refused.append(outcome)
                else:
                    with _told(self.folder, "what was packed before is kept"):
                        self._writer.append(outcome)
                yield outcome
        finally:
            outcomes.close()
            with suppress(OSError):  # of a full disk, which was told of
                self._writer.commit()

    def finish(self, *, complete: bool = True) -> None:
        """Write labels, refused images and facts.

        Args:
            complete: every image had its turn; otherwise the pack waits to be gone on with.

        Raises:
            RunError: the disk refuses; what was packed is kept.
        """
        with _told(self.folder, "what was packed is kept"):
            self._writer.commit()
            names = read_names(self.folder, self.count)
            held = set(names.tolist())
            tried = {one.name for one in self.refused}
            before = [one for one in read_refused(self.folder) if one.name not in tried | held]
            write_refused(self.folder, [*before, *self.refused])
            if complete:
                write_labels(self.folder, names, self._table)
                done = replace(self._facts.tables[-1], done=True)
                files = digests(self.folder, (INDEX, NAMES, LABELS, REFUSED))
                self._facts = replace(self._facts.going_on(done), files=files)
            write_facts(self.folder, self._facts, self.count)


def _must_be_free(folder: Path) -> None:
    """Refuse a folder with files that are not of a pack that was just begun."""
    ours = {FACTS, NAMES, LOCK, f".{FACTS}.partial", f".{INDEX}.partial"}
    others = sorted({path.name for path in folder.iterdir()} - ours)
    if others:
        raise RunError(
            f"{folder} is no pack and holds other files ({first_few(others)}); choose a new folder "
            "with -o."
        )


def _check_facts(folder: Path, facts: Facts, spec: PackSpec, digest: str, append: bool) -> None:
    if facts.spec != spec:
        raise RunError(
            f"{folder} holds pictures of {facts.spec}, and {spec} is asked; choose another folder "
            "with -o."
        )
    digests = [one.digest for one in facts.tables]
    if not digests or digest == digests[-1]:
        return
    if not facts.tables[-1].done:
        raise RunError(
            f"The packing of another table into {folder} was stopped; finish it first, by `hilum "
            "pack` with that table."
        )
    if not append and digest not in digests:
        raise RunError(
            f"{folder} holds the pictures of another table; add these with --append, or choose "
            "another folder with -o."
        )


def _names_of(folder: Path) -> dict[str, int]:
    """Names of the pictures that count → their rows."""
    if not is_pack(folder):
        return {}
    count = len(read_index(folder))
    return {name: row for row, name in enumerate(read_names(folder, count).tolist())}


def _check_same(
    folder: Path, table: LabelTable, images: Path, held: dict[str, int], *, whole: bool
) -> None:
    """Refuse images that the pack holds by name with other bytes; files that are gone are passed.

    Args:
        folder: of the pack.
        table: to be packed.
        images: folder of its images.
        held: names of its pictures → rows.
        whole: compare checksums of whole files, not their sizes alone.
    """
    if not held:
        return
    index = read_index(folder)
    changed: list[str] = []
    for name in table.images.tolist():
        path = images / name
        if name in held and path.is_file():
            entry = index[held[name]]
            same = path.stat().st_size == int(entry["source_bytes"])
            if same and whole:
                same = zlib.crc32(path.read_bytes()) == int(entry["source_crc32"])
            if not same:
                changed.append(name)
    if changed:
        raise RunError(
            f"{len(changed)} images have the name of a picture in {folder}, but are other files or "
            f"were changed since: {first_few(changed)}. Pack them into another folder with -o, or "
            "give them names of their own."
        )


@contextmanager
def _told(folder: Path, kept: str) -> Generator[None]:
    """Turn the system's refusals into an error that says what stays."""
    try:
        yield
    except OSError as error:
        raise RunError(
            f"{folder} cannot be written ({error.strerror}); {kept}. Make room, and the same "
            "command goes on."
        ) from error
