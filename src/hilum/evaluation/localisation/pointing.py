"""Whether the place that a model points at lies where readers drew a box."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.domain.boxes import Boxes
from hilum.errors import EvaluationError
from hilum.evaluation import inputs
from hilum.evaluation.localisation.predicted import PredictedBoxes
from hilum.evaluation.localisation.resampled import ByPatient, stated
from hilum.evaluation.measure import Measure


def pointing_game(
    reference: Boxes,
    finding: str,
    points: ArrayLike,
    *,
    tolerance_px: float = 0.0,
    by: ByPatient | None = None,
) -> Measure:
    """Share of images with the finding's boxes on which the point lies in one of them.

    Args:
        reference: boxes that readers drew.
        finding: key.
        points: x and y in pixels of the image, as its boxes are measured, [images, 2]: where the
            heatmap is highest. NaN where there is none, which counts as a miss.
        tolerance_px: how far outside a box a point still counts.
        by: for an interval clustered by patient; none where None.

    Returns:
        A number in [0, 1]; undefined where no image has such a box. Compare it with the share of
        the image's area that boxes cover, which a point thrown blindly reaches.

    Raises:
        EvaluationError: points of another shape.

    Source:
        Zhang et al. 2018, Top-Down Neural Attention by Excitation Backprop, § 4.1.
    """
    where = inputs.numbers(points, "points")
    n = len(reference.annotated)
    if where.shape != (n, 2):
        raise EvaluationError(f"points must have shape [{n}, 2], got {list(where.shape)}")
    mine = reference.finding == finding
    rows, drawn = reference.row[mine], reference.xywh[mine]
    low = drawn[:, :2] - tolerance_px
    high = drawn[:, :2] + drawn[:, 2:] + tolerance_px
    inside = ((where[rows] >= low) & (where[rows] <= high)).all(1)
    hit = np.zeros(n, np.bool_)
    hit[rows[inside]] = True
    boxed = np.unique(rows)
    if not len(boxed):
        return Measure(None, f"no image has a box of {finding}")
    right = hit[boxed].astype(np.float64)
    yes = int(right.sum())
    point = Measure(float(right.mean()), positives=yes, negatives=len(boxed) - yes)
    if by is None:
        return point
    counted = np.zeros(n, np.bool_)
    counted[boxed] = True
    place, people, chunks = by.weights(counted)
    sums = np.bincount(place[boxed], right, people + 1)
    counts = np.bincount(place[boxed], minlength=people + 1)
    drawn = np.concatenate([(weights @ sums) / (weights @ counts) for weights in chunks])
    return stated(point, drawn, by, people=people, boxed=people)


def centres_of_surest(predicted: PredictedBoxes, finding: str, images: int) -> NDArray[np.float64]:
    """The middle of the surest box on every image, [images, 2]; NaN where there is none."""
    points = np.full((images, 2), np.nan)
    mine = np.flatnonzero(predicted.finding == finding)
    rising = mine[np.argsort(predicted.score[mine], kind="stable")]
    points[predicted.row[rising]] = (
        predicted.xywh[rising, :2] + predicted.xywh[rising, 2:] / 2
    )  # of several the last, surest one stays
    return points
