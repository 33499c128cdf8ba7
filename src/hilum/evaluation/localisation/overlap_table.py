"""Share of reference boxes found, and false boxes an image, at several overlaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.domain.boxes import Boxes
from hilum.evaluation.localisation.overlap import Overlap, iobb, iou
from hilum.evaluation.localisation.predicted import Images, PredictedBoxes, counted_images
from hilum.evaluation.localisation.resampled import ByPatient, stated
from hilum.evaluation.measure import Measure

IOBB = (0.1, 0.25, 0.5, 0.75, 0.9)
IOU = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)


@dataclass(frozen=True, slots=True)
class OverlapRow:
    """One overlap.

    Attributes:
        overlap: "iou" or "iobb".
        threshold: that a predicted box must exceed.
        found: share of reference boxes that some predicted box finds.
        false_boxes: predicted boxes an image that find none.
    """

    overlap: Overlap
    threshold: float
    found: Measure
    false_boxes: Measure


def overlap_table(
    reference: Boxes,
    predicted: PredictedBoxes,
    finding: str,
    *,
    overlap: Overlap = "iobb",
    thresholds: Sequence[float] = (),
    images: Images = "annotated",
    by: ByPatient | None = None,
) -> tuple[OverlapRow, ...]:
    """The table of the ChestX-ray8 paper: no scores, every predicted box is shown.

    Args:
        reference: boxes that readers drew.
        predicted: on the same rows; those that the model would show.
        finding: key.
        overlap: "iobb", kind to small boxes, or "iou".
        thresholds: of the overlap; those of the paper where none are given.
        images: which images count.
        by: for intervals clustered by patient; none where None.

    Returns:
        A row a threshold; shares are undefined without a reference box.

    Source:
        Wang et al. 2017, ChestX-ray8: Hospital-scale Chest X-ray Database and Benchmarks, § 4.3,
        table 4 (IoBB; accuracy and average false positives) and supplement (IoU).
    """
    counted = counted_images(reference, finding, images)
    theirs = np.flatnonzero((reference.finding == finding) & counted[reference.row])
    mine = np.flatnonzero((predicted.finding == finding) & counted[predicted.row])
    of_box, of_predicted = _best(reference, predicted, theirs, mine, overlap)
    place, size, draws = np.arange(len(counted)), len(counted), None
    if by is not None:
        place, size, chunks = by.weights(counted)
        draws = by, np.concatenate([np.zeros((0, size + 1), np.int32), *chunks])[:, :-1]
    group = (place[reference.row[theirs]], place[predicted.row[mine]])
    images_of = np.bincount(place[counted], minlength=size)
    boxed = len(np.unique(group[0]))
    rows: list[OverlapRow] = []
    for threshold in thresholds or (IOBB if overlap == "iobb" else IOU):
        found = _count(group[0], of_box > threshold, size)
        false = _count(group[1], of_predicted <= threshold, size)
        counts = np.bincount(group[0], minlength=size)
        rows.append(
            OverlapRow(
                overlap,
                threshold,
                _ratio(found, counts, draws, boxed, f"no reference box of {finding}"),
                _ratio(false, images_of, draws, size, "no image"),
            )
        )
    return tuple(rows)


def _best(
    reference: Boxes,
    predicted: PredictedBoxes,
    theirs: NDArray[np.int64],
    mine: NDArray[np.int64],
    overlap: Overlap,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The greatest overlap of every reference box and of every predicted one; 0 without any."""
    of_box, of_predicted = np.zeros(len(theirs)), np.zeros(len(mine))
    measure = iou if overlap == "iou" else iobb
    rows = reference.row[theirs], predicted.row[mine]
    for image in np.intersect1d(*rows).tolist():
        a, b = np.flatnonzero(rows[0] == image), np.flatnonzero(rows[1] == image)
        pairs = measure(predicted.xywh[mine[b]], reference.xywh[theirs[a]])
        of_box[a], of_predicted[b] = pairs.max(0), pairs.max(1)
    return of_box, of_predicted


def _count(group: NDArray[np.int64], which: NDArray[np.bool_], size: int) -> NDArray[np.float64]:
    return np.asarray(np.bincount(group, which, size), np.float64)


def _ratio(
    part: NDArray[np.float64],
    whole: NDArray[np.int64],
    draws: tuple[ByPatient, NDArray[np.int32]] | None,
    boxed: int,
    reason: str,
) -> Measure:
    """Sum of one over sum of the other, patients weighed."""
    top, bottom = float(part.sum()), int(whole.sum())
    if not bottom:
        return Measure(None, reason)
    point = Measure(top / bottom, positives=int(top), negatives=max(0, bottom - int(top)))
    if draws is None or not len(draws[1]):
        return point
    by, weights = draws
    above, below = weights @ part, weights @ whole
    drawn = np.divide(above, below, out=np.full(len(weights), np.nan), where=below > 0)
    return stated(point, drawn, by, people=len(whole), boxed=boxed)
