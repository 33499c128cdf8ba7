"""Average precision of boxes, in the conventions of COCO and of VOC 2010."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from hilum.domain.boxes import Boxes
from hilum.errors import EvaluationError
from hilum.evaluation.localisation.predicted import Convention, Images, PredictedBoxes, matches
from hilum.evaluation.localisation.resampled import (
    ByPatient,
    Numbers,
    average_precision_draws,
    measures,
)
from hilum.evaluation.measure import Measure


def average_precision_boxes(
    reference: Boxes,
    predicted: PredictedBoxes,
    finding: str,
    *,
    threshold: float = 0.5,
    convention: Convention = "coco",
    images: Images = "annotated",
) -> Measure:
    """Average precision of the boxes of one finding.

    Args:
        reference: boxes that readers drew.
        predicted: on the same rows, with scores.
        finding: key.
        threshold: intersection over union from which a box is found.
        convention: "coco": mean of the interpolated precision at recalls 0, .01 … 1; "voc2010":
            the area under it, recall by recall. How boxes are matched differs too: see
            :func:`matches`.
        images: which images count.

    Returns:
        A number in [0, 1], 0 where nothing was predicted; undefined without a reference box.

    Raises:
        EvaluationError: as :func:`matches`.

    Source:
        ``COCOeval.accumulate`` of Lin et al. 2014; VOC 2010 development kit, § 3.4.1: precision
        at a recall is the highest at that recall or a higher one.
    """
    found = mean_average_precision(
        reference,
        predicted,
        [finding],
        threshold=threshold,
        convention=convention,
        images=images,
    )
    return found.each[0]


def mean_average_precision(
    reference: Boxes,
    predicted: PredictedBoxes,
    findings: Sequence[str],
    *,
    threshold: float = 0.5,
    convention: Convention = "coco",
    images: Images = "annotated",
    by: ByPatient | None = None,
) -> Numbers:
    """Average precision of every finding, and their mean.

    Args:
        reference: boxes that readers drew.
        predicted: on the same rows, with scores.
        findings: keys.
        threshold: as :func:`average_precision_boxes`.
        convention: likewise.
        images: likewise.
        by: for intervals clustered by patient; none where None.

    Returns:
        The numbers; the mean is of findings that have a reference box, and names the others.

    Raises:
        EvaluationError: as :func:`matches`, or no finding.
    """
    if not findings:
        raise EvaluationError("name the findings whose boxes are measured")
    every = [
        matches(
            reference, predicted, key, threshold=threshold, convention=convention, images=images
        )
        for key in findings
    ]
    kernel = partial(average_precision_draws, coco=convention == "coco")
    return measures(every, kernel, findings, by)[0]
