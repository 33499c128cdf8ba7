"""Labels from whatever a user has: a saved table, a CSV with its column map, a collection."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hilum.datasets.collections import COLLECTIONS
from hilum.datasets.column_map import load_map, read_mapped
from hilum.datasets.table import load
from hilum.datasets.verify import read_variant
from hilum.domain import LabelTable
from hilum.errors import LabelError
from hilum.recipes import locate, others


def read_label_file(path: Path, columns: str = "") -> LabelTable:
    """Read labels.

    Args:
        path: a table that Hilum saved (.csv, .csv.gz, .parquet); with ``columns``, anyone's CSV, or
            the folder that it lies in.
        columns: a column map (.toml, or one that comes with the package such as
            "columns/radiographs"), or a collection, with its variant after a colon
            ("chestxray14:2017"). "" for a table that Hilum saved.

    Raises:
        LabelError: no such file, or not what was said.
        UnknownName: no such collection or variant.
    """
    if not path.exists():
        raise LabelError(f"No labels {path.name} in {path.parent.name or '.'}.")
    if not columns:
        return _saved(path)
    folder = path if path.is_dir() else path.parent
    if columns.endswith(".toml") or columns in others():
        column_map = load_map(locate(columns))
        if not path.is_dir():
            column_map = column_map.model_copy(update={"table": path.name})
        return read_mapped(folder, column_map)
    name, _, variant = columns.partition(":")
    return read_variant(COLLECTIONS.resolve(name), folder, variant or None)


def rows_where(table: LabelTable, where: Sequence[str]) -> LabelTable:
    """The rows whose columns have given values.

    Args:
        table: of labels.
        where: "COLUMN=VALUE" each; values of one column add up.

    Raises:
        LabelError: one is not of that form, there is no such column, or no row is left.
    """
    asked: dict[str, list[str]] = {}
    for text in where:
        name, sign, value = text.partition("=")
        if not sign:
            raise LabelError(f"--where is COLUMN=VALUE, got {text!r}.")
        asked.setdefault(name, []).append(value)
    for name, values in asked.items():
        kept = np.flatnonzero(np.isin(table.column(name).astype(str), values))
        if not len(kept):
            raise LabelError(f"No row of the table has {name} = {' or '.join(values)}.")
        table = table.rows(kept)
    return table


def _saved(path: Path) -> LabelTable:
    said = (
        "Say what it is with --columns: a column map (.toml), or a collection of "
        "`hilum datasets list` such as chestxray14."
    )
    if path.is_dir():
        raise LabelError(f"{path.name} is a folder, not a label table. {said}")
    try:
        return load(path)
    except LabelError as error:
        if "no table that Hilum saved" in str(error):
            raise LabelError(
                f"{path.name} is not a label table as Hilum saves it: it lacks a column 'image' or "
                f"'patient'. {said}"
            ) from error
        raise
