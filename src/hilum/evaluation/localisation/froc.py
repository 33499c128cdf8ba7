"""How many reference boxes are found for how many false boxes an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hilum.domain.boxes import Boxes
from hilum.errors import EvaluationError
from hilum.evaluation.localisation.overlap import Overlap
from hilum.evaluation.localisation.predicted import Images, Matches, PredictedBoxes, matches
from hilum.evaluation.localisation.resampled import ByPatient, measures, sensitivity_draws
from hilum.evaluation.measure import Measure

RATES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""False boxes an image at which sensitivity is told."""


@dataclass(frozen=True, slots=True, eq=False)
class Froc:
    """Free-response ROC of one finding.

    Attributes:
        thresholds: score from which boxes are shown, falling, [points].
        false_boxes: false boxes an image, rising, [points].
        sensitivity: share of reference boxes that are found, rising, [points].
        rates: false boxes an image at which the sensitivity is told.
        at: the highest sensitivity at no more false boxes, one a rate.
        mean: of these: one number for the curve.
    """

    thresholds: NDArray[np.float64]
    false_boxes: NDArray[np.float64]
    sensitivity: NDArray[np.float64]
    rates: tuple[float, ...]
    at: tuple[Measure, ...]
    mean: Measure


def froc(  # noqa: PLR0913  (each is a choice of its own)
    reference: Boxes,
    predicted: PredictedBoxes,
    finding: str,
    *,
    threshold: float = 0.5,
    overlap: Overlap = "iou",
    images: Images = "annotated",
    rates: Sequence[float] = RATES,
    by: ByPatient | None = None,
) -> Froc:
    """Sensitivity over false boxes an image, as the score's threshold falls.

    Boxes of equal score are shown together. A second box on a reference box that was found counts
    as false.

    Args:
        reference: boxes that readers drew.
        predicted: on the same rows, with scores.
        finding: key.
        threshold: overlap from which a box is found.
        overlap: "iou" or "iobb".
        images: which images count.
        rates: false boxes an image, above 0.
        by: for intervals clustered by patient; none where None.

    Returns:
        The curve; its numbers are undefined without a reference box.

    Raises:
        EvaluationError: as :func:`matches`, or a rate of 0 or less.

    Source:
        Bunch et al. 1977, A free response approach to the measurement and characterization of
        radiographic observer performance; the rates and their mean as in Setio et al. 2017, LUNA16,
        but without interpolation between points.
    """
    wanted = np.array(rates, np.float64)
    if not len(wanted) or (wanted <= 0).any():
        raise EvaluationError(f"rates must be above 0, got {list(rates)}")
    found = matches(
        reference, predicted, finding, threshold=threshold, overlap=overlap, images=images
    )
    stated = measures([found], partial(sensitivity_draws, rates=wanted), [finding], by)
    each = [row.each[0] for row in stated]
    false_boxes, sensitivity, thresholds = _curve(found)
    return Froc(
        thresholds=thresholds,
        false_boxes=false_boxes,
        sensitivity=sensitivity,
        rates=tuple(wanted.tolist()),
        at=tuple(each[:-1]),
        mean=each[-1],
    )


def _curve(
    found: Matches,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    last = np.append(np.diff(found.score) != 0, True)[: len(found.score)]
    right, wrong = np.cumsum(found.hit)[last], np.cumsum(~found.hit)[last]
    images, boxes = int(found.counted.sum()), int(found.boxes.sum())
    return wrong / max(images, 1), right / max(boxes, 1), found.score[last]
