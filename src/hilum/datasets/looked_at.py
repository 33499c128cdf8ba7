"""On which images a run of ``hilum read --boxes`` looked for boxes, and of which findings.

An image on which it looked and found none has no row in ``boxes.csv``, and neither has one that it
refused or was never given: ``readings.json`` beside the table tells them apart, and names the
findings that were looked for and never found.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

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
            rows count as looked at, for the findings that have a box.

    Returns:
        The boxes, with what was looked for where that is known; the table; and what was left out
        of it or assumed.

    Raises:
        LabelError: the boxes cannot be read, or none of the table's images was looked at.
    """
    known = table.findings if table.boxes is None else sorted(set(table.boxes.finding.tolist()))
    drawn, looked = read_predicted_boxes(boxes, known=known), looked_at(boxes)
    if looked is None:
        return drawn, table, ()
    images = text(dict.fromkeys(name for names in looked.values() for name in names.tolist()))
    rows, told = seen_alone(table, images)
    names = {
        name: str(table.images[row])
        for name, row in zip(images.tolist(), rows.tolist(), strict=True)
        if row >= 0
    }
    # a run puts an apostrophe before names that a spreadsheet would take for formulas
    read = (name.removeprefix("'") for name in drawn.images.tolist())
    drawn = replace(
        drawn,
        images=text(names.get(name, name) for name in read),
        looked={
            key: text(names[name] for name in of.tolist() if name in names)
            for key, of in looked.items()
        },
    )
    kept = np.unique(rows[rows >= 0])
    return drawn, table if len(kept) == len(table) else table.rows(kept), told


def looked_at(boxes: Path) -> dict[str, Text] | None:
    """What was looked for, and on which images.

    Args:
        boxes: a CSV of predicted boxes.

    Returns:
        Finding → names of images on which boxes of it were looked for, found or not; None where
        the CSV is not of a run of ``hilum read --boxes``.

    Raises:
        LabelError: ``readings.json`` beside it is damaged.
    """
    beside = boxes.with_name("readings.json")
    if boxes.name != "boxes.csv" or not beside.is_file():
        return None
    looked: dict[str, list[str]] = {}
    try:
        told = json.loads(beside.read_text("utf-8"))
        if not told.get("boxes"):
            return None
        for one in told["readings"]:
            for key in one.get("boxed", ()):
                looked.setdefault(key, []).append(one["image"])
        return {key: text(images) for key, images in looked.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LabelError(
            f"{beside} is damaged, so that nobody knows which images were looked at; read them "
            f"again, or give boxes.csv without it, in a folder of its own."
        ) from error


def seen_alone(table: LabelTable, images: Text) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """The rows of a table that a run looked at.

    Args:
        table: of labels.
        images: that were looked at, each once; matched by name as predictions are.

    Returns:
        Row of the table of each image, -1 for none, int64 [images]; and what was left out or
        assumed.

    Raises:
        LabelError: none of the images is in the table, or there is none.
    """
    if not len(images):
        raise LabelError(
            "Boxes were looked for on no image that was read (readings.json beside the boxes says "
            "so): there is nothing to measure."
        )
    rows, how = rows_of(images, table.images)
    kept = len(np.unique(rows[rows >= 0]))
    if not kept:
        raise LabelError(
            f"None of the {len(images):,} images that were read is in the label table: such as "
            f"{first_few(images[:2].tolist())} against {first_few(table.images[:2].tolist())}."
        )
    told = [f"Boxes were matched to images by {how}."] if how else []
    if kept < len(table):
        told.append(
            f"Boxes are measured on the {kept:,} of {len(table):,} labelled images that were read "
            f"(readings.json beside the boxes names them): on the others nobody looked."
        )
    return rows, tuple(told)
