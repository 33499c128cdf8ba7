"""Label tables as files: CSV, or Parquet, which is smaller and quicker.

A saved table has a column ``image`` (path relative to the folder of the images), ``patient``, those
of :data:`hilum.domain.labels.COLUMNS` that are known, others, one column a finding named by its key
(1 present, 0 absent, -1 uncertain, empty not mentioned, as CheXpert writes them), and ``boxes``
where readers drew some ("opacity 10 20 30.5 40; …": finding, left, top, width, height; "none" where
they looked and drew none; empty where nobody looked).
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.columns import STATES, one_row_an_image, stated, tidy
from hilum.datasets.reference_boxes import reference_boxes
from hilum.datasets.source import read_pieces, stacked
from hilum.domain import LabelTable, State
from hilum.domain.boxes import Boxes
from hilum.domain.findings import all_findings, finding, known_finding
from hilum.domain.labels import COLUMNS, UNKNOWN, column_of
from hilum.domain.text import Text, first_few, repeated, text
from hilum.errors import LabelError, MissingExtra, RunError

PIECE = 50_000
"""Rows written at a time."""

_CELL = {State.PRESENT: "1", State.ABSENT: "0", State.UNCERTAIN: "-1", State.UNMENTIONED: ""}


def load(path: Path) -> LabelTable:
    """Read a saved label table.

    Args:
        path: .csv, .csv.gz or .parquet, as :func:`save` writes them.

    Raises:
        LabelError: no such file, not a saved label table, cells that mean nothing, boxes outside
            their image.
        MissingExtra: Parquet without pyarrow.
    """
    pieces = _read_parquet(path) if path.suffix == ".parquet" else _read_csv(path)
    cells = stacked(pieces)
    if not len(next(iter(cells.values()), ())):
        raise LabelError(f"{path.name} holds no row.")
    if not {"image", "patient"} <= set(cells):
        raise LabelError(
            f"{path.name} is no table that Hilum saved: it lacks 'image' or 'patient'; it has "
            f"{first_few(cells)}. Make one with `hilum datasets table` and a column map."
        )
    _check_spelling(path, cells)
    keys = tuple(name for name in cells if known_finding(name))
    states = np.zeros((len(cells["image"]), len(keys)), np.uint8)
    for at, key in enumerate(keys):
        states[:, at] = cells.pop(key)
    fixed = {"image", "patient", "boxes"}
    columns = {name: cells[name] for name in cells if name not in fixed}
    table = one_row_an_image(path.name, cells["image"], cells["patient"], (keys, states), columns)
    if "boxes" not in cells:
        return table
    if len(table) != len(cells["image"]):
        raise LabelError(f"{path.name}: images with boxes stand twice.")
    return with_boxes(table, _parse_boxes(path, cells["boxes"], table.images))


def _check_spelling(path: Path, cells: Mapping[str, NDArray[Any]]) -> None:
    """See that no column of states is taken for text because its name is written otherwise."""
    keys = {folded: row.key for row in all_findings() for folded in (row.key, row.label.casefold())}
    for name, values in cells.items():
        if name in COLUMNS or known_finding(name) or values.dtype.kind != "O":
            continue
        kinds = set(values[:PIECE])
        if not {"0", "1"} & kinds or not kinds <= set(STATES):
            continue
        folded = name.strip().casefold().replace(" ", "_")
        near = [folded] if folded in keys else get_close_matches(folded, keys, 1, 0.85)
        if near:
            raise LabelError(
                f"{path.name}: column {name!r} holds states, but no finding is called so; write "
                f"{keys[near[0]]!r}, or give the column another name."
            )


def with_boxes(table: LabelTable, boxes: Boxes) -> LabelTable:
    """The table with boxes.

    Raises:
        LabelError: boxes of findings outside the vocabulary, or outside their image where its size
            is known.
    """
    for key in sorted(set(boxes.finding)):
        finding(key)
    if {"width_px", "height_px"} <= set(table.columns):
        out = boxes.outside(table.columns["width_px"], table.columns["height_px"])
        if out.any():
            worst = [
                f"{table.images[row]} ({table.columns['width_px'][row]} × "
                f"{table.columns['height_px'][row]}): {boxes.xywh[at].round(1).tolist()}"
                for at in np.flatnonzero(out).tolist()
                for row in [boxes.row[at]]
            ]
            raise LabelError(
                f"{len(worst)} boxes reach outside their image: {first_few(worst, quoted=False)}. "
                f"Are they in pixels of the size that the table tells of?"
            )
    return replace(table, boxes=boxes)


def save(table: LabelTable, path: Path) -> None:
    """Write a label table; the file appears whole or not at all.

    Args:
        table: to write.
        path: .csv or .parquet; the folder must exist.

    Raises:
        LabelError: another ending, or a name with a carriage return in it.
        RunError: it cannot be written.
        MissingExtra: Parquet without pyarrow.
    """
    write: Mapping[str, Callable[[LabelTable, Path], None]] = {
        ".csv": _write_csv,
        ".parquet": _write_parquet,
    }
    if path.suffix not in write:
        raise LabelError(f"A label table is saved as .csv or .parquet, not {path.name!r}.")
    if not path.parent.is_dir():
        raise RunError(f"No folder {path.parent} for {path.name}.")
    partial = path.with_name(f".{path.name}.partial")
    try:
        write[path.suffix](table, partial)
        partial.replace(path)
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        partial.unlink(missing_ok=True)


def _write_csv(table: LabelTable, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        for start in range(0, max(len(table), 1), PIECE):
            cells = dict(_cells(table, slice(start, start + PIECE)))
            if start == 0:
                rows.writerow(cells)
            for name, values in cells.items():
                if any("\r" in cell for cell in values):
                    raise LabelError(f"Column {name!r} holds a carriage return; remove it.")
            rows.writerows(zip(*(v.tolist() for v in cells.values()), strict=True))
        file.flush()
        os.fsync(file.fileno())


def _cells(table: LabelTable, part: slice) -> Iterator[tuple[str, Text]]:
    yield "image", table.images[part]
    yield "patient", table.patients[part]
    for name in sorted(table.columns, key=_column_order):
        yield name, _as_text(name, table.columns[name][part])
    letters = text([_CELL[state] for state in State])
    for at, key in enumerate(table.findings):
        yield key, letters[table.states[part, at]]
    if table.boxes is not None:
        yield "boxes", _boxes_as_text(table.boxes, range(*part.indices(len(table))))


def _column_order(name: str) -> tuple[int, str]:
    known = list(COLUMNS)
    return (known.index(name) if name in COLUMNS else len(known), name)


def _as_text(name: str, values: NDArray[Any]) -> Text:
    if values.dtype.kind == "O":
        return values
    unknown = np.isnan(values) if values.dtype.kind == "f" else values == UNKNOWN[name]
    kinds, inverse = np.unique(values, return_inverse=True)
    written = text([np.format_float_positional(value, trim="-") for value in kinds])[inverse]
    written[unknown] = ""
    return written


def _boxes_as_text(boxes: Boxes, rows: range) -> Text:
    cells = ["none" if boxes.annotated[row] else "" for row in rows]
    start, end = np.searchsorted(boxes.row, [rows.start, rows.stop])
    drawn: dict[int, list[str]] = {}
    for at in range(int(start), int(end)):
        numbers = " ".join(f"{value:.10g}" for value in boxes.xywh[at].tolist())
        drawn.setdefault(int(boxes.row[at]), []).append(f"{boxes.finding[at]} {numbers}")
    for row, texts in drawn.items():
        cells[row - rows.start] = "; ".join(texts)
    return text(cells)


def _parse_boxes(path: Path, cells: Text, images: Text) -> Boxes:
    rows, findings, corners, odd = [], [], [], []
    for row in np.flatnonzero((cells != "") & (cells != "none")).tolist():
        for written in str(cells[row]).split(";"):
            key, *numbers = written.split() or [""]
            try:
                corner = [float(n) for n in numbers]
            except ValueError:
                corner = []
            if len(corner) == 4 and known_finding(key):
                rows.append(row)
                findings.append(key)
                corners.append(corner)
            else:
                odd.append(written.strip())
    if odd:
        raise LabelError(
            f"{path.name}: {len(odd)} boxes cannot be read: {first_few(odd)}; wanted are finding, "
            f"left, top, width, height."
        )
    return reference_boxes(path.name, images, rows, findings, corners, annotated=cells != "")


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtra(
            "Parquet needs pyarrow: pip install 'hilum[analyse]', or use a .csv."
        ) from error
    return pa, parquet


def _write_parquet(table: LabelTable, path: Path) -> None:
    pa, parquet = _arrow()
    writer = None
    try:
        for start in range(0, max(len(table), 1), PIECE):
            cells = dict(_cells(table, slice(start, start + PIECE)))
            piece = pa.table({name: _typed(pa, name, values) for name, values in cells.items()})
            writer = writer or parquet.ParquetWriter(path, piece.schema, compression="zstd")
            writer.write_table(piece)
    finally:
        if writer is not None:
            writer.close()


def _typed(pa: Any, name: str, cells: Text) -> Any:
    """Cells as other programs expect them: numbers as numbers, and null where nothing is said."""
    if known_finding(name):
        kind, number = pa.int8(), int
    elif name in UNKNOWN:
        number = float if COLUMNS[name][0].kind == "f" else int
        kind = pa.float32() if number is float else pa.int32()
    else:
        return pa.array(cells.tolist(), pa.string())
    return pa.array([number(cell) if cell else None for cell in cells.tolist()], kind)


def _read_csv(path: Path) -> Iterator[dict[str, NDArray[Any]]]:
    for piece in read_pieces(path):
        yield {name: _brought(path, name, cells) for name, cells in piece.items()}


def _brought(path: Path, name: str, cells: Text) -> NDArray[Any]:
    """Text as the table holds it: states, numbers, known spellings."""
    return stated(path, name, cells, STATES) if known_finding(name) else tidy(path, name, cells)


def _read_parquet(path: Path) -> Iterator[dict[str, NDArray[Any]]]:
    pa, parquet = _arrow()
    if not path.is_file():
        raise LabelError(f"No label table {path.name} in the folder {path.parent}.")
    try:
        with parquet.ParquetFile(path) as file:
            names = [n for n in file.schema_arrow.names if not n.startswith("__index_level_")]
            twice = repeated(names)
            if twice:
                raise LabelError(f"{path.name}: columns {twice} stand twice; rename them.")
            for piece in file.iter_batches(PIECE, columns=names):
                yield {n: _from_arrow(pa, path, n, piece.column(n)) for n in names}
    except (pa.ArrowException, OSError) as error:
        raise LabelError(f"{path.name} is damaged or no Parquet file.") from error


def _from_arrow(pa: Any, path: Path, name: str, values: Any) -> NDArray[Any]:
    """A column of a Parquet file as the table holds it, numbers without a way round by text."""
    if pa.types.is_nested(values.type) or pa.types.is_binary(values.type):
        raise LabelError(f"{path.name}, column {name!r}: {values.type} is neither text nor number.")
    if pa.types.is_boolean(values.type):
        values = values.cast(pa.int8())
    numeric = pa.types.is_integer(values.type) or pa.types.is_floating(values.type)
    if numeric and known_finding(name):
        numbers = values.cast(pa.float64()).to_numpy(zero_copy_only=False)
        states = np.full(len(numbers), State.UNMENTIONED, np.uint8)
        for number, state in ((0, State.ABSENT), (1, State.PRESENT), (-1, State.UNCERTAIN)):
            states[numbers == number] = state
        if (~np.isnan(numbers) & (states == State.UNMENTIONED)).any():
            raise LabelError(f"{path.name}, column {name!r}: states are 1, 0, -1 or null.")
        return states
    if numeric and name in UNKNOWN:
        return column_of(name, values.cast(pa.float64()).to_numpy(zero_copy_only=False))
    kinds = values.cast(pa.string()).fill_null("").dictionary_encode()
    brought = _brought(path, name, text(kinds.dictionary.to_pylist()))
    return brought[kinds.indices.to_numpy()]
