"""An organiser's CSV: its ids and columns as they stand, and which predictions belong to them."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.predictions.names import rows_of
from hilum.datasets.source import read_columns, read_header
from hilum.datasets.submission.strings import ID, STRING
from hilum.domain import from_label
from hilum.domain.text import Text, first_few, repeated
from hilum.errors import LabelError, UnknownName

Kind = Literal["columns", "labels", "strings"]

LABELS = "predict label"
"""Name of a column that holds the labels of present findings, in small letters."""

_GENERIC = {
    "label", "target", "prediction", "predicted", "predict", "pred", "probability", "prob", "score",
    "output", "value", "result", "answer", "y", "class",
}  # fmt: skip
"""Names of a column that tell of no finding: the only one that was predicted belongs there."""

_SEPARATORS = (",", ";", "\t")


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """A sample submission.

    Attributes:
        path: of the file.
        kind: "strings" for Id and PredictionString; "labels" for one column of labels, as Image
            Index and Predict label; "columns" for a column a finding.
        ids: name of the column of ids, the first one.
        cells: column → text [rows], in the file's order.
        separator: between cells.
    """

    path: Path
    kind: Kind
    ids: str
    cells: Mapping[str, Text]
    separator: str

    @property
    def rows(self) -> Text:
        """The ids."""
        return self.cells[self.ids]

    @property
    def others(self) -> tuple[str, ...]:
        """Columns besides the ids."""
        return tuple(self.cells)[1:]

    def written(self, columns: Mapping[str, Sequence[str]]) -> str:
        """The submission as CSV: columns that are not given stay as they are in the template."""
        out = io.StringIO()
        writer = csv.writer(out, delimiter=self.separator, lineterminator="\n")
        writer.writerow(list(self.cells))
        filled = [columns.get(name, values.tolist()) for name, values in self.cells.items()]
        writer.writerows(zip(*filled, strict=True))
        return out.getvalue()


def read_template(path: Path) -> Template:
    """Read a sample submission.

    Args:
        path: CSV with a header; its first column holds the ids.

    Raises:
        LabelError: no such file, one column alone, or ids that stand twice or are empty.
    """
    separator = next(
        (s for s in _SEPARATORS if len(read_header(path, separator=s)) > 1), _SEPARATORS[0]
    )
    cells = read_columns(path, separator=separator)
    names = list(cells)
    if len(names) < 2:
        raise LabelError(
            f"{path.name} has one column, {names[0]!r}; a template has ids and columns to fill."
        )
    ids = cells[names[0]].tolist()
    empty = [row + 2 for row, name in enumerate(ids) if not name.strip()]
    if empty:
        raise LabelError(f"{path.name}: rows {first_few(empty, quoted=False)} have no id.")
    twice = repeated(ids)
    if twice:
        raise LabelError(f"{path.name}: {len(twice):,} ids stand twice: {first_few(twice)}.")
    kind: Kind = "columns"
    if names == [ID, STRING]:
        kind = "strings"
    elif len(names) == 2 and names[1].strip().casefold() == LABELS:
        kind = "labels"
    return Template(path, kind, names[0], cells, separator)


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Which prediction belongs to which id.

    Attributes:
        row: of the prediction, [ids]; -1 where there is none.
        missing: ids without a prediction.
        extra: predictions whose image is no id.
        how: by what they were matched, "" for whole names.
    """

    row: NDArray[np.int64]
    missing: tuple[str, ...]
    extra: int
    how: str


def find(template: Template, images: Text) -> Found:
    """Match ids to images of predictions: by name, its last part, or that without its ending.

    Raises:
        LabelError: several share the part of the name that matches.
    """
    row, how = rows_of(template.rows, images)
    ids = template.rows.tolist()
    missing = tuple(name for name, at in zip(ids, row.tolist(), strict=True) if at < 0)
    return Found(row, missing, len(images) - len(set(row[row >= 0].tolist())), how)


def findings_of(
    template: Template,
    findings: Sequence[str],
    *,
    columns: Mapping[str, str],
    keep: Sequence[str] = (),
) -> dict[str, str]:
    """Which finding fills which column.

    Args:
        template: of kind "columns".
        findings: keys that were predicted.
        columns: column → finding, where names do not tell.
        keep: columns that stay as they are in the template.

    Returns:
        Column → key. A single column of a name such as "label" takes the one finding, if there is
        but one.

    Raises:
        LabelError: a column that no finding fills, or that the template lacks.
    """
    for name in (*columns, *keep):
        if name not in template.others:
            raise LabelError(
                f"{template.path.name} has no column {name!r} to fill; it has "
                f"{first_few(template.others)}."
            )
    found: dict[str, str] = {}
    left: list[str] = []
    for name in template.others:
        if name in keep:
            continue
        key = _key(columns.get(name, name))
        if name in columns and key not in findings:
            raise LabelError(
                f"Column {name!r} is to hold {columns[name]}, which was not predicted; predicted "
                f"are {first_few(findings)}."
            )
        if key in findings:
            found[name] = key
        else:
            left.append(name)
    single = len(left) == 1 and len(findings) == 1 and not found
    if single and left[0].strip().casefold() in _GENERIC:
        return {left[0]: findings[0]}
    if left:
        raise LabelError(
            f"{template.path.name}: nothing that was predicted fills {first_few(left)}; predicted "
            f"are {first_few(findings)}. Say --column COLUMN=FINDING, or --keep COLUMN to leave "
            f"the template's own cells."
        )
    return found


def _key(label: str) -> str:
    try:
        return from_label(label.strip()).key
    except UnknownName:
        return ""
