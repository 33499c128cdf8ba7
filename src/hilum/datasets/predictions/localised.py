"""Predicted boxes beside those that readers drew, and what they say of whole images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.predicted_boxes import BoxFile, looked_on, placed_boxes
from hilum.datasets.predictions.load import Predictions
from hilum.domain import LabelTable
from hilum.domain.text import Text, coded, first_few
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
    Findings that were looked for and never found count as well: each of their boxes is missed. An
    image on which the model did not look for a finding does not count for it.

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
        LabelError: the table has no boxes, or none of a finding that was looked for; or none is
            predicted, and nobody knows what was looked for.
    """
    if part:
        table = table.rows(np.flatnonzero(table.column("split") == part))
    if table.boxes is None or not len(table.boxes):
        where = f" on rows of the part {part!r}" if part else ""
        raise LabelError(
            f"The label table holds no boxes{where} to measure predicted ones against."
        )
    drawn = set(table.boxes.finding.tolist())
    said = boxes.kinds
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
    looked = looked_on(boxes, table, keys)
    found = appraise(
        table.boxes,
        placed,
        keys,
        table.patients.astype(str),
        np.random.default_rng([seed, _SEED]),
        images="boxed" if only_boxed else "annotated",
        sizes=sizes,
        looked=looked,
        samples=samples,
        level=level,
    )
    told = list(notes)
    if sizes is not None:
        told += _beyond(placed, np.asarray(sizes, np.float64), table.images)
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
            f"and FROC count the {MOST} surest, all other numbers all of them."
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
    return found, (*told, *_looked_for(keys, looked or {}, placed))


def _looked_for(
    keys: Sequence[str], looked: Mapping[str, NDArray[np.bool_]], placed: PredictedBoxes
) -> list[str]:
    """Which findings were never found, and which were not looked for everywhere."""
    told: list[str] = []
    never = [key for key in keys if key in looked and key not in set(placed.finding.tolist())]
    if never:
        told.append(
            f"Boxes of {first_few(never, quoted=False)} were looked for and none was drawn: "
            f"readers' boxes of them are all missed."
        )
    part = [f"{key} ({on.sum():,} of {len(on):,})" for key, on in looked.items() if not on.all()]
    if part:
        told.append(
            f"Not on every image was every finding looked for, and a finding is measured where it "
            f"was: {first_few(part, quoted=False)}."
        )
    return told


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
    """See that a model drew anything, where nobody knows what it looked for.

    Raises:
        LabelError: it did not.
    """
    if boxes.looked is None and not len(boxes.images):
        raise LabelError(
            f"{boxes.name} holds no box: there is nothing to measure, and every box of the labels "
            f"is missed. Give boxes.csv of `hilum read --boxes` with readings.json beside it, "
            f"which says what was looked for."
        )


def _beyond(placed: PredictedBoxes, sizes: NDArray[np.float64], images: Text) -> list[str]:
    """Which images of known size have boxes that end outside of them."""
    size = sizes[placed.row]
    ends = placed.xywh[:, :2] + placed.xywh[:, 2:]
    outside = (((placed.xywh[:, :2] < -1) | (ends > size + 1)) & (size > 0)).any(1)
    if not outside.any():
        return []
    named = images[np.unique(placed.row[outside])].tolist()
    said = (
        f"{int(outside.sum()):,} of {len(placed.row):,} predicted boxes reach beyond their image, "
        f"by over a pixel, on {len(named):,} images: {first_few(named)}. They may not be in pixels "
        f"of the file that the labels speak of."
    )
    return [said]


def highest(boxes: BoxFile, table: LabelTable) -> Predictions:
    """A score an image: that of its surest box of a finding, and less than any where it has none.

    Args:
        boxes: predicted.
        table: whose images were looked at; those without a box have none.

    Returns:
        Scores that can be ranked, and are no probabilities; NaN where a finding was not looked for.

    Raises:
        LabelError: there is no box at all, and nobody knows what was looked for.
    """
    _check_any(boxes)
    placed, notes = placed_boxes(boxes, table)
    keys = tuple(dict.fromkeys([*placed.finding.tolist(), *(boxes.looked or ())]))
    least = float(placed.score.min(initial=0.0)) - 1.0
    values = np.full((len(table), len(keys)), least)
    column = np.array([keys.index(key) for key in placed.finding.tolist()], np.int64)
    np.maximum.at(values, (placed.row, column), placed.score)
    for at, on in enumerate((looked_on(boxes, table, keys) or {}).values()):
        values[~on, at] = np.nan
    said = "The score of an image is that of its surest box; images without a box come last."
    return Predictions(
        name=boxes.name,
        images=table.images,
        findings=keys,
        values=values,
        scale="scores",
        notes=(said, *notes),
    )
