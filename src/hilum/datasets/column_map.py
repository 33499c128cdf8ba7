"""A CSV of anyone's, read by a map in TOML that says what its columns and labels mean."""

from __future__ import annotations

import codecs
import gzip
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from hilum.datasets.columns import (
    STATES,
    compose,
    fields,
    named,
    one_row_an_image,
    stated,
    tidy,
)
from hilum.datasets.dates import is_spelling, told_dates
from hilum.datasets.kinds import with_kinds
from hilum.datasets.persons import persons
from hilum.datasets.reference_boxes import reference_boxes
from hilum.datasets.source import read_columns
from hilum.datasets.table import with_boxes
from hilum.domain import LabelTable, State, all_findings, from_label
from hilum.domain.findings import known_finding
from hilum.domain.labels import COLUMNS, RESERVED
from hilum.domain.text import Text, coded, first_few, text
from hilum.errors import LabelError, UnknownName
from hilum.registry import unknown

_Keys = Annotated[tuple[str, ...], BeforeValidator(lambda v: (v,) if isinstance(v, str) else v)]


_NUMBERS = frozenset(name for name, (kind, _) in COLUMNS.items() if kind.kind in "fi")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class StateColumn(_Part):
    """A column that holds a state of one finding.

    Attributes:
        finding: its key.
        states: cell → state; as CheXpert writes them (1, 0, −1, empty) where nothing is said.
    """

    finding: str
    states: dict[str, Literal["present", "absent", "uncertain", "unmentioned"]] = {}


class BoxColumns(_Part):
    """A second CSV with a row a box.

    Attributes:
        table: its path, relative to the folder of the data.
        image: column with the image, spelt as in the first table.
        finding: column with the label.
        box: columns with left, top, width and height in pixels of the image file.
        looked: "boxed" when readers looked at the images in this table alone, "all" when they
            looked at every image, so that one without a box has none.
    """

    table: str
    image: str
    finding: str
    box: tuple[str, str, str, str]
    looked: Literal["boxed", "all"] = "boxed"


class ColumnMap(_Part):
    """What the columns and labels of a CSV mean.

    Attributes:
        table: the CSV, relative to the folder of the data; images are relative to it too.
        delimiter: between its cells, and those of the table of boxes: ",", ";" or a tab.
        encoding: of both: "utf-8-sig", "cp1252", "utf-16" …
        decimal: "," where numbers are written 64,5.
        date_format: how the column ``date`` is spelt, as "%d.%m.%Y"; ISO 8601 where "".
        image: column with the image's path, or a text with columns in braces.
        patient: column with the patient, or such a text.
        labels: column with the findings that are present; a finding not named there is absent.
        separator: between them.
        known: label → key or keys of findings; the vocabulary knows most labels itself.
        left_out: labels that are no finding of the vocabulary and are passed over.
        unlabelled: labels ("todo", "unknown") with which a row says nothing of any finding.
        labelled_by: column with who labelled, such as the source. A finding that no row of one
            labeller names was not looked for by him: it is unmentioned on his rows, not absent.
        findings: column → key of the finding that it holds a state of.
        columns: name in the label table → column of the CSV.
        values: name in the label table → (cell → what it means), for odd spellings.
        constant: name in the label table → value of every row.
        where: column → value: only rows that have it are read.
        boxes: a second CSV with boxes.
    """

    table: str
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    encoding: str = "utf-8-sig"
    decimal: Literal[".", ","] = "."
    date_format: str = ""
    image: str
    patient: str
    labels: str = ""
    separator: Annotated[str, Field(min_length=1)] = "|"
    known: dict[str, _Keys] = {}
    left_out: tuple[str, ...] = ()
    unlabelled: tuple[str, ...] = ()
    labelled_by: str = ""
    findings: dict[
        str,
        Annotated[
            StateColumn, BeforeValidator(lambda v: {"finding": v} if isinstance(v, str) else v)
        ],
    ] = {}
    columns: dict[str, str] = {}
    values: dict[str, dict[str, str]] = {}
    constant: dict[str, str] = {}
    where: dict[str, str] = {}
    boxes: BoxColumns | None = None


def load_map(path: Path) -> ColumnMap:
    """Read and check a column map.

    Raises:
        LabelError: the file is missing, no TOML, or says something that cannot be; all faults at
            once, unknown keys with near matches.
    """
    if not path.is_file():
        raise LabelError(f"No column map {path}.")
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LabelError(f"{path.name} is no TOML: {error}.") from error
    try:
        column_map = ColumnMap.model_validate(raw)
    except ValidationError as error:
        faults = [_describe(fault) for fault in error.errors()]
        raise LabelError(f"{path.name}: " + "; ".join(faults)) from error
    faults = list(_faults(column_map))
    if faults:
        raise LabelError(f"{path.name}: " + "; ".join(faults))
    return column_map


