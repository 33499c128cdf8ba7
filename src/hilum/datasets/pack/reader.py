"""A pack, read: pictures by number, batches, checksums."""

from __future__ import annotations

import mmap
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.pack import boxes as carried
from hilum.datasets.pack.layout import (
    LABELS,
    Facts,
    PackSpec,
    digests,
    read_facts,
    read_index,
    read_names,
    shard,
)
from hilum.domain.geometry import Affine
from hilum.domain.text import Text, first_few
from hilum.errors import PackError

if TYPE_CHECKING:
    from hilum.domain import LabelTable
    from hilum.domain.boxes import Boxes

Rows = Sequence[int] | NDArray[np.integer]


class Pack:
    """Pictures of a pack, mapped into memory and never changed.

    May be shared by threads, inherited by forked processes, and sent to others (a pickle holds the
    folder and the chosen rows). A pack that grows meanwhile shows what it held when it was opened.

    Attributes:
        path: its folder.
        spec: size and fit of the pictures.
        index: :data:`hilum.datasets.pack.layout.ENTRY` [pictures].
        names: text [pictures], what the label table calls them.

    Example:
        >>> pack = Pack.open(Path("nih-320"))                          # doctest: +SKIP
        >>> pack[0].shape, pack.batch([5, 3, 900]).shape               # doctest: +SKIP
        ((320, 390), (3, 320, 320))
    """

    def __init__(self, path: Path, facts: Facts, index: NDArray[np.void], names: Text) -> None:
        self.path, self.index, self.names = path, index, names
        self._facts, self._rows = facts, np.arange(len(index))
        self._spans = _spans(index)
        self._shards: dict[int, tuple[mmap.mmap, NDArray[np.uint8]]] = {}

    @property
    def spec(self) -> PackSpec:
        """Size and fit of the pictures."""
        return self._facts.spec

    @classmethod
    def open(cls, path: Path | str, *, unfinished: bool = False) -> Self:
        """Open a pack.

        Args:
            path: its folder.
            unfinished: open one whose packing was stopped, too, with what it holds by now.

        Raises:
            PackError: it is no pack, of another version, damaged, or not finished.
        """
        folder = Path(path)
        facts = read_facts(folder)
        index = read_index(folder)
        if not (facts.done or unfinished):
            raise PackError(
                f"{folder} is not finished: {len(index):,} pictures are in it. `hilum pack` with "
                "the same table goes on."
            )
        _check_shards(folder, _spans(index))
        return cls(folder, facts, index, read_names(folder, len(index)))

    def __reduce__(self) -> tuple[Callable[..., Pack], tuple[object, ...]]:
        return _reopen, (type(self), str(self.path), self._rows)

    def __len__(self) -> int:
        return len(self._spans)

    def __repr__(self) -> str:
        return f"Pack({str(self.path)!r}, {len(self):,} pictures, {self.spec})"

    def __getitem__(self, row: int) -> NDArray[np.uint8]:
        """One picture, uint8 [rows, columns]: a read-only view of the file.

        Raises:
            IndexError: there is no such row.
        """
        number, start, high, wide = self._spans[row].tolist()
        return self._shard(number)[1][start : start + high * wide].reshape(high, wide)

    def checked(self, row: int) -> NDArray[np.uint8]:
        """One picture, compared with its checksum.

        Raises:
            PackError: it was damaged since it was packed.
            IndexError: there is no such row.
        """
        pixels = self[row]
        if zlib.crc32(pixels.data) != int(self.index["crc32"][row]):
            raise PackError(f"{self.names[row]} in {self.path} is damaged; pack it again.")
        return pixels

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        return (self[row] for row in range(len(self)))

    def batch(
        self,
        rows: Rows,
        out: NDArray[np.uint8] | None = None,
        *,
        size: tuple[int, int] | None = None,
        fit: str | None = None,
    ) -> NDArray[np.uint8]:
        """Copies of several pictures of one size.

        They are read in the order of the files, and asked for all at once: a disk or a server finds
        them on one way.

        Args:
            rows: numbers of pictures, each in [0, len).
            out: uint8 [len(rows), rows, columns], C-contiguous, to be filled; made when None.
            size: (rows, columns) to bring the pictures to; needed for a pack that keeps
                proportions.
            fit: "squash", "letterbox" or "centre-crop", as in a bundle's preprocessing; the pack's
                own when None.

        Returns:
            uint8 [len(rows), rows, columns], in the order of ``rows``.

        Raises:
            PackError: the pictures differ in size and no size is given, or they have been fitted in
                another way already.
            IndexError: there is no such row.
            ValueError: ``out`` is of another shape or type.
        """
        at = np.asarray(rows, np.int64)
        if at.size and not (at.min() >= 0 and at.max() < len(self)):
            raise IndexError(f"rows {at.min()} to {at.max()} of a pack of {len(self)}")
        spans = self._spans[at]
        wanted = self._sizes(spans) if size is None and fit is None else size or self.spec.size
        shape = (len(at), *wanted)
        if out is None:
            out = np.empty(shape, np.uint8)
        elif out.shape != shape or out.dtype != np.uint8 or not out.flags.c_contiguous:
            raise ValueError(f"out must be uint8 {list(shape)} and C-contiguous")
        order = np.lexsort((spans[:, 1], spans[:, 0]))
        self._ask_for(spans[order])
        if size is None and fit is None:
            flat = out.reshape(len(at), wanted[0] * wanted[1])
            for place, (number, start, high, wide) in zip(
                order.tolist(), spans[order].tolist(), strict=True
            ):
                flat[place] = self._shard(number)[1][start : start + high * wide]
            return out
        fitted = self._fitting(wanted, fit or self.spec.fit)
        for place in order.tolist():
            out[place] = fitted(self[int(at[place])])
        return out

    def _sizes(self, spans: NDArray[np.int64]) -> tuple[int, int]:
        sizes = set(map(tuple, np.unique(spans[:, 2:], axis=0).tolist()))
        if len(sizes) > 1:
            raise PackError(
                f"The pictures of {self.path} keep their proportions and differ in size: give "
                "batch(…, size=(320, 320), fit='squash'), or pack with --fit squash, which is "
                "faster to read."
            )
        return sizes.pop() if sizes else self.spec.size

    def _fitting(
        self, size: tuple[int, int], how: str
    ) -> Callable[[NDArray[np.uint8]], NDArray[np.uint8]]:
        from hilum.bundles.card import Preprocessing
        from hilum.transforms.preprocess import fit

        if self.spec.equal and how != self.spec.fit:
            raise PackError(
                f"The pictures of {self.path} are made by {self.spec.fit} and cannot be brought to "
                f"{how}; pack again with --fit {how}, or with --fit short-side, which leaves the "
                "choice open."
            )
        if how not in ("squash", "letterbox", "centre-crop"):
            raise PackError(f"fit {how!r}: give squash, letterbox or centre-crop.")
        wanted = Preprocessing(size=size, fit=how)
        return lambda pixels: np.rint(fit(pixels.astype(np.float32), wanted)[0]).astype(np.uint8)

    def select(self, rows: Rows) -> Pack:
        """The pack with these rows alone, in this order; nothing is copied.

        Raises:
            IndexError: there is no such row.
        """
        at = np.asarray(rows, np.int64)
        part = Pack(self.path, self._facts, self.index[at], self.names[at])
        part._rows, part._shards = self._rows[at], self._shards
        return part

    def rows_of(self, names: Iterable[str]) -> NDArray[np.int64]:
        """The rows of pictures by name.

        Raises:
            PackError: some are not in the pack; the message names the first few.
        """
        names = list(names)
        absent = [name for name in names if name not in self._row_of]
        if absent:
            raise PackError(
                f"{len(absent)} of {len(names)} images are not in {self.path}: "
                f"{first_few(absent)}; refused.csv there tells which could not be read."
            )
        return np.array([self._row_of[name] for name in names], np.int64)

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.names.tolist())}

    @cached_property
    def table(self) -> LabelTable:
        """The labels of the pictures, a row each, boxes as the packed table has them.

        Raises:
            PackError: the packing was stopped before labels were written, or they are damaged.
        """
        from hilum.datasets.table import load

        if not (self.path / LABELS).is_file():
            raise PackError(f"{self.path} has no {LABELS} yet: its packing was stopped; go on.")
        table = load(self.path / LABELS)
        rows = self._rows
        if rows.size and rows.max() >= len(table):
            raise PackError(f"{self.path / LABELS} lacks rows; `hilum pack` with its table again.")
        table = table.rows(rows)
        if not np.array_equal(table.images, self.names):
            raise PackError(f"{self.path / LABELS} has been changed; pack its table again.")
        return table

    @property
    def boxes(self) -> Boxes | None:
        """The boxes of :attr:`table` in pixels of the pictures; None where nobody drew any.

        Where the table tells another size of an image than its file has (``width_px`` and
        ``height_px``), its boxes are measured in that size.
        """
        index = self.index
        drawn = carried.of_files(self.table, index["source_width"], index["source_height"])
        return None if drawn is None else carried.into_pack(drawn, self.index["to_source"])

    def to_source(self, row: int) -> Affine:
        """The map from points of a picture to points of its image file, in pixels of both."""
        a, b, x, c, d, y = self.index["to_source"][row].tolist()
        return Affine(((a, b, x), (c, d, y)))

    def verify(self, advance: Callable[[], object] = lambda: None) -> tuple[str, ...]:
        """Compare everything with its checksum.

        Args:
            advance: called after each picture.

        Returns:
            What is damaged: names of pictures, and of files of the pack; empty where nothing is.
        """
        known = self._facts.files or {}
        now = digests(self.path, known)
        damaged = [name for name, digest in known.items() if now.get(name) != digest]
        for row in np.lexsort((self.index["offset"], self.index["shard"])).tolist():
            if zlib.crc32(self[row].data) != int(self.index["crc32"][row]):
                damaged.append(str(self.names[row]))
            advance()
        return tuple(damaged)

    def _shard(self, number: int) -> tuple[mmap.mmap, NDArray[np.uint8]]:
        if number not in self._shards:
            with (self.path / shard(number)).open("rb") as file:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self._shards[number] = mapped, np.frombuffer(mapped, np.uint8)
        return self._shards[number]

    def _ask_for(self, spans: NDArray[np.int64]) -> None:
        if not hasattr(mmap, "MADV_WILLNEED"):  # Windows
            return
        for number, start, high, wide in spans.tolist():
            page = start - start % mmap.PAGESIZE
            mapped = self._shard(number)[0]
            mapped.madvise(mmap.MADV_WILLNEED, page, start + high * wide - page)


def _reopen(kind: type[Pack], path: str, rows: NDArray[np.int64]) -> Pack:
    return kind.open(path, unfinished=True).select(rows)


def _spans(index: NDArray[np.void]) -> NDArray[np.int64]:
    """Shard, offset, height and width of each picture, int64 [pictures, 4]."""
    columns = [index[name].astype(np.int64) for name in ("shard", "offset", "height", "width")]
    return np.stack(columns, axis=1)


def _check_shards(folder: Path, spans: NDArray[np.int64]) -> None:
    ends = spans[:, 1] + spans[:, 2] * spans[:, 3]
    for number in np.unique(spans[:, 0]).tolist():
        path = folder / shard(number)
        needed = int(ends[spans[:, 0] == number].max())
        have = path.stat().st_size if path.is_file() else 0
        if have < needed:
            raise PackError(
                f"{path} has {have:,} bytes of {needed:,}: it is missing or was cut; copy it again."
            )
