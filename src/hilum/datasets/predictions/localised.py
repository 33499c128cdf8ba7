"""Predicted boxes beside those that readers drew, and what they say of whole images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.predicted_boxes import BoxFile, placed_boxes
from hilum.datasets.predictions.load import Predictions
from hilum.domain import LabelTable
from hilum.domain.text import coded, first_few
from hilum.errors import LabelError
from hilum.evaluation.localisation import LocalisationResult, PredictedBoxes
from hilum.evaluation.localisation.appraisal import appraise
from hilum.evaluation.localisation.predicted import MOST

_SEED = 61

FEWEST, FRAMES = 10, 2.0
"""Boxes on either side from which frames are compared; and how many times as far the ones may reach
as the others."""


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
        LabelError: the table has no boxes, or none of a predicted finding; or none is predicted.
    """
    if part:
        table = table.rows(np.flatnonzero(table.column("split") == part))
    if table.boxes is None or not len(table.boxes):
        raise LabelError("The label table holds no boxes to measure predicted ones against.")
    drawn = set(table.boxes.finding.tolist())
    said = list(dict.fromkeys(boxes.findings.tolist()))
    _check_any(boxes)
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
    unlooked = ~table.boxes.annotated[placed.row]
    if unlooked.any() and not only_boxed:
        told.append(
            f"{int(unlooked.sum()):,} predicted boxes lie on images on which no reader looked for "
            f"boxes, which is not the same as finding none: neither right nor wrong, left out."
        )
    crowded = _crowded(placed)
    if crowded:
        told.append(
            f"{crowded:,} images have over {MOST} predicted boxes of one finding: COCO's precision "
            f"counts the {MOST} surest, all other numbers all of them."
        )
    if sizes is None:
        told += _frames(table.boxes.xywh, placed.xywh)
    if only_boxed:
        told.append(
            "Readers drew boxes only on images that they knew to have a finding: each finding's "
            "boxes are measured on those images alone, so that false boxes on others do not count."
        )
    lost = sorted(drawn - set(keys))
    if lost:
        told.append(f"Boxes of {first_few(lost, quoted=False)} are not predicted, nor measured.")
    return found, tuple(told)


def _frames(reference: NDArray[np.float64], predicted: NDArray[np.float64]) -> list[str]:
    """Whether boxes seem to be in pixels of pictures of another size, where sizes are not known."""
    if min(len(reference), len(predicted)) < FEWEST:
        return []
    theirs, mine = ((xywh[:, :2] + xywh[:, 2:]).max() for xywh in (reference, predicted))
    if 1 / FRAMES < mine / theirs < FRAMES:
        return []
    said = f"Predicted boxes end at {mine:,.0f} px at most, readers' boxes at {theirs:,.0f} px"
    return [f"{said}: are both in pixels of the same files?"]


def _crowded(placed: PredictedBoxes) -> int:
    """Images with more boxes of a finding than COCO counts."""
    _, kind = coded(placed.finding)
    pairs, count = np.unique(np.stack([placed.row, kind]), axis=1, return_counts=True)
    return len(np.unique(pairs[0, count > MOST]))


def _check_any(boxes: BoxFile) -> None:
    """See that a model drew anything.

    Raises:
        LabelError: it did not.
    """
    if not len(boxes.images):
        raise LabelError(
            f"{boxes.name} holds no box: there is nothing to measure, and every box of the labels "
            f"is missed."
        )


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

    Raises:
        LabelError: there is no box at all.
    """
    _check_any(boxes)
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