def _faults(column_map: ColumnMap) -> Iterator[str]:
    if not column_map.labels and not column_map.findings:
        yield "neither labels nor findings says where the findings stand"
    keys = [f.key for f in all_findings()]
    meant = [key for several in column_map.known.values() for key in several]
    for key in dict.fromkeys([*meant, *(c.finding for c in column_map.findings.values())]):
        if not known_finding(key):
            yield unknown("finding", key, keys)
    if not _known_encoding(column_map.encoding):
        yield f"encoding {column_map.encoding!r} is none; Excel writes cp1252, utf-8-sig or utf-16"
    if column_map.date_format and not is_spelling(column_map.date_format):
        yield f'date_format {column_map.date_format!r} spells no date; such is "%d.%m.%Y"'
    both = sorted(set(column_map.columns) & set(column_map.constant))
    if both:
        yield f"columns and constant both name {first_few(both)}"
    taken = [
        name
        for name in (*column_map.columns, *column_map.constant)
        if name in RESERVED or known_finding(name)
    ]
    if taken:
        yield f"{first_few(taken)} cannot name a column: a finding or a fixed column is called so"
    idle = sorted(set(column_map.values) - set(column_map.columns))
    if idle:
        yield f"values are given for {first_few(idle)}, which columns does not name"


def _known_encoding(name: str) -> bool:
    try:
        codecs.lookup(name)
    except (LookupError, ValueError):
        return False
    return True


def _describe(fault: ErrorDetails) -> str:
    place = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "missing":
        return f"{place} is missing"
    if fault["type"] != "extra_forbidden":
        return f"{place}: {fault['msg']} (got {fault.get('input')!r})"
    inside = {"boxes": BoxColumns, "findings": StateColumn}
    first, *_, last = (*map(str, fault["loc"][:1]), *map(str, fault["loc"]))
    model = inside.get(first, ColumnMap) if len(fault["loc"]) > 1 else ColumnMap
    return f"{place}: {unknown('key', last, model.model_fields)}"


def read_mapped(folder: Path, column_map: ColumnMap) -> LabelTable:
    """Read the table of a column map.

    Args:
        folder: of the data; the map's paths are relative to it.
        column_map: what its columns mean.

    Returns:
        The table, in the order of the file; findings in the order of the vocabulary.

    Raises:
        LabelError: as :func:`hilum.datasets.columns.read_csv`; boxes on images without a row.
    """
    path = folder / column_map.table
    wanted = [*fields(column_map.image), *fields(column_map.patient), *column_map.findings]
    wanted += [*column_map.columns.values(), column_map.labels, column_map.labelled_by]
    cells = _read(path, column_map, list(dict.fromkeys(filter(None, wanted))), column_map.where)
    notes: list[str] = []
    states = _states(path, column_map, cells, notes)
    columns: dict[str, NDArray[Any]] = {}
    for name, column in column_map.columns.items():
        spelt = _respelt(cells[column], column_map.values.get(name, {}))
        if name == "date":
            spelt = told_dates(path, column, spelt, column_map.date_format)
        columns[name] = tidy(path, name, _numbers(path, name, spelt, column_map.decimal))
    images = compose(column_map.image, cells)
    for name, value in column_map.constant.items():
        columns[name] = tidy(path, name, text([value] * len(images)))
    keys = tuple(row.key for row in all_findings() if row.key in states)
    matrix = np.zeros((len(images), len(keys)), np.uint8)
    for at, key in enumerate(keys):
        matrix[:, at] = states[key]
    table = one_row_an_image(
        path.name, images, persons(column_map.patient, cells), (keys, matrix), columns
    )
    if len(table) < len(images):
        twice = len(images) - len(table)
        rows = "1 row repeats" if twice == 1 else f"{twice:,} rows repeat"
        notes.append(f"{rows} another row: left out.")
    table = replace(table, notes=(*table.notes, *notes))
    if column_map.boxes is None:
        return table
    return _boxed(folder, column_map, column_map.boxes, table)


def _read(
    path: Path, column_map: ColumnMap, wanted: list[str], where: Mapping[str, str] | None = None
) -> dict[str, Text]:
    try:
        return read_columns(
            path,
            wanted,
            where=where or None,
            separator=column_map.delimiter,
            encoding=column_map.encoding,
        )
    except LabelError as error:
        mark = _other_delimiter(path, column_map)
        if not mark:
            raise
        raise LabelError(
            f"{path.name}: {column_map.delimiter!r} does not part its header, which holds "
            f"{mark!r}: say delimiter = {json.dumps(mark)} in the column map."
        ) from error


