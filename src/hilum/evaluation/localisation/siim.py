"""The score of the SIIM-FISABIO-RSNA COVID-19 challenge: six classes, VOC 2010 at IoU > 0.5."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.domain.boxes import Boxes
from hilum.domain.text import first_few, text
from hilum.errors import EvaluationError
from hilum.evaluation.localisation.precision import mean_average_precision
from hilum.evaluation.localisation.predicted import PredictedBoxes
from hilum.evaluation.localisation.resampled import ByPatient
from hilum.evaluation.measure import Measure

STUDY = ("negative", "typical", "indeterminate", "atypical")
IMAGE = ("none", "opacity")
CLASSES = (*STUDY, *IMAGE)
ENDINGS = {"_study": STUDY, "_image": IMAGE}


@dataclass(frozen=True, slots=True)
class Said:
    """One group of six words in a prediction string.

    Attributes:
        label: one of :data:`CLASSES`.
        confidence: in [0, 1].
        box: left, top, right, bottom in pixels; 0, 0, 1, 1 for all but opacities.
    """

    label: str
    confidence: float
    box: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class SiimScore:
    """The six average precisions and their mean, which ranks.

    Attributes:
        each: by class.
        mean: of the six; classes without a reference are left out and named.
        missing: ids of the reference that nothing was said of.
    """

    each: Mapping[str, Measure]
    mean: Measure
    missing: int


def siim_score(
    reference: Mapping[str, Sequence[Said]],
    predicted: Mapping[str, Sequence[Said]],
    *,
    rng: np.random.Generator | None = None,
    patients: Mapping[str, str] | None = None,
    samples: int = 2000,
) -> SiimScore:
    """Score predictions as the challenge does.

    Ids end in "_study", of which one of four appearances is said in a box 0 0 1 1, or in "_image",
    of which boxes of opacities or "none 1 0 0 1 1" are said. Each class is scored by the average
    precision of VOC 2010 at an IoU above .5.

    Args:
        reference: what is so, by id.
        predicted: what was said, by id.
        rng: for intervals; none where None.
        patients: who each id is of; every id of another where None.
        samples: number of draws.

    Returns:
        The six numbers and their mean.

    Raises:
        EvaluationError: ids of another form, or of which there is no reference.

    Source:
        SIIM-FISABIO-RSNA COVID-19 Detection, 2021, Overview › Evaluation: "standard PASCAL VOC
        2010 mean Average Precision (mAP) at IoU > 0.5".
    """
    ids = list(reference)
    odd = [name for name in ids if name[-6:] not in ENDINGS]
    if odd:
        raise EvaluationError(f"{len(odd)} ids end in neither _study nor _image: {first_few(odd)}")
    unknown = [name for name in predicted if name not in reference]
    if unknown:
        raise EvaluationError(f"{len(unknown)} ids have no reference: {first_few(unknown)}")
    # Studies and images in one table: average precision looks at nothing but boxes, and no label
    # stands for both. So one draw of patients takes the studies and the images of each.
    row_of = {name: row for row, name in enumerate(ids)}
    rows, labels, boxes, _ = _flat(reference, row_of)
    by = None
    if rng is not None:
        people = ids if patients is None else [patients[name] for name in ids]
        by = ByPatient(np.array(people), rng, samples)
    drawn = Boxes(rows, text(labels), boxes, np.ones(len(ids), np.bool_))
    rows, labels, boxes, scores = _flat(predicted, row_of)
    found = mean_average_precision(
        drawn,
        PredictedBoxes(rows, text(labels), boxes, scores),
        CLASSES,
        convention="voc2010",
        by=by,
    )
    return SiimScore(
        dict(zip(CLASSES, found.each, strict=True)),
        found.mean,
        sum(name not in predicted for name in ids),
    )


def _flat(
    said: Mapping[str, Sequence[Said]], row_of: Mapping[str, int]
) -> tuple[NDArray[np.int64], list[str], NDArray[np.float64], NDArray[np.float64]]:
    """Rows, labels, boxes as left, top, width, height, and confidences.

    Raises:
        EvaluationError: a label that does not belong to its id.
    """
    every = [(row_of[name], name, one) for name, several in said.items() for one in several]
    odd = [name for _, name, one in every if one.label not in ENDINGS[name[-6:]]]
    if odd:
        raise EvaluationError(
            f"{len(odd)} labels do not belong to their ids, the first of {odd[0]}: studies are "
            f"{', '.join(STUDY)}, images {' or '.join(IMAGE)}"
        )
    corners = np.array([one.box for _, _, one in every], np.float64).reshape(-1, 4)
    return (
        np.array([row for row, _, _ in every], np.int64),
        [one.label for _, _, one in every],
        np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1),
        np.array([one.confidence for _, _, one in every], np.float64),
    )
