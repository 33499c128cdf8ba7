"""Predicted boxes beside those that readers drew, and what they say of whole images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.predicted_boxes import BoxFile, placed_boxes
from hilum.datasets.predictions.load import Predictions
from hilum.domain import LabelTable
from hilum.domain.text import first_few
from hilum.errors import LabelError
from hilum.evaluation.localisation import LocalisationResult, PredictedBoxes
from hilum.evaluation.localisation.appraisal import appraise

_SEED = 61


def localise(
    table: LabelTable,
    boxes: BoxFile,
    *,
    part: str = "",
    samples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[LocalisationResult, tuple[str, ...]]:
    """Measure predicted boxes against those of a label table.

    Where every image that was annotated has a box, readers drew findings that they knew to be
    there, as in ChestX-ray14; then a finding is measured on the images with a box of it alone.

    Args:
        table: with boxes of readers.
        boxes: predicted.
        part: of the table's split; "" for all rows.
        samples: bootstrap draws of patients.
        level: of intervals.
        seed: of the draws.

    Returns:
        The numbers, and what was left out or assumed.

    Raises:
        LabelError: the table has no boxes, or none of a predicted finding.
    """
    if part:
        table = table.rows(np.flatnonzero(table.column("split") == part))
    if table.boxes is None or not len(table.boxes):
        raise LabelError("The label table holds no boxes to measure predicted ones against.")
    drawn = set(table.boxes.finding.tolist())
    said = list(dict.fromkeys(boxes.findings.tolist()))
    keys = [key for key in table.findings if key in drawn and key in said]
    keys += sorted(drawn & set(said) - set(keys))
    if not keys:
        raise LabelError(
            f"Readers drew boxes of {first_few(sorted(drawn))}; {boxes.name} tells of others: "
            f"{first_few(said)}."
        )
    placed, notes = placed_boxes(boxes, table)
    with_box = np.zeros(len(table), np.bool_)
    with_box[table.boxes.row] = True
    only_boxed = bool((with_box == table.boxes.annotated).all())
    sizes = None
    if {"width_px", "height_px"} <= set(table.columns):
        sizes = np.column_stack([table.columns["width_px"], table.columns["height_px"]])
    found = appraise(
        table.boxes,
        placed,
        keys,
        table.patients.astype(str),
        np.random.default_rng([seed, _SEED]),
        images="boxed" if only_boxed else "annotated",
        sizes=sizes,
        samples=samples,
        level=level,
    )
    told = [f"Boxes: {note}" for note in notes]
    beyond = 0 if sizes is None else _beyond(placed, np.asarray(sizes, np.float64))
    if beyond:
        told.append(
            f"{beyond:,} of {len(placed.row):,} predicted boxes reach beyond their image, by over "
            f"a pixel: are they in pixels of the file that the labels speak of?"
        )
    if only_boxed:
        told.append(
            "Readers drew boxes only on images that they knew to have a finding: each finding's "
            "boxes are measured on those images alone, so that false boxes on others do not count."
        )
    lost = sorted(drawn - set(keys))
    if lost:
        told.append(f"Boxes of {first_few(lost, quoted=False)} are not predicted, nor measured.")
    return found, tuple(told)


def _beyond(placed: PredictedBoxes, sizes: NDArray[np.float64]) -> int:
    """Boxes that end outside of an image of known size."""
    size = sizes[placed.row]
    ends = placed.xywh[:, :2] + placed.xywh[:, 2:]
    outside = (placed.xywh[:, :2] < -1) | (ends > size + 1)
    return int((outside & (size > 0)).any(1).sum())


def highest(boxes: BoxFile, table: LabelTable) -> Predictions:
    """A score an image: that of its surest box of a finding, and less than any where it has none.

    Args:
        boxes: predicted.
        table: whose images were looked at; those without a box have none.

    Returns:
        Scores that can be ranked, and are no probabilities.
    """
    placed, notes = placed_boxes(boxes, table)
    keys = tuple(dict.fromkeys(placed.finding.tolist()))
    least = float(placed.score.min(initial=0.0)) - 1.0
    values = np.full((len(table), len(keys)), least)
    column = np.array([keys.index(key) for key in placed.finding.tolist()], np.int64)
    np.maximum.at(values, (placed.row, column), placed.score)
    said = "The score of an image is that of its surest box; images without a box come last."
    return Predictions(
        name=boxes.name,
        images=table.images,
        findings=keys,
        values=values,
        scale="scores",
        notes=(said, *notes),
    )