def _other_delimiter(path: Path, column_map: ColumnMap) -> str:
    """A character that parts the header where the map's does not; "" for none."""
    if not path.is_file():
        return ""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding=column_map.encoding, errors="replace") as file:
        line = file.readline()
    if column_map.delimiter in line:
        return ""
    return next((mark for mark in (";", "\t", ",") if mark in line), "")


def _numbers(path: Path, name: str, cells: Text, decimal: str) -> Text:
    """Cells of a column of numbers with a decimal point."""
    if decimal == "." or name not in _NUMBERS:
        return cells
    values, inverse = coded(cells)
    odd = [value for value in values.tolist() if "." in value]
    if odd:
        raise LabelError(
            f"{path.name}: {first_few(odd)} cannot be taken for {name}: the map says decimal = "
            '",", and a point is none.'
        )
    return text([value.replace(",", ".") for value in values.tolist()])[inverse]


def _states(
    path: Path, column_map: ColumnMap, cells: Mapping[str, Text], notes: list[str]
) -> dict[str, NDArray[np.uint8]]:
    found: dict[str, NDArray[np.uint8]] = {}
    if column_map.labels:
        says = _translated(column_map, cells[column_map.labels])
        silent = int((says == "").sum())
        if silent:
            rows = "1 row names" if silent == 1 else f"{silent:,} rows name"
            notes.append(f"{rows} no finding: all findings are unmentioned there.")
        by_key = named(path, says, column_map.separator, {})
        matrix = with_kinds(tuple(by_key), np.column_stack([*by_key.values()])) if by_key else None
        if matrix is not None and column_map.labelled_by:
            _leave_open(matrix, cells[column_map.labelled_by])
        found = {key: matrix[:, at] for at, key in enumerate(by_key)} if matrix is not None else {}
    for column, meant in column_map.findings.items():
        meanings = {cell: State[state.upper()] for cell, state in meant.states.items()} or STATES
        empty = sum(not cell.strip() for cell in cells[column]) if "" not in meanings else 0
        if empty:
            what = "1 cell is" if empty == 1 else f"{empty:,} cells are"
            raise LabelError(
                f"{path.name}, column {column!r}: {what} empty, and states says nothing of them: "
                'add "" = "unmentioned", or "absent" where that is what an empty cell means.'
            )
        own = stated(path, column, cells[column], meanings)
        if meant.finding in found:
            raise LabelError(f"{path.name}: two columns tell of {meant.finding}; name one of them.")
        found[meant.finding] = own
    return found


def _leave_open(states: NDArray[np.uint8], labellers: Text) -> None:
    """Set what a labeller never names to UNMENTIONED, in place."""
    who, row = coded(labellers)
    for number in range(len(who)):
        rows = np.flatnonzero(row == number)
        theirs = states[rows]
        never = ~(theirs == State.PRESENT).any(0)
        theirs[:, never] = State.UNMENTIONED
        states[rows] = theirs


def _translated(column_map: ColumnMap, cells: Text) -> Text:
    """Cells with labels in the vocabulary's spelling; "" where a row says nothing."""
    values, inverse = coded(cells)
    made = []
    for value in values.tolist():
        labels = [part.strip() for part in value.split(column_map.separator) if part.strip()]
        if not labels or set(labels) & set(column_map.unlabelled):
            made.append("")
            continue
        kept = [
            key
            for label in labels
            if label not in column_map.left_out
            for key in column_map.known.get(label, (label,))
        ]
        made.append(column_map.separator.join(kept or ["no_finding"]))
    return text(made)[inverse]


def _respelt(cells: Text, spellings: Mapping[str, str]) -> Text:
    made = cells.copy()
    for cell, meant in spellings.items():
        made[cells == cell] = meant
    return made


def _boxed(
    folder: Path, column_map: ColumnMap, box_columns: BoxColumns, table: LabelTable
) -> LabelTable:
    path = folder / box_columns.table
    cells = _read(path, column_map, [box_columns.image, box_columns.finding, *box_columns.box])
    row_of = {image: row for row, image in enumerate(table.images.tolist())}
    at = np.array([row_of.get(image, -1) for image in cells[box_columns.image].tolist()], np.int64)
    lost = sorted(set(cells[box_columns.image][at < 0].tolist()))
    if lost:
        raise LabelError(f"{path.name}: {len(lost)} images have no row: {first_few(lost)}.")
    try:
        told = [_numbers(path, "width_px", cells[n], column_map.decimal) for n in box_columns.box]
        corners = [values.astype(np.float64) for values in told]
        keys = [from_label(label).key for label in cells[box_columns.finding].tolist()]
    except (ValueError, UnknownName) as error:
        raise LabelError(f"{path.name}: {error}.") from error
    looked = np.full(len(table), box_columns.looked == "all")
    drawn = reference_boxes(
        path.name, table.images, at, keys, np.column_stack(corners), annotated=looked
    )
    return with_boxes(table, drawn)
