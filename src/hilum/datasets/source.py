"""CSV files as columns of text, read in pieces, so that ten million rows fit."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.domain.text import Text, first_few, text
from hilum.errors import LabelError

PIECE = 50_000
"""Rows held as Python strings at a time."""


def read_columns(
    path: Path,
    wanted: Sequence[str] | None = None,
    *,
    where: Mapping[str, str] | None = None,
    skip: int = 0,
    header: Sequence[str] | None = None,
    separator: str = ",",
    encoding: str = "utf-8-sig",
) -> dict[str, Text]:
    """Read columns of a CSV, as they are written.

    Args:
        path: CSV in UTF-8, also compressed (``.gz``).
        wanted: names of columns to read; all when None.
        where: column → value: only rows that have it are read.
        skip: lines before the header.
        header: names of the columns, for a file without a header.
        separator: between cells.
        encoding: of the file.

    Returns:
        Column → text [rows], in the order of ``wanted``.

    Raises:
        LabelError: no such file, another encoding, a column is missing or stands twice, a row is
            short or long, or no row is left.
    """
    how = {"skip": skip, "header": header, "separator": separator, "encoding": encoding}
    cells = stacked(read_pieces(path, wanted, where=where, **how))
    if not len(next(iter(cells.values()), ())):
        raise LabelError(
            f"{path.name}: no row has {dict(where)}." if where else f"{path.name} holds no row."
        )
    return cells


def stacked(pieces: Iterable[Mapping[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """Pieces of columns put together, each column's pieces let go before the next is begun."""
    piles: dict[str, list[NDArray[Any]]] = {}
    for piece in pieces:
        for name, values in piece.items():
            piles.setdefault(name, []).append(values)
    return {name: np.concatenate(piles.pop(name)) for name in list(piles)}


def read_pieces(
    path: Path,
    wanted: Sequence[str] | None = None,
    *,
    where: Mapping[str, str] | None = None,
    skip: int = 0,
    header: Sequence[str] | None = None,
    separator: str = ",",
    encoding: str = "utf-8-sig",
) -> Iterator[dict[str, Text]]:
    """The same as :func:`read_columns`, some ten thousand rows at a time."""
    where = where or {}
    if not path.is_file():
        raise LabelError(f"No label table {path.name} in the folder {path.parent}.")
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding=encoding, newline="") as file:
            rows = csv.reader(islice(file, skip, None), delimiter=separator, strict=True)
            names = list(header or next(rows, []))
            chosen = list(wanted or filter(None, names))
            _check_header(path, names, [*chosen, *where])
            if separator == "," and len(names) == 1 and not (skip or header) and _other(path):
                raise LabelError(f"{path.name} has one column alone, {names[0]!r}.{_other(path)}")
            kept = {name: _Kept() for name in chosen}
            for piece in _pieces(path, rows, names, chosen, where, skip):
                yield {name: text(kept[name].once(cells)) for name, cells in piece.items()}
    except UnicodeDecodeError as error:
        what = "UTF-8" if encoding == "utf-8-sig" else encoding
        raise LabelError(
            f"{path.name} is not {what} ({error.reason}); save it as UTF-8."
        ) from error
    except (csv.Error, gzip.BadGzipFile, EOFError) as error:
        raise LabelError(f"{path.name} is damaged or no CSV: {error}.{_other(path)}") from error
    except OSError as error:
        raise LabelError(f"{path.name} cannot be read: {error.strerror or error}.") from error


def read_header(path: Path, *, separator: str = ",") -> list[str]:
    """The cells of the first line: the names of the columns, where a file has them.

    Raises:
        LabelError: no such file, no UTF-8, damaged, or empty.
    """
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
            names = next(csv.reader(file, delimiter=separator, strict=True), [])
    except OSError as error:
        raise LabelError(f"{path.name} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise LabelError(f"{path.name} is not UTF-8 ({error.reason}); save it as UTF-8.") from error
    except (csv.Error, EOFError) as error:
        raise LabelError(f"{path.name} is damaged or no CSV: {error}.") from error
    if not names:
        raise LabelError(f"{path.name} holds no row.")
    return names


class _Kept:
    """Keeps one of equal cells, as long as there are many of them."""

    def __init__(self) -> None:
        self._cells: dict[str, str] = {}
        self._seen = 0

    def once(self, cells: Sequence[str]) -> Sequence[str]:
        """The cells, equal ones of this and earlier calls as one string."""
        self._seen += len(cells)
        if 2 * len(self._cells) > self._seen > PIECE:
            self._cells = {}  # hardly any cell stands twice
            return cells
        keep = self._cells.setdefault
        return [keep(cell, cell) for cell in cells]


def _check_header(path: Path, names: list[str], wanted: list[str]) -> None:
    absent = sorted(set(wanted) - set(names))
    if absent:
        hint = _other(path) if len(names) == 1 else ""
        raise LabelError(f"{path.name} lacks {absent}; it has {names}.{hint}")
    twice = sorted({name for name in wanted if names.count(name) > 1})
    if twice:
        raise LabelError(f"{path.name}: columns {twice} stand twice in the header; rename them.")


def _other(path: Path) -> str:
    """A hint where the first line looks as if another character parted its cells."""
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="latin-1") as file:
            line = file.readline()
    except (OSError, EOFError):
        return ""
    for mark, word in ((";", "';'"), ("\t", "tabs")):
        if line.count(mark) > line.count(","):
            return f" The file looks separated by {word}, not by commas; save it with commas."
    return ""


def _pieces(
    path: Path,
    rows: Iterator[list[str]],
    names: list[str],
    wanted: list[str],
    where: Mapping[str, str],
    skip: int,
) -> Iterator[dict[str, Sequence[str]]]:
    at = {name: names.index(name) for name in wanted}
    only = [(names.index(name), value) for name, value in where.items()]
    named = max((n for n, name in enumerate(names, 1) if name), default=0)
    lengths = range(named, len(names) + 1)  # rows may leave out columns without a name at the end
    first = skip + 2  # lines are counted from 1, and the header is one
    while piece := list(islice(rows, PIECE)):
        wrong = [n for n, row in enumerate(piece, first) if row and len(row) not in lengths]
        if wrong:
            row = piece[wrong[0] - first]
            raise LabelError(
                f"{path.name}: the header has {len(names)} columns; another number have rows "
                f"{first_few(wrong, quoted=False)} (row {wrong[0]}: {len(row)}). A cell that holds "
                f"the separator needs quotes.{_other(path)}"
            )
        kept = [row for row in piece if row and (not only or all(row[i] == v for i, v in only))]
        cells = list(zip(*kept, strict=False))  # shorter rows lack nameless columns alone
        yield {name: cells[i] if kept else () for name, i in at.items()}
        first += len(piece)
