"""Labels from whatever a user has: a saved table, a CSV with its column map, a collection."""

from __future__ import annotations

from pathlib import Path

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
