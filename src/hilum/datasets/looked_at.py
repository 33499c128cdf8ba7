"""On which images a run of ``hilum read --boxes`` looked for boxes.

An image on which it looked and found none has no row in ``boxes.csv``, and neither has one that it
refused or was never given: ``readings.json`` beside the table tells them apart.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from hilum.datasets.predicted_boxes import BoxFile, read_predicted_boxes
from hilum.datasets.predictions.names import rows_of
from hilum.domain import LabelTable
from hilum.domain.text import Text, first_few, text
from hilum.errors import LabelError


def boxes_on(table: LabelTable, boxes: Path) -> tuple[BoxFile, LabelTable, tuple[str, ...]]:
    """Predicted boxes, and the rows of a table on which somebody looked for them.

    Args:
        table: of labels.
        boxes: a CSV of predicted boxes; where it is not of a run of ``hilum read --boxes``, all
            rows count as looked at.

    Returns:
        The boxes, the table, and what was left out of it.

    Raises:
        LabelError: the boxes cannot be read, or lie on none of the table's images.
    """
    drawn, images = read_predicted_boxes(boxes), looked_at(boxes)
    if images is None:
        return drawn, table, ()
    # a run puts an apostrophe before names that a spreadsheet would take for formulas
    names = text(name.removeprefix("'") for name in drawn.images.tolist())
    return replace(drawn, images=names), *seen_alone(table, images)


def looked_at(boxes: Path) -> Text | None:
    """Names of the images that were looked at.

    Args:
        boxes: a CSV of predicted boxes.

    Returns:
        Images, or None where the CSV is not of a run of ``hilum read --boxes``.

    Raises:
        LabelError: ``readings.json`` beside it is damaged.
    """
    beside = boxes.with_name("readings.json")
    if boxes.name != "boxes.csv" or not beside.is_file():
        return None
    try:
        told = json.loads(beside.read_text("utf-8"))
        if not told.get("boxes"):
            return None
        return text(one["image"] for one in told["readings"] if one.get("boxed"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LabelError(
            f"{beside} is damaged, so that nobody knows which images were looked at; read them "
            f"again, or give boxes.csv without it, in a folder of its own."
        ) from error


def seen_alone(table: LabelTable, images: Text) -> tuple[LabelTable, tuple[str, ...]]:
    """The rows of a table that a run looked at.

    Args:
        table: of labels.
        images: as :func:`looked_at` gives them; matched by name as predictions are.

    Returns:
        The table, and what was left out.

    Raises:
        LabelError: none of the images is in the table.
    """
    rows, _ = rows_of(images, table.images)
    kept = np.unique(rows[rows >= 0])
    if not len(kept):
        raise LabelError(
            f"None of the {len(images):,} images that were read is in the label table: such as "
            f"{first_few(images[:2].tolist())} against {first_few(table.images[:2].tolist())}."
        )
    if len(kept) == len(table):
        return table, ()
    said = (
        f"Boxes are measured on the {len(kept):,} of {len(table):,} labelled images that were read "
        f"(readings.json beside the boxes names them): on the others nobody looked."
    )
    return table.rows(kept), (said,)
